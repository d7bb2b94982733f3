-- Tables of the Kysely adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "User" (
  "id" TEXT,
  "name" TEXT,
  "email" TEXT NOT NULL,
  "emailVerified" timestamptz,
  "image" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "Account" (
  "userId" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "provider" TEXT NOT NULL,
  "providerAccountId" TEXT NOT NULL,
  "refresh_token" TEXT,
  "access_token" TEXT,
  "expires_at" bigint,
  "token_type" TEXT,
  "scope" TEXT,
  "id_token" TEXT,
  "session_state" TEXT,
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "Session" (
  "userId" TEXT NOT NULL,
  "sessionToken" TEXT NOT NULL,
  "expires" timestamptz NOT NULL,
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "VerificationToken" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" timestamptz NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "User" ("id", "name", "email", "emailVerified") VALUES
  ('73ba06ce-af7d-4c60-b282-4a6e18c28006', 'Ada Lovelace', 'ada@example.com', '2024-03-01T10:00:00.000Z'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('e6b40953-8a91-41ba-8213-739f7f22e472', 'Cher', 'cher@example.com', '2024-07-09T22:30:45.678Z');

INSERT INTO "Account" ("userId", "type", "provider", "providerAccountId") VALUES
  ('00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004');
