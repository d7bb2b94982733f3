//! Users in Clerk whose rows changed since they were sent: noted by each pull, sent by `--update`, and recorded.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::entry::Failure;
use super::merge::{Extent, Terms};
use super::queue::hashes;
use super::store::{Ledger, LedgerError};
use crate::record::duplicates::IdentifierHash;
use crate::record::{Attribute, ClerkId, Content, Identifier, IdentifierKind, ImportUser, Part, Reason};

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
    /// The hashes of the identifiers that the row had when it was last sent.
    pub known_identifiers: HashSet<IdentifierHash>,
    /// Whether those are in Clerk because we sent them: not of a user who was there before.
    pub ours: bool,
    /// When the password we sent was set, by Clerk's clock; `None` if we know of none.
    pub password_at: Option<i64>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The entry.
    pub id: i64,
    /// The parts that Clerk has by now, however it ended.
    pub sent: Vec<Part>,
    /// Addresses, numbers and usernames that Clerk has by now.
    pub added: Vec<Identifier>,
    /// Addresses and numbers that were taken away.
    pub removed: Vec<Identifier>,
    /// How it ended.
    pub end: UpdateEnd,
}

/// How sending a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateEnd {
    /// Everything was sent that an endpoint carries; what was not, with the reasons.
    Sent(Vec<(Part, Reason)>),
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
        terms: &Terms,
    ) -> Result<u64, LedgerError> {
        let failed = self.failed("merge the pull into");
        let forget = if terms.extent == Extent::Whole { "DELETE FROM change" } else { FORGET_BROUGHT };
        for sql in [FIRST_CONTENT, forget, "UPDATE change SET payload = NULL"] {
            sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(&failed)?;
        }
        let mut offered = terms.offered.clone().map(HashSet::from_iter);
        let (mut after, mut changed) = (0_i64, 0);
        loop {
            let rows = sqlx::query(DIFFERING).bind(after).bind(PAGE).fetch_all(&mut *connection).await;
            let rows = rows.map_err(&failed)?;
            let Some(last) = rows.last() else { return Ok(changed) };
            after = last.get(0);
            for row in &rows {
                let mut parts = self.parts_between(row)?;
                if parts.iter().any(|(_, gone)| *gone) {
                    if offered.is_none() {
                        offered = Some(self.offered(&mut *connection).await?);
                    }
                    let offered = offered.as_ref();
                    parts.retain(|(part, gone)| {
                        !gone || offered.is_some_and(|offered| offered.contains(&part.attribute))
                    });
                }
                let is_refused = row.get::<Option<Vec<u8>>, _>(3).is_none();
                if parts.is_empty() && !is_refused {
                    continue;
                }
                changed += 1;
                sqlx::query(
                    "INSERT INTO change (user, parts, content, payload, reasons)
                     SELECT ?, ?, content, CASE WHEN ? THEN text END, reasons
                     FROM staged LEFT JOIN staged_payload ON staged_payload.user = staged.id WHERE staged.id = ?",
                )
                .bind(row.get::<i64, _>(0))
                .bind(serde_json::json!(parts.iter().map(|(part, _)| part.to_string()).collect::<Vec<_>>()).to_string())
                .bind(terms.update)
                .bind(row.get::<i64, _>(1))
                .execute(&mut *connection)
                .await
                .map_err(&failed)?;
            }
        }
    }

    /// What differs, and whether the row has it no more. A row that our checks refuse now has no content of which something could be
    /// said.
    fn parts_between(&self, row: &sqlx::sqlite::SqliteRow) -> Result<Vec<(Part, bool)>, LedgerError> {
        let Some(now) = row.get::<Option<Vec<u8>>, _>(3) else { return Ok(Vec::new()) };
        let now = self.content(row.get(0), &now)?;
        let parts = self.content(row.get(0), &row.get::<Vec<u8>, _>(2))?.differences(&now);
        Ok(parts.into_iter().map(|part| (part.clone(), !now.has(&part))).collect())
    }

    /// The attributes that any staged user has. One that nobody has is probably not in the users file any more, which is no change.
    async fn offered(&self, connection: &mut SqliteConnection) -> Result<HashSet<Attribute>, LedgerError> {
        let failed = self.failed("merge the pull into");
        let (mut after, mut offered) = (0_i64, HashSet::new());
        loop {
            let rows =
                sqlx::query("SELECT id, content FROM staged WHERE content IS NOT NULL AND id > ? ORDER BY id LIMIT ?")
                    .bind(after)
                    .bind(PAGE)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(&failed)?;
            let Some(last) = rows.last() else { return Ok(offered) };
            after = last.get(0);
            for row in &rows {
                offered.extend(self.content(row.get(0), &row.get::<Vec<u8>, _>(1))?.attributes());
            }
        }
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
            "SELECT user.id, user.clerk_id, change.payload, change.parts, user.content, change.content, user.password_at,
                 (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id),
                 user.state = 'created'
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
        let noted: Vec<String> = serde_json::from_str(row.get(3)).map_err(|_| damaged("a change"))?;
        let sent = self.content(id, &row.get::<Vec<u8>, _>(4))?;
        let mut parts = sent.differences(&self.content(id, &row.get::<Vec<u8>, _>(5))?);
        parts.retain(|part| noted.contains(&part.to_string()));
        Ok(Change {
            id,
            clerk_id: ClerkId::new(row.get::<String, _>(1)).map_err(|_| damaged("the Clerk ID"))?,
            // The error is not shown: it could quote the payload.
            user: serde_json::from_str(row.get(2)).map_err(|_| damaged("the payload"))?,
            parts,
            known_identifiers: hashes(row.get(7)).ok_or_else(|| damaged("an identifier"))?,
            ours: row.get(8),
            password_at: row.get(6),
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

    /// Notes that the password of a user was set by us, at this time by Clerk's clock.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written: no further request may go out then.
    pub async fn note_password(&self, id: i64, password_at: Option<i64>) -> Result<(), LedgerError> {
        sqlx::query("UPDATE user SET password_at = ? WHERE id = ?")
            .bind(password_at)
            .bind(id)
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("record answers in"))?;
        Ok(())
    }

    /// Forgets the payloads of changes that were not sent: the next pull brings them anew. Every end of a run calls it.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn forget_change_payloads(&self) -> Result<(), LedgerError> {
        sqlx::query("UPDATE change SET payload = NULL WHERE payload IS NOT NULL")
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("write"))?;
        Ok(())
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
        for updated in updates {
            self.advance(&mut transaction, updated).await?;
            self.record_identifiers(&mut transaction, updated).await.map_err(&failed)?;
            record_end(&mut transaction, updated).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Lets the parts that Clerk has by now be what the user was last sent with.
    async fn advance(&self, connection: &mut SqliteConnection, updated: &Updated) -> Result<(), LedgerError> {
        let failed = self.failed("record answers in");
        let row = sqlx::query(
            "SELECT user.content, change.content FROM change JOIN user ON user.id = change.user WHERE change.user = ?",
        )
        .bind(updated.id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(&failed)?;
        let row = row.ok_or_else(|| self.damaged(format!("entry {} has no change that could be sent", updated.id)))?;
        let before = self.content(updated.id, &row.get::<Vec<u8>, _>(0))?;
        let now = self.content(updated.id, &row.get::<Vec<u8>, _>(1))?;
        let mut not_sent = before.differences(&now);
        not_sent.retain(|part| !updated.sent.contains(part));
        sqlx::query("UPDATE user SET content = ? WHERE id = ?")
            .bind(before.advanced_to(&now, &not_sent).to_bytes())
            .bind(updated.id)
            .execute(connection)
            .await
            .map_err(&failed)?;
        Ok(())
    }

    async fn record_identifiers(
        &self,
        connection: &mut SqliteConnection,
        updated: &Updated,
    ) -> Result<(), sqlx::Error> {
        let key = self.hash_key();
        if updated.sent.contains(&Attribute::Username.into()) {
            sqlx::query("DELETE FROM identifier WHERE user = ? AND kind = ?")
                .bind(updated.id)
                .bind(IdentifierKind::Username.field())
                .execute(&mut *connection)
                .await?;
        }
        for identifier in &updated.removed {
            sqlx::query("DELETE FROM identifier WHERE user = ? AND hash = ?")
                .bind(updated.id)
                .bind(key.identifier(identifier).as_slice())
                .execute(&mut *connection)
                .await?;
        }
        for identifier in &updated.added {
            sqlx::query("INSERT OR IGNORE INTO identifier (hash, user, kind) VALUES (?, ?, ?)")
                .bind(key.identifier(identifier).as_slice())
                .bind(updated.id)
                .bind(identifier.kind.field())
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

async fn record_end(connection: &mut SqliteConnection, updated: &Updated) -> Result<(), sqlx::Error> {
    let (sql, reasons): (&'static str, Vec<&Reason>) = match &updated.end {
        UpdateEnd::Sent(left) if left.is_empty() => {
            sqlx::query("DELETE FROM change WHERE user = ?").bind(updated.id).execute(connection).await?;
            return Ok(());
        }
        UpdateEnd::Sent(left) => {
            let parts: Vec<String> = left.iter().map(|(part, _)| part.to_string()).collect();
            sqlx::query("UPDATE change SET parts = ? WHERE user = ?")
                .bind(serde_json::json!(parts).to_string())
                .bind(updated.id)
                .execute(&mut *connection)
                .await?;
            let reasons = left.iter().map(|(_, reason)| reason).collect();
            ("UPDATE change SET payload = NULL, reasons = ?, failed = 0 WHERE user = ?", reasons)
        }
        UpdateEnd::Refused(failure) => {
            ("UPDATE change SET payload = NULL, reasons = ?, failed = 1 WHERE user = ?", vec![&failure.reason])
        }
        UpdateEnd::PutOff(failure) => {
            let reasons = failure.iter().map(|failure| &failure.reason).collect();
            ("UPDATE change SET reasons = ?, failed = 1 WHERE user = ?", reasons)
        }
    };
    let reasons = serde_json::json!(reasons).to_string();
    sqlx::query(sql).bind(reasons).bind(updated.id).execute(connection).await.map(drop)
}

/// Users adopted, or sent by a version that kept no parts, were sent with whatever the first pull after that brings.
const FIRST_CONTENT: &str = "
UPDATE user SET content = staged.content
    FROM met CROSS JOIN staged ON staged.id = met.staged
    WHERE user.id = met.user AND user.content IS NULL AND user.state IN ('created', 'adopted')";

/// A part of the source says nothing of users that it does not bring.
const FORGET_BROUGHT: &str = "
DELETE FROM change WHERE user IN (SELECT user FROM met)
    OR user NOT IN (SELECT id FROM user WHERE state IN ('created', 'adopted'))";

const DIFFERING: &str = "
SELECT user.id, staged.id, user.content, staged.content
FROM met CROSS JOIN user ON user.id = met.user CROSS JOIN staged ON staged.id = met.staged
WHERE user.state IN ('created', 'adopted') AND user.content IS NOT NULL AND staged.content IS NOT user.content
    AND staged.skipped = 0 AND met.user > ? ORDER BY met.user LIMIT ?";
