//! Columns that refer to users, compared with the users' own.

use super::error::QueryError;
use super::schema::Column;
use super::sql::TableName;
use super::{Database, sql};
use crate::engine::Engine;
use crate::row::Value;

/// A column that refers, or seems to refer, to a column of the users table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The kind of database.
    pub engine: Engine,
    /// The users table.
    pub users: TableName,
    /// The column of the users table whose values it holds.
    pub to: Column,
    /// The table that refers; the users table itself, perhaps.
    pub table: TableName,
    /// The column that refers.
    pub column: Column,
    /// Whether no constraint says so.
    pub is_guess: bool,
}

/// What a column that refers holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// The rows of its table.
    pub rows: u64,
    /// The rows that hold a value.
    pub filled: u64,
    /// How many values there are, each counted once.
    pub values: u64,
    /// The rows whose value is a user's.
    pub found: u64,
}

impl Measured {
    /// Returns how many rows hold a value that is no user's.
    #[must_use]
    pub fn orphans(&self) -> u64 {
        self.filled.saturating_sub(self.found)
    }
}

impl Database {
    /// Counts what a column that refers holds. It reads the whole table.
    ///
    /// # Errors
    /// [`QueryError`], if a table cannot be read.
    pub async fn measure(&self, link: &Link) -> Result<Measured, QueryError> {
        let numbers = self.numbers(&sql::references::measure(link)).await?;
        let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
        Ok(Measured { rows: at(0), filled: at(1), values: at(2), found: at(3) })
    }

    /// Returns whether any of the first values of a column is a user's.
    ///
    /// # Errors
    /// [`QueryError`], if a table cannot be read.
    pub async fn holds_users(&self, link: &Link) -> Result<bool, QueryError> {
        Ok(self.numbers(&sql::references::sample(link)).await?.first().is_some_and(|found| *found > 0))
    }

    /// Runs a query that returns one row of counts.
    pub(super) async fn numbers(&self, query: &str) -> Result<Vec<u64>, QueryError> {
        let row = self.rows(query).await?.next().await?.unwrap_or_default();
        Ok(row.into_iter().map(number).collect())
    }
}

/// Reads a count.
pub(super) fn number(value: Value) -> u64 {
    match value {
        Value::Integer(number) => u64::try_from(number).unwrap_or_default(),
        Value::Decimal(text) | Value::Text(text) => text.parse().unwrap_or_default(),
        _ => 0,
    }
}
