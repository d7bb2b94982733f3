-- Tables of the Kysely with CamelCasePlugin adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "user" (
  "id" uuid NOT NULL,
  "name" text,
  "email" text NOT NULL,
  "email_verified" timestamp with time zone,
  "image" text,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "account" (
  "id" uuid NOT NULL,
  "user_id" uuid NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "provider_account_id" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" bigint,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "session" (
  "id" uuid NOT NULL,
  "user_id" uuid NOT NULL,
  "session_token" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_token" (
  "identifier" text NOT NULL,
  "token" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "user" ("id", "name", "email", "email_verified") VALUES
  ('6c085f14-73df-41f5-bf18-b78771b305a7', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00+00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('5d3d4f92-cb26-4a00-a7a1-8ac5fa35e0c1', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00');

INSERT INTO "account" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004');
