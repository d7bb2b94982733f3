-- Auth.js with the Sequelize adapter.
-- table: users
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
FROM users u
LEFT JOIN (
  SELECT user_id, group_concat(provider, ',') AS providers
  FROM (SELECT DISTINCT user_id AS user_id, provider AS provider FROM accounts ORDER BY user_id, provider)
  GROUP BY user_id
) a ON a.user_id = u.id
ORDER BY u.id;
