//! What the catalog says about the table that Clerk IDs are written to.

use super::error::TargetError;
use super::sql::{TableName, column_name};
use crate::engine::Engine;

/// A table, its key and the column for Clerk IDs, as the catalog has them: all that write-back needs, and all that is shown
/// to people before anything is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The kind of database.
    pub engine: Engine,
    /// The table; on Postgres with the schema it was found in.
    pub table: TableName,
    /// The column that finds a row.
    pub key: String,
    /// The key's type, as the catalog spells it.
    pub key_type: String,
    /// What the key's type means to us.
    pub key_kind: KeyKind,
    /// The column for Clerk IDs.
    pub column: String,
    /// Its type; `None` if the table has no such column yet.
    pub column_type: Option<String>,
    /// The most characters the column takes, if its type says so.
    pub column_longest: Option<u64>,
    /// Whether the column has a unique index of its own.
    pub column_unique: bool,
    /// How many rows the table has.
    pub rows: u64,
    /// How many of them have something in the column.
    pub filled: u64,
    /// Columns that MySQL would set to the current time at each update, and that write-back keeps as they are.
    pub on_update: Vec<String>,
}

/// How a key given as text is turned into the key's own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// Text of at most so many characters. `cast` is the type Postgres compares it as.
    Text {
        /// The most characters a key can have, if the type says so.
        longest: Option<u64>,
        /// The SQL name of the type to compare as.
        cast: String,
        /// Whether the type fills up with spaces that mean nothing.
        padded: bool,
        /// Whether the database takes `a` and `A` for the same key.
        ignores_case: bool,
    },
    /// A uuid type.
    Uuid,
    /// An integer type, with the smallest and the largest value it takes.
    Integer {
        /// The smallest value.
        min: i128,
        /// The largest value.
        max: i128,
        /// The SQL name of the type to compare as.
        cast: String,
    },
    /// Bytes; keys come as hexadecimal digits or as a UUID's text.
    Binary,
}

impl Target {
    /// Returns whether the table lacks the column.
    #[must_use]
    pub fn column_missing(&self) -> bool {
        self.column_type.is_none()
    }

    /// Returns whether the column is there without a unique index of its own over all rows.
    #[must_use]
    pub fn index_missing(&self) -> bool {
        !self.column_missing() && !self.column_unique
    }

    /// Returns whether anything is left to add: the column, or an index that it can have. MySQL indexes no whole `text` column.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        let can_be_indexed = self.engine != Engine::MySql
            || self.column_type.as_deref().is_none_or(|type_name| !type_name.to_lowercase().contains("text"));
        self.column_missing() || self.index_missing() && can_be_indexed
    }
}

/// Refuses one column for both key and Clerk IDs. Only in Postgres do the names of two columns differ by case alone.
pub(super) fn must_differ(engine: Engine, table: &TableName, key: &str, column: &str) -> Result<(), TargetError> {
    let (key, column) = (column_name(key)?, column_name(column)?);
    let same = match engine {
        Engine::Postgres => key == column,
        Engine::MySql | Engine::Sqlite => key.to_lowercase() == column.to_lowercase(),
    };
    if same { Err(TargetError::ColumnIsKey { table: table.to_string(), key }) } else { Ok(()) }
}

/// The narrowest column taken: a Clerk ID is `user_` and 27 characters.
pub const NARROWEST_COLUMN: u64 = 32;

/// Returns the names that come near the wanted one, the nearest first, three at most.
pub(super) fn nearest(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let fold = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase().replace(['_', '-'], "");
    let wanted = fold(wanted);
    let mut near: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&wanted, &fold(&name)), name))
        .filter(|(score, _)| *score >= 0.5)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().map(|(_, name)| name).take(3).collect()
}
