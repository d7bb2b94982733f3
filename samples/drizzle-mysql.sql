-- A Next.js application with Drizzle on MySQL or MariaDB.
--
-- Users as real ones are: verified by a magic link, unverified, from Google or GitHub only (their "emailVerified" is NULL: Auth.js never
-- sets it for them), with a password added to the model, without an address, with a broken one. Nobody here exists. The passwords are
-- "correct horse 1" to "correct horse 6", in the order of the hashes (bcrypt).
--
--   mysql -e 'CREATE DATABASE sample CHARACTER SET utf8mb4' && mysql sample < samples/drizzle-mysql.sql
--   db2clerk migrate --dry-run --preset authjs-drizzle --password-column password_hash --database-url mysql://root@localhost/sample

CREATE TABLE `user` (
  `id` varchar(255) NOT NULL,
  `name` varchar(255),
  `email` varchar(255),
  `emailVerified` timestamp(3) NULL,
  `image` varchar(255),
  `password_hash` varchar(255),
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_email_unique` (`email`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `account` (
  `userId` varchar(255) NOT NULL,
  `type` varchar(255) NOT NULL,
  `provider` varchar(255) NOT NULL,
  `providerAccountId` varchar(255) NOT NULL,
  `refresh_token` varchar(255),
  `access_token` varchar(255),
  `expires_at` int,
  `token_type` varchar(255),
  `scope` varchar(255),
  `id_token` varchar(2048),
  `session_state` varchar(255),
  PRIMARY KEY (`provider`, `providerAccountId`),
  FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `post` (
  `id` int NOT NULL AUTO_INCREMENT,
  `title` varchar(255) NOT NULL,
  `authorId` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  FOREIGN KEY (`authorId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

SET time_zone = '+00:00';

INSERT INTO `user` (`id`, `name`, `email`, `emailVerified`, `password_hash`, `created_at`) VALUES
  ('5a3e0000-0000-4000-8000-000000000001', 'Ada Sample', 'ada@example.com', '2024-03-01 10:00:00.000', '$2a$10$TCAdtBROagbZRrkFXJeWfeqKEeGsrZ2OBPCYd97h.dI4Uppn/Bvj.', '2024-01-01 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000002', 'Ben Sample', 'ben@example.com', '2024-05-17 08:30:12.345', '$2a$10$VB8lu2ZLNLivJEe2hY6zHeA7ChRM.DAZsEBsu2FwSpJiIfDx4yYb6', '2024-01-02 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000003', 'Cleo', 'cleo@example.com', NULL, '$2a$10$VLGaMWJrQk/qo6GRwXiOCu9jvi8wQjxQ45b2q8lb8jts2f93pnLZS', '2024-01-03 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000004', 'Dora Sample', 'dora@example.com', NULL, '$2a$10$KmJhpdv5JkQ/Nzcxhisz6eId4tb8cYBxPUAGnVv2egnP5QIXWOPBy', '2024-01-04 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000005', 'Emil Sample', 'emil@example.com', NULL, NULL, '2024-01-05 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000006', 'Fay Sample', 'fay@example.com', NULL, NULL, '2024-01-06 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000007', 'Gus Sample', 'gus@example.com', NULL, NULL, '2024-01-07 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000008', 'Hana van der Sample', 'hana@example.com', '2024-07-09 22:30:45.678', NULL, '2024-01-08 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000009', NULL, 'ivo+news@example.com', '2024-08-20 00:00:00.000', '$2a$10$LmDkMTHuvCEP7XScpgs6O.xzOopBj3ARuudj6QzB96229STgDv1fm', '2024-01-09 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000010', 'Jo Sample', 'JO@Example.com', '2024-09-01 23:59:59.999', '$2a$10$HlnZRfUyzgmggjCuxERC4Od.bfqRkg20QZUk6Xb71F8Xr/HsK3GU.', '2024-01-10 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000011', 'No Address', NULL, NULL, NULL, '2024-01-11 12:00:00'),
  ('5a3e0000-0000-4000-8000-000000000012', 'Not An Address', 'not-an-address', NULL, NULL, '2024-01-12 12:00:00');

INSERT INTO `account` (`userId`, `type`, `provider`, `providerAccountId`) VALUES
  ('5a3e0000-0000-4000-8000-000000000004', 'oidc', 'google', 'sample-04'),
  ('5a3e0000-0000-4000-8000-000000000005', 'oidc', 'google', 'sample-05'),
  ('5a3e0000-0000-4000-8000-000000000006', 'oauth', 'github', 'sample-06'),
  ('5a3e0000-0000-4000-8000-000000000007', 'oauth', 'github', 'sample-07'),
  ('5a3e0000-0000-4000-8000-000000000007', 'oidc', 'google', 'sample-07'),
  ('5a3e0000-0000-4000-8000-000000000010', 'oidc', 'apple', 'sample-10'),
  ('5a3e0000-0000-4000-8000-000000000011', 'oauth', 'github', 'sample-11');

INSERT INTO `post` (`title`, `authorId`) VALUES
  ('A post', '5a3e0000-0000-4000-8000-000000000001'),
  ('A post', '5a3e0000-0000-4000-8000-000000000005'),
  ('A post', '5a3e0000-0000-4000-8000-000000000012');
