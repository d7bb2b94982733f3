//! Adding the column and changing what it holds, on MySQL and MariaDB.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::MySql;
use super::failure::{is_syntax_error, write_failure};
use crate::database::error::WriteError;
use crate::database::inspect::Target;
use crate::database::sql::write::WriteSql;
use crate::database::sql::{self, Job};
use crate::database::write::{Cell, Failure, Found, Item, Mode, compare, count_changed};
use crate::kill_point::{self, Point};

impl MySql {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        let mut connection = self.connection().await?;
        let mut failed = None;
        // Each ALTER commits by itself in MySQL.
        for step in sql::add_column_steps(target) {
            kill_point::reach(Point::ColumnStep);
            // The last one puts the session's timeout back, whatever happened.
            let skipped = failed.is_some() && step.job != Job::Frame;
            if !skipped && let Err(error) = run(&mut connection, step.sql).await {
                failed = failed.or(Some(error));
            }
        }
        if let Some(error) = failed {
            return Err(write_failure(&error).into_error());
        }
        self.keep(connection).await;
        Ok(())
    }

    /// Writes in one transaction. A batch of nothing is a rehearsal: what was not allowed would be refused, and it is taken back.
    pub(in crate::database) async fn write(
        &self,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let ready = self.take_ready(target, items).await;
        let is_filled = ready.is_some();
        let connection = match ready {
            Some(connection) => Ok(connection),
            None => self.connection().await,
        };
        let mut connection = connection.map_err(|error| Failure::Whole(error.into()))?;
        let done = self.transaction(&mut connection, target, items, mode, is_filled).await;
        kill_point::reach(if items.is_empty() { Point::WriteRehearsed } else { Point::RowsUncommitted });
        let end = if done.is_ok() && !items.is_empty() { "COMMIT" } else { "ROLLBACK" };
        let ended = end_transaction(&mut connection, target, end).await;
        if ended.is_ok() {
            self.keep(connection).await;
        }
        let found = done?;
        ended.map_err(|error| write_failure(&error))?;
        Ok(found)
    }

    /// Fills the table of a batch that is to be written next, on a second connection: the first may be at work on the batch before
    /// it. Where that fails, the write itself does it, and tells.
    pub(in crate::database) async fn get_ready(&self, target: &Target, items: &[Item<'_>]) {
        if items.is_empty() || self.is_alone.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut connection) = self.connection().await else {
            // To be refused again may take long.
            return self.is_alone.store(true, Ordering::Relaxed);
        };
        if fill(&mut connection, target, items).await.is_ok() {
            *self.ready.lock().await = Some(Ready { connection, batch: digest(items) });
        } else if leave(&mut connection, target).await.is_ok() {
            self.keep(connection).await;
        }
    }

    /// Takes the connection on which the table of this very batch is filled. One for another batch is kept for the next use.
    async fn take_ready(&self, target: &Target, items: &[Item<'_>]) -> Option<MySqlConnection> {
        let Ready { mut connection, batch } = self.ready.lock().await.take()?;
        if batch == digest(items) {
            return connection.ping().await.is_ok().then_some(connection);
        }
        if leave(&mut connection, target).await.is_ok() {
            self.keep(connection).await;
        }
        None
    }

    async fn transaction(
        &self,
        connection: &mut MySqlConnection,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
        is_filled: bool,
    ) -> Result<Vec<Found>, Failure> {
        let sql = sql::write::mysql(target, mode);
        let failed = |error| write_failure(&error);
        if !is_filled {
            // No row is asked for yet: whatever is waited for here concerns the table.
            fill(connection, target, items).await.map_err(|error| failed(error).of_all())?;
        }
        if !items.is_empty() && self.quick.load(Ordering::Relaxed) {
            run(connection, "START TRANSACTION").await.map_err(failed)?;
            match change_all(connection, &sql, items.len()).await.map_err(failed) {
                Ok(true) => return Ok(vec![Found::Done; items.len()]),
                // With care, those that are locked, or need no change, are told from the others.
                Ok(false) | Err(Failure::Lock(_)) => run(connection, "ROLLBACK").await.map_err(failed)?,
                Err(other) => return Err(other),
            }
        }
        run(connection, "START TRANSACTION").await.map_err(failed)?;
        let before = self.read_free_rows(connection, sql.before).await?;
        let ours: HashSet<usize> = before.iter().map(|(at, _)| *at).collect();
        let others: Vec<usize> = (0..items.len()).filter(|at| !ours.contains(at)).collect();
        if !others.is_empty() {
            run(connection, sql::write::leave_out_mysql(target, &others)).await.map_err(failed)?;
        }
        run(connection, sql.update).await.map_err(failed)?;
        let after = read(connection, sql.after).await.map_err(failed)?;
        let found = compare(items.len(), before, after)?;
        self.quick.store(count_changed(&found) == items.len(), Ordering::Relaxed);
        Ok(found)
    }

    /// Reads and locks the rows that nobody else holds locked. A server that cannot skip the others waits for them, and the
    /// failure is one of rows; then the batch is halved.
    async fn read_free_rows(&self, connection: &mut MySqlConnection, statement: String) -> Result<Vec<Cell>, Failure> {
        if !self.cannot_skip_locked.load(Ordering::Relaxed) {
            match read(connection, statement.clone() + sql::write::SKIP_LOCKED_MYSQL).await {
                Err(error) if is_syntax_error(&error) => self.cannot_skip_locked.store(true, Ordering::Relaxed),
                read => return read.map_err(|error| write_failure(&error).of_all()),
            }
        }
        read(connection, statement).await.map_err(|error| write_failure(&error))
    }
}

/// A batch whose table is filled on a connection, with the short waits that it is written with.
#[derive(Debug)]
pub(super) struct Ready {
    connection: MySqlConnection,
    /// Tells it from every other batch.
    batch: blake3::Hash,
}

fn digest(items: &[Item<'_>]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for Item { key, id } in items {
        for text in [key.text().as_str(), id] {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize()
}

async fn end_transaction(connection: &mut MySqlConnection, target: &Target, end: &str) -> sqlx::Result<()> {
    run(connection, end).await?;
    leave(connection, target).await
}

/// Leaves the session as it was before the batch's table was filled.
async fn leave(connection: &mut MySqlConnection, target: &Target) -> sqlx::Result<()> {
    run(connection, sql::write::drop_batch_mysql(target)).await?;
    run(connection, sql::write::USUAL_WAITS_MYSQL).await
}

/// Puts the batch into a temporary table, before the transaction, and shortens the session's waits.
async fn fill(connection: &mut MySqlConnection, target: &Target, items: &[Item<'_>]) -> sqlx::Result<()> {
    run(connection, sql::write::SHORT_WAITS_MYSQL).await?;
    run(connection, sql::write::drop_batch_mysql(target)).await?;
    run(connection, sql::write::batch_table_mysql(target)).await?;
    let mut filled = 0;
    while filled < items.len() {
        let (insert, rows) = sql::write::fill_batch_mysql(target, filled, &items[filled..]);
        run(connection, insert).await?;
        filled += rows;
    }
    Ok(())
}

/// Changes so many rows in one statement, and returns whether all of them were changed and hold what they should.
async fn change_all(connection: &mut MySqlConnection, sql: &WriteSql, rows: usize) -> sqlx::Result<bool> {
    let changed = sqlx::raw_sql(AssertSqlSafe(sql.update.clone())).execute(&mut *connection).await?.rows_affected();
    if changed != rows as u64 {
        return Ok(false);
    }
    let right: i64 = sqlx::raw_sql(AssertSqlSafe(sql.told.clone())).fetch_one(connection).await?.try_get(0)?;
    Ok(right.unsigned_abs() == changed)
}

/// Reads without preparing the statement: closing it would not be answered, and what is sent next would wait for 40 ms, until the
/// server acknowledges the packet all the same.
async fn read(connection: &mut MySqlConnection, statement: String) -> sqlx::Result<Vec<Cell>> {
    let rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch_all(connection).await?;
    rows.iter().map(cell).collect()
}

fn cell(row: &MySqlRow) -> sqlx::Result<Cell> {
    let at = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX);
    let held: Option<Vec<u8>> = row.try_get_unchecked(1)?;
    Ok((at, held.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())))
}

async fn run(connection: &mut MySqlConnection, statement: impl Into<String>) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(connection).await.map(|_| ())
}
