//! Statements that belong together, run on one connection: a transaction, or a change of the schema with the session's settings
//! around it.

use super::Database;
use super::write::Failure;

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

impl Database {
    /// Runs a script. A connection that cannot be brought back into order is given up.
    pub(super) async fn run(&self, script: &Script) -> Result<Answers, Failure> {
        match self {
            Self::Postgres(database) => database.run(script).await,
            Self::MySql(database) => database.run(script).await,
            Self::Sqlite(database) => database.run(script).await,
        }
    }
}
