//! The columns that refer to users: by constraint, or by guess where there is none, with what they hold and what would stand in
//! the way of a change.

mod choose;
pub mod fill;
mod find;
pub mod names;
mod obstacles;
mod replace;
mod wanted;

pub use self::choose::{ChooseError, choose};
pub use self::obstacles::Obstacle;
pub use self::replace::{NoReplacement, Planned, StepsEnd, replacement, run_steps};
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
    let guesses = guesses(database, &schema, target, &found, looked_at).await?;
    found.extend(guesses);
    let obstacles = obstacles::obstacles(&schema, target, &found);
    let key_takes_clerk_ids = key(&schema, target).is_some_and(takes_clerk_ids);
    Ok(References { found, obstacles, key_takes_clerk_ids })
}

/// Returns the columns with a constraint, not measured.
fn constrained(schema: &Schema, target: &Target) -> Vec<Reference> {
    let reference = |(link, constraints)| Reference { link, constraints, measured: Measured::default(), is_sure: true };
    by_constraint(schema, target).into_iter().map(reference).collect()
}

/// Returns the guesses, measured: columns that no constraint ties to users, and that hold some users' IDs.
async fn guesses(
    database: &Database,
    schema: &Schema,
    target: &Target,
    constrained: &[Reference],
    looked_at: &Counter,
) -> Result<Vec<Reference>, QueryError> {
    let mut guesses = Vec::new();
    for link in by_guess(schema, target, constrained, values_tell(schema, target)) {
        let holds_users = database.holds_users(&link).await?;
        looked_at.add(1);
        if holds_users {
            let measured = database.measure(&link).await?;
            let is_sure = sure_guess(schema, target, &link, &measured);
            guesses.push(Reference { link, constraints: Vec::new(), measured, is_sure });
        }
    }
    Ok(guesses)
}

/// Returns the users' key as the schema has it.
fn key<'a>(schema: &'a Schema, target: &Target) -> Option<&'a Column> {
    users(schema, target)?.column(&target.key, schema.engine)
}

/// Returns whether any value can be told for a user ID: it is no plain number, of which every table is full.
fn values_tell(schema: &Schema, target: &Target) -> bool {
    let is_number = key(schema, target).is_some_and(|key| key.family == Family::Integer);
    !is_number && !matches!(target.key_kind, KeyKind::Integer { .. })
}

/// Returns whether a guess can be taken for certain.
fn sure_guess(schema: &Schema, target: &Target, link: &Link, measured: &Measured) -> bool {
    let tells = values_tell(schema, target) || names::names_the_table(&link.column.name, &target.table.table);
    measured.found > 0 && measured.orphans() == 0 && tells
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
