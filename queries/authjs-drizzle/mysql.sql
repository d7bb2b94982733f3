-- Auth.js with the Drizzle adapter.
-- table: `user`
-- key: id
--
-- `emailVerified` is a timestamp, and Drizzle writes UTC digits through a session in whatever time zone the server has. Here only
-- NULL or not counts, which no time zone changes. A createdAt column is read in UTC, which is right where its default is the
-- server's clock.
SELECT
  u.id AS `userId`,
  u.email AS `email`,
  u.`emailVerified` AS `emailVerified`,
  u.name AS `name`,
  -- u.`createdAt` AS `createdAt`, -- if present: createdAt
  -- u.created_at AS `createdAt`, -- if present: created_at
  -- u.password AS `password`, -- password column
  a.providers AS `providers`
FROM `user` u
LEFT JOIN (
  -- By a hash, for MariaDB builds no index on a derived column as wide as varchar(255), and compares all with all then.
  SELECT SHA2(`userId`, 256) AS user_hash, GROUP_CONCAT(DISTINCT provider ORDER BY provider SEPARATOR ',') AS providers
  FROM account
  GROUP BY user_hash
) a ON a.user_hash = SHA2(u.id, 256)
ORDER BY u.id;
