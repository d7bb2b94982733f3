//! Running scripts on MySQL.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Row};

use super::MySql;
use super::failure::write_failure;
use crate::database::error::ConnectError;
use crate::database::script::Runs;
use crate::database::write::Failure;

impl Runs for MySql {
    type Connection = MySqlConnection;

    async fn take(&self) -> Result<MySqlConnection, ConnectError> {
        self.connection().await
    }

    async fn give_back(&self, connection: MySqlConnection) {
        self.keep(connection).await;
    }

    async fn execute(connection: &mut MySqlConnection, statement: &str) -> sqlx::Result<u64> {
        Ok(sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?.rows_affected())
    }

    async fn ask(connection: &mut MySqlConnection, question: &str) -> sqlx::Result<Vec<Option<String>>> {
        let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_optional(connection).await?;
        Ok(row.as_ref().map(texts).transpose()?.unwrap_or_default())
    }

    fn failure(error: &sqlx::Error) -> Failure {
        write_failure(error)
    }
}

fn texts(row: &MySqlRow) -> sqlx::Result<Vec<Option<String>>> {
    let text = |at: usize| -> sqlx::Result<Option<String>> {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    (0..row.len()).map(text).collect()
}
