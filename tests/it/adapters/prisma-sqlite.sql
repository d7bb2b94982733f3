-- Tables of the Prisma adapter on SQLite, and rows in the form it stores them.

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
  ('cmwqyy70b0000437d379pam72', 'Ada Lovelace', 'ada@example.com', '2024-03-01T10:00:00.000+00:00', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy72m0006437demqgcz9i', 'Cher', 'cher@example.com', '2024-07-09T22:30:45.678+00:00', '2024-02-29T22:17:47.854+00:00', '2024-02-29T22:17:47.859+00:00'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL, '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00');

INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId", "createdAt", "updatedAt") VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006', '2024-02-29T22:17:47.771+00:00', '2024-02-29T22:17:47.787+00:00');
