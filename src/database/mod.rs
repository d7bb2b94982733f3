//! The three databases: rows out, Clerk IDs in.
//!
//! This part knows SQL and nothing of users: [`Database::rows`] gives whatever a query selects, and
//! [`Database::write_clerk_ids`] puts texts next to keys.

mod beside;
mod clerk_ids;
mod error;
mod inspect;
mod key;
mod mysql;
mod postgres;
mod ready;
mod references;
mod replace;
mod rows;
mod schema;
mod script;
mod sql;
mod sqlite;
mod statement;
mod url;
mod walk;
mod write;

pub use self::beside::{Beside, BesideCounts, BesideError, LeftOut, LeftOutId, Written as WrittenBeside};
pub use self::clerk_ids::{ClerkIds, TableRow};
pub use self::error::{ConnectError, QueryError, TargetError, WriteError};
pub use self::inspect::{KeyKind, NARROWEST_COLUMN, Target};
pub use self::references::{Link, Measured};
pub use self::replace::{LEGACY_COLUMN, OldIds, ReplaceError, ReplaceStep, Replacement};
pub use self::rows::Rows;
pub use self::schema::{Collation, Column, Dependent, DependentKind, Family, ForeignKey, Schema, Table, column_path};
pub use self::sql::{NameError, TableName, column_name, column_of, spelled};
pub use self::sqlite::create as create_sqlite;
pub use self::url::{DatabaseUrl, UrlError};
pub use self::walk::{Filled, Spot};
pub use self::write::{Cleared, Written};

use self::mysql::MySql;
use self::postgres::Postgres;
use self::sqlite::Sqlite;
use self::url::Place;
use self::write::{Failure, Found, Item, Mode, Work};
use crate::engine::Engine;
use crate::record::ClerkId;

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only, and the engine is told so.
    Read,
    /// Read, add the column, and write Clerk IDs.
    Write,
}

/// An open database.
#[derive(Debug)]
pub enum Database {
    /// PostgreSQL.
    Postgres(Postgres),
    /// MySQL or MariaDB.
    MySql(MySql),
    /// A SQLite file.
    Sqlite(Sqlite),
}

impl Database {
    /// Connects, and proves that the connection works.
    ///
    /// # Errors
    /// [`ConnectError`], which says what to check. A SQLite file is never created.
    pub async fn connect(url: &DatabaseUrl, access: Access) -> Result<Self, ConnectError> {
        Ok(match &url.place {
            Place::Server(server) if server.engine == Engine::Postgres => {
                Self::Postgres(Postgres::connect(server, access).await?)
            }
            Place::Server(server) => Self::MySql(MySql::connect(server, access).await?),
            Place::File(file) => Self::Sqlite(Sqlite::connect(file, access).await?),
        })
    }

    /// Returns the kind of database.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::MySql(_) => Engine::MySql,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Returns a column's name quoted for this engine, to be put into a query.
    #[must_use]
    pub fn quoted(&self, column: &str) -> String {
        sql::quote(self.engine(), column)
    }

    /// Runs a query, read-only and on a connection of its own, and returns its rows as they come. Memory does not grow with
    /// them; dropping the rows ends the query.
    ///
    /// # Errors
    /// [`QueryError`], if the text is not exactly one statement that returns columns, or the database refuses it.
    pub async fn rows(&self, sql: &str) -> Result<Rows, QueryError> {
        match self {
            Self::Postgres(database) => database.rows(sql).await,
            Self::MySql(database) => database.rows(sql).await,
            Self::Sqlite(database) => database.rows(sql).await,
        }
    }

    /// Returns the columns of a table in their order; none if there is no such table.
    ///
    /// # Errors
    /// [`QueryError`], if the catalog cannot be read.
    pub async fn columns_of(&self, table: &TableName) -> Result<Vec<String>, QueryError> {
        match self {
            Self::Postgres(database) => database.columns_of(table).await,
            Self::MySql(database) => database.columns_of(table).await,
            Self::Sqlite(database) => database.columns_of(table).await,
        }
    }

    /// Counts the rows of a table.
    ///
    /// # Errors
    /// [`QueryError`], if there is no such table or it cannot be read.
    pub async fn count_rows(&self, table: &TableName) -> Result<u64, QueryError> {
        match self {
            Self::Postgres(database) => database.count_rows(table).await,
            Self::MySql(database) => database.count_rows(table).await,
            Self::Sqlite(database) => database.count_rows(table).await,
        }
    }

    /// Looks a table up in the catalog, with its key and the column for Clerk IDs, which may be missing. Key and column may
    /// come quoted.
    ///
    /// # Errors
    /// [`TargetError`], if table or key are not there, the key is not unique by itself, or the column cannot hold Clerk IDs or
    /// is the key.
    pub async fn inspect(&self, table: &TableName, key: &str, column: &str) -> Result<Target, TargetError> {
        inspect::must_differ(self.engine(), table, key, column)?;
        match self {
            Self::Postgres(database) => database.inspect(table, key, column).await,
            Self::MySql(database) => database.inspect(table, key, column).await,
            Self::Sqlite(database) => database.inspect(table, key, column).await,
        }
    }

    /// Adds the column for Clerk IDs and its unique index, whichever is missing. It waits for locks for 5 seconds at most.
    ///
    /// # Errors
    /// [`WriteError`], if the database does not let it; [`WriteError::is_passing`] tells whether to try again.
    pub async fn add_column(&self, target: &Target) -> Result<(), WriteError> {
        self.must_write()?;
        // What is there now counts, not what was there when the target was shown.
        let now = self.inspect(&target.table, &target.key, &target.column).await.map_err(|error| match error {
            TargetError::Query(QueryError::Connect(error)) => WriteError::Connect(error),
            other => WriteError::Refused(other.to_string()),
        })?;
        match self {
            Self::Postgres(database) => database.add_column(&now).await,
            Self::MySql(database) => database.add_column(&now).await,
            Self::Sqlite(database) => database.add_column(&now).await,
        }
    }

    /// Returns the SQL that [`Self::add_column`] runs, to be shown to people.
    #[must_use]
    pub fn add_column_sql(target: &Target) -> String {
        sql::add_column_sql(target)
    }

    /// Finds out whether the database lets us write Clerk IDs at all, by a write of none that is taken back. A passing trouble
    /// says nothing about that, and is no error.
    ///
    /// # Errors
    /// [`WriteError`], which says what to grant.
    pub async fn rehearse_write(&self, target: &Target) -> Result<(), WriteError> {
        self.must_write()?;
        match self.write(target, &[], Mode::Fill, true).await {
            Err(Failure::Whole(error)) if !error.is_passing() => Err(error),
            _ => Ok(()),
        }
    }

    /// Does beforehand what [`Self::write_clerk_ids`] of this batch does before it needs the table, if the engine has such work: it
    /// may be done while another batch is written. Where it fails, writing does it again, and tells. Returns whether it may be asked
    /// for again: it takes a second connection, which not every server gives.
    pub async fn get_ready(&self, target: &Target, batch: &[(String, ClerkId)]) -> bool {
        if self.must_write().is_err() {
            return false;
        }
        let mut work = Work::new(target, batch, Mode::Fill);
        let Some(part) = work.next() else { return true };
        let items = work.items(&part);
        match self {
            Self::Postgres(_) => false,
            Self::MySql(database) => database.get_ready(target, &items).await,
            Self::Sqlite(database) => database.get_ready(target, &items).await,
        }
    }

    /// Undoes [`Self::get_ready`], where the batch is not written after all.
    pub async fn forget_ready(&self) {
        match self {
            Self::Postgres(_) => {}
            Self::MySql(database) => database.forget_ready().await,
            Self::Sqlite(database) => database.forget_ready().await,
        }
    }

    /// Writes Clerk IDs to the rows with these keys, and reads back what then stands there: in one transaction if nothing stands in
    /// the way, a large batch on Postgres in two side by side. A row that holds another Clerk ID keeps it unless `overwrite` is set;
    /// whatever else it holds, it keeps always. No other column changes. The answers are in the order of the batch.
    ///
    /// # Errors
    /// [`WriteError`], if the batch as a whole was not taken; what concerns single rows is in their [`Written`].
    pub async fn write_clerk_ids(
        &self,
        target: &Target,
        batch: &[(String, ClerkId)],
        overwrite: bool,
    ) -> Result<Vec<Written>, WriteError> {
        let mode = if overwrite { Mode::Replace } else { Mode::Fill };
        Ok(self.change(target, batch, mode).await?.finish(write::written))
    }

    /// Sets the column to NULL in the rows with these keys, where it holds exactly the Clerk ID given with the key, and reads back
    /// what then stands there: in transactions as [`Self::write_clerk_ids`]. No other column changes. The answers are in the order
    /// of the batch.
    ///
    /// # Errors
    /// [`WriteError`], if the batch as a whole was not taken; what concerns single rows is in their [`Cleared`].
    pub async fn clear_clerk_ids(
        &self,
        target: &Target,
        batch: &[(String, ClerkId)],
    ) -> Result<Vec<Cleared>, WriteError> {
        Ok(self.change(target, batch, Mode::Clear).await?.finish(write::cleared))
    }

    async fn change<'a>(
        &self,
        target: &Target,
        batch: &'a [(String, ClerkId)],
        mode: Mode,
    ) -> Result<Work<'a>, WriteError> {
        self.must_write()?;
        let mut work = Work::new(target, batch, mode);
        while let Some(part) = work.next() {
            let result = self.write(target, &work.items(&part), part.mode, part.with_care).await;
            work.record(part, result)?;
        }
        Ok(work)
    }

    async fn write(
        &self,
        target: &Target,
        items: &[Item<'_>],
        mode: Mode,
        with_care: bool,
    ) -> Result<Vec<Found>, Failure> {
        match self {
            Self::Postgres(database) if !with_care && database.is_quick() => {
                database.write_quickly(target, items, mode).await
            }
            Self::Postgres(database) => database.write(target, items, mode).await,
            Self::MySql(database) => database.write(target, items, mode).await,
            Self::Sqlite(database) => database.write(target, items, mode).await,
        }
    }

    fn must_write(&self) -> Result<(), WriteError> {
        let access = match self {
            Self::Postgres(database) => database.access,
            Self::MySql(database) => database.access,
            Self::Sqlite(database) => database.access,
        };
        match access {
            Access::Write => Ok(()),
            Access::Read => Err(WriteError::ReadOnly("it was opened for reading".to_owned())),
        }
    }
}
