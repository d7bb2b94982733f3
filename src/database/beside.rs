//! Clerk IDs beside columns that refer to users: a new column, filled from the users table by the database itself, a part of the
//! table at a time.

use super::Database;
use super::error::{QueryError, WriteError};
use super::inspect::{NARROWEST_COLUMN, Target};
use super::references::Link;
use super::schema::{Column, Family, Schema, column_path};
use super::script::Script;
use super::sql::beside as sql;
use super::walk::Walk;
use super::write::Failure;
use crate::engine::Engine;
use crate::row::Value;

/// A column for Clerk IDs beside one that refers to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The column that refers, and the users' key.
    pub link: Link,
    /// The users' column with their Clerk IDs.
    pub clerk_column: String,
    /// Whether the users table has it.
    pub clerk_column_exists: bool,
    /// What the new column is called.
    pub name: String,
    /// Whether it is there.
    pub exists: bool,
    /// Whether an index begins with it.
    pub is_indexed: bool,
    /// How the table is walked.
    pub(super) walk: Walk,
    /// Columns that MySQL would set to the current time at each update, and that keep what they hold.
    pub(super) on_update: Vec<String>,
}

/// Why a column cannot stand beside another.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// The name is too long.
    #[error("the name `{name}` for the column beside `{column}` is too long\nhint: say another one: `{column}=NAME`")]
    TooLong {
        /// The column that refers, with its table.
        column: String,
        /// The name.
        name: String,
    },
    /// The name is that of a column with another purpose.
    #[error(
        "`{column}` cannot get the column `{name}` beside it: the table has one of that name, {why}\nhint: say another name: `{column}=NAME`"
    )]
    Taken {
        /// The column that refers, with its table.
        column: String,
        /// The name.
        name: String,
        /// What the other column is.
        why: String,
    },
    /// The database user may not do what is needed.
    #[error("the database user may not fill a column beside `{column}`\nhint: {hint}")]
    NotAllowed {
        /// The column that refers, with its table.
        column: String,
        /// What to grant.
        hint: String,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database could not be asked.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Which rows are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Those that hold nothing.
    Fill,
    /// Also those that hold something else than their user's Clerk ID.
    Replace,
}

/// What stands in a column beside, and what does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BesideCounts {
    /// The rows of the table.
    pub rows: u64,
    /// Those that refer to anybody.
    pub referring: u64,
    /// Those that refer to nobody who is there.
    pub orphans: u64,
    /// Those whose user has no Clerk ID.
    pub without_clerk_id: u64,
    /// Those that hold nothing although their user has a Clerk ID.
    pub empty: u64,
    /// Those that hold something else than their user's Clerk ID.
    pub differing: u64,
}

/// User IDs to whose rows no Clerk ID can be written, one at a time.
#[derive(Debug)]
pub struct LeftOut {
    rows: super::Rows,
}

/// A user ID by which rows refer, and that has no Clerk ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutId {
    /// The user ID; `None` if it looks like something that is not to be shown.
    pub user_id: Option<String>,
    /// How many rows refer by it.
    pub rows: u64,
    /// Whether there is such a user.
    pub has_user: bool,
}

impl Beside {
    /// Returns the column that refers, with its table, as it can be typed.
    #[must_use]
    pub fn path(&self) -> String {
        column_path(&self.link.table, &self.link.column.name)
    }

    /// Returns the statements that add what is missing, to be shown.
    #[must_use]
    pub fn sql(&self) -> Vec<String> {
        sql::shown(self)
    }
}

impl Database {
    /// Looks up whether and how a column can stand beside one that refers to users. Nothing is changed.
    ///
    /// # Errors
    /// [`BesideError`], if it cannot.
    pub async fn beside(
        &self,
        target: &Target,
        schema: &Schema,
        link: &Link,
        name: &str,
    ) -> Result<Beside, BesideError> {
        let engine = self.engine();
        let path = column_path(&link.table, &link.column.name);
        if name.len() > LONGEST_NAME {
            return Err(BesideError::TooLong { column: path, name: name.to_owned() });
        }
        let Some(table) = schema.table(&link.table) else {
            return Err(QueryError::Refused(format!("the table `{}` is gone", link.table)).into());
        };
        let existing = table.column(name, engine);
        let clerk_column_exists = !target.column_missing();
        let is_clerk_column = table.name == link.users && schema.same_column(name, &target.column);
        let taken = if is_clerk_column {
            Some("which is that for the users' own Clerk IDs".to_owned())
        } else {
            existing.and_then(|column| why_not(engine, column))
        };
        if let Some(why) = taken {
            return Err(BesideError::Taken { column: path, name: name.to_owned(), why });
        }
        let on_update =
            table.columns.iter().filter(|column| column.on_update).map(|column| column.name.clone()).collect();
        let mut beside = Beside {
            link: link.clone(),
            clerk_column: target.column.clone(),
            clerk_column_exists,
            name: existing.map_or(name, |column| &column.name).to_owned(),
            exists: existing.is_some(),
            is_indexed: false,
            walk: Walk::of(engine, table, target, &link.users),
            on_update,
        };
        if beside.exists {
            beside.is_indexed = self.ask_number(sql::is_indexed(&beside)).await? > 0;
        }
        self.must_be_allowed(&beside).await?;
        Ok(beside)
    }

    /// Checks that the database user may do everything that is needed, without doing any of it.
    async fn must_be_allowed(&self, beside: &Beside) -> Result<(), BesideError> {
        let hint = match self {
            Self::Postgres(_) => self.missing_right_postgres(beside).await?,
            Self::MySql(_) => self.missing_right_mysql(beside).await?,
            // A file may be written or not, as a whole: what opened the users table knows.
            Self::Sqlite(_) => None,
        };
        match hint {
            Some(hint) => Err(BesideError::NotAllowed { column: beside.path(), hint }),
            None => Ok(()),
        }
    }

    async fn missing_right_postgres(&self, beside: &Beside) -> Result<Option<String>, WriteError> {
        let answers = self.run(&Script::asking(sql::rights_postgres(beside))).await.map_err(Failure::into_error)?;
        let told = answers.told.into_iter().next().unwrap_or_default();
        let is = |at: usize| told.get(at).and_then(Option::as_deref) == Some("true");
        let table = &beside.link.table;
        let adds = !beside.exists || !beside.is_indexed;
        Ok(if !is(0) || !is(1) {
            Some(format!("GRANT SELECT, UPDATE ON {table}"))
        } else if adds && !is(2) {
            Some(format!("adding column and index takes the owner of {table}; connect as it, or GRANT its role"))
        } else if is(3) {
            Some(format!(
                "row-level security hides rows of {table} from it; connect as the table's owner, or as a role with BYPASSRLS"
            ))
        } else {
            None
        })
    }

    async fn missing_right_mysql(&self, beside: &Beside) -> Result<Option<String>, WriteError> {
        let table = &beside.link.table;
        if self.is_not_allowed(sql::try_update_mysql(beside)).await? {
            return Ok(Some(format!("GRANT SELECT, UPDATE ON {table}")));
        }
        if !beside.exists && self.is_not_allowed(sql::try_alter_mysql(beside)).await? {
            return Ok(Some(format!("GRANT ALTER ON {table}")));
        }
        if !beside.is_indexed && self.is_not_allowed(sql::try_index_mysql(beside)).await? {
            return Ok(Some(format!("GRANT INDEX ON {table}")));
        }
        Ok(None)
    }

    /// Runs a statement that changes nothing, and returns whether the database user may not run it. That it fails for another
    /// reason is what some of them are for.
    async fn is_not_allowed(&self, statement: String) -> Result<bool, WriteError> {
        match self.run(&Script::of([statement])).await.map_err(Failure::into_error) {
            Err(WriteError::NotAllowed { .. }) => Ok(true),
            Err(error) if error.is_passing() => Err(error),
            _ => Ok(false),
        }
    }

    /// Asks for one number; 0, if there is none.
    pub(super) async fn ask_number(&self, question: String) -> Result<u64, WriteError> {
        let answers = self.run(&Script::asking(question)).await.map_err(Failure::into_error)?;
        let told = answers.told.into_iter().flatten().next().flatten();
        Ok(told.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// Adds the column, if it is missing; on MySQL without a key also its index, by which the rows to fill are found, and on a
    /// partitioned table of Postgres, which cannot be indexed without a lock, while there is little to index.
    ///
    /// # Errors
    /// [`WriteError`], if the database does not let it.
    pub async fn add_beside(&self, beside: &mut Beside) -> Result<(), WriteError> {
        if !beside.exists {
            self.run(&sql::add_column(beside)).await.map_err(Failure::into_error)?;
            beside.exists = true;
        }
        if matches!(beside.walk, Walk::Rest | Walk::Partitions) { self.index_beside(beside).await } else { Ok(()) }
    }

    /// Adds the column's index, if it is missing.
    ///
    /// # Errors
    /// [`WriteError`], if the database does not let it.
    pub async fn index_beside(&self, beside: &mut Beside) -> Result<(), WriteError> {
        if !beside.is_indexed {
            self.run(&sql::add_index(beside)).await.map_err(Failure::into_error)?;
            beside.is_indexed = true;
        }
        Ok(())
    }

    /// Counts what stands in the column, and what does not. It reads the whole table.
    ///
    /// # Errors
    /// [`QueryError`], if a table cannot be read.
    pub async fn count_beside(&self, beside: &Beside) -> Result<BesideCounts, QueryError> {
        let numbers = self.numbers(&sql::count(beside, beside.exists)).await?;
        let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
        Ok(BesideCounts {
            rows: at(0),
            referring: at(1),
            orphans: at(2),
            without_clerk_id: at(3),
            empty: at(4),
            differing: at(5),
        })
    }

    /// Reads the user IDs to whose rows no Clerk ID can be written.
    ///
    /// # Errors
    /// [`QueryError`], if a table cannot be read.
    pub async fn left_out(&self, beside: &Beside) -> Result<LeftOut, QueryError> {
        Ok(LeftOut { rows: self.rows(&sql::left_out(beside)).await? })
    }
}

impl LeftOut {
    /// Returns the next user ID; `None` after the last.
    ///
    /// # Errors
    /// [`QueryError`], if the database fails on the way.
    pub async fn next(&mut self) -> Result<Option<LeftOutId>, QueryError> {
        let Some(row) = self.rows.next().await? else { return Ok(None) };
        let mut values = row.into_iter();
        let mut next = || values.next().unwrap_or(Value::Null);
        let user_id = shown(next());
        let (rows, users) = (super::references::number(next()), super::references::number(next()));
        Ok(Some(LeftOutId { user_id, rows, has_user: users > 0 }))
    }
}

/// Returns a user ID as text. What could be an address is nobody's ID, and not to be shown.
fn shown(value: Value) -> Option<String> {
    let text = match value {
        Value::Text(text) | Value::Decimal(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Bytes(bytes) => hex::encode(bytes),
        _ => return None,
    };
    (!text.contains('@') && text.chars().count() <= LONGEST_ID).then_some(text)
}

/// The longest ID shown: what is longer is something else.
const LONGEST_ID: usize = 64;

/// The longest name that every engine takes: Postgres cuts longer ones off without a word.
const LONGEST_NAME: usize = 63;

/// Returns why a column that is there cannot take Clerk IDs.
fn why_not(engine: Engine, column: &Column) -> Option<String> {
    let takes = column.family == Family::Text && column.longest.is_none_or(|longest| longest >= NARROWEST_COLUMN)
        || engine == Engine::Sqlite && column.family == Family::Any;
    if column.generated {
        Some("which the database makes of others".to_owned())
    } else if takes {
        None
    } else {
        Some(format!("of the type `{}`, which cannot hold Clerk IDs", column.type_name))
    }
}
