//! Many rows put into a table by few statements.

use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};

/// Rows put into one statement: each statement is a turn between two threads. Half of what is staged at one time.
const ROWS_A_STATEMENT: usize = 512;

/// An insertion that is being given its values.
pub(super) type Insertion = Query<'static, Sqlite, SqliteArguments>;

/// Inserts rows. `into` names table and columns, `row` is the values of one row as SQL, and `bind` gives them, which are moved:
/// copying them takes as long as writing them.
pub(super) async fn insert<Row>(
    connection: &mut SqliteConnection,
    into: &str,
    row: &str,
    rows: Vec<Row>,
    bind: impl Fn(Insertion, Row) -> Insertion,
) -> Result<(), sqlx::Error> {
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let count = rows.len().min(ROWS_A_STATEMENT);
        let sql = format!("{into} VALUES {row}{}", format!(", {row}").repeat(count - 1));
        // A statement of a length that does not come again is not worth keeping.
        let statement = sqlx::query(AssertSqlSafe(sql)).persistent(count == ROWS_A_STATEMENT);
        rows.by_ref().take(count).fold(statement, &bind).execute(&mut *connection).await?;
    }
    Ok(())
}
