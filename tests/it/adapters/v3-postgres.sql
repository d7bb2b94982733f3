-- Tables of NextAuth.js 3 on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" serial NOT NULL,
  "name" varchar(255),
  "email" varchar(255),
  "email_verified" timestamptz,
  "image" text,
  "created_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("id")
);

CREATE TABLE "accounts" (
  "id" serial NOT NULL,
  "compound_id" varchar(255) NOT NULL,
  "user_id" integer NOT NULL,
  "provider_type" varchar(255) NOT NULL,
  "provider_id" varchar(255) NOT NULL,
  "provider_account_id" varchar(255) NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "access_token_expires" timestamptz,
  "created_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("id")
);

CREATE TABLE "sessions" (
  "id" serial NOT NULL,
  "user_id" integer NOT NULL,
  "expires" timestamptz NOT NULL,
  "session_token" varchar(255) NOT NULL,
  "access_token" varchar(255) NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("id")
);

CREATE TABLE "verification_requests" (
  "id" serial NOT NULL,
  "identifier" varchar(255) NOT NULL,
  "token" varchar(255) NOT NULL,
  "expires" timestamptz NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("id")
);

INSERT INTO "users" ("id", "name", "email", "email_verified", "created_at", "updated_at") VALUES
  (1, 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000+00', '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00'),
  (2, 'Google Only', 'google@example.com', NULL, '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00'),
  (3, 'GitHub Only', 'github@example.com', NULL, '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00'),
  (4, 'Two Accounts', 'both@example.com', NULL, '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00'),
  (5, 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00', '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00'),
  (6, 'No Address', NULL, NULL, '2021-02-03 04:05:06.789+00', '2021-02-03 04:05:07.123+00');

INSERT INTO "accounts" ("compound_id", "user_id", "provider_type", "provider_id", "provider_account_id") VALUES
  ('fake-compound-id-1', 2, 'oauth', 'google', '1001'),
  ('fake-compound-id-2', 3, 'oauth', 'github', '2002'),
  ('fake-compound-id-3', 4, 'oauth', 'github', '2003'),
  ('fake-compound-id-4', 4, 'oauth', 'google', '1003'),
  ('fake-compound-id-5', 4, 'oauth', 'google', '1004'),
  ('fake-compound-id-6', 6, 'oauth', 'github', '2006');
