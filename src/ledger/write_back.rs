//! The Clerk IDs on their way back into the database.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Connection};

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

/// What became of a Clerk ID that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult {
    /// The ledger's own number.
    pub id: i64,
    /// Where it stands now; [`WriteBack::Waiting`] with a detail, if it was tried and is to be tried again.
    pub state: WriteBack,
    /// What to show: the other ID, the database's refusal.
    pub detail: Option<String>,
    /// Whether it was we who put the ID into the row, rather than finding it there.
    pub wrote: bool,
}

/// Clerk IDs that are read as one text. It is there several times while it is read.
const ROWS_A_PAGE: u32 = 2_000;

impl Ledger {
    /// Lets the users of the last pull that are in Clerk wait for the write-back, except those whose row is known to bear the ID.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn ask_write_back(&self) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE user SET write_back = 'waiting', write_back_detail = NULL
             WHERE state IN ('created', 'adopted') AND write_back <> 'written' AND wanted = 1
                 AND (write_back <> 'waiting' OR write_back_detail NOT NULL)",
        )
        .execute(&mut *self.connection().await)
        .await
        .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Returns how many users are in Clerk, whoever the last pull brought.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn count_in_clerk(&self) -> Result<u64, LedgerError> {
        let sql = "SELECT COUNT(*) FROM user WHERE state IN ('created', 'adopted')";
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&mut *self.connection().await).await.map_err(self.failed("read"))?;
        Ok(count.unsigned_abs())
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

    /// Returns up to `most` waiting Clerk IDs after the entry `after` that were not tried yet.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or a Clerk ID in it is damaged.
    pub async fn waiting(&self, after: i64, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        let new = "write_back = 'waiting' AND wanted = 1 AND write_back_detail IS NULL";
        self.to_write("clerk_id", new, after, most).await
    }

    /// Returns up to `most` Clerk IDs after the entry `after` that were tried and still wait.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or a Clerk ID in it is damaged.
    pub async fn waiting_again(&self, after: i64, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        let tried = "write_back = 'waiting' AND wanted = 1 AND write_back_detail NOT NULL";
        self.to_write("clerk_id", tried, after, most).await
    }

    /// Returns up to `most` Clerk IDs after the entry `after` of users that are in Clerk, whoever the last pull brought, and whatever
    /// is known of their rows: they may have changed since.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or a Clerk ID in it is damaged.
    pub async fn in_clerk(&self, after: i64, most: u32) -> Result<Vec<ToWrite>, LedgerError> {
        self.to_write("clerk_id", "state IN ('created', 'adopted')", after, most).await
    }

    /// Reads the Clerk IDs that stand in a column, with the keys of their rows: of users of whom a condition holds, after an entry, so
    /// many at most.
    pub(super) async fn to_write(
        &self,
        column: &'static str,
        condition: &'static str,
        after: i64,
        most: u32,
    ) -> Result<Vec<ToWrite>, LedgerError> {
        let sql = format!(
            "WITH page (id, row_key, clerk_id) AS (
                 SELECT id, COALESCE(row_key, user_id), {column} FROM user WHERE ({condition}) AND id > ?
                 ORDER BY id LIMIT CAST(? AS INTEGER))
             SELECT json_group_array(json_array(id, row_key, clerk_id)) FROM page"
        );
        let mut rows = Vec::with_capacity(most as usize);
        let (mut after, mut left) = (after, most);
        loop {
            let wanted = left.min(ROWS_A_PAGE);
            left -= wanted;
            let page = self.page(AssertSqlSafe(sql.clone()), after, wanted).await?;
            let page: Vec<(i64, String, String)> = self.read_page(&page)?;
            let read = page.len();
            for (id, row_key, clerk_id) in page {
                let clerk_id = ClerkId::new(clerk_id)
                    .map_err(|error| self.damaged(format!("the Clerk ID of entry {id} {error}")))?;
                rows.push(ToWrite { id, row_key, clerk_id });
                after = id;
            }
            if left == 0 || read < wanted as usize {
                return Ok(rows);
            }
        }
    }

    /// Records what became of Clerk IDs that were tried: as a whole, or not at all. Those that are to be tried again are found by
    /// [`Self::waiting_again`], whoever the last pull brought.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn record_write_back(&self, results: &[RowResult]) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("record the write-back in");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        // Most ended alike.
        let mut alike: HashMap<(&str, Option<&str>, bool), Vec<i64>> = HashMap::new();
        for RowResult { id, state, detail, wrote } in results {
            alike.entry((state.word(), detail.as_deref(), *wrote)).or_default().push(*id);
        }
        for ((state, detail, wrote), ids) in alike {
            let wanted = if state == WriteBack::Waiting.word() { ", wanted = 1" } else { "" };
            let record = format!(
                "UPDATE OR FAIL user SET write_back = ?, write_back_detail = ?, wrote = wrote OR ?{wanted} WHERE id"
            );
            let recorded = if let Some((first, last)) = without_gap(&ids) {
                // Found one after the other, and not one by one.
                let sql = format!("{record} BETWEEN ? AND ?");
                sqlx::query(AssertSqlSafe(sql)).bind(state).bind(detail).bind(wrote).bind(first).bind(last)
            } else {
                let sql = format!("{record} IN (SELECT value FROM json_each(?))");
                let ids = serde_json::json!(ids).to_string();
                sqlx::query(AssertSqlSafe(sql)).bind(state).bind(detail).bind(wrote).bind(ids)
            };
            recorded.execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }
}

/// Returns the first and the last of entries among which none is missing.
fn without_gap(ids: &[i64]) -> Option<(i64, i64)> {
    let (first, last) = (*ids.first()?, *ids.last()?);
    ids.iter().zip(first..).all(|(id, expected)| *id == expected).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_no_gap_if_each_follows_the_one_before() {
        for (ids, expected) in [
            (&[][..], None),
            (&[7], Some((7, 7))),
            (&[7, 8, 9], Some((7, 9))),
            (&[7, 9], None),
            (&[7, 9, 8, 10], None),
            (&[8, 7], None),
        ] {
            assert_eq!(without_gap(ids), expected, "{ids:?}");
        }
    }
}
