-- Tables of the TypeORM adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" varchar NOT NULL,
  "name" varchar,
  "email" varchar,
  "emailVerified" varchar,
  "image" varchar,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" varchar NOT NULL,
  "userId" varchar NOT NULL,
  "type" varchar NOT NULL,
  "provider" varchar NOT NULL,
  "providerAccountId" varchar NOT NULL,
  "refresh_token" varchar,
  "access_token" varchar,
  "expires_at" bigint,
  "token_type" varchar,
  "scope" varchar,
  "id_token" varchar,
  "session_state" varchar,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" varchar NOT NULL,
  "sessionToken" varchar NOT NULL,
  "userId" varchar NOT NULL,
  "expires" varchar NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "id" varchar NOT NULL,
  "token" varchar NOT NULL,
  "identifier" varchar NOT NULL,
  "expires" varchar NOT NULL,
  PRIMARY KEY ("id")
);

INSERT INTO "users" ("id", "name", "email", "emailVerified") VALUES
  ('53d679f3-2bb4-40e0-9a6d-7635d2772504', 'Ada Lovelace', 'ada@example.com', '1709287200000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('0e7c35dd-c5ae-4d56-95a4-962a83d17d72', 'Cher', 'cher@example.com', '1720564245678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "userId", "type", "provider", "providerAccountId") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
