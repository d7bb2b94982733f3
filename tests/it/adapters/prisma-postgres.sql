-- Tables of the Prisma adapter on PostgreSQL, and rows in the form it stores them.

CREATE TABLE "User" (
  "id" text NOT NULL,
  "name" text,
  "email" text,
  "emailVerified" timestamp(3) without time zone,
  "image" text,
  "createdAt" timestamp(3) without time zone NOT NULL,
  "updatedAt" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "Account" (
  "id" text NOT NULL,
  "userId" text NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" integer,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  "createdAt" timestamp(3) without time zone NOT NULL,
  "updatedAt" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "Session" (
  "id" text NOT NULL,
  "sessionToken" text NOT NULL,
  "userId" text NOT NULL,
  "expires" timestamp(3) without time zone NOT NULL,
  "createdAt" timestamp(3) without time zone NOT NULL,
  "updatedAt" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE
);

CREATE TABLE "VerificationToken" (
  "identifier" text NOT NULL,
  "token" text NOT NULL,
  "expires" timestamp(3) without time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

INSERT INTO "User" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt") VALUES
  ('cmwqyy4g60000077dm4mkb0ad', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL, '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL, '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL, '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy4kn0006077dq1ienvci', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678', '2024-02-29 22:17:44.615', '2024-02-29 22:17:44.631'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL, '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494');

INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId", "createdAt", "updatedAt") VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006', '2024-02-29 22:17:44.449', '2024-02-29 22:17:44.494');
