//! The columns that somebody wants, found in the database.

use super::find::link;
use super::wanted::{Wanted, WantedColumn};
use super::{Reference, constrained, guesses, users, values_tell};
use crate::database::{Column, Database, Link, QueryError, Schema, Target, column_path};
use crate::stage::Counter;

/// Why a column that somebody wants is none to which Clerk IDs can be put.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// The catalog or a table could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// No such table, or no such column in it.
    #[error("there is no column `{0}`\nhint: `db2clerk references` lists the columns that refer to users")]
    None(String),
    /// It refers to another column of the users table.
    #[error("the column `{column}` refers to the users' `{to}`, and not to their key `{key}`")]
    Elsewhere {
        /// The column, with its table.
        column: String,
        /// What it refers to.
        to: String,
        /// The users' key.
        key: String,
    },
    /// It is the users' key, or its type is not one for the key's values.
    #[error("the column `{column}` cannot hold values of the users' key `{key}`")]
    NoIds {
        /// The column, with its table.
        column: String,
        /// The users' key.
        key: String,
    },
}

/// Finds the columns that are wanted, each with the name wanted for the column beside it. All, that is those with a constraint,
/// and guesses that can be taken for certain.
///
/// # Errors
/// [`ChooseError`], for the first that cannot be had.
pub async fn choose(
    database: &Database,
    target: &Target,
    wanted: &Wanted,
) -> Result<Vec<(Link, Option<String>)>, ChooseError> {
    let schema = database.schema(target).await?;
    let constrained = constrained(&schema, target);
    let guesses = match wanted {
        Wanted::All => guesses(database, &schema, target, &constrained, &Counter::default()).await?,
        Wanted::Columns(_) => Vec::new(),
    };
    pick(&schema, target, wanted, &constrained, &guesses)
}

/// Picks the columns that are wanted of those that were found, as [`choose`] does.
pub(super) fn pick(
    schema: &Schema,
    target: &Target,
    wanted: &Wanted,
    constrained: &[Reference],
    guesses: &[Reference],
) -> Result<Vec<(Link, Option<String>)>, ChooseError> {
    match wanted {
        Wanted::All => {
            let constrained = constrained.iter().filter(|reference| reference.is_of_key(target));
            let all = constrained.chain(guesses.iter().filter(|guess| guess.is_sure));
            Ok(all.map(|reference| (reference.link.clone(), None)).collect())
        }
        Wanted::Columns(columns) => {
            let known: Vec<&Link> = constrained.iter().map(|reference| &reference.link).collect();
            let mut links: Vec<(Link, Option<String>)> = Vec::new();
            for column in columns {
                let link = find(schema, target, &known, column)?;
                if !links.iter().any(|(other, _)| *other == link) {
                    links.push((link, column.beside.clone()));
                }
            }
            Ok(links)
        }
    }
}

fn find(schema: &Schema, target: &Target, known: &[&Link], wanted: &WantedColumn) -> Result<Link, ChooseError> {
    let none = || ChooseError::None(column_path(&wanted.table, &wanted.column));
    let table = schema.table(&wanted.table).ok_or_else(none)?;
    let column = table.column(&wanted.column, schema.engine).ok_or_else(none)?;
    let path = column_path(&table.name, &column.name);
    if let Some(known) = known.iter().find(|link| link.table == table.name && link.column == *column) {
        let (to, key) = (known.to.name.clone(), target.key.clone());
        return if to == key { Ok((*known).clone()) } else { Err(ChooseError::Elsewhere { column: path, to, key }) };
    }
    let users = users(schema, target).ok_or_else(none)?;
    let key: &Column = users.column(&target.key, schema.engine).ok_or_else(none)?;
    let is_key = table.name == users.name && column.name == key.name;
    if is_key || !super::find::fits(schema.engine, key, column, values_tell(schema, target)) {
        return Err(ChooseError::NoIds { column: path, key: key.name.clone() });
    }
    Ok(link(schema.engine, users, key, table, column, true))
}
