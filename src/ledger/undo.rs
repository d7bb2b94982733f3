//! What can be taken back: the users this ledger created or took over, and the Clerk IDs it wrote.

use sqlx::{Connection, Row};

use super::entry::{Event, State};
use super::queue::{Sent, hashes};
use super::store::{Ledger, LedgerError};
use super::write_back::ToWrite;
use crate::record::{ClerkId, Content, UserId};

/// A user that is not known to be in Clerk, and of whom a request without a clear answer may have made one.
#[derive(Debug, Clone)]
pub struct Doubtful {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The user ID.
    pub user_id: UserId,
    /// Whether a create request may have made it; else it may only have been taken over.
    pub in_doubt: bool,
    /// What the requests carried, and when.
    pub sent: Sent,
    /// What the user was to be made with, as far as it is known still.
    pub content: Option<Content>,
    /// The Clerk user that was about to be taken over.
    pub link_to: Option<String>,
}

/// A user who came to light in Clerk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameToLight {
    /// The entry.
    pub id: i64,
    /// The Clerk user.
    pub clerk_id: ClerkId,
    /// Whether it was there before, and was taken over; else a request of ours made it.
    pub linked: bool,
}

/// A user that this ledger created or took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoable {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The user ID.
    pub user_id: UserId,
    /// The Clerk user.
    pub clerk_id: ClerkId,
}

impl Ledger {
    /// Returns up to `most` users after the entry `after` whom a request without a clear answer may have made.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or something in it is damaged.
    pub async fn doubtful(&self, after: i64, most: u32) -> Result<Vec<Doubtful>, LedgerError> {
        let rows = sqlx::query(
            "SELECT id, user_id, (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id), link_to,
                 in_doubt, first_sent_at, last_sent_at, content
             FROM user
             WHERE (in_doubt = 1 OR link_to IS NOT NULL) AND clerk_id IS NULL AND user_id IS NOT NULL AND id > ?
             ORDER BY id LIMIT ?",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter()
            .map(|row| {
                let id: i64 = row.get(0);
                let damaged = |what: &str| self.damaged(format!("{what} of entry {id} cannot be read"));
                let identifiers = hashes(row.get(2)).ok_or_else(|| damaged("an identifier"))?;
                let user_id = UserId::new(row.get::<String, _>(1)).map_err(|_| damaged("the user ID"))?;
                Ok(Doubtful {
                    id,
                    user_id,
                    in_doubt: row.get(4),
                    sent: Sent { identifiers, first_at: row.get(5), last_at: row.get(6) },
                    content: row.get::<Option<Vec<u8>>, _>(7).and_then(|bytes| Content::from_bytes(&bytes)),
                    link_to: row.get(3),
                })
            })
            .collect()
    }

    /// Records users of whom it was not known that Clerk has them.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn record_come_to_light(&self, users: &[CameToLight]) -> Result<(), LedgerError> {
        debug_assert_eq!(State::Gone.after(Event::CameToLight), Some(State::Created));
        let mut connection = self.connection().await;
        let failed = self.failed("record answers in");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        for user in users {
            sqlx::query(
                "UPDATE user SET state = CASE WHEN ? THEN 'adopted' ELSE 'created' END, linked = ?, clerk_id = ?,
                     reasons = NULL, skipped = 0
                 WHERE id = ? AND clerk_id IS NULL",
            )
            .bind(user.linked)
            .bind(user.linked)
            .bind(user.clerk_id.as_str())
            .bind(user.id)
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Returns up to `most` users after the entry `after` that Clerk made on our request.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or something in it is damaged.
    pub async fn created(&self, after: i64, most: u32) -> Result<Vec<Undoable>, LedgerError> {
        let sql = "SELECT id, user_id, clerk_id FROM user WHERE state = 'created' AND id > ? ORDER BY id LIMIT ?";
        self.undoable(sql, after, most).await
    }

    /// Returns up to `most` users after the entry `after` that were in Clerk before and were taken over.
    ///
    /// # Errors
    /// As [`Self::created`].
    pub async fn linked(&self, after: i64, most: u32) -> Result<Vec<Undoable>, LedgerError> {
        let sql = "SELECT id, user_id, clerk_id FROM user WHERE state = 'adopted' AND linked = 1 AND id > ? ORDER BY id LIMIT ?";
        self.undoable(sql, after, most).await
    }

    async fn undoable(&self, sql: &'static str, after: i64, most: u32) -> Result<Vec<Undoable>, LedgerError> {
        let rows = sqlx::query(sql).bind(after).bind(most).fetch_all(&mut *self.connection().await).await;
        let rows = rows.map_err(self.failed("read"))?;
        rows.iter()
            .map(|row| {
                let id: i64 = row.get(0);
                let damaged = |what: &str| self.damaged(format!("{what} of entry {id} cannot be read"));
                let user_id = UserId::new(row.get::<String, _>(1)).map_err(|_| damaged("the user ID"))?;
                let clerk_id = ClerkId::new(row.get::<String, _>(2)).map_err(|_| damaged("the Clerk ID"))?;
                Ok(Undoable { id, user_id, clerk_id })
            })
            .collect()
    }

    /// Records that users were deleted from Clerk, or given back. What is known of their rows stays, for emptying the column.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn record_undone(&self, ids: &[i64]) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("record answers in");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        sqlx::query(
            "UPDATE user SET state = 'deleted', vanished = 0, content = NULL,
                 write_back = CASE WHEN write_back = 'waiting' THEN 'none' ELSE write_back END
             WHERE (state = 'created' OR state = 'adopted' AND linked = 1) AND id IN (SELECT value FROM json_each(?))",
        )
        .bind(serde_json::json!(ids).to_string())
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        // A change that was to be sent holds a digest.
        sqlx::query("DELETE FROM change WHERE user IN (SELECT id FROM user WHERE state = 'deleted')")
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    /// Returns up to `most` Clerk IDs that users had before they were deleted and created anew.
    ///
    /// # Errors
    /// As [`Self::created`].
    pub async fn former_ids(&self, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        self.to_write("former_clerk_id", "former_clerk_id IS NOT NULL", 0, most).await
    }

    /// Records that these rows bear no former Clerk ID any more.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn forget_former_ids(&self, ids: &[i64]) -> Result<(), LedgerError> {
        sqlx::query("UPDATE user SET former_clerk_id = NULL WHERE id IN (SELECT value FROM json_each(?))")
            .bind(serde_json::json!(ids).to_string())
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("record the write-back in"))?;
        Ok(())
    }

    /// Returns up to `most` Clerk IDs after the entry `after` that may stand in rows because we wrote them: those of users who were
    /// deleted again (also where a crash came before the write was recorded), and those of users who were in Clerk before us.
    /// Users we made who are in Clerk still keep theirs.
    ///
    /// # Errors
    /// As [`Self::created`].
    pub async fn written_ids(&self, after: i64, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        let ours = "state = 'deleted' AND clerk_id IS NOT NULL OR state = 'adopted' AND wrote = 1";
        self.to_write("clerk_id", ours, after, most).await
    }

    /// Records that these rows bear no Clerk ID of ours any more.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn record_cleared(&self, ids: &[i64]) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE user SET write_back = 'none', write_back_detail = NULL, wrote = 0
             WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(serde_json::json!(ids).to_string())
        .execute(&mut *self.connection().await)
        .await
        .map_err(self.failed("record the write-back in"))?;
        Ok(())
    }
}
