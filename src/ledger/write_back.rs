//! The Clerk IDs on their way back into the database.

use sqlx::{Connection, Row};

use super::entry::WriteBack;
use super::store::{Ledger, LedgerError};
use crate::record::ClerkId;

/// A Clerk ID to be written to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToWrite {
    /// The ledger's own number.
    pub id: i64,
    /// The value that finds the row.
    pub row_key: String,
    /// What to write.
    pub clerk_id: ClerkId,
}

impl Ledger {
    /// Lets the users of the last pull that are in Clerk wait for the write-back, except those whose row is known to bear the ID.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn ask_write_back(&self) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE user SET write_back = 'waiting', write_back_detail = NULL
             WHERE state IN ('created', 'adopted') AND write_back NOT IN ('waiting', 'written') AND wanted = 1",
        )
        .execute(&mut *self.connection().await)
        .await
        .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Lets every user that is in Clerk wait for the write-back, whoever the last pull brought, and even if the row was
    /// written before: it may have changed since.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn ask_write_back_of_all(&self) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE user SET write_back = 'waiting', write_back_detail = NULL, wanted = 1
             WHERE state IN ('created', 'adopted')",
        )
        .execute(&mut *self.connection().await)
        .await
        .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Returns how many users of the last pull are in Clerk and have a row that is not known to bear the ID.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn count_to_write(&self) -> Result<u64, LedgerError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM user WHERE state IN ('created', 'adopted') AND write_back <> 'written' AND wanted = 1",
        )
        .fetch_one(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        Ok(count.unsigned_abs())
    }

    /// Returns up to `most` waiting Clerk IDs. Recorded, they wait no more, so the next call brings others.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or a Clerk ID in it is damaged.
    pub async fn waiting(&self, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        let rows = sqlx::query(
            "SELECT id, COALESCE(row_key, user_id), clerk_id FROM user
             WHERE write_back = 'waiting' AND wanted = 1 ORDER BY id LIMIT ?",
        )
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter()
            .map(|row| {
                let id: i64 = row.get(0);
                let clerk_id = ClerkId::new(row.get::<String, _>(2))
                    .map_err(|error| self.damaged(format!("the Clerk ID of entry {id} {error}")))?;
                Ok(ToWrite { id, row_key: row.get(1), clerk_id })
            })
            .collect()
    }

    /// Records what became of Clerk IDs that waited, with a detail to show (the other ID, the database's refusal).
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn record_write_back(&self, results: &[(i64, WriteBack, Option<String>)]) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("record the write-back in");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        for (id, state, detail) in results {
            sqlx::query("UPDATE user SET write_back = ?, write_back_detail = ? WHERE id = ?")
                .bind(state.word())
                .bind(detail)
                .bind(id)
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }
}
