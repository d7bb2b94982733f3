//! What a pull changes in the ledger, once it is settled who may stay.

use sqlx::sqlite::SqliteConnection;

use super::{Extent, Terms, run};
use crate::ledger::entry::{Event, State};

/// Brings the users whom the ledger knows up to date with the pull, and marks those whom it did not bring. Returns how many of these
/// are gone, not having been sent, and how many are in Clerk.
pub(super) async fn update_known(connection: &mut SqliteConnection, terms: &Terms) -> Result<(u64, u64), sqlx::Error> {
    if terms.recreate {
        recall_deleted(connection).await?;
    }
    find_renewed(connection).await?;
    refresh(connection).await?;
    run(connection, FOLLOW_MOVED_ROWS).await?;
    run(connection, REPLACE_PAYLOADS).await?;
    run(connection, REPLACE_IDENTIFIERS).await?;
    let gone = if terms.extent == Extent::Whole { mark_gone(connection).await? } else { 0 };
    run(connection, MARK_WANTED).await?;
    Ok((gone, mark_vanished(connection, terms.extent).await?))
}

/// Adds the users whom the ledger does not know, in the order of the source. The first time all of them are new, and SQLite copies
/// whole records and index entries from tables like its own, which takes a fraction of the time.
pub(super) async fn add_new(connection: &mut SqliteConnection, is_first: bool) -> Result<u64, sqlx::Error> {
    if is_first {
        let new = sqlx::query("INSERT INTO user SELECT * FROM staged").execute(&mut *connection).await?;
        run(connection, COPY_THE_REST).await?;
        return Ok(new.rows_affected());
    }
    let (before, coming): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COALESCE(MAX(id), 0) FROM user), (SELECT COUNT(*) FROM staged) - (SELECT COUNT(*) FROM met)",
    )
    .fetch_one(&mut *connection)
    .await?;
    // After a first try with a few users, say. What comes in no order goes into an index that is there at a random place.
    let outnumbered = coming > before;
    if outnumbered {
        run(connection, "DROP INDEX main.user_by_user_id; DROP INDEX main.identifier_by_hash").await?;
    }
    let new = sqlx::query(NEW_USERS).bind(before).execute(&mut *connection).await?.rows_affected();
    for sql in [NEW_PAYLOADS, NEW_IDENTIFIERS] {
        sqlx::query(sql).bind(before).execute(&mut *connection).await?;
    }
    if outnumbered {
        let indexes = "CREATE UNIQUE INDEX main.user_by_user_id ON user (user_id);
            CREATE INDEX main.identifier_by_hash ON identifier (hash)";
        run(connection, indexes).await?;
    }
    Ok(new)
}

const COPY_THE_REST: &str = "
INSERT INTO payload SELECT * FROM staged_payload;
INSERT INTO identifier SELECT * FROM staged_identifier;";

const NEW_USERS: &str = "
INSERT INTO user (id, user_id, row_key, state, content, email_basis, reasons, skipped)
    SELECT ? + id, user_id, row_key, state, content, email_basis, reasons, skipped
    FROM staged WHERE NOT EXISTS (SELECT 1 FROM met WHERE met.staged = staged.id) ORDER BY id";

const NEW_PAYLOADS: &str = "
INSERT INTO payload (user, text)
    SELECT ? + user, text FROM staged_payload
    WHERE NOT EXISTS (SELECT 1 FROM met WHERE met.staged = staged_payload.user) ORDER BY user";

const NEW_IDENTIFIERS: &str = "
INSERT INTO identifier (user, hash, kind)
    SELECT ? + user, hash, kind FROM staged_identifier
    WHERE NOT EXISTS (SELECT 1 FROM met WHERE met.staged = staged_identifier.user) ORDER BY user, hash";

/// Lets users that were deleted again come back as if they had never been sent.
async fn recall_deleted(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE user SET state = {recalled}, former_clerk_id = clerk_id, clerk_id = NULL, linked = 0, link_to = NULL,
             password_at = NULL, in_doubt = 0, first_sent_at = NULL, last_sent_at = NULL, attempts = 0, content = NULL, write_back = 'none', write_back_detail = NULL, wrote = 0
         WHERE state IN ({recallable}) AND id IN (SELECT user FROM met)",
        recalled = following(Event::Recalled),
        recallable = words(|state| state.after(Event::Recalled).is_some()),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// A row of a user in Clerk can get another key; the write-back must find it.
const FOLLOW_MOVED_ROWS: &str = "
UPDATE user SET row_key = staged.row_key
    FROM met CROSS JOIN staged ON staged.id = met.staged
    WHERE user.id = met.user AND staged.content IS NOT NULL
        AND user.state IN ('created', 'adopted') AND user.row_key IS NOT staged.row_key;";

/// Marks users in Clerk that a whole pull did not bring, and unmarks those that any pull brought. Returns how many are marked.
async fn mark_vanished(connection: &mut SqliteConnection, extent: Extent) -> Result<u64, sqlx::Error> {
    if extent == Extent::Whole {
        run(
            connection,
            "UPDATE user SET vanished = 1 WHERE state IN ('created', 'adopted') AND wanted = 0 AND vanished = 0",
        )
        .await?;
    }
    run(
        connection,
        "UPDATE user SET vanished = 0 WHERE vanished = 1 AND (wanted = 1 OR state NOT IN ('created', 'adopted'))",
    )
    .await?;
    let vanished: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM user WHERE vanished = 1").fetch_one(&mut *connection).await?;
    Ok(vanished.unsigned_abs())
}

/// Finds the users that are not in Clerk and whose content is no longer what it was: the others have the identifiers that they had.
async fn find_renewed(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "CREATE TABLE pull.renewed AS
             SELECT user.id AS user, staged.id AS staged, user.in_doubt
             FROM met CROSS JOIN user ON user.id = met.user CROSS JOIN staged ON staged.id = met.staged
             WHERE user.state IN ({open}) AND (user.content IS NOT staged.content OR user.content IS NULL)",
        open = open(),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Brings the users that are not in Clerk up to date with the pull. Whoever is up to date is not written anew.
async fn refresh(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE user SET state = now.state, row_key = now.row_key, content = now.content, email_basis = now.email_basis,
             reasons = now.reasons, skipped = now.skipped, trace_id = NULL,
             attempts = CASE WHEN user.state IN ('conflict', 'rejected') THEN 0 ELSE attempts END
         FROM (SELECT user.id, CASE WHEN staged.content IS NULL THEN {refused} ELSE {pulled} END AS state, staged.row_key,
                   COALESCE(staged.content, CASE WHEN user.in_doubt THEN user.content END) AS content,
                   staged.email_basis, staged.reasons, staged.skipped
               FROM met CROSS JOIN user ON user.id = met.user CROSS JOIN staged ON staged.id = met.staged
               WHERE user.state IN ({open})) AS now
         WHERE user.id = now.id AND (user.state <> now.state OR user.row_key IS NOT now.row_key
             OR user.content IS NOT now.content OR user.email_basis <> now.email_basis OR user.reasons IS NOT now.reasons
             OR user.skipped <> now.skipped OR user.trace_id IS NOT NULL)",
        refused = following(Event::Refused),
        pulled = following(Event::Pulled),
        open = open(),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Those who are refused have lost theirs with their state.
const REPLACE_PAYLOADS: &str = "
INSERT INTO payload (user, text)
    SELECT met.user, staged_payload.text
    FROM met CROSS JOIN user ON user.id = met.user CROSS JOIN staged_payload ON staged_payload.user = met.staged
        LEFT JOIN payload ON payload.user = met.user
    WHERE user.state = 'pending' AND payload.text IS NOT staged_payload.text
    ON CONFLICT (user) DO UPDATE SET text = excluded.text;";

/// A user in doubt keeps the old ones too: a request that carried them may still make the user.
const REPLACE_IDENTIFIERS: &str = "
DELETE FROM identifier WHERE user IN (SELECT user FROM renewed WHERE in_doubt = 0);
INSERT OR IGNORE INTO identifier (user, hash, kind)
    SELECT renewed.user, hash, kind FROM renewed CROSS JOIN staged_identifier ON staged_identifier.user = renewed.staged;";

const MARK_WANTED: &str = "
UPDATE user SET wanted = 0 WHERE wanted = 1 AND NOT EXISTS (SELECT 1 FROM met WHERE met.user = user.id);
UPDATE user SET wanted = 1 WHERE wanted = 0 AND EXISTS (SELECT 1 FROM met WHERE met.user = user.id);";

async fn mark_gone(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "UPDATE user SET state = {gone}, reasons = NULL, skipped = 0
         WHERE state IN ({open}) AND state <> 'gone' AND NOT EXISTS (SELECT 1 FROM met WHERE met.user = user.id)",
        gone = following(Event::Missed),
        open = words(|state| state.after(Event::Missed) == Some(State::Gone)),
    );
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await?.rows_affected())
}

/// The state that follows an event, as SQL: the one table of transitions, [`State::after`], written out.
fn following(event: Event) -> String {
    let cases = State::ALL.into_iter().filter_map(|state| {
        let next = state.after(event)?;
        Some(format!("WHEN '{}' THEN '{}'", state.word(), next.word()))
    });
    format!("CASE user.state {} END", cases.collect::<Vec<_>>().join(" "))
}

/// The states of users whom a pull brings up to date.
fn open() -> String {
    words(|state| state.after(Event::Pulled) == Some(State::Pending))
}

fn words(wanted: impl Fn(State) -> bool) -> String {
    let words: Vec<String> =
        State::ALL.into_iter().filter(|state| wanted(*state)).map(|state| format!("'{}'", state.word())).collect();
    words.join(", ")
}
