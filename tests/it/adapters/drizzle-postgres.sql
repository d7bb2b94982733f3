-- Tables of the Drizzle adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "user" (
  "id" text NOT NULL,
  "name" text,
  "email" text,
  "emailVerified" timestamp without time zone,
  "image" text,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "account" (
  "userId" text NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" integer,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  PRIMARY KEY ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "authenticator" (
  "credentialID" text NOT NULL,
  "userId" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "credentialPublicKey" text NOT NULL,
  "counter" integer NOT NULL,
  "credentialDeviceType" text NOT NULL,
  "credentialBackedUp" boolean NOT NULL,
  "transports" text,
  PRIMARY KEY ("userId", "credentialID"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "session" (
  "sessionToken" text NOT NULL,
  "userId" text NOT NULL,
  "expires" timestamp without time zone NOT NULL,
  PRIMARY KEY ("sessionToken"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verificationToken" (
  "identifier" text NOT NULL,
  "token" text NOT NULL,
  "expires" timestamp without time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "user" ("id", "name", "email", "emailVerified") VALUES
  ('70e1e991-9e92-4a43-be23-788faaf7dc9c', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('32ba1660-335f-4fcb-9d94-88b14fb282ed', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "account" ("userId", "type", "provider", "providerAccountId") VALUES
  ('00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
