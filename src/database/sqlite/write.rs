//! Adding the column and changing what it holds, on SQLite.

use std::sync::atomic::Ordering;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::Sqlite;
use super::failure::write_failure;
use crate::database::error::WriteError;
use crate::database::inspect::Target;
use crate::database::key::Key;
use crate::database::ready::BatchDigest;
use crate::database::sql;
use crate::database::write::{Cell, Failure, Found, Item, Mode, compare, count_changed};
use crate::kill_point::{self, Point};

/// Rows of one INSERT into the batch's table: enough that most of the time goes into the rows, few enough that the statement is small.
const ROWS_PER_INSERT: usize = 500;

impl Sqlite {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        let mut connection = self.connection().await?;
        for step in sql::add_column_steps(target) {
            kill_point::reach(Point::ColumnStep);
            run(&mut connection, step.sql).await.map_err(|error| write_failure(&error).into_error())?;
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
        let ready = self.ready.take(&BatchDigest::of(target, items)).await;
        let (mut connection, is_filled) = match ready {
            Some(connection) => (connection, true),
            None => (self.connection().await.map_err(|error| Failure::Whole(error.into()))?, false),
        };
        let done = async {
            if !is_filled {
                fill(&mut connection, items).await.map_err(|error| write_failure(&error))?;
            }
            self.transaction(&mut connection, target, items, mode).await
        }
        .await;
        kill_point::reach(if items.is_empty() { Point::WriteRehearsed } else { Point::RowsUncommitted });
        let end = if done.is_ok() && !items.is_empty() { "COMMIT" } else { "ROLLBACK" };
        let ended = run(&mut connection, end).await;
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
        if fill(&mut connection, items).await.is_ok() {
            self.ready.put(BatchDigest::of(target, items), connection).await;
        }
        true
    }

    /// Keeps the connection of a batch that is not to be written now for the next use, which empties the batch's table.
    pub(in crate::database) async fn forget_ready(&self) {
        if let Some((_, connection)) = self.ready.take_any().await {
            self.keep(connection).await;
        }
    }

    async fn transaction(
        &self,
        connection: &mut SqliteConnection,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let failed = |error| write_failure(&error);
        if !items.is_empty() && self.quick.load(Ordering::Relaxed) {
            let at_work = begin(connection, target).await.map_err(failed)?;
            if change_all(connection, target, mode, at_work, items.len()).await.map_err(failed)? {
                return Ok(vec![Found::Done; items.len()]);
            }
            run(connection, "ROLLBACK").await.map_err(failed)?;
        }
        let at_work = begin(connection, target).await.map_err(failed)?;
        let sql = sql::write::sqlite(target, mode, at_work.or_abort);
        let before = read(connection, sql.before).await.map_err(failed)?;
        run(connection, sql.update).await.map_err(failed)?;
        let after = read(connection, sql.after).await.map_err(failed)?;
        let found = compare(items.len(), before, after)?;
        self.quick.store(count_changed(&found) == items.len(), Ordering::Relaxed);
        Ok(found)
    }
}

/// What a change of the table has to heed.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct AtWork {
    /// Whether a change says itself that it fails at a conflict. That would hold for what triggers do as well, and an
    /// `INSERT OR IGNORE` of theirs would fail; so where there are any, it is said only if it must be.
    or_abort: bool,
    /// Whether rows that a change was told to have changed may hold something else.
    may_change_once_more: bool,
    /// Whether rows have a place, `rowid`, of which no column takes the name.
    has_rowid: bool,
}

/// Begins a transaction that nobody else's can come between.
async fn begin(connection: &mut SqliteConnection, target: &Target) -> sqlx::Result<AtWork> {
    run(connection, "BEGIN IMMEDIATE").await?;
    sqlx::query_as(sql::write::AT_WORK_SQLITE).bind(&target.table.table).fetch_one(connection).await
}

/// Changes so many rows, and returns whether all of them were changed and hold what they should. Where nothing can change them
/// once more, they are not looked at again, which takes as long as the change does.
async fn change_all(
    connection: &mut SqliteConnection,
    target: &Target,
    mode: Mode,
    at_work: AtWork,
    rows: usize,
) -> sqlx::Result<bool> {
    let rows = rows as u64;
    // A row that is changed twice would count as two: by two keys that it answers to, or because a trigger takes the change back.
    let together = at_work.has_rowid && mode != Mode::Replace && !at_work.may_change_once_more;
    let mut changed = if together { change_together(connection, target, mode, at_work, rows).await? } else { 0 };
    let sql = sql::write::sqlite(target, mode, at_work.or_abort);
    if changed < rows {
        changed += sqlx::raw_sql(AssertSqlSafe(sql.update)).execute(&mut *connection).await?.rows_affected();
    }
    if changed != rows {
        return Ok(false);
    }
    if !at_work.may_change_once_more {
        return Ok(true);
    }
    let told = sqlx::query_scalar(AssertSqlSafe(sql.told)).persistent(false);
    let right: i64 = told.fetch_one(connection).await?;
    Ok(right.unsigned_abs() == changed)
}

/// Changes rows that lie together, if they do: users come in the order of the table, as a rule, and then the first and the last
/// of a batch say where the others are. Returns how many were changed.
async fn change_together(
    connection: &mut SqliteConnection,
    target: &Target,
    mode: Mode,
    at_work: AtWork,
    rows: u64,
) -> sqlx::Result<u64> {
    let places = sqlx::query_as(AssertSqlSafe(sql::write::places_sqlite(target))).persistent(false);
    let last = i64::try_from(rows).unwrap_or(i64::MAX) - 1;
    let (first, last): (Option<i64>, Option<i64>) = places.bind(0).bind(last).fetch_one(&mut *connection).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(0) };
    // Others may lie between them; where they are many, looking each up is quicker.
    if last.abs_diff(first) >= rows * 2 {
        return Ok(0);
    }
    let update = sql::write::update_between_places_sqlite(target, mode, at_work.or_abort);
    let update = sqlx::query(AssertSqlSafe(update)).persistent(false).bind(first).bind(last);
    Ok(update.execute(connection).await?.rows_affected())
}

/// Puts the batch into the batch's table. Nobody is kept waiting meanwhile: that table is our own.
async fn fill(connection: &mut SqliteConnection, items: &[Item<'_>]) -> sqlx::Result<()> {
    run(connection, sql::write::BATCH_TABLE_SQLITE).await?;
    run(connection, "BEGIN").await?;
    run(connection, sql::write::EMPTY_BATCH_SQLITE).await?;
    let mut number = 0;
    for chunk in items.chunks(ROWS_PER_INSERT) {
        let insert = AssertSqlSafe(sql::write::fill_batch_sqlite(chunk.len()));
        let mut insert = sqlx::query(insert).persistent(chunk.len() == ROWS_PER_INSERT);
        for item in chunk {
            insert = insert.bind(number).bind(item.id);
            number += 1_i64;
            insert = match item.key {
                Key::Text(text) => insert.bind(text),
                Key::Integer(integer) => insert.bind(i64::try_from(*integer).ok()),
                Key::Binary(bytes) => insert.bind(bytes),
            };
        }
        insert.execute(&mut *connection).await?;
    }
    run(connection, "COMMIT").await
}

async fn read(connection: &mut SqliteConnection, statement: String) -> sqlx::Result<Vec<Cell>> {
    let rows = sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch_all(connection).await?;
    rows.iter().map(cell).collect()
}

fn cell(row: &SqliteRow) -> sqlx::Result<Cell> {
    let at = usize::try_from(row.try_get_unchecked::<i64, _>(0)?).unwrap_or(usize::MAX);
    let held: Option<Vec<u8>> = row.try_get_unchecked(1)?;
    Ok((at, held.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())))
}

async fn run(connection: &mut SqliteConnection, statement: impl Into<String>) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(connection).await.map(|_| ())
}
