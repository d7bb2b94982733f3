//! A pull on its way in: staged as it comes, and merged as a whole, in one transaction, or not at all.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Row, Sqlite};

use super::entry::{Event, State};
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::duplicates::{Candidate, IdentifierHash, losers};
use crate::record::{Identifier, IdentifierKind, ImportUser, Reason, UserId};

/// One user of a pull.
#[derive(Debug, Clone)]
pub enum Staged {
    /// Mapped, and passed by our checks.
    Valid {
        /// The user.
        user: Box<ImportUser>,
        /// By which rule the primary e-mail address counts as verified, as a word.
        email_basis: &'static str,
    },
    /// Refused by our checks, or left out on request.
    Invalid {
        /// The user ID, if the row had one.
        user_id: Option<UserId>,
        /// Everything that is wrong.
        reasons: Vec<Reason>,
        /// Left out on request rather than by an error.
        skipped: bool,
    },
}

/// How much of the source a pull brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it: who is absent is gone.
    Whole,
    /// A part: nothing is known of the others.
    Part,
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
}

/// Rows put into one statement. More saves nothing measurable.
const ROWS_A_STATEMENT: usize = 200;

impl Ledger {
    /// Forgets whatever an earlier pull left half done.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn begin_pull(&self) -> Result<(), LedgerError> {
        sqlx::raw_sql("DELETE FROM staged; DELETE FROM staged_identifier;")
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Stages users. `first` is the number of the first of them within the pull, from 1.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn stage(&self, first: i64, users: &[Staged]) -> Result<(), LedgerError> {
        let rows: Vec<StagedRow> =
            (first..).zip(users).map(|(id, user)| self.staged_row(id, user)).collect::<Result<_, _>>()?;
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let mut transaction = connection.begin().await.map_err(&failed)?;
        for chunk in rows.chunks(ROWS_A_STATEMENT) {
            insert_staged(&mut transaction, chunk).await.map_err(&failed)?;
        }
        let identifiers: Vec<_> =
            rows.iter().flat_map(|row| row.identifiers.iter().map(|identifier| (row.id, identifier))).collect();
        for chunk in identifiers.chunks(ROWS_A_STATEMENT) {
            insert_identifiers(&mut transaction, chunk).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::BatchStaged);
        Ok(())
    }

    fn staged_row(&self, id: i64, staged: &Staged) -> Result<StagedRow, LedgerError> {
        let key = self.hash_key();
        Ok(match staged {
            Staged::Valid { user, email_basis } => {
                let payload = serde_json::to_string(user).map_err(|error| self.damaged(error.to_string()))?;
                let hashed = |identifier: &Identifier| (identifier.kind, key.identifier(identifier));
                StagedRow {
                    id,
                    user_id: Some(user.user_id.to_string()),
                    row_key: user.key.clone(),
                    content: Some(key.content(&payload).to_vec()),
                    payload: Some(payload),
                    email_basis,
                    reasons: None,
                    skipped: false,
                    identifiers: user.identifiers().iter().map(hashed).collect(),
                }
            }
            Staged::Invalid { user_id, reasons, skipped } => StagedRow {
                id,
                user_id: user_id.as_ref().map(ToString::to_string),
                row_key: None,
                payload: None,
                content: None,
                email_basis: "none",
                reasons: Some(serde_json::to_string(reasons).map_err(|error| self.damaged(error.to_string()))?),
                skipped: *skipped,
                identifiers: Vec::new(),
            },
        })
    }

    /// Merges what was staged: duplicates are settled, new users added, the ones not yet in Clerk brought up to date, and after a
    /// whole pull those that are gone marked. All in one transaction. With `accept_changed_identifiers`, known user IDs may
    /// carry other identifiers than before.
    ///
    /// # Errors
    /// [`LedgerError::OtherPeople`], if known user IDs now belong to other people; [`LedgerError`], if the ledger cannot be
    /// written. Nothing is merged then.
    pub async fn merge(&self, extent: Extent, accept_changed_identifiers: bool) -> Result<Merged, LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("merge the pull into");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        kill_point::reach(Point::MergeBegun);
        run(&mut transaction, INDEX_STAGED).await.map_err(&failed)?;
        if !accept_changed_identifiers {
            refuse_other_people(&mut transaction, &failed).await?;
        }
        run(&mut transaction, REFUSE_REPEATED_USER_IDS).await.map_err(&failed)?;
        let candidates = candidates(&mut transaction).await.map_err(&failed)?;
        let held = held(&mut transaction, extent).await.map_err(&failed)?;
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
        let merged = apply(&mut transaction, extent).await.map_err(&failed)?;
        run(&mut transaction, FORGET_STAGED).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::Merged);
        Ok(merged)
    }
}

struct StagedRow {
    id: i64,
    user_id: Option<String>,
    row_key: Option<String>,
    payload: Option<String>,
    content: Option<Vec<u8>>,
    email_basis: &'static str,
    reasons: Option<String>,
    skipped: bool,
    identifiers: Vec<(IdentifierKind, IdentifierHash)>,
}

async fn insert_staged(connection: &mut SqliteConnection, rows: &[StagedRow]) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO staged (id, user_id, row_key, payload, content, email_basis, reasons, skipped) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.id)
            .push_bind(row.user_id.as_deref())
            .push_bind(row.row_key.as_deref())
            .push_bind(row.payload.as_deref())
            .push_bind(row.content.as_deref())
            .push_bind(row.email_basis)
            .push_bind(row.reasons.as_deref())
            .push_bind(row.skipped);
    });
    query.build().execute(connection).await.map(drop)
}

async fn insert_identifiers(
    connection: &mut SqliteConnection,
    rows: &[(i64, &(IdentifierKind, IdentifierHash))],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO staged_identifier (staged, kind, hash) ");
    query.push_values(rows, |mut values, (staged, (kind, hash))| {
        values.push_bind(*staged).push_bind(kind.field()).push_bind(hash.as_slice());
    });
    query.build().execute(connection).await.map(drop)
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

/// A tenth of the known users with no identifier in common with before is no longer people changing their addresses.
async fn refuse_other_people(
    connection: &mut SqliteConnection,
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
    if differing > 0 && differing * 10 >= known {
        return Err(LedgerError::OtherPeople { differing, known });
    }
    Ok(())
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
    use IdentifierKind::{Email, Phone, Username, Wallet};
    [Email, Phone, Username, Wallet].into_iter().find(|kind| kind.field() == word).unwrap_or(Email)
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

async fn apply(connection: &mut SqliteConnection, extent: Extent) -> Result<Merged, sqlx::Error> {
    let changed: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM staged JOIN user USING (user_id)
         WHERE user.state IN ('created', 'adopted') AND staged.content <> user.content",
    )
    .fetch_one(&mut *connection)
    .await?;
    // Rows without a user ID cannot be told apart from one pull to the next, so each pull brings its own.
    run(connection, "DELETE FROM user WHERE user_id IS NULL").await?;
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
    run(connection, REPLACE_IDENTIFIERS).await?;
    let gone = if extent == Extent::Whole { mark_gone(connection).await? } else { 0 };
    run(connection, MARK_WANTED).await?;
    Ok(Merged { new, changed: changed.unsigned_abs(), gone })
}

/// Brings the users that are not in Clerk up to date with the pull.
async fn refresh(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE user SET
             state = CASE WHEN staged.payload IS NULL THEN {refused} ELSE {pulled} END,
             row_key = staged.row_key, payload = staged.payload, content = staged.content,
             email_basis = staged.email_basis, reasons = staged.reasons, skipped = staged.skipped, trace_id = NULL,
             attempts = CASE WHEN state IN ('conflict', 'rejected') THEN 0 ELSE attempts END,
             in_doubt = CASE WHEN state IN ('conflict', 'rejected') THEN 0 ELSE in_doubt END
         FROM staged WHERE staged.user_id = user.user_id AND user.state IN ({open})",
        refused = following(Event::Refused),
        pulled = following(Event::Pulled),
        open = words(|state| state.after(Event::Pulled) == Some(State::Pending)),
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

const REPLACE_IDENTIFIERS: &str = "
DELETE FROM identifier WHERE user IN
    (SELECT user.id FROM user JOIN staged USING (user_id) WHERE user.state IN ('pending', 'invalid'));
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
