-- Tables of the Prisma, renamed by @@map and @map adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "users" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "email_verified" DATETIME,
  "image" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "accounts" (
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
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "sessions" (
  "id" TEXT NOT NULL,
  "session_token" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "expires" DATETIME NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification_tokens" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" DATETIME NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "users" ("id", "name", "email", "email_verified") VALUES
  ('cmwqyy8ln00006i7dymx5u0ax', 'Ada Lovelace', 'ada@example.com', '2024-03-01T10:00:00.000+00:00'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL),
  ('cmwqyy8nt00066i7dsqog3ba4', 'Cher', 'cher@example.com', '2024-07-09T22:30:45.678+00:00'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL);

INSERT INTO "accounts" ("id", "user_id", "type", "provider", "provider_account_id") VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006');
