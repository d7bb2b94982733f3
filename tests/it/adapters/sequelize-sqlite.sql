-- Tables of the Sequelize adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" UUID,
  "name" VARCHAR(255),
  "email" VARCHAR(255),
  "email_verified" DATETIME,
  "image" VARCHAR(255),
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" UUID,
  "type" VARCHAR(255) NOT NULL,
  "provider" VARCHAR(255) NOT NULL,
  "provider_account_id" VARCHAR(255) NOT NULL,
  "refresh_token" VARCHAR(255),
  "access_token" VARCHAR(255),
  "expires_at" INTEGER,
  "token_type" VARCHAR(255),
  "scope" VARCHAR(255),
  "id_token" TEXT,
  "session_state" VARCHAR(255),
  "user_id" UUID,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" UUID,
  "expires" DATETIME NOT NULL,
  "session_token" VARCHAR(255) NOT NULL,
  "user_id" UUID,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "token" VARCHAR(255),
  "identifier" VARCHAR(255) NOT NULL,
  "expires" DATETIME NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "email_verified") VALUES
  ('65b589eb-ff38-4b41-bb92-c5fbd01855e9', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000 +00:00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('ba31179a-bb77-41c0-a15a-005ecf867ecb', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678 +00:00'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
