-- Tables of the TypeORM adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" uuid NOT NULL,
  "name" character varying,
  "email" character varying,
  "emailVerified" character varying,
  "image" character varying,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" uuid NOT NULL,
  "userId" uuid NOT NULL,
  "type" character varying NOT NULL,
  "provider" character varying NOT NULL,
  "providerAccountId" character varying NOT NULL,
  "refresh_token" character varying,
  "access_token" character varying,
  "expires_at" bigint,
  "token_type" character varying,
  "scope" character varying,
  "id_token" character varying,
  "session_state" character varying,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" uuid NOT NULL,
  "sessionToken" character varying NOT NULL,
  "userId" uuid NOT NULL,
  "expires" character varying NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "id" uuid NOT NULL,
  "token" character varying NOT NULL,
  "identifier" character varying NOT NULL,
  "expires" character varying NOT NULL,
  PRIMARY KEY ("id")
);

INSERT INTO "users" ("id", "name", "email", "emailVerified") VALUES
  ('0f1836ef-4150-45be-b563-7aa347baf9ba', 'Ada Lovelace', 'ada@example.com', '1709287200000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('bdc483d7-7314-4287-9226-c2c57359d818', 'Cher', 'cher@example.com', '1720564245678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "userId", "type", "provider", "providerAccountId") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
