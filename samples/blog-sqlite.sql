-- A blog: a Next.js application with Prisma on SQLite, small enough to be read whole. README.md, "Foreign keys", takes it through each of the
-- ways to bring Clerk's IDs and the old ones together. Nobody in it exists.
--
--   sqlite3 blog.db < samples/blog-sqlite.sql
--   db2clerk references --preset authjs-prisma --database-url file:blog.db

CREATE TABLE "User" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT,
    "email" TEXT,
    "emailVerified" DATETIME,
    "image" TEXT,
    "invitedById" TEXT,
    CONSTRAINT "User_invitedById_fkey" FOREIGN KEY ("invitedById") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");

CREATE TABLE "Account" (
    "userId" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "providerAccountId" TEXT NOT NULL,
    PRIMARY KEY ("provider", "providerAccountId"),
    CONSTRAINT "Account_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "Post" (
    "id" INTEGER NOT NULL PRIMARY KEY,
    "title" TEXT NOT NULL,
    "authorId" TEXT NOT NULL,
    CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- Whoever wrote it stands in "userId", without a constraint: a comment outlives its user.
CREATE TABLE "Comment" (
    "id" INTEGER NOT NULL PRIMARY KEY,
    "text" TEXT NOT NULL,
    "postId" INTEGER NOT NULL,
    "userId" TEXT,
    "replyToId" INTEGER,
    CONSTRAINT "Comment_postId_fkey" FOREIGN KEY ("postId") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Comment_replyToId_fkey" FOREIGN KEY ("replyToId") REFERENCES "Comment" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);

INSERT INTO "User" ("id", "name", "email", "emailVerified", "invitedById") VALUES
    ('cm1', 'Ann', 'ann@example.com', 1700000000000, NULL),
    ('cm2', 'Bob', 'bob@example.com', 1700000000000, 'cm1');
INSERT INTO "Account" VALUES ('cm2', 'oauth', 'google', '117');
INSERT INTO "Post" VALUES (1, 'Hello', 'cm1');
INSERT INTO "Comment" VALUES (1, 'Welcome', 1, 'cm2', NULL), (2, 'Thank you', 1, 'cm1', 1);
