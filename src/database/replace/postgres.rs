//! What a replacement changes on Postgres beside values: foreign keys and the key's default, in the server's own words.

use super::ReplaceError;
use crate::database::schema::{Column, ForeignKey};
use crate::database::script::{Script, Step};
use crate::database::sql::replace::postgres as sql;
use crate::database::write::Failure;
use crate::database::{Database, TableName};

/// A foreign key, as the database writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Constraint {
    pub(in crate::database) table: TableName,
    pub(in crate::database) name: String,
    pub(in crate::database) definition: String,
}

/// How a key gets its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) enum Default {
    Nothing,
    /// By an expression.
    Expression(String),
    /// As an identity: `ALWAYS` or `BY DEFAULT`.
    Identity(&'static str),
}

impl Database {
    pub(super) async fn constraint(&self, key: &ForeignKey) -> Result<Constraint, ReplaceError> {
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
        Ok(Constraint { table: key.table.clone(), name, definition })
    }

    pub(super) async fn default_of(&self, users: TableName, key: &Column) -> Result<Default, ReplaceError> {
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
}
