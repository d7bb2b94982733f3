//! The users' key replaced by their Clerk IDs, everywhere: computed as a whole, and written as scripts for people to review.

use super::error::{QueryError, WriteError};
use super::inspect::{NARROWEST_COLUMN, Target};
use super::references::Link;
use super::schema::{Column, Family, ForeignKey, Schema, column_path};
use super::script::{Script, Step};
use super::sql::replace as sql;
use super::write::Failure;
use super::{Database, TableName};
use crate::engine::Engine;

/// Everything that a replacement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The users table.
    pub users: TableName,
    /// Its key.
    pub key: Column,
    /// Its column with the Clerk IDs.
    pub clerk_column: String,
    /// The columns that hold user IDs.
    pub links: Vec<Link>,
    /// The foreign keys that are dropped and made again.
    pub(super) keys: Vec<Constraint>,
    /// How the key gets its value where nobody gives one.
    pub(super) default: Default,
}

/// A foreign key, as the database writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint {
    pub(super) table: TableName,
    pub(super) name: String,
    pub(super) definition: String,
}

/// How a key gets its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Default {
    Nothing,
    /// By an expression.
    Expression(String),
    /// As an identity: `ALWAYS` or `BY DEFAULT`.
    Identity(&'static str),
}

/// Why the IDs cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Something is in the way.
    #[error("the IDs of `{table}` cannot be replaced: {why}\nhint: {hint}")]
    InTheWay {
        /// The users table.
        table: String,
        /// What is in the way.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The catalog or a table could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database could not be asked.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The column that keeps the old ID.
pub const LEGACY_COLUMN: &str = "legacy_id";

impl Replacement {
    /// Returns whether a column has to change its type to hold a Clerk ID.
    #[must_use]
    pub fn changes_type(column: &Column) -> bool {
        column.family != Family::Text || column.longest.is_some_and(|longest| longest < NARROWEST_COLUMN)
    }

    /// Returns the script that replaces the IDs, in one transaction, with checks at its head and at its end.
    #[must_use]
    pub fn script(&self) -> String {
        sql::script(self).into_iter().map(|statement| statement + ";\n").collect()
    }

    /// Returns the script that brings the old IDs back.
    #[must_use]
    pub fn way_back(&self) -> String {
        sql::way_back(self).into_iter().map(|statement| statement + ";\n").collect()
    }
}

impl Database {
    /// Computes the whole replacement. Nothing is changed.
    ///
    /// # Errors
    /// [`ReplaceError`], if it cannot be done safely.
    pub async fn replacement(
        &self,
        target: &Target,
        schema: &Schema,
        links: Vec<Link>,
    ) -> Result<Replacement, ReplaceError> {
        let no = |why: String, hint| ReplaceError::InTheWay { table: target.table.to_string(), why, hint };
        if self.engine() != Engine::Postgres {
            return Err(no(
                format!("on {} db2clerk does not do that", self.engine()),
                "take a Clerk ID beside each: `--references`",
            ));
        }
        let users = schema.table(&target.table);
        let Some((users, key)) = users.and_then(|users| Some((users, users.column(&target.key, schema.engine)?)))
        else {
            return Err(no("the table is gone".to_owned(), "run the command again"));
        };
        if target.column_missing() {
            return Err(no(
                format!("it has no column `{}`", target.column),
                "write the Clerk IDs into the users table first: `backfill --add-column`",
            ));
        }
        if users.column(LEGACY_COLUMN, schema.engine).is_some() {
            return Err(no(
                format!("it has a column `{LEGACY_COLUMN}`, where the old IDs would go"),
                "rename the column, if it is for something else; the IDs may have been replaced already",
            ));
        }
        if let Some(link) = links.iter().find(|link| schema.table(&link.table).is_none_or(|table| table.is_partitioned))
        {
            return Err(no(format!("`{}` is partitioned", link.table), "take a Clerk ID beside each: `--references`"));
        }
        let keys = keys(schema, users, key, &links);
        if let Some((link, elsewhere)) = links.iter().find_map(|link| {
            let elsewhere = schema.keys_of(&link.table, &link.column.name).find(|own| !keys.contains(own))?;
            Some((link, elsewhere))
        }) {
            let path = column_path(&link.table, &link.column.name);
            let why = format!("`{path}` refers to `{}` too", elsewhere.to_table);
            return Err(no(why, "take a Clerk ID beside each: `--references`"));
        }
        let (mut constraints, default) = (Vec::new(), self.default_of(users.name.clone(), key).await?);
        for key in keys {
            let name = key.name.clone().unwrap_or_default();
            let asked = Script {
                steps: vec![
                    Step::Do("BEGIN TRANSACTION READ ONLY".to_owned()),
                    // So that every name in it comes with its schema.
                    Step::Do("SET LOCAL search_path TO pg_catalog".to_owned()),
                    Step::Ask(sql::definition(&key.table, &name)),
                    Step::Do("COMMIT".to_owned()),
                ],
                undo: vec!["ROLLBACK"],
            };
            let told = self.run(&asked).await.map_err(Failure::into_error)?.told;
            let definition = told.into_iter().flatten().next().flatten().unwrap_or_default();
            constraints.push(Constraint { table: key.table.clone(), name, definition });
        }
        let (users, key, clerk_column) = (users.name.clone(), key.clone(), target.column.clone());
        let replacement = Replacement { users, key, clerk_column, links, keys: constraints, default };
        self.must_fit(&replacement, no).await?;
        Ok(replacement)
    }

    /// Returns whether the users' IDs have been replaced by Clerk IDs: the old ones are kept beside keys that are Clerk IDs. It is
    /// read from the rows, for the script may have been run by anybody.
    ///
    /// # Errors
    /// [`QueryError`], if the table cannot be read.
    pub async fn ids_are_replaced(&self, table: &TableName, key: &str) -> Result<bool, QueryError> {
        let columns = self.columns_of(table).await?;
        let has = |name: &str| columns.iter().any(|column| column == name);
        if !has(LEGACY_COLUMN) || !has(key) || key == LEGACY_COLUMN {
            return Ok(false);
        }
        Ok(self.numbers(&sql::replaced(self.engine(), table, key)).await?.first().is_some_and(|rows| *rows > 0))
    }

    async fn default_of(&self, users: TableName, key: &Column) -> Result<Default, ReplaceError> {
        let answers = self.run(&Script::asking(sql::default(&users, &key.name))).await.map_err(Failure::into_error)?;
        let mut told = answers.told.into_iter().next().unwrap_or_default().into_iter();
        let (identity, expression) = (told.next().flatten(), told.next().flatten());
        Ok(match (identity.as_deref(), expression) {
            (Some("a"), _) => Default::Identity("ALWAYS"),
            (Some("d"), _) => Default::Identity("BY DEFAULT"),
            (_, Some(expression)) => Default::Expression(expression),
            _ => Default::Nothing,
        })
    }

    /// Checks the rows, as the script itself will.
    async fn must_fit(
        &self,
        replacement: &Replacement,
        no: impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let users = self.numbers(&sql::users_without_clerk_id(replacement)).await?;
        let without = users.first().copied().unwrap_or_default();
        if without > 0 {
            return Err(no(
                format!("{without} of its rows have no Clerk ID"),
                "bring everybody in first: `db2clerk status` says who is missing; or delete the rows",
            ));
        }
        for link in &replacement.links {
            let measured = self.measure(link).await?;
            if measured.orphans() > 0 {
                let path = column_path(&link.table, &link.column.name);
                return Err(no(
                    format!("{} rows of `{path}` refer to nobody", measured.orphans()),
                    "delete these rows, or set the column to NULL there; `backfill --references` lists them",
                ));
            }
        }
        Ok(())
    }

    /// Runs the whole replacement, in one transaction.
    ///
    /// # Errors
    /// [`WriteError`], if the database refuses something of it: then everything is as it was.
    pub async fn replace(&self, replacement: &Replacement) -> Result<(), WriteError> {
        self.must_write()?;
        let script = Script::of(sql::script(replacement)).or_else(&["ROLLBACK"]);
        self.run(&script).await.map_err(Failure::into_error)?;
        Ok(())
    }

    /// Runs the whole replacement inside a transaction, and takes it back: everything but the end of it is tried.
    ///
    /// # Errors
    /// [`WriteError`], if the database refuses something of it.
    pub async fn try_replacement(&self, replacement: &Replacement) -> Result<(), WriteError> {
        self.must_write()?;
        let mut statements = sql::script(replacement);
        statements.pop();
        statements.push("ROLLBACK".to_owned());
        self.run(&Script::of(statements).or_else(&["ROLLBACK"])).await.map_err(Failure::into_error)?;
        Ok(())
    }
}

/// Returns the foreign keys that tie the columns to the users' key, or to each other.
fn keys<'a>(schema: &'a Schema, users: &super::schema::Table, key: &Column, links: &[Link]) -> Vec<&'a ForeignKey> {
    let holds_ids = |table: &TableName, column: &str| {
        *table == users.name && *column == key.name
            || links.iter().any(|link| link.table == *table && link.column.name == *column)
    };
    let ties = |own: &&ForeignKey| {
        own.columns
            .iter()
            .zip(&own.to_columns)
            .any(|(column, to)| holds_ids(&own.table, column) && holds_ids(&own.to_table, to))
    };
    schema.foreign_keys.iter().filter(ties).collect()
}
