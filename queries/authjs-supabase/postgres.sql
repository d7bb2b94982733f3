-- Auth.js with the Supabase adapter: the tables in schema next_auth.
-- table: next_auth.users
-- key: id
--
-- Not public.users: that copy knows nothing of verified addresses, and is filled once, when a user signs up.
SELECT
  u.id AS "userId",
  u.email AS "email",
  u."emailVerified" AS "emailVerified",
  u.name AS "name",
  -- u."createdAt" AS "createdAt", -- if present: createdAt
  -- u.created_at AS "createdAt", -- if present: created_at
  -- u.password AS "password", -- password column
  a.providers AS "providers"
FROM next_auth.users u
LEFT JOIN (
  SELECT "userId" AS user_id, string_agg(DISTINCT provider::text, ',') AS providers
  FROM next_auth.accounts
  GROUP BY "userId"
) a ON a.user_id = u.id
ORDER BY u.id;
