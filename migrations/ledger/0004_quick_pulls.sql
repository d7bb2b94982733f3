-- Pulls of a million users: what is written once per user is small, what is large is written once.
--
-- A pull is staged in a temporary database of its own from now on, so that nothing of it is in this file before it is merged.
-- Payloads get a table of their own: a user changes state several times, and each time its row is written anew. Conditions are
-- spelled so that SQLite takes little time over them, the usual case first.

DROP TABLE staged;
DROP TABLE staged_identifier;

CREATE TABLE payload (
    user INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

INSERT INTO payload (user, text) SELECT id, payload FROM user WHERE payload IS NOT NULL;

CREATE TABLE new_user (
    id INTEGER PRIMARY KEY,
    user_id TEXT,
    row_key TEXT,
    state TEXT NOT NULL CHECK (
        state = 'pending' OR state = 'created' OR state = 'sending' OR state = 'adopted' OR state = 'invalid'
        OR state = 'conflict' OR state = 'rejected' OR state = 'gone' OR state = 'deleted'),
    clerk_id TEXT,
    content BLOB,
    email_basis TEXT NOT NULL DEFAULT 'none',
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Whether a request without a clear answer may have made the user: if it is found in Clerk, it is ours.
    in_doubt INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt = 0 OR in_doubt = 1),
    reasons TEXT,
    skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped = 0 OR skipped = 1),
    -- Whether the last pull brought the user: a run on a part of the source touches nobody else.
    wanted INTEGER NOT NULL DEFAULT 1 CHECK (wanted = 1 OR wanted = 0),
    trace_id TEXT,
    write_back TEXT NOT NULL DEFAULT 'none' CHECK (
        write_back = 'none' OR write_back = 'waiting' OR write_back = 'written' OR write_back = 'held'
        OR write_back = 'row gone' OR write_back = 'refused'),
    write_back_detail TEXT,
    -- Whether the user was in Clerk without a user ID, and was taken over: given ours.
    linked INTEGER NOT NULL DEFAULT 0 CHECK (linked = 0 OR linked = 1),
    -- The Clerk user that is about to be taken over: written down before Clerk is asked to.
    link_to TEXT,
    -- When create requests for the user were first and last on their way, by our clock in milliseconds since 1970.
    first_sent_at INTEGER,
    last_sent_at INTEGER,
    -- The Clerk ID that the user had before `undo` deleted it and `--recreate` brought it back: it may still stand in the row.
    former_clerk_id TEXT,
    -- When the password we sent was set, by Clerk's clock in milliseconds since 1970; NULL: we sent none, or the answer was lost.
    password_at INTEGER,
    -- Whether the user is in Clerk and was absent from the last whole pull.
    vanished INTEGER NOT NULL DEFAULT 0 CHECK (vanished = 0 OR vanished = 1),
    -- Whether the row got its Clerk ID from us, and did not have it before.
    wrote INTEGER NOT NULL DEFAULT 0 CHECK (wrote = 0 OR wrote = 1),
    CHECK (clerk_id IS NOT NULL OR (state <> 'created' AND state <> 'adopted')),
    CHECK (clerk_id IS NULL OR state = 'created' OR state = 'adopted' OR state = 'deleted'),
    CHECK (user_id IS NOT NULL OR state = 'invalid')
) STRICT;

INSERT INTO new_user
    SELECT id, user_id, row_key, state, clerk_id, content, email_basis, attempts, in_doubt, reasons, skipped, wanted, trace_id,
        write_back, write_back_detail, linked, link_to, first_sent_at, last_sent_at, former_clerk_id, password_at, vanished, wrote
    FROM user;

-- Users are never deleted while they have identifiers, so `user` refers to them without a foreign key, which would be looked up for
-- each.
CREATE TABLE new_identifier (
    hash BLOB NOT NULL,
    user INTEGER NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (hash, user)
) STRICT, WITHOUT ROWID;

INSERT INTO new_identifier SELECT hash, user, kind FROM identifier;

CREATE TABLE new_change (
    user INTEGER PRIMARY KEY REFERENCES new_user (id) ON DELETE CASCADE,
    parts TEXT NOT NULL,
    content BLOB,
    payload TEXT,
    -- Why something of it was not sent.
    reasons TEXT,
    -- Whether sending it was tried and did not succeed.
    failed INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))
) STRICT;

INSERT INTO new_change SELECT user, parts, content, payload, reasons, failed FROM change;

DROP TABLE identifier;
DROP TABLE change;
DROP TABLE user;
ALTER TABLE new_user RENAME TO user;
ALTER TABLE new_identifier RENAME TO identifier;
ALTER TABLE new_change RENAME TO change;

-- The first pull makes these two anew when all users are there (src/ledger/merge).
CREATE UNIQUE INDEX user_by_user_id ON user (user_id);
CREATE INDEX identifier_of_user ON identifier (user);

CREATE INDEX user_to_send ON user (id) WHERE state = 'pending' AND wanted = 1;
CREATE INDEX user_in_doubt ON user (id) WHERE state = 'sending';
CREATE INDEX user_to_write_back ON user (id) WHERE write_back = 'waiting' AND wanted = 1;
CREATE INDEX user_vanished ON user (id) WHERE vanished = 1;
CREATE INDEX user_doubtful ON user (id) WHERE in_doubt = 1 AND clerk_id IS NULL;
CREATE INDEX change_to_send ON change (user) WHERE payload IS NOT NULL;

-- A payload holds a password digest: whoever ceases to be on the way into Clerk loses it, in the same transaction.
CREATE TRIGGER payload_goes AFTER UPDATE OF state ON user
WHEN (OLD.state = 'sending' OR OLD.state = 'pending') AND NEW.state <> 'pending' AND NEW.state <> 'sending'
BEGIN
    DELETE FROM payload WHERE user = OLD.id;
END;
