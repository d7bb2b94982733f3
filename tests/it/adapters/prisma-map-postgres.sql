-- Tables of the Prisma, renamed by @@map and @map adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" text NOT NULL,
  "name" text,
  "email" text,
  "email_verified" timestamp(3) without time zone,
  "image" text,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
  "id" text NOT NULL,
  "user_id" text NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "provider_account_id" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" integer,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "provider_account_id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" text NOT NULL,
  "session_token" text NOT NULL,
  "user_id" text NOT NULL,
  "expires" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "identifier" text NOT NULL,
  "token" text NOT NULL,
  "expires" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "email_verified") VALUES
  ('cmwqyy7dj00004h7d5mgcyhpz', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL),
  ('cmwqyy7ge00064h7dc2x7132v', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006');
