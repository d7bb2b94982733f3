-- Tables of the Prisma, renamed by @@map and @map adapter on MySQL and MariaDB, and rows in the form it stores them.

CREATE TABLE `users` (
  `id` varchar(191) NOT NULL,
  `name` varchar(191),
  `email` varchar(191),
  `email_verified` datetime(3),
  `image` varchar(191),
  PRIMARY KEY (`id`),
  UNIQUE (`email`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `accounts` (
  `id` varchar(191) NOT NULL,
  `user_id` varchar(191) NOT NULL,
  `type` varchar(191) NOT NULL,
  `provider` varchar(191) NOT NULL,
  `provider_account_id` varchar(191) NOT NULL,
  `refresh_token` text,
  `access_token` text,
  `expires_at` int(11),
  `token_type` varchar(191),
  `scope` varchar(191),
  `id_token` text,
  `session_state` varchar(191),
  PRIMARY KEY (`id`),
  UNIQUE (`provider`, `provider_account_id`),
  FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `sessions` (
  `id` varchar(191) NOT NULL,
  `session_token` varchar(191) NOT NULL,
  `user_id` varchar(191) NOT NULL,
  `expires` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `verification_tokens` (
  `identifier` varchar(191) NOT NULL,
  `token` varchar(191) NOT NULL,
  `expires` datetime(3) NOT NULL,
  PRIMARY KEY (`identifier`, `token`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

INSERT INTO `users` (`id`, `name`, `email`, `email_verified`) VALUES
  ('cmwqyy87300005r7dsmy1t6lw', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL),
  ('cmwqyy8ae00065r7duwn61ysg', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL);

INSERT INTO `accounts` (`id`, `user_id`, `type`, `provider`, `provider_account_id`) VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006');
