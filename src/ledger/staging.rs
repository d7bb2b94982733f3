//! A pull on its way in: its users staged as they come, in a temporary database that nothing else looks at. SQLite keeps it in a
//! file without a name, which is gone with this process, however that ends.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::batch::Batch;
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};

impl Ledger {
    /// Makes room for a pull, and forgets whatever an earlier one left half done.
    ///
    /// # Errors
    /// [`LedgerError`], if there is no room for temporary files.
    pub async fn begin_pull(&self) -> Result<(), LedgerError> {
        self.forget_pull().await?;
        let mut connection = self.connection().await;
        make_room(&mut connection).await.map_err(self.failed("make room beside"))
    }

    /// Forgets what was staged: half a pull is of no use, and a merged one neither.
    ///
    /// # Errors
    /// [`LedgerError`], if the temporary file cannot be closed.
    pub async fn forget_pull(&self) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let attached = "SELECT EXISTS (SELECT 1 FROM pragma_database_list WHERE name = 'pull')";
        if sqlx::query_scalar(attached).fetch_one(&mut *connection).await.map_err(&failed)? {
            // A statement that is kept for later would hold on to it.
            connection.clear_cached_statements().await.map_err(&failed)?;
            sqlx::raw_sql("DETACH pull").execute(&mut *connection).await.map_err(&failed)?;
        }
        Ok(())
    }

    /// Stages users.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn stage(&self, batch: Batch) -> Result<(), LedgerError> {
        let failed = self.failed("write");
        let mut connection = self.connection().await;
        let mut transaction = connection.begin().await.map_err(&failed)?;
        batch.insert(&mut transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::BatchStaged);
        Ok(())
    }
}

/// Nothing of it must outlive a crash. A journal there is, because an index of user IDs that repeat cannot be made; it is a file without
/// a name, too, once it is of any size.
const STAGING: &str = "
ATTACH '' AS pull;
PRAGMA pull.journal_mode = DELETE;
PRAGMA pull.synchronous = OFF;
PRAGMA pull.secure_delete = OFF;
PRAGMA pull.cache_size = -4000;";

/// The tables that a pull goes into, and where it is staged for them.
const STAGED: [(&str, &str); 3] =
    [("user", "staged"), ("payload", "staged_payload"), ("identifier", "staged_identifier")];

/// Makes the tables of a pull: the ledger's own over again, so that a first pull can be copied as it is. A user's number is that
/// within the pull. The indexes that are not in this order are made by the merge, when all users are there.
async fn make_room(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(STAGING).execute(&mut *connection).await?;
    for (table, staged) in STAGED {
        let sql = "SELECT type, name, sql FROM main.sqlite_schema
             WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL
                 AND name NOT IN ('user_by_user_id', 'identifier_by_hash')
             ORDER BY type DESC";
        let own: Vec<(String, String, String)> = sqlx::query_as(sql).bind(table).fetch_all(&mut *connection).await?;
        for (kind, name, sql) in own {
            let definition = sql.find('(').map_or("", |start| &sql[start..]);
            let made = match kind.as_str() {
                "table" => format!("CREATE TABLE pull.{staged} {definition}"),
                _ if sql.starts_with("CREATE UNIQUE") => {
                    format!("CREATE UNIQUE INDEX pull.{name} ON {staged} {definition}")
                }
                _ => format!("CREATE INDEX pull.{name} ON {staged} {definition}"),
            };
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::ledger::merge::{INDEX_IDENTIFIERS, INDEX_USER_IDS};

    #[tokio::test]
    async fn a_first_pull_is_copied_record_by_record() {
        let ledger = Ledger::temporary(None).await.expect("a ledger");
        ledger.begin_pull().await.expect("a pull begins");
        let mut connection = ledger.connection().await;
        for sql in [INDEX_USER_IDS, INDEX_IDENTIFIERS] {
            sqlx::raw_sql(sql).execute(&mut *connection).await.expect("an index");
        }
        for (table, staged) in STAGED {
            let sql = AssertSqlSafe(format!("EXPLAIN INSERT INTO {table} SELECT * FROM {staged}"));
            let steps = sqlx::query(sql).fetch_all(&mut *connection).await.expect("a program");
            let copies = steps.iter().any(|step| matches!(step.get::<&str, _>("opcode"), "RowCell" | "RowData"));
            assert!(copies, "`{staged}` is no longer like `{table}`: SQLite takes its records apart");
        }
    }
}
