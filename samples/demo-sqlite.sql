-- The sample of `db2clerk demo`: an Auth.js application's database as Prisma makes it on SQLite, with a password column of the
-- application's own. Nobody in it exists. Every password is "correct horse battery staple".

CREATE TABLE "User" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT,
    "email" TEXT,
    "emailVerified" DATETIME,
    "image" TEXT,
    "password" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE "Account" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "userId" TEXT NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    "type" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "providerAccountId" TEXT NOT NULL,
    UNIQUE ("provider", "providerAccountId")
);

-- 400 users. Of each ten: five came by magic link (verified), three by Google (Auth.js leaves `emailVerified` NULL), one by
-- GitHub, and one signed up with a password and never confirmed the address.
INSERT INTO "User" ("id", "name", "email", "emailVerified", "password", "createdAt", "updatedAt")
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
SELECT
    printf('demo_%04d', i),
    printf('User Number %d', i),
    printf('user%d@example.com', i),
    CASE WHEN i % 10 < 5 THEN 1700000000000 + i * 60000 END,
    CASE WHEN i % 10 IN (0, 1, 9) THEN '$2b$05$z720wKg8LGRqEm6WawjkheycYuC7jUELPJMDW5jZgVRZGbBOm9ZhS' END,
    1690000000000 + i * 60000,
    1690000000000 + i * 60000
FROM n;

INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId")
SELECT 'account_' || "id", "id", 'oauth', CASE CAST(substr("id", 6) AS INTEGER) % 10 WHEN 8 THEN 'github' ELSE 'google' END, "id"
FROM "User" WHERE CAST(substr("id", 6) AS INTEGER) % 10 BETWEEN 5 AND 8;

-- And some with problems, as real databases have them.
INSERT INTO "User" ("id", "name", "email", "emailVerified", "password", "createdAt", "updatedAt") VALUES
    ('demo_0401', 'No Way In', NULL, NULL, NULL, 1690000000000, 1690000000000),
    ('demo_0402', 'Bad Address', 'not an address', NULL, NULL, 1690000000000, 1690000000000),
    ('demo_0403', 'Placeholder', 'someone@placeholder.invalid', NULL, NULL, 1690000000000, 1690000000000),
    ('demo_0404', 'Same Person Twice', 'User12@Example.com', NULL, NULL, 1690000000000, 1690000000000),
    ('demo_0405', 'Plain Password', 'plain@example.com', NULL, 'hunter2-in-plain-text', 1690000000000, 1690000000000),
    ('demo_0406', 'Old Hash', 'old@example.com', NULL, '5f4dcc3b5aa765d61d8327deb882cf99', 1690000000000, 1690000000000),
    ('demo_0407', 'Bad Date', 'date@example.com', 'yesterday', NULL, 1690000000000, 1690000000000);
