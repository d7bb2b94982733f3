-- Clerk, the source and a ledger compared, for `verify` and `backfill --from clerk`: in temporary ledgers only.

-- The users of the Clerk instance, made anew without a key, so that they go in as fast as they come; the indexes are made when all
-- of them are there. `facts` holds what is to be compared of a user, as keyed hashes.
DROP TABLE clerk_user;
DROP TABLE clerk_identifier;

CREATE TABLE clerk_user (
    clerk_id TEXT NOT NULL,
    external_id TEXT,
    facts BLOB NOT NULL,
    -- Whether something was told of the user already: then it is not told again that no row has its user ID.
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;

-- Who holds an identifier, by a keyed hash of it.
CREATE TABLE clerk_identifier (
    clerk_id TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- The rows of the source, with the Clerk user that a row may name.
CREATE TABLE compared_row (
    user_id TEXT PRIMARY KEY,
    -- The key in its canonical spelling; NULL if no row of the table can have it, or none is looked for.
    row_key TEXT,
    clerk_id TEXT,
    -- Whether the Clerk ID should stand in the row.
    due INTEGER NOT NULL CHECK (due IN (0, 1)),
    -- Whether the table has the row.
    seen INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),
    CHECK (due = 0 OR clerk_id IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX compared_row_by_key ON compared_row (row_key) WHERE row_key IS NOT NULL;
