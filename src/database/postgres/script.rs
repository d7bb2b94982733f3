//! Running scripts on Postgres.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row, ValueRef};

use super::Postgres;
use super::failure::write_failure;
use crate::database::error::ConnectError;
use crate::database::script::Runs;
use crate::database::write::Failure;

impl Runs for Postgres {
    type Connection = PgConnection;

    async fn take(&self) -> Result<PgConnection, ConnectError> {
        self.connection().await
    }

    async fn give_back(&self, connection: PgConnection) {
        self.keep(connection).await;
    }

    async fn execute(connection: &mut PgConnection, statement: &str) -> sqlx::Result<u64> {
        Ok(sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?.rows_affected())
    }

    async fn ask(connection: &mut PgConnection, question: &str) -> sqlx::Result<Vec<Option<String>>> {
        let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_optional(connection).await?;
        Ok(row.as_ref().map(texts).transpose()?.unwrap_or_default())
    }

    fn failure(error: &sqlx::Error) -> Failure {
        write_failure(error)
    }
}

fn texts(row: &PgRow) -> sqlx::Result<Vec<Option<String>>> {
    let text = |at: usize| -> sqlx::Result<Option<String>> {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            return Ok(None);
        }
        value.as_str().map(|text| Some(text.to_owned())).map_err(sqlx::Error::Decode)
    };
    (0..row.len()).map(text).collect()
}
