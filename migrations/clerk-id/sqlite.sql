-- Adds the column for Clerk IDs and its unique index, both or none.
BEGIN IMMEDIATE;
ALTER TABLE {table} ADD COLUMN {column} TEXT;
CREATE UNIQUE INDEX {index} ON {table} ({column});
COMMIT;
