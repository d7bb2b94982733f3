//! Users in Clerk whose rows changed since they were sent: noted by each pull, sent by `--update`, and recorded.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::entry::Failure;
use super::store::{Ledger, LedgerError};
use crate::record::duplicates::IdentifierHash;
use crate::record::{ClerkId, Content, ImportUser, Part, Reason};

/// A user in Clerk that is to be brought up to date with its row.
#[derive(Debug, Clone)]
pub struct Change {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The Clerk user.
    pub clerk_id: ClerkId,
    /// The user as the row is now.
    pub user: ImportUser,
    /// What differs from what was sent.
    pub parts: Vec<Part>,
    /// The hashes of the identifiers that were sent.
    pub sent_identifiers: HashSet<IdentifierHash>,
    /// When the password we sent was set, by Clerk's clock; `None` if we know of none.
    pub password_at: Option<i64>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The entry.
    pub id: i64,
    /// How it ended.
    pub end: UpdateEnd,
}

/// How sending a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateEnd {
    /// Everything was sent that an endpoint carries.
    Sent {
        /// When the password was set, if it was sent.
        password_at: Option<i64>,
        /// What was not sent, each with the reason.
        left: Vec<(Part, Reason)>,
    },
    /// It cannot be sent: Clerk refused something of it, or the user is not in Clerk any more.
    Refused(Failure),
    /// To be tried again by a later run; the reason, if there was an attempt.
    PutOff(Option<Failure>),
}

/// Users compared in one go: enough for few statements, few enough for little memory.
const PAGE: i64 = 500;

impl Ledger {
    /// Notes of every user that is in Clerk and was staged what differs from what was sent, and returns how many do. Without
    /// `update` their payloads are not kept.
    pub(super) async fn note_changes(
        &self,
        connection: &mut SqliteConnection,
        update: bool,
    ) -> Result<u64, LedgerError> {
        let failed = self.failed("merge the pull into");
        sqlx::raw_sql(PREPARE).execute(&mut *connection).await.map_err(&failed)?;
        let (mut after, mut changed) = (0_i64, 0);
        loop {
            let rows = sqlx::query(DIFFERING).bind(after).bind(PAGE).fetch_all(&mut *connection).await;
            let rows = rows.map_err(&failed)?;
            let Some(last) = rows.last() else { return Ok(changed) };
            after = last.get(0);
            changed += rows.len() as u64;
            for row in &rows {
                let parts = self.parts_between(row)?;
                sqlx::query(
                    "INSERT INTO change (user, parts, content, payload, reasons)
                     SELECT ?, ?, content, CASE WHEN ? THEN payload END, reasons FROM staged WHERE id = ?",
                )
                .bind(row.get::<i64, _>(0))
                .bind(serde_json::json!(parts.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string())
                .bind(update)
                .bind(row.get::<i64, _>(1))
                .execute(&mut *connection)
                .await
                .map_err(&failed)?;
            }
        }
    }

    /// A row that our checks refuse now has no content of which something could be said.
    fn parts_between(&self, row: &sqlx::sqlite::SqliteRow) -> Result<Vec<Part>, LedgerError> {
        let Some(now) = row.get::<Option<Vec<u8>>, _>(3) else { return Ok(Vec::new()) };
        Ok(self.content(row.get(0), &row.get::<Vec<u8>, _>(2))?.differences(&self.content(row.get(0), &now)?))
    }

    fn content(&self, id: i64, bytes: &[u8]) -> Result<Content, LedgerError> {
        Content::from_bytes(bytes).ok_or_else(|| self.damaged(format!("the content of entry {id} cannot be read")))
    }

    /// Returns up to `most` changes after the entry `after` that are to be sent.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or something in it is damaged.
    pub async fn changes_to_send(&self, after: i64, most: u32) -> Result<Vec<Change>, LedgerError> {
        let rows = sqlx::query(
            "SELECT user.id, user.clerk_id, change.payload, user.content, change.content, user.password_at,
                 (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id)
             FROM change JOIN user ON user.id = change.user
             WHERE change.payload IS NOT NULL AND user.state IN ('created', 'adopted') AND user.wanted = 1 AND change.user > ?
             ORDER BY change.user LIMIT ?",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter().map(|row| self.change(row)).collect()
    }

    fn change(&self, row: &sqlx::sqlite::SqliteRow) -> Result<Change, LedgerError> {
        let id: i64 = row.get(0);
        let damaged = |what: &str| self.damaged(format!("{what} of entry {id} cannot be read"));
        let sent = self.content(id, &row.get::<Vec<u8>, _>(3))?;
        let hashes: Vec<String> = serde_json::from_str(row.get(6)).map_err(|_| damaged("an identifier"))?;
        let hash = |text: String| -> Option<IdentifierHash> { hex::decode(text).ok()?.try_into().ok() };
        Ok(Change {
            id,
            clerk_id: ClerkId::new(row.get::<String, _>(1)).map_err(|_| damaged("the Clerk ID"))?,
            // The error is not shown: it could quote the payload.
            user: serde_json::from_str(row.get(2)).map_err(|_| damaged("the payload"))?,
            parts: sent.differences(&self.content(id, &row.get::<Vec<u8>, _>(4))?),
            sent_identifiers: hashes.into_iter().filter_map(hash).collect(),
            password_at: row.get(5),
        })
    }

    /// Returns how many changes of the last pull are to be sent.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn count_changes_to_send(&self) -> Result<u64, LedgerError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM change JOIN user ON user.id = change.user
             WHERE change.payload IS NOT NULL AND user.state IN ('created', 'adopted') AND user.wanted = 1",
        )
        .fetch_one(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        Ok(count.unsigned_abs())
    }

    /// Records what became of changes. What was sent is what the user was last sent with from now on, and its payload is
    /// erased in the same transaction.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written: no further request may go out then.
    pub async fn record_updates(&self, updates: &[Updated]) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("record answers in");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        for Updated { id, end } in updates {
            match end {
                UpdateEnd::Sent { password_at, left } => {
                    self.record_sent(&mut transaction, *id, *password_at, left).await?;
                }
                UpdateEnd::Refused(failure) => {
                    let sql = "UPDATE change SET payload = NULL, reasons = ?, failed = 1 WHERE user = ?";
                    note_failure(&mut transaction, sql, *id, Some(failure)).await.map_err(&failed)?;
                }
                UpdateEnd::PutOff(failure) => {
                    let sql = "UPDATE change SET reasons = ?, failed = 1 WHERE user = ?";
                    note_failure(&mut transaction, sql, *id, failure.as_ref()).await.map_err(&failed)?;
                }
            }
        }
        transaction.commit().await.map_err(&failed)
    }

    async fn record_sent(
        &self,
        connection: &mut SqliteConnection,
        id: i64,
        password_at: Option<i64>,
        left: &[(Part, Reason)],
    ) -> Result<(), LedgerError> {
        let failed = self.failed("record answers in");
        let row = sqlx::query(
            "SELECT user.content, change.content, change.payload FROM change JOIN user ON user.id = change.user
             WHERE change.user = ? AND change.payload IS NOT NULL",
        )
        .bind(id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(&failed)?;
        let row = row.ok_or_else(|| self.damaged(format!("entry {id} has no change that could have been sent")))?;
        let not_sent: Vec<Part> = left.iter().map(|(part, _)| part.clone()).collect();
        let (before, now) = (row.get::<Vec<u8>, _>(0), row.get::<Vec<u8>, _>(1));
        let content = self.content(id, &before)?.advanced_to(&self.content(id, &now)?, &not_sent);
        sqlx::query("UPDATE user SET content = ?, password_at = COALESCE(?, password_at) WHERE id = ?")
            .bind(content.to_bytes())
            .bind(password_at)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(&failed)?;
        let user: ImportUser = serde_json::from_str(row.get(2))
            .map_err(|_| self.damaged(format!("the payload of entry {id} cannot be read")))?;
        self.replace_identifiers(connection, id, &user).await.map_err(&failed)?;
        if left.is_empty() {
            sqlx::query("DELETE FROM change WHERE user = ?").bind(id).execute(connection).await.map_err(&failed)?;
            return Ok(());
        }
        let reasons: Vec<&Reason> = left.iter().map(|(_, reason)| reason).collect();
        sqlx::query("UPDATE change SET payload = NULL, parts = ?, reasons = ?, failed = 0 WHERE user = ?")
            .bind(serde_json::json!(not_sent.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string())
            .bind(serde_json::json!(reasons).to_string())
            .bind(id)
            .execute(connection)
            .await
            .map_err(&failed)?;
        Ok(())
    }

    async fn replace_identifiers(
        &self,
        connection: &mut SqliteConnection,
        id: i64,
        user: &ImportUser,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM identifier WHERE user = ?").bind(id).execute(&mut *connection).await?;
        for identifier in user.identifiers() {
            sqlx::query("INSERT OR IGNORE INTO identifier (hash, user, kind) VALUES (?, ?, ?)")
                .bind(self.hash_key().identifier(&identifier).as_slice())
                .bind(id)
                .bind(identifier.kind.field())
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// Users adopted, or sent by a version that kept no parts, were sent with whatever the first pull after that brings. What an
/// earlier pull noted of users that this one brings is forgotten; of those it does not bring it stays, without the payload.
const PREPARE: &str = "
UPDATE user SET content = staged.content
    FROM staged WHERE staged.user_id = user.user_id AND user.content IS NULL AND user.state IN ('created', 'adopted');
DELETE FROM change WHERE user IN (SELECT user.id FROM user JOIN staged USING (user_id))
    OR user NOT IN (SELECT id FROM user WHERE state IN ('created', 'adopted'));
UPDATE change SET payload = NULL WHERE payload IS NOT NULL;";

const DIFFERING: &str = "
SELECT user.id, staged.id, user.content, staged.content FROM user JOIN staged USING (user_id)
WHERE user.state IN ('created', 'adopted') AND user.content IS NOT NULL AND staged.content IS NOT user.content
    AND user.id > ? ORDER BY user.id LIMIT ?";

async fn note_failure(
    connection: &mut SqliteConnection,
    sql: &'static str,
    id: i64,
    failure: Option<&Failure>,
) -> Result<(), sqlx::Error> {
    let reasons = failure.map(|failure| serde_json::json!([failure.reason]).to_string());
    sqlx::query(sql).bind(reasons).bind(id).execute(connection).await.map(drop)
}
