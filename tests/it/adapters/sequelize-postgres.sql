-- Tables of the Sequelize adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" uuid NOT NULL,
  "name" character varying(255),
  "email" character varying(255),
  "email_verified" timestamp with time zone,
  "image" character varying(255),
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" uuid NOT NULL,
  "type" character varying(255) NOT NULL,
  "provider" character varying(255) NOT NULL,
  "provider_account_id" character varying(255) NOT NULL,
  "refresh_token" character varying(255),
  "access_token" character varying(255),
  "expires_at" integer,
  "token_type" character varying(255),
  "scope" character varying(255),
  "id_token" text,
  "session_state" character varying(255),
  "user_id" uuid,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" uuid NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  "session_token" character varying(255) NOT NULL,
  "user_id" uuid,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "token" character varying(255) NOT NULL,
  "identifier" character varying(255) NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "email_verified") VALUES
  ('aeb0a644-73cb-4a84-a914-08cc85886689', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00+00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('5bfb0a20-298f-49bf-a1ef-e623bec03493', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
