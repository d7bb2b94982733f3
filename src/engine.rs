//! The three kinds of databases.

use std::fmt;

/// A kind of database. MariaDB counts as MySQL: the two speak one protocol, and where their SQL differs `database` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL, and what speaks its protocol (Neon, Supabase, ...).
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite, and what stores its files (D1, libSQL).
    Sqlite,
}

impl Engine {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::MySql, Self::Sqlite];

    /// Returns the word used in file names, messages and the ledger: `postgres`, `mysql`, `sqlite`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
