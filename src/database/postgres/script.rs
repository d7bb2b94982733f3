//! Running scripts on Postgres.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row, ValueRef};

use super::Postgres;
use super::failure::write_failure;
use crate::database::script::{Answers, Script, Step};
use crate::database::write::Failure;
use crate::kill_point::{self, Point};

impl Postgres {
    pub(in crate::database) async fn run(&self, script: &Script) -> Result<Answers, Failure> {
        let mut connection = self.connection().await.map_err(|error| Failure::Whole(error.into()))?;
        let mut answers = Answers::default();
        for step in &script.steps {
            kill_point::reach(Point::Statement);
            if let Err(error) = take(&mut connection, step, &mut answers).await {
                let failure = write_failure(&error);
                for statement in &script.undo {
                    if sqlx::raw_sql(*statement).execute(&mut connection).await.is_err() {
                        return Err(failure);
                    }
                }
                *self.idle.lock().await = Some(connection);
                return Err(failure);
            }
        }
        *self.idle.lock().await = Some(connection);
        Ok(answers)
    }
}

async fn take(connection: &mut PgConnection, step: &Step, answers: &mut Answers) -> sqlx::Result<()> {
    match step {
        Step::Do(statement) => {
            sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(connection).await?;
        }
        Step::Change(statement) => {
            let done = sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(connection).await?;
            answers.changed += done.rows_affected();
        }
        Step::Ask(question) => {
            let row = sqlx::raw_sql(AssertSqlSafe(question.as_str())).fetch_optional(connection).await?;
            answers.told.push(row.as_ref().map(texts).transpose()?.unwrap_or_default());
        }
    }
    Ok(())
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
