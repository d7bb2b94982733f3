-- Tables of the Prisma adapter on SQLite, and rows in the form it stores them.
-- Dates are milliseconds, which Prisma offers for files of its native engine; such a file may hold text dates as well.

CREATE TABLE "User" (
  "id" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "emailVerified" DATETIME,
  "image" TEXT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "Account" (
  "id" TEXT NOT NULL,
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
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "Session" (
  "id" TEXT NOT NULL,
  "sessionToken" TEXT NOT NULL,
  "userId" TEXT NOT NULL,
  "expires" DATETIME NOT NULL,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "VerificationToken" (
  "identifier" TEXT NOT NULL,
  "token" TEXT NOT NULL,
  "expires" DATETIME NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "User" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt") VALUES
  ('cmwqyy8y800006u7dq2g7xiaa', 'Ada Lovelace', 'ada@example.com', 1709287200000, 1709245070288, 1709245070308),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.771+00:00'),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.771+00:00'),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL, 1709245070288, 1709245070308),
  ('cmwqyy90x00066u7dxcz8l5tm', 'Cher', 'cher@example.com', 1720564245678, 1709245070385, 1709245070387),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL, 1709245070288, 1709245070308);

INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId", "createdAt", "updatedAt") VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001', 1709245070288, 1709245070308),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002', 1709245070288, 1709245070308),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003', 1709245070288, 1709245070308),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003', 1709245070288, 1709245070308),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004', 1709245070288, 1709245070308),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006', 1709245070288, 1709245070308);
