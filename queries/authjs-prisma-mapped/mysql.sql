-- Auth.js with the Prisma adapter: tables and columns renamed to snake_case by @@map and @map.
-- table: users
-- key: id
SELECT
  u.id AS `userId`,
  u.email AS `email`,
  u.email_verified AS `emailVerified`,
  u.name AS `name`,
  -- u.created_at AS `createdAt`, -- if present: created_at
  -- u.`createdAt` AS `createdAt`, -- if present: createdAt
  -- u.username AS `username`, -- if present: username
  -- u.password AS `password`, -- password column
  a.providers AS `providers`
FROM users u
LEFT JOIN (
  -- By a hash, for MariaDB builds no index on a derived column as wide as varchar(255), and compares all with all then.
  SELECT SHA2(user_id, 256) AS user_hash, GROUP_CONCAT(DISTINCT provider ORDER BY provider SEPARATOR ',') AS providers
  FROM accounts
  GROUP BY user_hash
) a ON a.user_hash = SHA2(u.id, 256)
ORDER BY u.id;
