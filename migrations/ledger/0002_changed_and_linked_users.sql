-- What happens to users after they are in Clerk: rows that change or vanish in the source, Clerk users taken over, IDs written.

-- Whether the user was in Clerk without a user ID, and was taken over: given ours.
ALTER TABLE user ADD COLUMN linked INTEGER NOT NULL DEFAULT 0 CHECK (linked IN (0, 1));

-- The Clerk user that is about to be taken over: written down before Clerk is asked to.
ALTER TABLE user ADD COLUMN link_to TEXT;

-- When create requests for the user were first and last on their way, by our clock in milliseconds since 1970: a Clerk user who was
-- made at quite another time was made by somebody else.
ALTER TABLE user ADD COLUMN first_sent_at INTEGER;
ALTER TABLE user ADD COLUMN last_sent_at INTEGER;

-- The Clerk ID that the user had before `undo` deleted it and `--recreate` brought it back: it may still stand in the row.
ALTER TABLE user ADD COLUMN former_clerk_id TEXT;

-- When the password we sent was set, by Clerk's clock in milliseconds since 1970; NULL: we sent none, or the answer was lost.
ALTER TABLE user ADD COLUMN password_at INTEGER;

-- Whether the user is in Clerk and was absent from the last whole pull.
ALTER TABLE user ADD COLUMN vanished INTEGER NOT NULL DEFAULT 0 CHECK (vanished IN (0, 1));

-- Whether the row got its Clerk ID from us, and did not have it before.
ALTER TABLE user ADD COLUMN wrote INTEGER NOT NULL DEFAULT 0 CHECK (wrote IN (0, 1));

-- `content` was one hash of the whole user and is a hash of each attribute from now on. What there was cannot be taken apart:
-- the next pull brings it anew.
UPDATE user SET content = NULL WHERE content IS NOT NULL;

-- Users in Clerk whose row is no longer what was sent. `payload` holds a password digest: it exists only while the change is
-- still to be sent.
CREATE TABLE change (
    user INTEGER PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    parts TEXT NOT NULL,
    content BLOB,
    payload TEXT,
    -- Why something of it was not sent.
    reasons TEXT,
    -- Whether sending it was tried and did not succeed.
    failed INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))
) STRICT;

CREATE INDEX change_to_send ON change (user) WHERE payload IS NOT NULL;
CREATE INDEX user_vanished ON user (id) WHERE vanished = 1;
CREATE INDEX user_doubtful ON user (id) WHERE in_doubt = 1 AND clerk_id IS NULL;
