-- Tables of the Drizzle adapter on MySQL and MariaDB, and rows in the form it stores them.

CREATE TABLE `user` (
  `id` varchar(255) NOT NULL,
  `name` varchar(255),
  `email` varchar(255),
  `emailVerified` timestamp(3) NULL,
  `image` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE (`email`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `account` (
  `userId` varchar(255) NOT NULL,
  `type` varchar(255) NOT NULL,
  `provider` varchar(255) NOT NULL,
  `providerAccountId` varchar(255) NOT NULL,
  `refresh_token` varchar(255),
  `access_token` varchar(255),
  `expires_at` int(11),
  `token_type` varchar(255),
  `scope` varchar(255),
  `id_token` varchar(2048),
  `session_state` varchar(255),
  PRIMARY KEY (`provider`, `providerAccountId`),
  FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `authenticator` (
  `credentialID` varchar(255) NOT NULL,
  `userId` varchar(255) NOT NULL,
  `providerAccountId` varchar(255) NOT NULL,
  `credentialPublicKey` varchar(255) NOT NULL,
  `counter` int(11) NOT NULL,
  `credentialDeviceType` varchar(255) NOT NULL,
  `credentialBackedUp` tinyint(1) NOT NULL,
  `transports` varchar(255),
  PRIMARY KEY (`userId`, `credentialID`),
  FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `session` (
  `sessionToken` varchar(255) NOT NULL,
  `userId` varchar(255) NOT NULL,
  `expires` timestamp NOT NULL,
  PRIMARY KEY (`sessionToken`),
  FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `verificationToken` (
  `identifier` varchar(255) NOT NULL,
  `token` varchar(255) NOT NULL,
  `expires` timestamp NOT NULL,
  PRIMARY KEY (`identifier`, `token`)
) DEFAULT CHARACTER SET utf8mb4;

INSERT INTO `user` (`id`, `name`, `email`, `emailVerified`) VALUES
  ('2b3e4e30-217a-45bb-9d28-81258ad8b974', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('0167c004-365c-46e9-a807-bf0b5393aa34', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678'),
  ('00000006-0000-4000-8000-000000000006', 'No Address', NULL, NULL);

INSERT INTO `account` (`userId`, `type`, `provider`, `providerAccountId`) VALUES
  ('00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004'),
  ('00000006-0000-4000-8000-000000000006', 'oauth', 'github', '2006');
