-- Tables of NextAuth.js 3 on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" integer NOT NULL,
  "name" varchar,
  "email" varchar,
  "email_verified" datetime,
  "image" varchar,
  "created_at" datetime NOT NULL DEFAULT (datetime('now')),
  "updated_at" datetime NOT NULL DEFAULT (datetime('now')),
  PRIMARY KEY ("id")
);

CREATE TABLE "accounts" (
  "id" integer NOT NULL,
  "compound_id" varchar NOT NULL,
  "user_id" integer NOT NULL,
  "provider_type" varchar NOT NULL,
  "provider_id" varchar NOT NULL,
  "provider_account_id" varchar NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "access_token_expires" datetime,
  "created_at" datetime NOT NULL DEFAULT (datetime('now')),
  "updated_at" datetime NOT NULL DEFAULT (datetime('now')),
  PRIMARY KEY ("id")
);

CREATE TABLE "sessions" (
  "id" integer NOT NULL,
  "user_id" integer NOT NULL,
  "expires" datetime NOT NULL,
  "session_token" varchar NOT NULL,
  "access_token" varchar NOT NULL,
  "created_at" datetime NOT NULL DEFAULT (datetime('now')),
  "updated_at" datetime NOT NULL DEFAULT (datetime('now')),
  PRIMARY KEY ("id")
);

CREATE TABLE "verification_requests" (
  "id" integer NOT NULL,
  "identifier" varchar NOT NULL,
  "token" varchar NOT NULL,
  "expires" datetime NOT NULL,
  "created_at" datetime NOT NULL DEFAULT (datetime('now')),
  "updated_at" datetime NOT NULL DEFAULT (datetime('now')),
  PRIMARY KEY ("id")
);

INSERT INTO "users" ("id", "name", "email", "email_verified", "created_at", "updated_at") VALUES
  (1, 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000', '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (2, 'Google Only', 'google@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (3, 'GitHub Only', 'github@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (4, 'Two Accounts', 'both@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (5, 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678', '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (6, 'No Address', NULL, NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123');

INSERT INTO "accounts" ("compound_id", "user_id", "provider_type", "provider_id", "provider_account_id") VALUES
  ('fake-compound-id-1', 2, 'oauth', 'google', '1001'),
  ('fake-compound-id-2', 3, 'oauth', 'github', '2002'),
  ('fake-compound-id-3', 4, 'oauth', 'github', '2003'),
  ('fake-compound-id-4', 4, 'oauth', 'google', '1003'),
  ('fake-compound-id-5', 4, 'oauth', 'google', '1004'),
  ('fake-compound-id-6', 6, 'oauth', 'github', '2006');
