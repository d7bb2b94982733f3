-- A Next.js application with Prisma on SQLite.
--
-- Users as real ones are: verified by a magic link, unverified, from Google or GitHub only (their "emailVerified" is NULL: Auth.js never
-- sets it for them), with a password added to the model, without an address, with a broken one. Nobody here exists. The passwords are
-- "correct horse 1" to "correct horse 6", in the order of the hashes (bcrypt).
--
--   sqlite3 dev.db < samples/prisma-sqlite.sql
--   db2clerk migrate --dry-run --preset authjs-prisma --password-column hashedPassword --database-url file:./dev.db

CREATE TABLE "User" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT,
  "email" TEXT,
  "emailVerified" DATETIME,
  "image" TEXT,
  "hashedPassword" TEXT,
  "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" DATETIME NOT NULL
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

CREATE TABLE "Account" (
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
  "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "Post" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "title" TEXT NOT NULL,
  "authorId" TEXT NOT NULL,
  FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

INSERT INTO "User" ("id", "name", "email", "emailVerified", "hashedPassword", "createdAt", "updatedAt") VALUES
  ('cm0sample0000000000000001', 'Ada Sample', 'ada@example.com', '2024-03-01T10:00:00.000+00:00', '$2a$10$TCAdtBROagbZRrkFXJeWfeqKEeGsrZ2OBPCYd97h.dI4Uppn/Bvj.', '2024-01-01T12:00:00.000+00:00', '2024-01-01T12:00:00.000+00:00'),
  ('cm0sample0000000000000002', 'Ben Sample', 'ben@example.com', '2024-05-17T08:30:12.345+00:00', '$2a$10$VB8lu2ZLNLivJEe2hY6zHeA7ChRM.DAZsEBsu2FwSpJiIfDx4yYb6', '2024-01-02T12:00:00.000+00:00', '2024-01-02T12:00:00.000+00:00'),
  ('cm0sample0000000000000003', 'Cleo', 'cleo@example.com', NULL, '$2a$10$VLGaMWJrQk/qo6GRwXiOCu9jvi8wQjxQ45b2q8lb8jts2f93pnLZS', '2024-01-03T12:00:00.000+00:00', '2024-01-03T12:00:00.000+00:00'),
  ('cm0sample0000000000000004', 'Dora Sample', 'dora@example.com', NULL, '$2a$10$KmJhpdv5JkQ/Nzcxhisz6eId4tb8cYBxPUAGnVv2egnP5QIXWOPBy', '2024-01-04T12:00:00.000+00:00', '2024-01-04T12:00:00.000+00:00'),
  ('cm0sample0000000000000005', 'Emil Sample', 'emil@example.com', NULL, NULL, '2024-01-05T12:00:00.000+00:00', '2024-01-05T12:00:00.000+00:00'),
  ('cm0sample0000000000000006', 'Fay Sample', 'fay@example.com', NULL, NULL, '2024-01-06T12:00:00.000+00:00', '2024-01-06T12:00:00.000+00:00'),
  ('cm0sample0000000000000007', 'Gus Sample', 'gus@example.com', NULL, NULL, '2024-01-07T12:00:00.000+00:00', '2024-01-07T12:00:00.000+00:00'),
  ('cm0sample0000000000000008', 'Hana van der Sample', 'hana@example.com', '2024-07-09T22:30:45.678+00:00', NULL, '2024-01-08T12:00:00.000+00:00', '2024-01-08T12:00:00.000+00:00'),
  ('cm0sample0000000000000009', NULL, 'ivo+news@example.com', '2024-08-20T00:00:00.000+00:00', '$2a$10$LmDkMTHuvCEP7XScpgs6O.xzOopBj3ARuudj6QzB96229STgDv1fm', '2024-01-09T12:00:00.000+00:00', '2024-01-09T12:00:00.000+00:00'),
  ('cm0sample0000000000000010', 'Jo Sample', 'JO@Example.com', '2024-09-01T23:59:59.999+00:00', '$2a$10$HlnZRfUyzgmggjCuxERC4Od.bfqRkg20QZUk6Xb71F8Xr/HsK3GU.', '2024-01-10T12:00:00.000+00:00', '2024-01-10T12:00:00.000+00:00'),
  ('cm0sample0000000000000011', 'No Address', NULL, NULL, NULL, '2024-01-11T12:00:00.000+00:00', '2024-01-11T12:00:00.000+00:00'),
  ('cm0sample0000000000000012', 'Not An Address', 'not-an-address', NULL, NULL, '2024-01-12T12:00:00.000+00:00', '2024-01-12T12:00:00.000+00:00');

INSERT INTO "Account" ("userId", "type", "provider", "providerAccountId", "updatedAt") VALUES
  ('cm0sample0000000000000004', 'oidc', 'google', 'sample-04', '2024-01-04T12:00:00.000+00:00'),
  ('cm0sample0000000000000005', 'oidc', 'google', 'sample-05', '2024-01-05T12:00:00.000+00:00'),
  ('cm0sample0000000000000006', 'oauth', 'github', 'sample-06', '2024-01-06T12:00:00.000+00:00'),
  ('cm0sample0000000000000007', 'oauth', 'github', 'sample-07', '2024-01-07T12:00:00.000+00:00'),
  ('cm0sample0000000000000007', 'oidc', 'google', 'sample-07', '2024-01-07T12:00:00.000+00:00'),
  ('cm0sample0000000000000010', 'oidc', 'apple', 'sample-10', '2024-01-10T12:00:00.000+00:00'),
  ('cm0sample0000000000000011', 'oauth', 'github', 'sample-11', '2024-01-11T12:00:00.000+00:00');

INSERT INTO "Post" ("id", "title", "authorId") VALUES
  ('post-01', 'A post', 'cm0sample0000000000000001'),
  ('post-05', 'A post', 'cm0sample0000000000000005'),
  ('post-12', 'A post', 'cm0sample0000000000000012');
