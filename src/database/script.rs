//! Statements that belong together, run on one connection: a transaction, or a change of the schema with the session's settings
//! around it.

use super::Database;
use super::error::ConnectError;
use super::write::Failure;
use crate::kill_point::{self, Point};

/// The statements, and what takes them back.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// What is run, in this order, until one fails.
    pub(super) steps: Vec<Step>,
    /// What is run after a failure, so that the connection can be used again.
    pub(super) undo: Vec<&'static str>,
}

/// One statement.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// One whose effect is not counted.
    Do(String),
    /// One that changes rows, which are counted.
    Change(String),
    /// One that returns a row of texts, or none.
    Ask(String),
}

/// What came of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// How many rows were changed by the statements that are counted.
    pub(super) changed: u64,
    /// What was told, in the order asked; no cells for no row.
    pub(super) told: Vec<Vec<Option<String>>>,
}

impl Script {
    /// Makes a script of statements whose effect is not counted.
    pub(super) fn of(steps: impl IntoIterator<Item = String>) -> Self {
        Self { steps: steps.into_iter().map(Step::Do).collect(), undo: Vec::new() }
    }

    /// Makes a script of one question.
    pub(super) fn asking(question: String) -> Self {
        Self { steps: vec![Step::Ask(question)], undo: Vec::new() }
    }

    /// Makes a transaction of a change that is counted, with what comes before and after it.
    pub(super) fn changing(before: &[String], change: String, after: &[&str]) -> Self {
        let mut script = Self::of(before.iter().cloned());
        script.steps.push(Step::Change(change));
        script.steps.extend(after.iter().map(|statement| Step::Do((*statement).to_owned())));
        script
    }

    /// Says what brings the connection back into order after a failure.
    pub(super) fn or_else(mut self, undo: &[&'static str]) -> Self {
        self.undo = undo.to_vec();
        self
    }
}

/// What differs between engines in running statements given as text.
pub(super) trait Runs {
    /// A connection.
    type Connection;

    /// Takes the idle connection, or a new one.
    async fn take(&self) -> Result<Self::Connection, ConnectError>;

    /// Gives a connection back that is in no transaction.
    async fn give_back(&self, connection: Self::Connection);

    /// Runs a statement, and returns how many rows it changed.
    async fn execute(connection: &mut Self::Connection, statement: &str) -> sqlx::Result<u64>;

    /// Runs a question, and returns the first row; no cells, if there is none.
    async fn ask(connection: &mut Self::Connection, question: &str) -> sqlx::Result<Vec<Option<String>>>;

    /// Says what an error means.
    fn failure(error: &sqlx::Error) -> Failure;
}

impl Database {
    /// Runs a script. A connection that cannot be brought back into order is given up.
    pub(super) async fn run(&self, script: &Script) -> Result<Answers, Failure> {
        match self {
            Self::Postgres(database) => run(database, script).await,
            Self::MySql(database) => run(database, script).await,
            Self::Sqlite(database) => run(database, script).await,
        }
    }
}

async fn run<E: Runs>(engine: &E, script: &Script) -> Result<Answers, Failure> {
    let mut connection = engine.take().await.map_err(|error| Failure::Whole(error.into()))?;
    let mut answers = Answers::default();
    for step in &script.steps {
        kill_point::reach(Point::Statement);
        if let Err(error) = run_step::<E>(&mut connection, step, &mut answers).await {
            for statement in &script.undo {
                if E::execute(&mut connection, statement).await.is_err() {
                    return Err(E::failure(&error));
                }
            }
            engine.give_back(connection).await;
            return Err(E::failure(&error));
        }
    }
    engine.give_back(connection).await;
    Ok(answers)
}

async fn run_step<E: Runs>(connection: &mut E::Connection, step: &Step, answers: &mut Answers) -> sqlx::Result<()> {
    match step {
        Step::Do(statement) => {
            E::execute(connection, statement).await?;
        }
        Step::Change(statement) => answers.changed += E::execute(connection, statement).await?,
        Step::Ask(question) => answers.told.push(E::ask(connection, question).await?),
    }
    Ok(())
}
