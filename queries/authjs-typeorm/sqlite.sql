-- Auth.js with the TypeORM adapter.
-- table: users
-- key: id
--
-- `emailVerified` is text: milliseconds since 1970, in digits.
SELECT
  u.id AS "userId",
  u.email AS "email",
  u."emailVerified" AS "emailVerified",
  u.name AS "name",
  -- u."createdAt" AS "createdAt", -- if present: createdAt
  -- u.created_at AS "createdAt", -- if present: created_at
  -- u.password AS "password", -- password column
  a.providers AS "providers"
FROM users u
LEFT JOIN (
  SELECT user_id, group_concat(provider, ',') AS providers
  FROM (SELECT DISTINCT "userId" AS user_id, provider AS provider FROM accounts ORDER BY user_id, provider)
  GROUP BY user_id
) a ON a.user_id = u.id
ORDER BY u.id;
