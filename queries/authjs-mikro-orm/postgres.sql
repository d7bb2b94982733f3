-- Auth.js with the MikroORM adapter.
-- table: "user"
-- key: id
SELECT
  u.id AS "userId",
  u.email AS "email",
  u.email_verified AS "emailVerified",
  u.name AS "name",
  -- u.created_at AS "createdAt", -- if present: created_at
  -- u."createdAt" AS "createdAt", -- if present: createdAt
  -- u.password AS "password", -- password column
  a.providers AS "providers"
FROM "user" u
LEFT JOIN (
  SELECT user_id AS user_id, string_agg(DISTINCT provider::text, ',') AS providers
  FROM account
  GROUP BY user_id
) a ON a.user_id = u.id
ORDER BY u.id;
