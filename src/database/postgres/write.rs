//! Adding the column and writing IDs, on Postgres.

use sqlx::postgres::{PgArguments, PgConnection, Postgres as Driver};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row};

use super::Postgres;
use super::failure::write_failure;
use crate::database::Access;
use crate::database::error::{TargetError, WriteError};
use crate::database::inspect::Target;
use crate::database::sql::{self, WriteSql};
use crate::database::write::{Failure, Found, Item, Key, all_still_there};
use crate::kill_point::{self, Point};

impl Postgres {
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
            if let Err(error) = sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut connection).await {
                return Err(as_a_whole(write_failure(&error)));
            }
        }
        *self.idle.lock().await = Some(connection);
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
        let statements = sql::write_postgres(target, overwrite);
        // A connection on which anything fails is dropped, and its transaction with it.
        let found = async {
            self.begin(&mut connection, "BEGIN; SET LOCAL lock_timeout = '20s'").await?;
            transaction(&mut connection, statements, items).await
        };
        let found = found.await.map_err(|error| write_failure(&error))?;
        all_still_there(&found)?;
        kill_point::reach(Point::RowsUncommitted);
        self.end(connection, "COMMIT").await.map_err(|error| write_failure(&error))?;
        Ok(found)
    }

    fn must_write(&self) -> Result<(), WriteError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(WriteError::ReadOnly("the connection was opened for reading".to_owned())),
        }
    }
}

fn as_a_whole(failure: Failure) -> WriteError {
    match failure {
        Failure::Whole(error) => error,
        Failure::Row(why) => WriteError::Refused(why),
    }
}

async fn transaction(connection: &mut PgConnection, sql: WriteSql, items: &[Item]) -> sqlx::Result<Vec<Option<Found>>> {
    let mut found: Vec<Option<Found>> = vec![None; items.len()];
    let place = |row: &sqlx::postgres::PgRow| -> sqlx::Result<Option<(usize, Option<String>)>> {
        let number: i64 = row.try_get(0)?;
        Ok(usize::try_from(number - 1).ok().zip(Some(row.try_get(1)?)))
    };
    for row in with_keys(sql.before, items).fetch_all(&mut *connection).await? {
        if let Some((at, before)) = place(&row)?
            && let Some(slot) = found.get_mut(at)
        {
            *slot = Some(Found::before(before));
        }
    }
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    with_keys(sql.update, items).bind(ids).execute(&mut *connection).await?;
    for row in with_keys(sql.after, items).fetch_all(&mut *connection).await? {
        if let Some((at, after)) = place(&row)?
            && let Some(Some(slot)) = found.get_mut(at)
        {
            slot.set_after(after);
        }
    }
    Ok(found)
}

/// Makes a query of a statement whose first parameter is the array of keys.
fn with_keys(statement: String, items: &[Item]) -> Query<'static, Driver, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    if items.iter().any(|item| matches!(item.key, Key::Binary(_))) {
        let keys: Vec<Vec<u8>> = items.iter().map(|item| item.key.bytes()).collect();
        query.bind(keys)
    } else {
        let keys: Vec<String> = items.iter().map(|item| item.key.text()).collect();
        query.bind(keys)
    }
}
