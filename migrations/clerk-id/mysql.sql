-- Adds the column for Clerk IDs and its unique index, and gives up rather than make the application wait. Clerk IDs differ by
-- case, so the collation compares bytes; 191 characters are what Prisma takes for a string that is unique.
SET @db2clerk_lock_wait_timeout = @@SESSION.lock_wait_timeout;
SET SESSION lock_wait_timeout = 5;
ALTER TABLE {table} ADD COLUMN {column} varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL;
CREATE UNIQUE INDEX {index} ON {table} ({column});
SET SESSION lock_wait_timeout = @db2clerk_lock_wait_timeout;
