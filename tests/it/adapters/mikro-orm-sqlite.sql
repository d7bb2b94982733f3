-- Tables of the MikroORM adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "user" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT DEFAULT '',
  "email_verified" datetime,
  "image" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "account" (
  "id" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "provider" TEXT NOT NULL,
  "provider_account_id" TEXT NOT NULL,
  "refresh_token" TEXT,
  "access_token" TEXT,
  "expires_at" INTEGER,
  "token_type" TEXT,
  "scope" TEXT,
  "id_token" TEXT,
  "session_state" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "session" (
  "id" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "expires" datetime NOT NULL,
  "session_token" TEXT NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_token" (
  "token" TEXT NOT NULL,
  "expires" datetime NOT NULL,
  "identifier" TEXT NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "user" ("id", "name", "email", "email_verified") VALUES
  ('0b804932-3515-4024-9fea-1ba9f0a0bf2f', 'Ada Lovelace', 'ada@example.com', 1709287200000),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('b8874a43-7ee9-49d0-a309-d8e791e63b33', 'Cher', 'cher@example.com', 1720564245678),
  ('00000006-0000-4000-8000-000000000006', 'No Address', '', NULL);

INSERT INTO "account" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
