-- Tables of the Supabase adapter on PostgreSQL, and rows in the form it stores them.
CREATE SCHEMA next_auth;

CREATE TABLE "next_auth"."users" (
  "id" uuid NOT NULL,
  "name" text,
  "email" text,
  "emailVerified" timestamp with time zone,
  "image" text,
  PRIMARY KEY ("id"),
  UNIQUE ("email")
);

CREATE TABLE "next_auth"."accounts" (
  "id" uuid NOT NULL,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" bigint,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text,
  "oauth_token_secret" text,
  "oauth_token" text,
  "userId" uuid,
  PRIMARY KEY ("id"),
  UNIQUE ("provider", "providerAccountId"),
  FOREIGN KEY ("userId") REFERENCES "next_auth"."users" ("id") ON DELETE CASCADE
);

CREATE TABLE "next_auth"."sessions" (
  "id" uuid NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  "sessionToken" text NOT NULL,
  "userId" uuid,
  PRIMARY KEY ("id"),
  FOREIGN KEY ("userId") REFERENCES "next_auth"."users" ("id") ON DELETE CASCADE
);

CREATE TABLE "next_auth"."verification_tokens" (
  "identifier" text,
  "token" text NOT NULL,
  "expires" timestamp with time zone NOT NULL,
  PRIMARY KEY ("identifier", "token")
);

CREATE TABLE "public"."users" (
  "id" uuid NOT NULL,
  "name" text,
  "email" text,
  "image" text,
  PRIMARY KEY ("id")
);

ALTER TABLE "public"."users" ENABLE ROW LEVEL SECURITY;

INSERT INTO "next_auth"."users" ("id", "name", "email", "emailVerified") VALUES
  ('061604fd-61dd-4db3-95a9-c21e8d94b18d', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00+00'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('388ff1be-c14b-47e7-b84b-29100ec27b27', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678+00'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO "next_auth"."accounts" ("id", "userId", "type", "provider", "providerAccountId") VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');

-- The copy that the documented trigger filled when the users signed up.
INSERT INTO "public"."users" ("id", "name", "email") SELECT "id", NULL, "email" FROM "next_auth"."users";
