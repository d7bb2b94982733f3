-- Tables of the TypeORM with SnakeNamingStrategy adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" varchar NOT NULL,
  "name" varchar,
  "email" varchar,
  "email_verified" varchar,
  "image" varchar,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" varchar NOT NULL,
  "user_id" varchar NOT NULL,
  "type" varchar NOT NULL,
  "provider" varchar NOT NULL,
  "provider_account_id" varchar NOT NULL,
  "refresh_token" varchar,
  "access_token" varchar,
  "expires_at" bigint,
  "token_type" varchar,
  "scope" varchar,
  "id_token" varchar,
  "session_state" varchar,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" varchar NOT NULL,
  "session_token" varchar NOT NULL,
  "user_id" varchar NOT NULL,
  "expires" varchar NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "id" varchar NOT NULL,
  "token" varchar NOT NULL,
  "identifier" varchar NOT NULL,
  "expires" varchar NOT NULL,
  PRIMARY KEY ("id")
);

INSERT INTO "users" ("id", "name", "email", "email_verified") VALUES
  ('2971b299-3341-48d6-95f7-9b221caae6d6', 'Ada Lovelace', 'ada@example.com', '1709287200000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('0f455e39-71fb-4852-8e6a-e5fbff4aebb9', 'Cher', 'cher@example.com', '1720564245678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
