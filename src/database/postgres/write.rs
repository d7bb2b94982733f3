//! Adding the column and changing what it holds, on Postgres.

use std::sync::atomic::Ordering;

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres as Driver};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::Postgres;
use super::failure::write_failure;
use crate::database::error::WriteError;
use crate::database::inspect::{KeyKind, Target};
use crate::database::sql;
use crate::database::write::{Cell, Failure, Found, Item, Mode, compare, count_changed};
use crate::kill_point::{self, Point};

impl Postgres {
    pub(in crate::database) async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        let mut connection = self.connection().await?;
        for step in sql::add_column_steps(target) {
            kill_point::reach(Point::ColumnStep);
            let done = sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut connection).await;
            done.map_err(|error| write_failure(&error).into_error())?;
        }
        self.keep(connection).await;
        Ok(())
    }

    /// Returns whether the last batch gave no reason to look at each row before it is changed.
    pub(in crate::database) fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed)
    }

    /// Changes what can be changed at once, in one statement and one transaction; a large batch in two of them side by side, each on
    /// a connection of its own, as the server works at one statement with one core. All others are left for care: those that need
    /// no change, and everything of a transaction in which something is locked or a trigger is at work.
    pub(in crate::database) async fn write_quickly(
        &self,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let first = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        let second = if items.len() < WORTH_TWO { None } else { self.second_connection().await };
        let found = if let Some(second) = second {
            let (left, right) = items.split_at(items.len() / 2);
            let both = tokio::join!(
                self.write_at_once(first, target, left, mode),
                self.write_at_once(second, target, right, mode)
            );
            of_both(both, (left.len(), right.len()))?
        } else {
            self.write_at_once(first, target, items, mode).await?
        };
        self.quick.store(count_changed(&found) * 2 >= items.len(), Ordering::Relaxed);
        Ok(found)
    }

    async fn write_at_once(
        &self,
        mut connection: PgConnection,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let changed = self.change_at_once(&mut connection, target, items, mode).await;
        kill_point::reach(Point::RowsUncommitted);
        let ended = self.end(connection, if changed.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
        let changed = match changed.and_then(|changed| ended.map(|()| changed)).map_err(|error| write_failure(&error)) {
            Err(Failure::Lock(_)) => Vec::new(),
            changed => changed?,
        };
        let mut found = vec![Found::LeftForCare; items.len()];
        for (at, changed) in changed {
            if let Some(found) = found.get_mut(at) {
                *found = changed;
            }
        }
        Ok(found)
    }

    /// Returns what was changed, each with the number of its item.
    async fn change_at_once(
        &self,
        connection: &mut PgConnection,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> sqlx::Result<Vec<(usize, Found)>> {
        // Not for long: a locked row stands in the way of all others here.
        self.begin_writing(connection, "100ms").await?;
        let ids: Vec<&str> = items.iter().map(|item| item.id).collect();
        let told = with_keys(sql::write::postgres(target, mode).told, target, items);
        let told = told.bind(ids).bind(sql::quote_table(target.engine, &target.table));
        let told = told.fetch_one(connection).await?;
        let (done, others, held): (Vec<i64>, Vec<i64>, Vec<Option<String>>) = FromRow::from_row(&told)?;
        let done = done.into_iter().map(|number| (index(number), Found::Done));
        let others = others.into_iter().zip(held).map(|(number, after)| (index(number), Found::Changed { after }));
        Ok(done.chain(others).collect())
    }

    /// Writes in one transaction. A batch of nothing is a rehearsal: what was not allowed would be refused, and it is taken back.
    pub(in crate::database) async fn write(
        &self,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let mut connection = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        let done = self.transaction(&mut connection, target, items, mode).await;
        kill_point::reach(if items.is_empty() { Point::WriteRehearsed } else { Point::RowsUncommitted });
        let end = if done.is_ok() && !items.is_empty() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.end(connection, end).await;
        let found = done?;
        ended.map_err(|error| write_failure(&error))?;
        if !found.contains(&Found::Locked) && count_changed(&found) * 2 >= items.len() {
            self.quick.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Begins a transaction that waits for a lock no longer than this: rows of ours are locked meanwhile.
    async fn begin_writing(&self, connection: &mut PgConnection, wait: &str) -> sqlx::Result<()> {
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        self.begin(connection, &format!("{begin}; SET LOCAL lock_timeout = '{wait}'; {BY_KEY}")).await
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
    ) -> Result<Vec<Found>, Failure> {
        let sql = sql::write::postgres(target, mode);
        let failed = |error| write_failure(&error);
        self.begin_writing(connection, "1s").await.map_err(failed)?;
        // Rows that others hold locked are skipped: whatever is waited for here concerns the table.
        let before = read(connection, sql.before, target, items).await.map_err(|error| failed(error).of_all())?;
        let ours: Vec<Item> = before.iter().filter_map(|(at, _)| items.get(*at).copied()).collect();
        let ids: Vec<&str> = ours.iter().map(|item| item.id).collect();
        with_keys(sql.update, target, &ours).bind(ids).execute(&mut *connection).await.map_err(failed)?;
        let after = read(connection, sql.after, target, items).await.map_err(failed)?;
        let found = compare(items.len(), before, after)?;
        if found.contains(&Found::Locked) && is_row_security_at_work(connection, target).await.map_err(failed)? {
            return Err(Failure::Row("a row security policy does not let this database user change it".to_owned()));
        }
        Ok(found)
    }
}

/// From how many rows on two connections share a batch.
const WORTH_TWO: usize = 1000;

type Attempt = Result<Vec<Found>, Failure>;

/// Puts the answers to the two halves of a batch together. What one of them committed is kept: where the other failed, that half is
/// left for care, which meets the reason again. Where nobody knows what became of a half, nobody knows it of the batch.
fn of_both(both: (Attempt, Attempt), (left, right): (usize, usize)) -> Attempt {
    let left_for_care = |items| vec![Found::LeftForCare; items];
    match both {
        (Err(failure @ Failure::Whole(WriteError::Broken(_))), _)
        | (_, Err(failure @ Failure::Whole(WriteError::Broken(_))))
        | (Err(failure), Err(_)) => Err(failure),
        (first, second) => {
            let mut found = first.unwrap_or_else(|_| left_for_care(left));
            found.extend(second.unwrap_or_else(|_| left_for_care(right)));
            Ok(found)
        }
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

/// Rows are found by their keys, one by one: for each batch anew, the planner would rather read the whole table. What of this the
/// server does not know is left out.
const BY_KEY: &str = "SELECT pg_catalog.set_config(name, 'off', true) FROM pg_catalog.pg_settings \
    WHERE name IN ('enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit')";

async fn read(
    connection: &mut PgConnection,
    statement: String,
    target: &Target,
    items: &[Item<'_>],
) -> sqlx::Result<Vec<Cell>> {
    let rows = with_keys(statement, target, items).fetch_all(connection).await?;
    rows.iter().map(cell).collect()
}

fn cell(row: &PgRow) -> sqlx::Result<Cell> {
    Ok((index(row.try_get(0)?), row.try_get(1)?))
}

/// Postgres numbers from 1.
fn index(number: i64) -> usize {
    usize::try_from(number - 1).unwrap_or(usize::MAX)
}

/// Makes a query of a statement whose first parameter is the array of keys.
fn with_keys(statement: String, target: &Target, items: &[Item<'_>]) -> Query<'static, Driver, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    if target.key_kind == KeyKind::Binary {
        let keys: Vec<Vec<u8>> = items.iter().map(|item| item.key.bytes()).collect();
        query.bind(keys)
    } else {
        let keys: Vec<String> = items.iter().map(|item| item.key.text()).collect();
        query.bind(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_half_committed_is_kept_unless_nobody_knows_what_became_of_the_other() {
        let done = || Ok(vec![Found::Done, Found::Done]);
        let refused = || Err(Failure::Row("refused".to_owned()));
        let denied = || Err(Failure::Whole(WriteError::Refused("denied".to_owned())));
        let broken = || Err(Failure::Whole(WriteError::Broken("no answer".to_owned())));
        let care = || Found::LeftForCare;
        let kept = |both, sizes| of_both(both, sizes).expect("what was committed");
        assert_eq!(kept((done(), done()), (2, 2)), vec![Found::Done; 4]);
        assert_eq!(kept((done(), refused()), (2, 3)), [Found::Done, Found::Done, care(), care(), care()]);
        assert_eq!(kept((denied(), done()), (1, 2)), [care(), Found::Done, Found::Done]);
        assert!(matches!(of_both((refused(), refused()), (2, 2)), Err(Failure::Row(_))));
        for both in [(done(), broken()), (broken(), done()), (refused(), broken()), (broken(), denied())] {
            assert!(matches!(of_both(both, (2, 2)), Err(Failure::Whole(WriteError::Broken(_)))));
        }
    }
}
