//! What stands in a table now: every row's key and Clerk ID.

use super::error::QueryError;
use super::inspect::{KeyKind, Target};
use super::rows::Rows;
use super::{Database, sql};
use crate::row::Value;

/// The key and the Clerk ID of every row of a table, as they come, in no order.
#[derive(Debug)]
pub struct ClerkIds {
    target: Target,
    rows: Rows,
}

/// What one row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The row's key in its canonical spelling ([`Target::canonical_key`]); `None` if it is NULL, or something by which no user
    /// ID can find a row: a number with a fraction, text that is not UTF-8.
    pub key: Option<String>,
    /// What stands in the column for Clerk IDs, whatever it is; `None` for NULL, and if there is no such column.
    pub clerk_id: Option<String>,
}

impl Database {
    /// Reads the key and the Clerk ID of every row of a table, read-only and on a connection of its own. Memory does not grow
    /// with them; dropping what is returned ends the reading.
    ///
    /// # Errors
    /// [`QueryError`], if the table cannot be read.
    pub async fn clerk_ids(&self, target: &Target) -> Result<ClerkIds, QueryError> {
        let rows = self.rows(&sql::clerk_ids(target)).await?;
        Ok(ClerkIds { target: target.clone(), rows })
    }
}

impl ClerkIds {
    /// Returns the next row; `None` after the last.
    ///
    /// # Errors
    /// [`QueryError`], if the database fails on the way. No row comes after that.
    pub async fn next(&mut self) -> Result<Option<TableRow>, QueryError> {
        let Some(row) = self.rows.next().await? else { return Ok(None) };
        let mut values = row.into_iter();
        let mut next = || values.next().unwrap_or(Value::Null);
        Ok(Some(TableRow { key: key(&self.target, next()), clerk_id: held(next()) }))
    }
}

/// The largest whole number that a floating-point number holds without doubt.
const LARGEST_WHOLE_REAL: f64 = 9_007_199_254_740_992.0;

fn key(target: &Target, value: Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Decimal(text) => target.canonical_key(&text),
        Value::Integer(number) => target.canonical_key(&number.to_string()),
        // Whole numbers in a column of SQLite that makes them floating-point ones; adding 0 makes -0 a 0.
        Value::Real(number) if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE_REAL => {
            target.canonical_key(&format!("{:.0}", number + 0.0))
        }
        Value::Bytes(bytes) if target.key_kind == KeyKind::Binary => Some(hex::encode(bytes)),
        _ => None,
    }
}

fn held(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) | Value::Decimal(text) => Some(text),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Integer(number) => Some(number.to_string()),
        // Something that is no Clerk ID.
        other => Some(format!("{other:?}")),
    }
}
