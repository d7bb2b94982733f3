-- Adds the column for Clerk IDs and its unique index, both or none, and gives up rather than make the application wait.
BEGIN;
SET LOCAL lock_timeout = '5s';
ALTER TABLE {table} ADD COLUMN {column} text;
CREATE UNIQUE INDEX {index} ON {table} ({column});
COMMIT;
