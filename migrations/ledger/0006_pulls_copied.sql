-- A first pull is copied into the empty tables as it was staged, index by index (src/ledger/merge/apply.rs): identifiers are kept in the
-- order in which they come, by user, and the order by hash is that of an index, which is made when all of them are staged.

CREATE TABLE new_identifier (
    user INTEGER NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

INSERT INTO new_identifier SELECT user, hash, kind FROM identifier ORDER BY user, hash;

DROP TABLE identifier;
ALTER TABLE new_identifier RENAME TO identifier;

CREATE INDEX identifier_by_hash ON identifier (hash);
