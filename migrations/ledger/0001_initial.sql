-- The ledger: one Clerk instance, one source, and every user on the way between them.

-- Whom this ledger belongs to; one row. `hash_key` keys every hash below, so that a stolen ledger cannot be searched for
-- known addresses by comparing it with another.
CREATE TABLE belonging (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    instance_id TEXT NOT NULL,
    environment TEXT NOT NULL CHECK (environment IN ('production', 'development')),
    source TEXT NOT NULL,
    source_table TEXT,
    hash_key BLOB NOT NULL,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    pulled_at TEXT
) STRICT;

-- A user. `payload` holds a password digest: it exists only while the user is still to be sent.
-- A row without a user ID is an invalid source row that had none of its own.
CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    user_id TEXT UNIQUE,
    row_key TEXT,
    state TEXT NOT NULL CHECK (state IN
        ('pending', 'sending', 'created', 'adopted', 'conflict', 'rejected', 'invalid', 'gone', 'deleted')),
    clerk_id TEXT,
    payload TEXT,
    content BLOB,
    email_basis TEXT NOT NULL DEFAULT 'none',
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Whether a request without a clear answer may have made the user: if it is found in Clerk, it is ours.
    in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt IN (0, 1)),
    reasons TEXT,
    skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped IN (0, 1)),
    -- Whether the last pull brought the user: a run on a part of the source touches nobody else.
    wanted INTEGER NOT NULL DEFAULT 1 CHECK (wanted IN (0, 1)),
    trace_id TEXT,
    write_back TEXT NOT NULL DEFAULT 'none' CHECK (write_back IN
        ('none', 'waiting', 'written', 'held', 'row gone', 'refused')),
    write_back_detail TEXT,
    CHECK ((payload IS NOT NULL) = (state IN ('pending', 'sending'))),
    CHECK ((clerk_id IS NOT NULL) >= (state IN ('created', 'adopted'))),
    CHECK (clerk_id IS NULL OR state IN ('created', 'adopted', 'deleted')),
    CHECK (user_id IS NOT NULL OR state = 'invalid')
) STRICT;

CREATE INDEX user_to_send ON user (id) WHERE state = 'pending' AND wanted = 1;
CREATE INDEX user_in_doubt ON user (id) WHERE state = 'sending';
CREATE INDEX user_to_write_back ON user (id) WHERE write_back = 'waiting' AND wanted = 1;

-- Keyed hashes of a user's e-mail addresses, phone numbers, username and wallets: enough to see duplicates.
CREATE TABLE identifier (
    hash BLOB NOT NULL,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    PRIMARY KEY (hash, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX identifier_of_user ON identifier (user);

-- A pull on its way: merged into `user` as a whole, in one transaction, or not at all. Plain tables without indexes, so
-- that rows go in as fast as they come.
CREATE TABLE staged (
    id INTEGER PRIMARY KEY,
    user_id TEXT,
    row_key TEXT,
    payload TEXT,
    content BLOB,
    email_basis TEXT NOT NULL DEFAULT 'none',
    reasons TEXT,
    skipped INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE staged_identifier (
    staged INTEGER NOT NULL,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- The users of the Clerk instance, for `backfill --from clerk`; filled in temporary ledgers only.
CREATE TABLE clerk_user (
    clerk_id TEXT PRIMARY KEY,
    external_id TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX clerk_user_by_external_id ON clerk_user (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE clerk_identifier (
    clerk_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (clerk_id, hash)
) STRICT, WITHOUT ROWID;
