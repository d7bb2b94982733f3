-- Tables of the Prisma adapter on MySQL and MariaDB, and rows in the form it stores them.

CREATE TABLE `User` (
  `id` varchar(191) NOT NULL,
  `name` varchar(191),
  `email` varchar(191),
  `emailVerified` datetime(3),
  `image` varchar(191),
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE (`email`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `Account` (
  `id` varchar(191) NOT NULL,
  `userId` varchar(191) NOT NULL,
  `type` varchar(191) NOT NULL,
  `provider` varchar(191) NOT NULL,
  `providerAccountId` varchar(191) NOT NULL,
  `refresh_token` text,
  `access_token` text,
  `expires_at` int(11),
  `token_type` varchar(191),
  `scope` varchar(191),
  `id_token` text,
  `session_state` varchar(191),
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE (`provider`, `providerAccountId`),
  FOREIGN KEY (`userId`) REFERENCES `User` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `Session` (
  `id` varchar(191) NOT NULL,
  `sessionToken` varchar(191) NOT NULL,
  `userId` varchar(191) NOT NULL,
  `expires` datetime(3) NOT NULL,
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  FOREIGN KEY (`userId`) REFERENCES `User` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `VerificationToken` (
  `identifier` varchar(191) NOT NULL,
  `token` varchar(191) NOT NULL,
  `expires` datetime(3) NOT NULL,
  PRIMARY KEY (`identifier`, `token`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

INSERT INTO `User` (`id`, `name`, `email`, `emailVerified`, `createdAt`, `updatedAt`) VALUES
  ('cmwqyy6kw0000377dfa34dfcb', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy902002fakefakefake0002', 'Google Only', 'google@example.com', NULL, '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy903003fakefakefake0003', 'GitHub Only', 'github@example.com', NULL, '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy904004fakefakefake0004', 'Two Accounts', 'both@example.com', NULL, '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy6o90006377drvrk3yqn', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678', '2024-02-29 22:17:47.335', '2024-02-29 22:17:47.340'),
  ('cmwqyy906006fakefakefake0006', 'No Address', NULL, NULL, '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238');

INSERT INTO `Account` (`id`, `userId`, `type`, `provider`, `providerAccountId`, `createdAt`, `updatedAt`) VALUES
  ('cmwqyy911001fakefakefake1001', 'cmwqyy902002fakefakefake0002', 'oidc', 'google', '1001', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy912002fakefakefake1002', 'cmwqyy903003fakefakefake0003', 'oauth', 'github', '2002', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy913003fakefakefake1003', 'cmwqyy904004fakefakefake0004', 'oauth', 'github', '2003', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy914004fakefakefake1004', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1003', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy915005fakefakefake1005', 'cmwqyy904004fakefakefake0004', 'oidc', 'google', '1004', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238'),
  ('cmwqyy916006fakefakefake1006', 'cmwqyy906006fakefakefake0006', 'oauth', 'github', '2006', '2024-02-29 22:17:47.208', '2024-02-29 22:17:47.238');
