//! Running scripts on SQLite.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::Sqlite;
use super::failure::write_failure;
use crate::database::error::ConnectError;
use crate::database::script::Runs;
use crate::database::write::Failure;

impl Runs for Sqlite {
    type Connection = SqliteConnection;

    async fn take(&self) -> Result<SqliteConnection, ConnectError> {
        self.connection().await
    }

    async fn give_back(&self, connection: SqliteConnection) {
        self.keep(connection).await;
    }

    async fn execute(connection: &mut SqliteConnection, statement: &str) -> sqlx::Result<u64> {
        Ok(sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?.rows_affected())
    }

    async fn ask(connection: &mut SqliteConnection, question: &str) -> sqlx::Result<Vec<Option<String>>> {
        let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_optional(connection).await?;
        Ok(row.as_ref().map(texts).transpose()?.unwrap_or_default())
    }

    fn failure(error: &sqlx::Error) -> Failure {
        write_failure(error)
    }
}

fn texts(row: &SqliteRow) -> sqlx::Result<Vec<Option<String>>> {
    let text = |at: usize| -> sqlx::Result<Option<String>> {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    (0..row.len()).map(text).collect()
}
