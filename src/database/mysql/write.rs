//! Adding the column and changing what it holds, on MySQL and MariaDB.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::MySql;
use super::failure::{is_syntax_error, write_failure};
use crate::database::error::WriteError;
use crate::database::inspect::Target;
use crate::database::sql::write::{BatchTable, WriteSql};
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
        let batch = BatchTable::of(target, items);
        let ready = self.take_ready(&batch).await;
        let (mut connection, is_filled) = match ready {
            Some(connection) => (connection, true),
            None => (self.connection().await.map_err(|error| Failure::Whole(error.into()))?, false),
        };
        let done = async {
            if !is_filled {
                // No row is asked for yet: whatever is waited for here concerns the table.
                fill(&mut connection, target, &batch, items).await.map_err(|error| write_failure(&error).of_all())?;
            }
            self.transaction(&mut connection, &batch, items.len(), &sql::write::mysql(target, &batch, mode)).await
        }
        .await;
        kill_point::reach(if items.is_empty() { Point::WriteRehearsed } else { Point::RowsUncommitted });
        let end = if done.is_ok() && !items.is_empty() { "COMMIT" } else { "ROLLBACK" };
        let ended = end_transaction(&mut connection, &batch, end).await;
        if ended.is_ok() {
            self.keep(connection).await;
        }
        let found = done?;
        ended.map_err(|error| write_failure(&error))?;
        Ok(found)
    }

    /// Fills the table of a batch that is to be written next, on a second connection: the first may be at work on the batch before
    /// it. Where that fails, the write itself does it, and tells. Returns whether there is a second connection at all.
    pub(in crate::database) async fn get_ready(&self, target: &Target, items: &[Item<'_>]) -> bool {
        self.forget_ready().await;
        let Ok(mut connection) = self.connection().await else { return false };
        let batch = BatchTable::of(target, items);
        if fill(&mut connection, target, &batch, items).await.is_ok() {
            self.ready.put(batch, connection).await;
        } else if leave(&mut connection, &batch).await.is_ok() {
            self.keep(connection).await;
        }
        true
    }

    /// Leaves the session of a batch that is not to be written now as it was, and keeps it for the next use.
    pub(in crate::database) async fn forget_ready(&self) {
        if let Some((batch, mut connection)) = self.ready.take_any().await
            && leave(&mut connection, &batch).await.is_ok()
        {
            self.keep(connection).await;
        }
    }

    /// Takes the connection on which the table of this very batch is filled, if it still stands.
    async fn take_ready(&self, batch: &BatchTable) -> Option<MySqlConnection> {
        let mut connection = self.ready.take(batch).await?;
        connection.ping().await.is_ok().then_some(connection)
    }

    async fn transaction(
        &self,
        connection: &mut MySqlConnection,
        batch: &BatchTable,
        items: usize,
        sql: &WriteSql,
    ) -> Result<Vec<Found>, Failure> {
        let failed = |error| write_failure(&error);
        if items > 0 && self.quick.load(Ordering::Relaxed) {
            run(connection, "START TRANSACTION").await.map_err(failed)?;
            match change_all(connection, sql, items).await.map_err(failed) {
                Ok(true) => return Ok(vec![Found::Done; items]),
                // With care, those that are locked, or need no change, are told from the others.
                Ok(false) | Err(Failure::Lock(_)) => run(connection, "ROLLBACK").await.map_err(failed)?,
                Err(other) => return Err(other),
            }
        }
        run(connection, "START TRANSACTION").await.map_err(failed)?;
        let before = self.read_free_rows(connection, &sql.before).await?;
        let ours: HashSet<usize> = before.iter().map(|(at, _)| *at).collect();
        let others: Vec<usize> = (0..items).filter(|at| !ours.contains(at)).collect();
        if !others.is_empty() {
            run(connection, sql::write::leave_out_mysql(batch, &others)).await.map_err(failed)?;
        }
        run(connection, sql.update.clone()).await.map_err(failed)?;
        let after = read(connection, sql.after.clone()).await.map_err(failed)?;
        let found = compare(items, before, after)?;
        self.quick.store(count_changed(&found) == items, Ordering::Relaxed);
        Ok(found)
    }

    /// Reads and locks the rows that nobody else holds locked. A server that cannot skip the others waits for them, and the
    /// failure is one of rows; then the batch is halved.
    async fn read_free_rows(&self, connection: &mut MySqlConnection, statement: &str) -> Result<Vec<Cell>, Failure> {
        if !self.cannot_skip_locked.load(Ordering::Relaxed) {
            match read(connection, statement.to_owned() + sql::write::SKIP_LOCKED_MYSQL).await {
                Err(error) if is_syntax_error(&error) => self.cannot_skip_locked.store(true, Ordering::Relaxed),
                read => return read.map_err(|error| write_failure(&error).of_all()),
            }
        }
        read(connection, statement.to_owned()).await.map_err(|error| write_failure(&error))
    }
}

async fn end_transaction(connection: &mut MySqlConnection, batch: &BatchTable, end: &str) -> sqlx::Result<()> {
    run(connection, end).await?;
    leave(connection, batch).await
}

/// Leaves the session as it was before the batch's table was filled.
async fn leave(connection: &mut MySqlConnection, batch: &BatchTable) -> sqlx::Result<()> {
    run(connection, sql::write::drop_batch_mysql(batch)).await?;
    run(connection, sql::write::USUAL_WAITS_MYSQL).await
}

/// Puts the batch into a temporary table, before the transaction, and shortens the session's waits.
async fn fill(
    connection: &mut MySqlConnection,
    target: &Target,
    batch: &BatchTable,
    items: &[Item<'_>],
) -> sqlx::Result<()> {
    run(connection, sql::write::SHORT_WAITS_MYSQL).await?;
    run(connection, sql::write::drop_batch_mysql(batch)).await?;
    run(connection, sql::write::batch_table_mysql(target, batch)).await?;
    let mut filled = 0;
    while filled < items.len() {
        let (insert, rows) = sql::write::fill_batch_mysql(batch, filled, &items[filled..]);
        run(connection, insert).await?;
        filled += rows;
    }
    // Where the server does not commit by itself, the session would hold on to the table that the key's type was read from.
    run(connection, "COMMIT").await
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
