//! Adding the column and writing IDs, on MySQL and MariaDB.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Row};

use super::MySql;
use super::failure::write_failure;
use crate::database::Access;
use crate::database::error::{TargetError, WriteError};
use crate::database::inspect::{KeyKind, Target};
use crate::database::sql::{self, Job};
use crate::database::write::{Failure, Found, Item, all_still_there};
use crate::kill_point::{self, Point};

/// Rows of one INSERT into the batch's table: three parameters each, of the 65,535 that a statement takes.
const ROWS_PER_INSERT: usize = 5_000;

impl MySql {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        self.must_write()?;
        // What is there now counts, not what was there when the target was shown. Each ALTER commits by itself in MySQL.
        let now = self.inspect(&target.table, &target.key, &target.column).await.map_err(|error| match error {
            TargetError::Query(crate::database::QueryError::Connect(error)) => WriteError::Connect(error),
            other => WriteError::Refused(other.to_string()),
        })?;
        let mut connection = self.connection().await?;
        let mut failed = None;
        for step in sql::add_column_steps(&now) {
            kill_point::reach(Point::ColumnStep);
            // The last one puts the session's timeout back, whatever happened.
            let skipped = failed.is_some() && step.job != Job::Frame;
            if !skipped && let Err(error) = sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut connection).await {
                failed = failed.or(Some(error));
            }
        }
        match failed.map(|error| write_failure(&error)) {
            None => {
                self.keep(connection).await;
                Ok(())
            }
            Some(Failure::Whole(error)) => Err(error),
            Some(Failure::Row(why)) => Err(WriteError::Refused(why)),
        }
    }

    pub(in crate::database) async fn write(
        &self,
        target: &Target,
        items: &[Item],
        overwrite: bool,
    ) -> Result<Vec<Option<Found>>, Failure> {
        self.must_write().map_err(Failure::Whole)?;
        let mut connection = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        // A connection on which anything fails is dropped, and its transaction and its temporary table with it.
        let found = async {
            fill(&mut connection, target, items).await?;
            transaction(&mut connection, target, items.len(), overwrite).await
        };
        let found = found.await.map_err(|error| write_failure(&error))?;
        all_still_there(&found)?;
        kill_point::reach(Point::RowsUncommitted);
        let end = async {
            run(&mut connection, "COMMIT".to_owned()).await?;
            run(&mut connection, sql::drop_batch_mysql(target)).await
        };
        end.await.map_err(|error| write_failure(&error))?;
        self.keep(connection).await;
        Ok(found)
    }

    fn must_write(&self) -> Result<(), WriteError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(WriteError::ReadOnly("the connection was opened for reading".to_owned())),
        }
    }
}

async fn fill(connection: &mut MySqlConnection, target: &Target, items: &[Item]) -> sqlx::Result<()> {
    run(connection, sql::drop_batch_mysql(target)).await?;
    run(connection, sql::batch_table_mysql(target)).await?;
    let numbered: Vec<(usize, &Item)> = items.iter().enumerate().collect();
    for chunk in numbered.chunks(ROWS_PER_INSERT) {
        let mut insert = sqlx::query(AssertSqlSafe(sql::fill_batch_mysql(target, chunk.len()))).persistent(false);
        for (number, item) in chunk {
            insert = insert.bind(i64::try_from(*number).unwrap_or(i64::MAX)).bind(&item.id);
            insert = if target.key_kind == KeyKind::Binary {
                insert.bind(item.key.bytes())
            } else {
                insert.bind(item.key.text())
            };
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn transaction(
    connection: &mut MySqlConnection,
    target: &Target,
    items: usize,
    overwrite: bool,
) -> sqlx::Result<Vec<Option<Found>>> {
    let sql = sql::write_mysql(target, overwrite);
    let mut found: Vec<Option<Found>> = vec![None; items];
    run(connection, "START TRANSACTION".to_owned()).await?;
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

async fn run(connection: &mut MySqlConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ())
}

async fn rows(connection: &mut MySqlConnection, statement: String) -> sqlx::Result<Vec<MySqlRow>> {
    sqlx::query(AssertSqlSafe(statement)).persistent(false).fetch_all(connection).await
}

fn number(row: &MySqlRow) -> sqlx::Result<usize> {
    Ok(usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX))
}

fn held(row: &MySqlRow) -> sqlx::Result<Option<String>> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(1)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
