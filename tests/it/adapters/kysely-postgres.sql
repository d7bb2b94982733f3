-- Tables of the Kysely adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "User" (
  "id" uuid NOT NULL,
  "name" text,
  "email" text NOT NULL,
  "emailVerified" timestamp with time zone,
  "image" text,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "Account" (
  "id" uuid NOT NULL,
  "userId" uuid NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" bigint,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "Session" (
  "id" uuid NOT NULL,
  "userId" uuid NOT NULL,
  "sessionToken" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "VerificationToken" (
  "identifier" text NOT NULL,
  "token" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "User" ("id", "name", "email", "emailVerified") VALUES
  ('7e979e1e-cdbd-4f87-a2c5-0ae181df3165', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00+00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('33a26025-38e3-4007-beee-d9b5c0ba9797', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00');

INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004');
