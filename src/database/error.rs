//! What can go wrong with a database, in words that say what to check. No message holds a password or a row's data.

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error(
        "cannot reach the database server at `{address}` ({what})\nhint: check host and port, that the server is up, and that it takes connections from this machine"
    )]
    Unreachable {
        /// Host and port, or the socket.
        address: String,
        /// What the operating system says.
        what: String,
    },
    /// User or password are wrong.
    #[error("the database server at `{address}` refuses the user `{user}` ({what})\nhint: check user and password")]
    Refused {
        /// Host and port, or the socket.
        address: String,
        /// The user.
        user: String,
        /// What the server says.
        what: String,
    },
    /// The database does not exist there, or not for this user.
    #[error(
        "the database server at `{address}` has no database `{database}` for `{user}` ({what})\nhint: check the database's name, the part after the host in the URL"
    )]
    NoDatabase {
        /// Host and port, or the socket.
        address: String,
        /// The user.
        user: String,
        /// The database.
        database: String,
        /// What the server says.
        what: String,
    },
    /// The two sides do not agree on encryption.
    #[error(
        "no TLS connection to the database server at `{address}` ({what})\nhint: check `sslmode` (`require`, `verify-full`, `disable`) and `sslrootcert` in the database URL"
    )]
    Tls {
        /// Host and port, or the socket.
        address: String,
        /// What does not work.
        what: String,
    },
    /// A file that is not there, or is no database.
    #[error("cannot open the database file `{path}` ({what})")]
    File {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// Anything else the server says.
    #[error("cannot connect to the database server at `{address}` ({what})")]
    Other {
        /// Host and port, or the socket.
        address: String,
        /// What the server says.
        what: String,
    },
}

/// Why a query gives no rows, or no more of them.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The text holds more than one statement.
    #[error("the query holds more than one statement\nhint: a query file is one SELECT")]
    SeveralStatements,
    /// The text is a statement without a result.
    #[error("the query returns no columns\nhint: a query file is one SELECT")]
    NotAQuery,
    /// The text waits for parameters.
    #[error("the query holds a placeholder (`?` or `$1`), for which db2clerk has no value")]
    Placeholder,
    /// The query would write.
    #[error("the query writes, and was stopped before it did ({0})\nhint: a query file is one SELECT")]
    Writes(String),
    /// The user may not read that.
    #[error("the database user may not read that ({0})\nhint: GRANT SELECT on the table, or connect as another user")]
    NotAllowed(String),
    /// A column that cannot be taken as it is.
    #[error(
        "the column `{column}` has the type `{type_name}`, which cannot be taken\nhint: write `{cast}` in the query"
    )]
    Type {
        /// The column's name.
        column: String,
        /// The engine's name of its type.
        type_name: String,
        /// What to write instead.
        cast: String,
    },
    /// The database holds text that it cannot turn into UTF-8: one of the encoding `SQL_ASCII` checks nothing.
    #[error(
        "the database holds text that cannot be read as UTF-8 (SQLSTATE {code}); its encoding, such as `SQL_ASCII`, does not say what \
         the bytes mean\nhint: say it in the query, as with \
         `convert_from(convert(convert_to(name, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') AS name`"
    )]
    Encoding {
        /// What the server answered.
        code: &'static str,
    },
    /// Anything else the database says.
    #[error("the database refuses the query: {0}")]
    Refused(String),
    /// The connection broke, or the file turned out to be damaged, while rows came.
    #[error("the database could not be read to the end ({0})\nhint: run the command again")]
    Broken(String),
}

/// Why IDs cannot be written to a table.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The catalog could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] super::sql::NameError),
    /// No such table; names that come near follow.
    #[error("there is no table `{table}`{}", there_is(.near))]
    NoTable {
        /// The name asked for.
        table: String,
        /// Names that come near, the nearest first.
        near: Vec<String>,
    },
    /// A view, or something else that is no table.
    #[error("`{table}` is no table but a {what}\nhint: name the table behind it")]
    NotATable {
        /// The name asked for.
        table: String,
        /// What it is.
        what: String,
    },
    /// No such key column.
    #[error("the table `{table}` has no column `{key}`{}", there_is(.near))]
    NoKey {
        /// The table.
        table: String,
        /// The column asked for.
        key: String,
        /// Names that come near, the nearest first.
        near: Vec<String>,
    },
    /// The key could find several rows.
    #[error(
        "the column `{key}` of `{table}` is neither its primary key nor unique by itself, so it could find several rows\nhint: name a unique column with `--key`"
    )]
    KeyNotUnique {
        /// The table.
        table: String,
        /// The key column.
        key: String,
    },
    /// One column asked to be both key and place of the IDs.
    #[error(
        "`{key}` of `{table}` is the column that finds the rows: writing Clerk IDs into it would destroy the keys\nhint: name another column with `--column`"
    )]
    ColumnIsKey {
        /// The table.
        table: String,
        /// The key column.
        key: String,
    },
    /// The key's type cannot be compared.
    #[error(
        "the column `{key}` of `{table}` has the type `{type_name}`, by which db2clerk cannot find rows\nhint: name another unique column with `--key`"
    )]
    KeyType {
        /// The table.
        table: String,
        /// The key column.
        key: String,
        /// Its type.
        type_name: String,
    },
    /// The column is there and cannot hold Clerk IDs.
    #[error(
        "the column `{column}` of `{table}` has the type `{type_name}`, which cannot hold Clerk IDs\nhint: it must be text of at least 32 characters; or name another column with `--column`"
    )]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        type_name: String,
    },
}

fn there_is(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("\nhint: there is {}", quoted_list(names)) }
}

fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Why the database did not take something as a whole. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No connection. A passing state.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Rows or the table are locked, or transactions met head-on. A passing state.
    #[error("the table is busy: others hold locks on it ({0})\nhint: run the command again")]
    Busy(String),
    /// The connection broke; what was not answered is not kept, or will be found to be right already. A passing state.
    #[error("the connection to the database broke ({0})\nhint: run the command again")]
    Broken(String),
    /// The server, the file or the connection is read-only.
    #[error("the database is read-only ({0})\nhint: connect to the primary server, or make the file writable")]
    ReadOnly(String),
    /// The user may not do that.
    #[error("the database user may not do that ({what})\nhint: {hint}")]
    NotAllowed {
        /// What the database says.
        what: String,
        /// What to grant.
        hint: &'static str,
    },
    /// Anything else.
    #[error("the database refuses: {0}")]
    Refused(String),
}

impl WriteError {
    /// Returns whether trying again later may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Busy(_) | Self::Broken(_))
    }
}
