//! Running scripts on MySQL.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Row};

use super::MySql;
use super::failure::write_failure;
use crate::database::script::{Answers, Script, Step};
use crate::database::write::Failure;
use crate::kill_point::{self, Point};

impl MySql {
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
                self.keep(connection).await;
                return Err(failure);
            }
        }
        self.keep(connection).await;
        Ok(answers)
    }
}

async fn take(connection: &mut MySqlConnection, step: &Step, answers: &mut Answers) -> sqlx::Result<()> {
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

fn texts(row: &MySqlRow) -> sqlx::Result<Vec<Option<String>>> {
    let text = |at: usize| -> sqlx::Result<Option<String>> {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    (0..row.len()).map(text).collect()
}
