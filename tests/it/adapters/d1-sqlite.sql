-- Tables of the Cloudflare D1 adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "emailVerified" datetime,
  "image" TEXT,
  PRIMARY KEY ("id")
);

CREATE TABLE "accounts" (
  "id" TEXT NOT NULL,
  "userId" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "provider" TEXT NOT NULL,
  "providerAccountId" TEXT NOT NULL,
  "refresh_token" TEXT,
  "access_token" TEXT,
  "expires_at" number,
  "token_type" TEXT,
  "scope" TEXT,
  "id_token" TEXT,
  "session_state" TEXT,
  "oauth_token_secret" TEXT,
  "oauth_token" TEXT,
  PRIMARY KEY ("id")
);

CREATE TABLE "sessions" (
  "id" TEXT NOT NULL,
  "sessionToken" TEXT NOT NULL,
  "userId" TEXT NOT NULL,
  "expires" datetime NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "verification_tokens" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" datetime NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "emailVerified") VALUES
  ('3edabea7-4177-42bb-b016-0fd1a6d5e111', 'Ada Lovelace', 'ada@example.com', '2024-03-01T10:00:00.000Z'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('e93c24b8-34ac-4561-b663-81c864f5051d', 'Cher', 'cher@example.com', '2024-07-09T22:30:45.678Z'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "userId", "type", "provider", "providerAccountId") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
