-- The users' IDs replaced by Clerk IDs in the database: from then on a user ID is what the database keeps as the old one.

-- The replacement; one row. `way_back` names the script that brings the old IDs back.
CREATE TABLE replacement (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT NOT NULL,
    users_table TEXT NOT NULL,
    way_back TEXT NOT NULL,
    begun_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    finished_at TEXT
) STRICT;

-- Its steps, where it cannot be one transaction: once the first of them has run, the database does not tell any more how it was.
-- `statements` is a JSON list. `begun_at` and `done_at` are for people: a step that is run again looks itself whether it is done.
CREATE TABLE replacement_step (
    number INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    statements TEXT NOT NULL,
    begun_at TEXT,
    done_at TEXT
) STRICT;
