//! Adding the column and changing what it holds, on Postgres.

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres as Driver};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row};

use super::Postgres;
use super::failure::write_failure;
use crate::database::error::WriteError;
use crate::database::inspect::{KeyKind, Target};
use crate::database::sql;
use crate::database::write::{Cell, Failure, Found, Item, Mode, compare};
use crate::kill_point::{self, Point};

impl Postgres {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        let mut connection = self.connection().await?;
        for step in sql::add_column_steps(target) {
            kill_point::reach(Point::ColumnStep);
            let done = sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut connection).await;
            done.map_err(|error| write_failure(&error).into_error())?;
        }
        *self.idle.lock().await = Some(connection);
        Ok(())
    }

    /// Writes in one transaction. A batch of nothing is a rehearsal: what was not allowed would be refused, and it is taken back.
    pub(in crate::database) async fn write(
        &self,
        target: &Target,
        items: &[Item],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let mut connection = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        let done = self.transaction(&mut connection, target, items, mode).await;
        kill_point::reach(if items.is_empty() { Point::WriteRehearsed } else { Point::RowsUncommitted });
        let end = if done.is_ok() && !items.is_empty() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.end(connection, end).await;
        let found = done?;
        ended.map_err(|error| write_failure(&error))?;
        Ok(found)
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        target: &Target,
        items: &[Item],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let sql = sql::write::postgres(target, mode);
        let failed = |error| write_failure(&error);
        self.begin(connection, BEGIN).await.map_err(failed)?;
        let all: Vec<&Item> = items.iter().collect();
        // Rows that others hold locked are skipped: whatever is waited for here concerns the table.
        let before = read(connection, sql.before, target, &all).await.map_err(|error| failed(error).of_all())?;
        let ours: Vec<&Item> = before.iter().filter_map(|(at, _)| items.get(*at)).collect();
        let ids: Vec<&str> = ours.iter().map(|item| item.id.as_str()).collect();
        with_keys(sql.update, target, &ours).bind(ids).execute(&mut *connection).await.map_err(failed)?;
        let after = read(connection, sql.after, target, &all).await.map_err(failed)?;
        let found = compare(items.len(), before, after)?;
        if found.contains(&Found::Locked) && is_row_security_at_work(connection, target).await.map_err(failed)? {
            return Err(Failure::Row("a row security policy does not let this database user change it".to_owned()));
        }
        Ok(found)
    }
}

/// Returns whether policies may keep rows from us: what they hide from a locking read looks like a row that others hold locked.
async fn is_row_security_at_work(connection: &mut PgConnection, target: &Target) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT pg_catalog.row_security_active($1::text)")
        .bind(sql::quote_table(target.engine, &target.table))
        .persistent(false)
        .fetch_one(connection)
        .await
}

/// Whoever holds a lock is waited for no longer than this: rows of ours are locked meanwhile.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1s'";

async fn read(
    connection: &mut PgConnection,
    statement: String,
    target: &Target,
    items: &[&Item],
) -> sqlx::Result<Vec<Cell>> {
    let rows = with_keys(statement, target, items).fetch_all(connection).await?;
    rows.iter().map(cell).collect()
}

fn cell(row: &PgRow) -> sqlx::Result<Cell> {
    // Postgres numbers from 1.
    let at = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
    Ok((at, row.try_get(1)?))
}

/// Makes a query of a statement whose first parameter is the array of keys.
fn with_keys(statement: String, target: &Target, items: &[&Item]) -> Query<'static, Driver, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    if target.key_kind == KeyKind::Binary {
        let keys: Vec<Vec<u8>> = items.iter().map(|item| item.key.bytes()).collect();
        query.bind(keys)
    } else {
        let keys: Vec<String> = items.iter().map(|item| item.key.text()).collect();
        query.bind(keys)
    }
}
