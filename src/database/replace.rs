//! The users' key replaced by their Clerk IDs, everywhere: computed as a whole, and written as scripts for people to review.

pub(super) mod mysql;
pub(super) mod postgres;
pub(super) mod sqlite;

use self::mysql::Altered;
use self::postgres::{Constraint, Default};
use self::sqlite::Kept;
use super::error::{QueryError, WriteError};
use super::inspect::{NARROWEST_COLUMN, Target};
use super::references::Link;
use super::schema::{Column, Family, ForeignKey, Schema, Table, column_path};
use super::script::Script;
use super::sql::replace as sql;
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
    /// Postgres: the foreign keys that are dropped and made again.
    pub(super) keys: Vec<Constraint>,
    /// Postgres: how the key gets its value where nobody gives one.
    pub(super) default: Default,
    /// MySQL: the database that is meant where none is named.
    pub(super) home: Option<String>,
    /// MySQL: the foreign keys that tie these columns together.
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// MySQL: the tables that are changed, the users first.
    pub(super) altered: Vec<Altered>,
    /// SQLite: the tables that are changed, the users first.
    pub(super) tables: Vec<Kept>,
    /// SQLite: the name for the index on the old IDs.
    pub(super) legacy_index: String,
}

/// One step of a replacement that cannot be one transaction. Run again, it does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceStep {
    /// What it does, in words.
    pub what: String,
    /// What is run, in this order, on one connection.
    pub statements: Vec<String>,
}

impl ReplaceStep {
    pub(super) fn of(what: impl Into<String>, statements: Vec<String>) -> Self {
        Self { what: what.into(), statements }
    }
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
    /// The database user may not do what is needed.
    #[error("the database user may not replace the IDs\nhint: {grant}")]
    NotAllowed {
        /// What to grant.
        grant: String,
    },
    /// The catalog or a table could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database could not be asked.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where the old IDs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldIds {
    /// There is no column that keeps them: the users have them, or nobody.
    Nowhere,
    /// A replacement was begun, and is not finished: MySQL.
    Unfinished,
    /// There is a column for them.
    Kept,
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

    /// Returns the tables whose values change, each once, the users first.
    pub(super) fn changed_tables(&self) -> Vec<TableName> {
        let mut names = vec![self.users.clone()];
        for link in &self.links {
            if !names.contains(&link.table) {
                names.push(link.table.clone());
            }
        }
        names
    }

    /// Returns the triggers that are out of force meanwhile, so that none of them runs.
    #[must_use]
    pub fn triggers(&self) -> Vec<&str> {
        let objects = self.tables.iter().flat_map(|kept| &kept.objects);
        objects.filter(|object| object.kind == "trigger").map(|object| object.name.as_str()).collect()
    }

    /// Returns the foreign keys that are dropped and made again because of types; where all of it is one transaction, nobody sees that.
    #[must_use]
    pub fn keys_made_again(&self) -> Vec<&str> {
        self.dropped_keys().filter_map(|key| key.name.as_deref()).collect()
    }

    /// Returns the tables that are made again, because a type of theirs changes.
    #[must_use]
    pub fn made_again(&self) -> Vec<&TableName> {
        self.tables.iter().filter(|kept| kept.is_made_again()).map(|kept| &kept.table.name).collect()
    }

    /// Returns whether all of it can be one transaction. MySQL cannot take back the change of a table.
    #[must_use]
    pub fn is_transaction(&self) -> bool {
        self.engine != Engine::MySql
    }

    /// Returns the script that replaces the IDs, with checks at its head and at its end.
    #[must_use]
    pub fn script(&self) -> String {
        match self.engine {
            Engine::Postgres => self.written(sql::postgres::script(self)),
            Engine::MySql => sql::mysql::script(&sql::mysql::steps(self)),
            Engine::Sqlite => self.written(sql::sqlite::script(self)),
        }
    }

    /// Returns the script that brings the old IDs back.
    #[must_use]
    pub fn way_back(&self) -> String {
        match self.engine {
            Engine::Postgres => self.written(sql::postgres::way_back(self)),
            Engine::MySql => sql::mysql::script(&sql::mysql::way_back(self)),
            Engine::Sqlite => self.written(sql::sqlite::way_back(self)),
        }
    }

    /// Returns the steps of a replacement that cannot be one transaction.
    #[must_use]
    pub fn steps(&self) -> Vec<ReplaceStep> {
        if self.is_transaction() { Vec::new() } else { sql::mysql::steps(self) }
    }

    fn written(&self, mut statements: Vec<String>) -> String {
        if self.engine == Engine::Sqlite {
            statements.push(sql::sqlite::GOODBYE.to_owned());
        }
        statements.into_iter().map(|statement| statement + ";\n").collect()
    }

    /// Makes the statements ready to be run. Each is ended: SQLite keeps the text of some of them, up to the end.
    fn whole(&self, statements: Vec<String>) -> Script {
        let undo = if self.engine == Engine::Sqlite { sql::sqlite::UNDO } else { &["ROLLBACK"] };
        Script::of(statements.into_iter().map(|statement| statement + ";")).or_else(undo)
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
        let old_ids = self.old_ids(&users.name).await?;
        if old_ids == OldIds::Unfinished {
            return Err(no(
                "a replacement of its IDs was begun and is not finished, and this ledger knows nothing of it"
                    .to_owned(),
                "run its script again, which goes on where it stopped, or the way back; or name the ledger: `--ledger FILE`",
            ));
        }
        if old_ids == OldIds::Kept {
            return Err(no(
                format!("it has a column `{LEGACY_COLUMN}`, where the old IDs would go"),
                "rename the column, if it is for something else; the IDs may have been replaced already",
            ));
        }
        let mut tables = std::iter::once(&users.name).chain(links.iter().map(|link| &link.table));
        if let Some(name) = tables.find(|name| schema.table(name).is_none_or(|table| table.is_partitioned)) {
            return Err(no(format!("`{name}` is partitioned"), "take a Clerk ID beside each: `--references`"));
        }
        let keys = keys(schema, users, key, &links);
        let holders = std::iter::once((&users.name, key)).chain(links.iter().map(|link| (&link.table, &link.column)));
        let elsewhere = holders.filter_map(|(table, column)| {
            let elsewhere = schema.keys_of(table, &column.name).find(|own| !keys.contains(own))?;
            Some((column_path(table, &column.name), elsewhere))
        });
        if let Some((path, elsewhere)) = elsewhere.take(1).next() {
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
            home: schema.current.clone(),
            foreign_keys: Vec::new(),
            altered: Vec::new(),
            tables: Vec::new(),
            legacy_index: String::new(),
        };
        match self.engine() {
            Engine::Postgres => {
                replacement.default = self.default_of(users.name.clone(), key).await?;
                for key in keys {
                    replacement.keys.push(self.constraint(key).await?);
                }
            }
            Engine::MySql => {
                replacement.foreign_keys = keys.into_iter().cloned().collect();
                self.alter_tables(&mut replacement, schema, no).await?;
            }
            Engine::Sqlite => self.keep_tables(&mut replacement, schema, no).await?,
        }
        self.must_fit(&replacement, no).await?;
        Ok(replacement)
    }

    /// Returns where the old IDs of a users table are, as far as its columns tell.
    ///
    /// # Errors
    /// [`QueryError`], if the catalog cannot be read.
    pub async fn old_ids(&self, users: &TableName) -> Result<OldIds, QueryError> {
        let has_column = self.columns_of(users).await?.iter().any(|column| column.eq_ignore_ascii_case(LEGACY_COLUMN));
        if !has_column {
            return Ok(OldIds::Nowhere);
        }
        let is_half = self.engine() == Engine::MySql && self.is_half_replaced(users).await?;
        Ok(if is_half { OldIds::Unfinished } else { OldIds::Kept })
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

    /// Checks the rows, as the script itself will.
    async fn must_fit(
        &self,
        replacement: &Replacement,
        no: impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let users = self.numbers(&sql::users_without_clerk_id(replacement)).await?;
        let at = |place: usize| users.get(place).copied().unwrap_or_default();
        let (without, else_there) = (at(0), at(1));
        if else_there > 0 {
            return Err(no(
                format!(
                    "{} in `{}` what is no Clerk ID, as `user_...` is",
                    rows(else_there, "of its rows holds", "of its rows hold"),
                    replacement.clerk_column
                ),
                "set the column to NULL there, and let `db2clerk backfill` write the Clerk IDs",
            ));
        }
        if without > 0 {
            return Err(no(
                rows(without, "of its rows has no Clerk ID", "of its rows have no Clerk ID"),
                "bring everybody in first: `db2clerk status` says who is missing; or delete the rows",
            ));
        }
        if let Some([clerk_id, one, other]) = self.shared_clerk_id(replacement).await? {
            return Err(no(
                format!("its rows `{one}` and `{other}` have the same Clerk ID `{clerk_id}`"),
                "find out in Clerk whose it is, and clear it in the other row; `db2clerk verify` lists such rows",
            ));
        }
        if replacement.engine == Engine::MySql {
            self.must_fit_mysql(replacement, &no).await?;
        }
        for link in &replacement.links {
            let measured = self.measure(link).await?;
            if measured.orphans() > 0 {
                let path = column_path(&link.table, &link.column.name);
                return Err(no(
                    rows(
                        measured.orphans(),
                        &format!("row of `{path}` refers to nobody"),
                        &format!("rows of `{path}` refer to nobody"),
                    ),
                    "delete these rows, or set the column to NULL there; `backfill --references` lists them",
                ));
            }
            if replacement.engine != Engine::Postgres {
                let spelled = self.numbers(&sql::spelled_otherwise(replacement, link)).await?;
                let spelled = spelled.first().copied().unwrap_or_default();
                if spelled > 0 {
                    let path = column_path(&link.table, &link.column.name);
                    return Err(no(
                        rows(
                            spelled,
                            &format!(
                                "row of `{path}` spells the user's ID in another way, which the way back would lose"
                            ),
                            &format!(
                                "rows of `{path}` spell the user's ID in another way, which the way back would lose"
                            ),
                        ),
                        "spell it there as in the users table",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Finds a Clerk ID that two users have, and these.
    async fn shared_clerk_id(&self, replacement: &Replacement) -> Result<Option<[String; 3]>, QueryError> {
        let row = self.texts(&sql::shared_clerk_id(replacement)).await?.pop();
        let cells: Vec<String> = row.into_iter().flatten().map(Option::unwrap_or_default).collect();
        Ok(cells.try_into().ok())
    }

    /// Runs the whole replacement, in one transaction.
    ///
    /// # Errors
    /// [`WriteError`], if the database refuses something of it: then everything is as it was.
    pub async fn replace(&self, replacement: &Replacement) -> Result<(), WriteError> {
        self.must_write()?;
        let script = replacement.whole(sql::script(replacement));
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
        self.run(&replacement.whole(statements)).await.map_err(Failure::into_error)?;
        Ok(())
    }
}

/// Writes a number of rows, with what one of them or several do.
fn rows(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
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
