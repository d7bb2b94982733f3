-- Tables of the Kysely with CamelCasePlugin adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "user" (
  "id" TEXT,
  "name" TEXT,
  "email" TEXT NOT NULL,
  "email_verified" timestamptz,
  "image" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "account" (
  "user_id" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "provider" TEXT NOT NULL,
  "provider_account_id" TEXT NOT NULL,
  "refresh_token" TEXT,
  "access_token" TEXT,
  "expires_at" bigint,
  "token_type" TEXT,
  "scope" TEXT,
  "id_token" TEXT,
  "session_state" TEXT,
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "session" (
  "user_id" TEXT NOT NULL,
  "session_token" TEXT NOT NULL,
  "expires" timestamptz NOT NULL,
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_token" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" timestamptz NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "user" ("id", "name", "email", "email_verified") VALUES
  ('3feec98a-9e21-47b8-8e47-2df3a437ad6b', 'Ada Lovelace', 'ada@example.com', '2024-03-01T10:00:00.000Z'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('c03e16b1-292b-47f3-a8fa-7c544f7c3ce1', 'Cher', 'cher@example.com', '2024-07-09T22:30:45.678Z');

INSERT INTO "account" ("user_id", "type", "provider", "provider_account_id") VALUES
  ('00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004');
