//! The users' key replaced by their Clerk IDs, everywhere: computed as a whole, and written as scripts for people to review.

use super::error::{QueryError, WriteError};
use super::inspect::{NARROWEST_COLUMN, Target};
use super::references::Link;
use super::schema::{Column, Family, ForeignKey, Schema, Table, column_path};
use super::script::{Script, Step};
use super::sql::replace::{self as sql, create_table};
use super::write::Failure;
use super::{Database, TableName};
use crate::engine::Engine;

/// Everything that a replacement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The kind of database.
    pub engine: Engine,
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
    /// SQLite: the tables that are changed, the users first.
    pub(super) tables: Vec<Kept>,
    /// SQLite: the name for the index on the old IDs.
    pub(super) legacy_index: String,
}

/// A table of SQLite's that is changed, with all that must be there afterwards as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) table: Table,
    /// How it is made, by its own text.
    pub(super) create: String,
    /// The same with other types.
    pub(super) create_retyped: String,
    /// The columns whose types change.
    pub(super) retyped: Vec<String>,
    /// Its indexes and triggers.
    pub(super) objects: Vec<Object>,
    /// What it is called while another takes its place.
    pub(super) old_name: String,
    /// How far it has counted, if it counts its rows.
    pub(super) counted: Option<String>,
}

/// An index or a trigger of SQLite's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) sql: String,
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
        match column.family {
            Family::Text => column.longest.is_some_and(|longest| longest < NARROWEST_COLUMN),
            // SQLite, where a column without a type holds anything.
            Family::Any => column.type_name.to_ascii_lowercase().contains("blob"),
            _ => true,
        }
    }

    /// Returns the triggers that are out of force meanwhile, so that none of them runs.
    #[must_use]
    pub fn triggers(&self) -> Vec<&str> {
        let objects = self.tables.iter().flat_map(|kept| &kept.objects);
        objects.filter(|object| object.kind == "trigger").map(|object| object.name.as_str()).collect()
    }

    /// Returns the tables that are made again, because a type of theirs changes.
    #[must_use]
    pub fn made_again(&self) -> Vec<&TableName> {
        self.tables.iter().filter(|kept| kept.is_made_again()).map(|kept| &kept.table.name).collect()
    }

    /// Returns the script that replaces the IDs, in one transaction, with checks at its head and at its end.
    #[must_use]
    pub fn script(&self) -> String {
        self.written(sql::script(self))
    }

    /// Returns the script that brings the old IDs back.
    #[must_use]
    pub fn way_back(&self) -> String {
        self.written(sql::way_back(self))
    }

    fn written(&self, mut statements: Vec<String>) -> String {
        if self.engine == Engine::Sqlite {
            statements.push(sql::sqlite::GOODBYE.to_owned());
        }
        statements.into_iter().map(|statement| statement + ";\n").collect()
    }

    /// Makes the statements ready to be run. Each is ended: SQLite keeps the text of some of them, up to the end.
    fn steps(&self, statements: Vec<String>) -> Script {
        let undo = if self.engine == Engine::Sqlite { sql::sqlite::UNDO } else { &["ROLLBACK"] };
        Script::of(statements.into_iter().map(|statement| statement + ";")).or_else(undo)
    }
}

impl Kept {
    /// Returns whether the table is made again; otherwise its rows are updated where they are.
    pub(super) fn is_made_again(&self) -> bool {
        !self.retyped.is_empty()
    }

    /// Returns the name by which its row numbers can be taken along, if there are any that no column shows.
    pub(super) fn row_number(&self, with_new_types: bool) -> Option<&'static str> {
        let is_shown = |name: &String| {
            let column = self.table.column(name, Engine::Sqlite);
            column.is_some_and(|column| column.type_name.eq_ignore_ascii_case("integer"))
                && !(with_new_types && self.retyped.contains(name))
        };
        if self.table.without_rowid || matches!(self.table.primary_key.as_slice(), [only] if is_shown(only)) {
            return None;
        }
        let free = |alias: &&str| self.table.column(alias, Engine::Sqlite).is_none();
        ["rowid", "_rowid_", "oid"].into_iter().find(free)
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
        if self.engine() == Engine::MySql {
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
        let mut replacement = Replacement {
            engine: self.engine(),
            users: users.name.clone(),
            key: key.clone(),
            clerk_column: target.column.clone(),
            links,
            keys: Vec::new(),
            default: Default::Nothing,
            tables: Vec::new(),
            legacy_index: String::new(),
        };
        if self.engine() == Engine::Sqlite {
            self.keep_tables(&mut replacement, schema, no).await?;
        } else {
            replacement.default = self.default_of(users.name.clone(), key).await?;
            for key in keys {
                replacement.keys.push(self.constraint(key).await?);
            }
        }
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

    async fn constraint(&self, key: &ForeignKey) -> Result<Constraint, ReplaceError> {
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

    /// Reads how the tables of SQLite's are made, and how they will be.
    async fn keep_tables(
        &self,
        replacement: &mut Replacement,
        schema: &Schema,
        no: impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let mut objects: Vec<(String, Object)> = Vec::new();
        for row in self.texts(sql::sqlite::OBJECTS).await? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (kind, name, table, sql) = (next(), next(), next(), next());
            objects.push((table, Object { kind, name, sql }));
        }
        let free = |wanted: String| {
            let taken = |name: &str| objects.iter().any(|(_, object)| object.name.eq_ignore_ascii_case(name));
            let mut name = wanted;
            while taken(&name) {
                name.push('_');
            }
            name
        };
        replacement.legacy_index = free(format!("{}_{LEGACY_COLUMN}_key", replacement.users.table));
        let mut names = vec![replacement.users.clone()];
        for link in &replacement.links {
            if !names.contains(&link.table) {
                names.push(link.table.clone());
            }
        }
        for name in names {
            let Some(table) = schema.table(&name) else { continue };
            let key = (name == replacement.users).then_some(&replacement.key);
            let linked = replacement.links.iter().filter(|link| link.table == name).map(|link| &link.column);
            let retyped: Vec<String> = key
                .into_iter()
                .chain(linked)
                .filter(|column| Replacement::changes_type(column))
                .map(|column| column.name.clone())
                .collect();
            let own = |object: &&(String, Object)| object.0.eq_ignore_ascii_case(&name.table);
            let own: Vec<Object> = objects.iter().filter(own).map(|(_, object)| object.clone()).collect();
            let create = own.iter().find(|object| object.kind == "table").map(|object| object.sql.clone());
            let create = create.unwrap_or_default();
            // What was a row's number is never NULL.
            let numbers: Vec<String> = match table.primary_key.as_slice() {
                [only] if retyped.contains(only) => vec![only.clone()],
                _ => Vec::new(),
            };
            let create_retyped = if retyped.is_empty() {
                create.clone()
            } else {
                create_table::retyped(&create, &retyped, &numbers).ok_or_else(|| {
                    no(
                        format!("`{name}` is made by a statement that db2clerk cannot read"),
                        "take a Clerk ID beside each: `--references`",
                    )
                })?
            };
            let counted = if create_table::counts_rows(&create) {
                let told = self.texts(&sql::sqlite::counted(&name.table)).await?;
                Some(told.into_iter().flatten().next().flatten().and_then(|seq| seq.parse::<i64>().ok()).unwrap_or(0))
            } else {
                None
            };
            replacement.tables.push(Kept {
                table: table.clone(),
                create,
                create_retyped,
                retyped,
                objects: own.into_iter().filter(|object| matches!(object.kind.as_str(), "index" | "trigger")).collect(),
                old_name: free(format!("db2clerk_old_{}", name.table)),
                counted: counted.map(|counted| counted.to_string()),
            });
        }
        Ok(())
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
            if replacement.engine == Engine::Sqlite {
                let rows = self.numbers(&sql::sqlite::spelled_otherwise(replacement, link)).await?;
                let rows = rows.first().copied().unwrap_or_default();
                if rows > 0 {
                    let path = column_path(&link.table, &link.column.name);
                    return Err(no(
                        format!(
                            "{rows} rows of `{path}` spell the user's ID in another way, which the way back would lose"
                        ),
                        "spell it there as in the users table",
                    ));
                }
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
        let script = replacement.steps(sql::script(replacement));
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
        for statement in statements.iter_mut().filter(|statement| *statement == "COMMIT") {
            "ROLLBACK".clone_into(statement);
        }
        self.run(&replacement.steps(statements)).await.map_err(Failure::into_error)?;
        Ok(())
    }
}

/// Returns the foreign keys that tie the columns to the users' key, or to each other.
fn keys<'a>(schema: &'a Schema, users: &Table, key: &Column, links: &[Link]) -> Vec<&'a ForeignKey> {
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
