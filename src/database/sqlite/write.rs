//! Adding the column and writing IDs, on SQLite.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::Sqlite;
use super::failure::write_failure;
use crate::database::Access;
use crate::database::error::{TargetError, WriteError};
use crate::database::inspect::Target;
use crate::database::sql;
use crate::database::write::{Failure, Found, Item, Key, all_still_there};
use crate::kill_point::{self, Point};

/// Rows of one INSERT into the batch's table: three parameters each, of the 32,766 that a statement takes.
const ROWS_PER_INSERT: usize = 10_000;

impl Sqlite {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        self.must_write()?;
        // What is there now counts, not what was there when the target was shown.
        let now = self.inspect(&target.table, &target.key, &target.column).await.map_err(|error| match error {
            TargetError::Query(crate::database::QueryError::Connect(error)) => WriteError::Connect(error),
            other => WriteError::Refused(other.to_string()),
        })?;
        let mut connection = self.connection().await?;
        for step in sql::add_column_steps(&now) {
            kill_point::reach(Point::ColumnStep);
            if let Err(error) = run(&mut connection, step.sql).await {
                return Err(match write_failure(&error) {
                    Failure::Whole(error) => error,
                    Failure::Row(why) => WriteError::Refused(why),
                });
            }
        }
        self.keep(connection).await;
        Ok(())
    }

    pub(in crate::database) async fn write(
        &self,
        target: &Target,
        items: &[Item],
        overwrite: bool,
    ) -> Result<Vec<Option<Found>>, Failure> {
        self.must_write().map_err(Failure::Whole)?;
        let mut connection = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        // A connection on which anything fails is dropped, and its transaction with it.
        let found =
            transaction(&mut connection, target, items, overwrite).await.map_err(|error| write_failure(&error))?;
        all_still_there(&found)?;
        kill_point::reach(Point::RowsUncommitted);
        run(&mut connection, "COMMIT".to_owned()).await.map_err(|error| write_failure(&error))?;
        self.keep(connection).await;
        Ok(found)
    }

    fn must_write(&self) -> Result<(), WriteError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(WriteError::ReadOnly("it was opened for reading".to_owned())),
        }
    }
}

async fn transaction(
    connection: &mut SqliteConnection,
    target: &Target,
    items: &[Item],
    overwrite: bool,
) -> sqlx::Result<Vec<Option<Found>>> {
    let sql = sql::write_sqlite(target, overwrite);
    let mut found: Vec<Option<Found>> = vec![None; items.len()];
    run(connection, sql::BATCH_TABLE_SQLITE.to_owned()).await?;
    run(connection, "BEGIN IMMEDIATE".to_owned()).await?;
    fill(connection, items).await?;
    for row in rows(connection, sql.before).await? {
        if let Some(slot) = found.get_mut(number(&row)?) {
            *slot = Some(Found::before(held(&row)?));
        }
    }
    run(connection, sql.update).await?;
    for row in rows(connection, sql.after).await? {
        if let Some(Some(slot)) = found.get_mut(number(&row)?) {
            slot.set_after(held(&row)?);
        }
    }
    Ok(found)
}

async fn fill(connection: &mut SqliteConnection, items: &[Item]) -> sqlx::Result<()> {
    run(connection, sql::EMPTY_BATCH_SQLITE.to_owned()).await?;
    let numbered: Vec<(usize, &Item)> = items.iter().enumerate().collect();
    for chunk in numbered.chunks(ROWS_PER_INSERT) {
        let mut insert = sqlx::query(AssertSqlSafe(sql::fill_batch_sqlite(chunk.len()))).persistent(false);
        for (number, item) in chunk {
            insert = insert.bind(i64::try_from(*number).unwrap_or(i64::MAX)).bind(item.id.clone());
            insert = match &item.key {
                Key::Text(text) => insert.bind(text.clone()),
                Key::Integer(integer) => insert.bind(i64::try_from(*integer).ok()),
                Key::Binary(bytes) => insert.bind(bytes.clone()),
            };
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn run(connection: &mut SqliteConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ())
}

async fn rows(connection: &mut SqliteConnection, statement: String) -> sqlx::Result<Vec<SqliteRow>> {
    sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch_all(connection).await
}

fn number(row: &SqliteRow) -> sqlx::Result<usize> {
    Ok(usize::try_from(row.try_get_unchecked::<i64, _>(0)?).unwrap_or(usize::MAX))
}

fn held(row: &SqliteRow) -> sqlx::Result<Option<String>> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(1)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
