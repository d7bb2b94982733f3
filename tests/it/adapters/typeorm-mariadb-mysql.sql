-- Tables of the TypeORM with its mariadb driver (MariaDB's uuid type) adapter on MariaDB, and rows in the form it stores them.

CREATE TABLE `users` (
  `id` uuid NOT NULL,
  `name` varchar(255),
  `email` varchar(255),
  `emailVerified` varchar(255),
  `image` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE (`email`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `accounts` (
  `id` uuid NOT NULL,
  `userId` uuid NOT NULL,
  `type` varchar(255) NOT NULL,
  `provider` varchar(255) NOT NULL,
  `providerAccountId` varchar(255) NOT NULL,
  `refresh_token` varchar(255),
  `access_token` varchar(255),
  `expires_at` bigint(20),
  `token_type` varchar(255),
  `scope` varchar(255),
  `id_token` varchar(255),
  `session_state` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE (`provider`, `providerAccountId`),
  FOREIGN KEY (`userId`) REFERENCES `users` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `sessions` (
  `id` uuid NOT NULL,
  `sessionToken` varchar(255) NOT NULL,
  `userId` uuid NOT NULL,
  `expires` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  FOREIGN KEY (`userId`) REFERENCES `users` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `verification_tokens` (
  `id` uuid NOT NULL,
  `token` varchar(255) NOT NULL,
  `identifier` varchar(255) NOT NULL,
  `expires` varchar(255) NOT NULL,
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4;

INSERT INTO `users` (`id`, `name`, `email`, `emailVerified`) VALUES
  ('5cd422f5-5c38-4ff6-be1d-3255ab8546e1', 'Ada Lovelace', 'ada@example.com', '1709287200000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('5dce1604-0f99-4492-ac1a-337e18b99806', 'Cher', 'cher@example.com', '1720564245678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO `accounts` (`id`, `userId`, `type`, `provider`, `providerAccountId`) VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('10000006-0000-4000-8000-000000000006', '00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
