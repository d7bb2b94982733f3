-- Tables of the Drizzle adapter on SQLite, and rows in the form it stores them.

CREATE TABLE "user" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "emailVerified" INTEGER,
  "image" TEXT,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "account" (
  "userId" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "provider" TEXT NOT NULL,
  "providerAccountId" TEXT NOT NULL,
  "refresh_token" TEXT,
  "access_token" TEXT,
  "expires_at" INTEGER,
  "token_type" TEXT,
  "scope" TEXT,
  "id_token" TEXT,
  "session_state" TEXT,
  PRIMARY KEY ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "authenticator" (
  "credentialID" TEXT NOT NULL,
  "userId" TEXT NOT NULL,
  "providerAccountId" TEXT NOT NULL,
  "credentialPublicKey" TEXT NOT NULL,
  "counter" INTEGER NOT NULL,
  "credentialDeviceType" TEXT NOT NULL,
  "credentialBackedUp" INTEGER NOT NULL,
  "transports" TEXT,
  PRIMARY KEY ("userId", "credentialID"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "session" (
  "sessionToken" TEXT NOT NULL,
  "userId" TEXT NOT NULL,
  "expires" INTEGER NOT NULL,
  PRIMARY KEY ("sessionToken"),
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verificationToken" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" INTEGER NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "user" ("id", "name", "email", "emailVerified") VALUES
  ('c1985677-e411-42da-8687-5d20dc41c6cf', 'Ada Lovelace', 'ada@example.com', 1709287200000),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('8a89557c-9820-45fd-8ffc-ed6fe89216e6', 'Cher', 'cher@example.com', 1720564245678),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "account" ("userId", "type", "provider", "providerAccountId") VALUES
  ('00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
