-- Tables of NextAuth.js 3 on MySQL and MariaDB, and rows in the form it stores them.

CREATE TABLE `users` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(255),
  `email` varchar(255),
  `email_verified` timestamp(6) NULL,
  `image` varchar(255),
  `created_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `accounts` (
  `id` int NOT NULL AUTO_INCREMENT,
  `compound_id` varchar(255) NOT NULL,
  `user_id` integer NOT NULL,
  `provider_type` varchar(255) NOT NULL,
  `provider_id` varchar(255) NOT NULL,
  `provider_account_id` varchar(255) NOT NULL,
  `refresh_token` text,
  `access_token` text,
  `access_token_expires` timestamp(6) NULL,
  `created_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `sessions` (
  `id` int NOT NULL AUTO_INCREMENT,
  `user_id` integer NOT NULL,
  `expires` timestamp(6) NOT NULL,
  `session_token` varchar(255) NOT NULL,
  `access_token` varchar(255) NOT NULL,
  `created_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `verification_requests` (
  `id` int NOT NULL AUTO_INCREMENT,
  `identifier` varchar(255) NOT NULL,
  `token` varchar(255) NOT NULL,
  `expires` timestamp(6) NOT NULL,
  `created_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  `updated_at` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4;

INSERT INTO `users` (`id`, `name`, `email`, `email_verified`, `created_at`, `updated_at`) VALUES
  (1, 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000', '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (2, 'Google Only', 'google@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (3, 'GitHub Only', 'github@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (4, 'Two Accounts', 'both@example.com', NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (5, 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678', '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123'),
  (6, 'No Address', NULL, NULL, '2021-02-03 04:05:06.789', '2021-02-03 04:05:07.123');

INSERT INTO `accounts` (`compound_id`, `user_id`, `provider_type`, `provider_id`, `provider_account_id`) VALUES
  ('fake-compound-id-1', 2, 'oauth', 'google', '1001'),
  ('fake-compound-id-2', 3, 'oauth', 'github', '2002'),
  ('fake-compound-id-3', 4, 'oauth', 'github', '2003'),
  ('fake-compound-id-4', 4, 'oauth', 'google', '1003'),
  ('fake-compound-id-5', 4, 'oauth', 'google', '1004'),
  ('fake-compound-id-6', 6, 'oauth', 'github', '2006');
