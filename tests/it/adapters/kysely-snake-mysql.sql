-- Tables of the Kysely with CamelCasePlugin adapter on MySQL and MariaDB, and rows in the form it stores them.

CREATE TABLE `user` (
  `id` varchar(36) NOT NULL,
  `name` varchar(255),
  `email` varchar(255) NOT NULL,
  `email_verified` datetime(3),
  `image` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE (`email`)
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `account` (
  `id` varchar(36) NOT NULL,
  `user_id` varchar(36) NOT NULL,
  `type` varchar(255) NOT NULL,
  `provider` varchar(255) NOT NULL,
  `provider_account_id` varchar(255) NOT NULL,
  `refresh_token` varchar(255),
  `access_token` varchar(255),
  `expires_at` bigint(20),
  `token_type` varchar(255),
  `scope` varchar(255),
  `id_token` varchar(255),
  `session_state` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE (`provider`, `provider_account_id`),
  FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `session` (
  `id` varchar(36) NOT NULL,
  `user_id` varchar(36) NOT NULL,
  `session_token` varchar(255) NOT NULL,
  `expires` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE `verification_token` (
  `identifier` varchar(255) NOT NULL,
  `token` varchar(255) NOT NULL,
  `expires` datetime(3) NOT NULL,
  PRIMARY KEY (`identifier`, `token`)
) DEFAULT CHARACTER SET utf8mb4;

INSERT INTO `user` (`id`, `name`, `email`, `email_verified`) VALUES
  ('3fe8a9e3-a273-4a31-94be-48f0a007da02', 'Ada Lovelace', 'ada@example.com', '2024-03-01 10:00:00.000'),
  ('00000002-0000-4000-8000-000000000002', 'Google Only', 'google@example.com', NULL),
  ('00000003-0000-4000-8000-000000000003', 'GitHub Only', 'github@example.com', NULL),
  ('00000004-0000-4000-8000-000000000004', 'Two Accounts', 'both@example.com', NULL),
  ('cb8dc941-898a-4f4a-963e-af299f22a318', 'Cher', 'cher@example.com', '2024-07-09 22:30:45.678');

INSERT INTO `account` (`id`, `user_id`, `type`, `provider`, `provider_account_id`) VALUES
  ('10000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000002', 'oidc', 'google', '1001'),
  ('10000002-0000-4000-8000-000000000002', '00000003-0000-4000-8000-000000000003', 'oauth', 'github', '2002'),
  ('10000003-0000-4000-8000-000000000003', '00000004-0000-4000-8000-000000000004', 'oauth', 'github', '2003'),
  ('10000004-0000-4000-8000-000000000004', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1003'),
  ('10000005-0000-4000-8000-000000000005', '00000004-0000-4000-8000-000000000004', 'oidc', 'google', '1004');
