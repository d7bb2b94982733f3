//! The columns that refer to users: by constraint, or by guess where there is none, with what they hold and what would stand in
//! the way of a change.

mod find;
pub mod names;
mod obstacles;
mod wanted;

pub use self::obstacles::Obstacle;
pub use self::wanted::{Wanted, WantedColumn, WantedError};

use self::find::{by_constraint, by_guess};
use super::Counter;
use crate::database::{
    Column, Database, Family, ForeignKey, KeyKind, Link, Measured, NARROWEST_COLUMN, QueryError, Schema, Table, Target,
};

/// A column that refers to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The two columns.
    pub link: Link,
    /// The constraints that say so; none for a guess.
    pub constraints: Vec<ForeignKey>,
    /// What it holds.
    pub measured: Measured,
    /// Whether a guess is one that can be taken for certain: there are values, all of them are users', and they could hardly be
    /// anything else's.
    pub is_sure: bool,
}

impl Reference {
    /// Returns whether it holds user IDs, rather than another column of the users table.
    #[must_use]
    pub fn is_of_key(&self, target: &Target) -> bool {
        self.link.to.name == target.key
    }
}

/// Everything found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References {
    /// The columns, those with a constraint first.
    pub found: Vec<Reference>,
    /// What would stand in the way of a change.
    pub obstacles: Vec<Obstacle>,
    /// Whether the users' key could hold a Clerk ID as it is.
    pub key_takes_clerk_ids: bool,
}

/// Finds and measures every column that refers to the users table. It reads each of the tables; `looked_at` counts columns.
///
/// # Errors
/// [`QueryError`], if the catalog or a table cannot be read.
pub async fn find(database: &Database, target: &Target, looked_at: &Counter) -> Result<References, QueryError> {
    let schema = database.schema(target).await?;
    let mut found = Vec::new();
    for (link, constraints) in by_constraint(&schema, target) {
        let measured = database.measure(&link).await?;
        looked_at.add(1);
        found.push(Reference { link, constraints, measured, is_sure: true });
    }
    let key = users(&schema, target).and_then(|users| users.column(&target.key, schema.engine));
    let is_number = key.is_some_and(|key| key.family == Family::Integer);
    let values_tell = !is_number && !matches!(target.key_kind, KeyKind::Integer { .. });
    for link in by_guess(&schema, target, &found, values_tell) {
        let holds_users = database.holds_users(&link).await?;
        looked_at.add(1);
        if holds_users {
            let measured = database.measure(&link).await?;
            let tells = values_tell || names::names_the_table(&link.column.name, &target.table.table);
            let is_sure = measured.orphans() == 0 && tells;
            found.push(Reference { link, constraints: Vec::new(), measured, is_sure });
        }
    }
    let obstacles = obstacles::obstacles(&schema, target, &found);
    let key_takes_clerk_ids = key.is_some_and(takes_clerk_ids);
    Ok(References { found, obstacles, key_takes_clerk_ids })
}

fn takes_clerk_ids(column: &Column) -> bool {
    match column.family {
        Family::Text => column.longest.is_none_or(|longest| longest >= NARROWEST_COLUMN),
        Family::Any => true,
        Family::Uuid | Family::Integer | Family::Binary | Family::Other => false,
    }
}

/// Returns the users table as the schema has it.
fn users<'a>(schema: &'a Schema, target: &Target) -> Option<&'a Table> {
    schema.table(&target.table)
}
