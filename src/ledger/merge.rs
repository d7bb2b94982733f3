//! A staged pull taken over as a whole, in one transaction, or not at all.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::entry::{Event, State};
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::duplicates::{Candidate, IdentifierHash, losers};
use crate::record::{Attribute, IdentifierKind, UserId};

/// How much of the source a pull brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it: who is absent is gone.
    Whole,
    /// A part: nothing is known of the others.
    Part,
}

/// How a pull is to be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How much of the source it brought.
    pub extent: Extent,
    /// Whether known user IDs may carry other identifiers than before.
    pub accept_changed_identifiers: bool,
    /// Whether users in Clerk whose rows changed are to be sent again: their payloads are kept until then.
    pub update: bool,
    /// Whether users that `undo` deleted are to be created again.
    pub recreate: bool,
    /// The attributes that the source can give a user; `None`: nobody knows. What it cannot give has not changed.
    pub offered: Option<Vec<Attribute>>,
}

impl Terms {
    /// Returns the usual terms: nothing of what is in Clerk already is touched.
    #[must_use]
    pub fn of(extent: Extent) -> Self {
        Self { extent, accept_changed_identifiers: false, update: false, recreate: false, offered: None }
    }
}

/// What a merged pull changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Users the ledger had not seen before.
    pub new: u64,
    /// Users in Clerk already whose content differs from what was sent.
    pub changed: u64,
    /// Users not sent yet that the whole pull did not bring.
    pub gone: u64,
    /// Users in Clerk already that the whole pull did not bring.
    pub vanished: u64,
}

impl Ledger {
    /// Merges what was staged: duplicates are settled, new users added, the ones not yet in Clerk brought up to date, and after a
    /// whole pull those that are gone marked. Of users in Clerk it is noted what changed. All in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::OtherPeople`], if known user IDs now belong to other people; [`LedgerError`], if the ledger cannot be
    /// written. Nothing is merged then.
    pub async fn merge(&self, terms: &Terms) -> Result<Merged, LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("merge the pull into");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        kill_point::reach(Point::MergeBegun);
        run(&mut transaction, INDEX_STAGED).await.map_err(&failed)?;
        if !terms.accept_changed_identifiers {
            refuse_other_people(&mut transaction, terms.extent, &failed).await?;
        }
        run(&mut transaction, REFUSE_REPEATED_USER_IDS).await.map_err(&failed)?;
        let candidates = candidates(&mut transaction).await.map_err(&failed)?;
        let held = held(&mut transaction, terms.extent).await.map_err(&failed)?;
        for (staged, reasons) in losers(candidates, held) {
            let reasons = serde_json::to_string(&reasons).map_err(|error| self.damaged(error.to_string()))?;
            sqlx::query("UPDATE staged SET payload = NULL, content = NULL, reasons = ? WHERE id = ?")
                .bind(reasons)
                .bind(staged)
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        kill_point::reach(Point::MergeHalfDone);
        let mut merged = apply(&mut transaction, terms).await.map_err(&failed)?;
        merged.changed = self.note_changes(&mut transaction, terms).await?;
        run(&mut transaction, FORGET_STAGED).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::Merged);
        Ok(merged)
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

const INDEX_STAGED: &str = "
CREATE INDEX staged_by_user_id ON staged (user_id);
CREATE INDEX staged_identifier_by_hash ON staged_identifier (hash, staged);
CREATE INDEX staged_identifier_by_staged ON staged_identifier (staged);";

const FORGET_STAGED: &str = "
DROP INDEX staged_by_user_id;
DROP INDEX staged_identifier_by_hash;
DROP INDEX staged_identifier_by_staged;
DELETE FROM staged;
DELETE FROM staged_identifier;";

/// The first row of a user ID keeps it. The others are kept as invalid rows without one, so that they are counted.
const REFUSE_REPEATED_USER_IDS: &str = "
UPDATE staged SET
    reasons = json_array(json_object('field', 'userId', 'code', 'duplicate', 'message',
        'row ' || id || ' repeats the user ID `' || user_id || '` of an earlier row; a query that joins a table may return a user '
        || 'several times')),
    payload = NULL, content = NULL, user_id = NULL, skipped = 0
WHERE user_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM staged AS earlier WHERE earlier.user_id = staged.user_id AND earlier.id < staged.id);
DELETE FROM staged_identifier WHERE staged IN (SELECT id FROM staged WHERE payload IS NULL);";

/// So many people may change all their addresses in a small application without its being taken for another one.
const FEW_PEOPLE: u64 = 5;

/// A tenth of the known users with no identifier in common with before, or half of a handful, is no longer people changing their
/// addresses.
async fn refuse_other_people(
    connection: &mut SqliteConnection,
    extent: Extent,
    failed: &impl Fn(sqlx::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE NOT EXISTS (
             SELECT 1 FROM identifier JOIN staged_identifier USING (hash)
             WHERE identifier.user = user.id AND staged_identifier.staged = staged.id))
         FROM staged JOIN user ON user.user_id = staged.user_id
         WHERE user.state IN ('created', 'adopted')
             AND EXISTS (SELECT 1 FROM identifier WHERE identifier.user = user.id)
             AND EXISTS (SELECT 1 FROM staged_identifier WHERE staged_identifier.staged = staged.id)",
    )
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    let (known, differing) = (row.get::<i64, _>(0).unsigned_abs(), row.get::<i64, _>(1).unsigned_abs());
    let most = extent == Extent::Whole && differing * 2 > known;
    let looks_like_a_copy = most || (differing >= FEW_PEOPLE && differing * 10 >= known);
    if looks_like_a_copy { Err(LedgerError::OtherPeople { differing, known }) } else { Ok(()) }
}

/// The staged users that share an identifier, with each other or with somebody in the ledger that this pull did not bring or
/// that is in Clerk already.
async fn candidates(connection: &mut SqliteConnection) -> Result<Vec<Candidate>, sqlx::Error> {
    let rows = sqlx::query(
        "WITH shared AS (
             SELECT hash FROM staged_identifier GROUP BY hash HAVING COUNT(DISTINCT staged) > 1
             UNION SELECT hash FROM staged_identifier JOIN staged ON staged.id = staged_identifier.staged
                 JOIN identifier USING (hash) JOIN user ON user.id = identifier.user
             WHERE user.user_id <> staged.user_id)
         SELECT staged.id, staged.user_id, staged_identifier.kind, staged_identifier.hash
         FROM shared JOIN staged_identifier USING (hash) JOIN staged ON staged.id = staged_identifier.staged
         ORDER BY staged.id",
    )
    .fetch_all(connection)
    .await?;
    let mut candidates: Vec<Candidate> = Vec::new();
    for row in rows {
        let (seat, kind): (i64, String) = (row.get(0), row.get(2));
        let (Ok(user_id), Ok(hash)) = (UserId::new(row.get::<String, _>(1)), row.get::<Vec<u8>, _>(3).try_into())
        else {
            continue;
        };
        if candidates.last().is_none_or(|last| last.seat != seat) {
            candidates.push(Candidate { seat, user_id, identifiers: Vec::new() });
        }
        if let Some(last) = candidates.last_mut() {
            last.identifiers.push((kind_of(&kind), hash));
        }
    }
    Ok(candidates)
}

fn kind_of(word: &str) -> IdentifierKind {
    IdentifierKind::ALL.into_iter().find(|kind| kind.field() == word).unwrap_or(IdentifierKind::Email)
}

/// Who holds an identifier that a staged user brings: users in Clerk, and beside a part of the source also users waiting to be sent
/// whom it did not bring. (A whole pull does not bring them because they are gone.)
async fn held(
    connection: &mut SqliteConnection,
    extent: Extent,
) -> Result<HashMap<IdentifierHash, UserId>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT identifier.hash, user.user_id
         FROM staged_identifier JOIN staged ON staged.id = staged_identifier.staged
             JOIN identifier USING (hash) JOIN user ON user.id = identifier.user
         WHERE user.user_id <> staged.user_id
             AND (user.state IN ('created', 'adopted', 'sending')
                 OR (? AND user.state = 'pending'
                     AND NOT EXISTS (SELECT 1 FROM staged AS own WHERE own.user_id = user.user_id)))",
    )
    .bind(extent == Extent::Part)
    .fetch_all(connection)
    .await?;
    let pair = |row: &sqlx::sqlite::SqliteRow| {
        let hash = row.get::<Vec<u8>, _>(0).try_into().ok()?;
        Some((hash, UserId::new(row.get::<String, _>(1)).ok()?))
    };
    Ok(rows.iter().filter_map(pair).collect())
}

async fn apply(connection: &mut SqliteConnection, terms: &Terms) -> Result<Merged, sqlx::Error> {
    // Rows without a user ID cannot be told apart from one pull to the next, so each pull brings its own.
    run(connection, "DELETE FROM user WHERE user_id IS NULL").await?;
    if terms.recreate {
        recall_deleted(connection).await?;
    }
    let new = sqlx::query(
        "INSERT INTO user (user_id, row_key, state, payload, content, email_basis, reasons, skipped)
         SELECT user_id, row_key, CASE WHEN payload IS NULL THEN 'invalid' ELSE 'pending' END,
             payload, content, email_basis, reasons, skipped
         FROM staged WHERE user_id IS NULL OR NOT EXISTS (SELECT 1 FROM user WHERE user.user_id = staged.user_id)
         ORDER BY staged.id",
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    refresh(connection).await?;
    run(connection, FOLLOW_MOVED_ROWS).await?;
    run(connection, REPLACE_IDENTIFIERS).await?;
    let gone = if terms.extent == Extent::Whole { mark_gone(connection).await? } else { 0 };
    run(connection, MARK_WANTED).await?;
    let vanished = mark_vanished(connection, terms.extent).await?;
    Ok(Merged { new, changed: 0, gone, vanished })
}

/// Lets users that were deleted again come back as if they had never been sent.
async fn recall_deleted(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE user SET state = {recalled}, former_clerk_id = clerk_id, clerk_id = NULL, linked = 0, link_to = NULL,
             password_at = NULL, in_doubt = 0, first_sent_at = NULL, last_sent_at = NULL, attempts = 0, content = NULL, write_back = 'none', write_back_detail = NULL, wrote = 0
         WHERE state IN ({recallable}) AND EXISTS (SELECT 1 FROM staged WHERE staged.user_id = user.user_id)",
        recalled = following(Event::Recalled),
        recallable = words(|state| state.after(Event::Recalled).is_some()),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// A row of a user in Clerk can get another key; the write-back must find it.
const FOLLOW_MOVED_ROWS: &str = "
UPDATE user SET row_key = staged.row_key
    FROM staged WHERE staged.user_id = user.user_id AND staged.payload IS NOT NULL
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

/// Brings the users that are not in Clerk up to date with the pull.
async fn refresh(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE user SET
             state = CASE WHEN staged.payload IS NULL THEN {refused} ELSE {pulled} END,
             row_key = staged.row_key, payload = staged.payload,
             email_basis = staged.email_basis, reasons = staged.reasons, skipped = staged.skipped, trace_id = NULL,
             attempts = CASE WHEN state IN ('conflict', 'rejected') THEN 0 ELSE attempts END,
             content = COALESCE(staged.content, CASE WHEN in_doubt THEN user.content END)
         FROM staged WHERE staged.user_id = user.user_id AND user.state IN ({open})",
        refused = following(Event::Refused),
        pulled = following(Event::Pulled),
        open = words(|state| state.after(Event::Pulled) == Some(State::Pending)),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// A user in doubt keeps the old ones too: a request that carried them may still make the user.
const REPLACE_IDENTIFIERS: &str = "
DELETE FROM identifier WHERE user IN
    (SELECT user.id FROM user JOIN staged USING (user_id) WHERE user.state IN ('pending', 'invalid') AND user.in_doubt = 0);
INSERT OR IGNORE INTO identifier (hash, user, kind)
    SELECT staged_identifier.hash, user.id, staged_identifier.kind
    FROM staged JOIN user USING (user_id) JOIN staged_identifier ON staged_identifier.staged = staged.id
    WHERE user.state = 'pending' AND staged.payload IS NOT NULL;";

const MARK_WANTED: &str = "
UPDATE user SET wanted = 0 WHERE wanted = 1
    AND NOT EXISTS (SELECT 1 FROM staged WHERE staged.user_id = user.user_id);
UPDATE user SET wanted = 1 WHERE wanted = 0
    AND EXISTS (SELECT 1 FROM staged WHERE staged.user_id = user.user_id);";

async fn mark_gone(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "UPDATE user SET state = {gone}, payload = NULL, reasons = NULL, skipped = 0
         WHERE user_id IS NOT NULL AND state IN ({open}) AND state <> 'gone'
             AND NOT EXISTS (SELECT 1 FROM staged WHERE staged.user_id = user.user_id)",
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

fn words(wanted: impl Fn(State) -> bool) -> String {
    let words: Vec<String> =
        State::ALL.into_iter().filter(|state| wanted(*state)).map(|state| format!("'{}'", state.word())).collect();
    words.join(", ")
}
