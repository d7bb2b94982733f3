-- Tables of the pg (and Neon) adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" serial NOT NULL,
  "name" character varying(255),
  "email" character varying(255),
  "emailVerified" timestamp with time zone,
  "image" text,
  PRIMARY KEY ("id")
);

CREATE TABLE "accounts" (
  "id" serial NOT NULL,
  "userId" integer NOT NULL,
  "type" character varying(255) NOT NULL,
  "provider" character varying(255) NOT NULL,
  "providerAccountId" character varying(255) NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" bigint,
  "id_token" text,
  "scope" text,
  "session_state" text,
  "token_type" text,
  PRIMARY KEY ("id")
);

CREATE TABLE "sessions" (
  "id" serial NOT NULL,
  "userId" integer NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  "sessionToken" character varying(255) NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "verification_token" (
  "identifier" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  "token" text NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "emailVerified") VALUES
  (1, 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00+00'),
  (2, 'Google Only', 'google@example.com', NULL),
  (3, 'GitHub Only', 'github@example.com', NULL),
  (4, 'Two Accounts', 'both@example.com', NULL),
  (5, 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00'),
  (6, 'No Address', NULL, NULL);

INSERT INTO "accounts" ("userId", "type", "provider", "providerAccountId") VALUES
  (2, 'oidc', 'google', '1001'),
  (3, 'oauth', 'github', '2002'),
  (4, 'oauth', 'github', '2003'),
  (4, 'oidc', 'google', '1003'),
  (4, 'oidc', 'google', '1004'),
  (6, 'oauth', 'github', '2006');
