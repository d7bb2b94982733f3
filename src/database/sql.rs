//! SQL made from names: the one place where a text from outside becomes part of a statement.

pub(super) mod beside;
pub(super) mod references;
pub(super) mod replace;
pub(super) mod schema;
pub(super) mod write;

use std::fmt;

use super::inspect::Target;
use crate::engine::Engine;

/// A table's name, with its schema if one was given. Names are taken as they are, case included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; in MySQL, the database.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name, or one of its parts, is empty.
    #[error("`{0}` is no name: a part of it is empty")]
    Empty(String),
    /// More parts than schema and table, or schema, table and column.
    #[error("`{0}` is no such name: it has too many parts\nhint: quote a part that holds a dot: `\"a.b\"`")]
    Parts(String),
    /// A column's name alone.
    #[error("`{0}` does not say in which table the column is")]
    NoTable(String),
    /// A quote that does not close, or text after it.
    #[error("`{0}` is no name: its quotes do not match")]
    Quotes(String),
    /// A NUL character, which no engine takes.
    #[error("a name holds a NUL character")]
    Nul,
}

impl TableName {
    /// Reads a table's name: a dot separates schema and table, and a part may come quoted with `"` or a backtick.
    ///
    /// # Errors
    /// [`NameError`], if it is none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts = parts(text)?;
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(table), schema, None) => Ok(Self { schema, table }),
            _ => Err(NameError::Parts(text.to_owned())),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.table)
    }
}

/// Reads a column's name, which may come quoted; a dot is part of the name.
///
/// # Errors
/// [`NameError`], if it is none.
pub fn column_name(text: &str) -> Result<String, NameError> {
    if text.contains('\0') {
        return Err(NameError::Nul);
    }
    let name = if text.starts_with(['"', '`']) {
        match part(text)? {
            Some((name, "")) => name,
            _ => return Err(NameError::Quotes(text.to_owned())),
        }
    } else {
        text.to_owned()
    };
    if name.is_empty() { Err(NameError::Empty(text.to_owned())) } else { Ok(name) }
}

/// Reads a column's name with its table's before it, and the schema's before that if need be; a part may come quoted.
///
/// # Errors
/// [`NameError`], if it is none.
pub fn column_of(text: &str) -> Result<(TableName, String), NameError> {
    let mut parts = parts(text)?;
    match (parts.pop(), parts.pop(), parts.pop(), parts.pop()) {
        (Some(column), Some(table), schema, None) => Ok((TableName { schema, table }, column)),
        (Some(_), None, ..) => Err(NameError::NoTable(text.to_owned())),
        _ => Err(NameError::Parts(text.to_owned())),
    }
}

fn parts(text: &str) -> Result<Vec<String>, NameError> {
    if text.contains('\0') {
        return Err(NameError::Nul);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = if let Some(quoted) = part(rest)? {
            quoted
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        if name.is_empty() {
            return Err(NameError::Empty(text.to_owned()));
        }
        parts.push(name);
        rest = match after.strip_prefix('.') {
            Some(next) => next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(NameError::Quotes(text.to_owned())),
        };
    }
}

/// Reads a quoted name from the start of the text and returns it with what follows; `None` if no quote stands there.
fn part(text: &str) -> Result<Option<(String, &str)>, NameError> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '`')) else {
        return Ok(None);
    };
    let mut name = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find(quote).ok_or_else(|| NameError::Quotes(text.to_owned()))?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                name.push(quote);
                rest = after;
            }
            None => return Ok(Some((name, rest))),
        }
    }
}

/// Writes a name as it can be typed again: quoted, where it holds anything that means something else between names.
#[must_use]
pub fn spelled(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-');
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Quotes a name for an engine. Doubling the quote is all it takes, in each of them: nothing else ends a quoted name.
pub(super) fn quote(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Postgres | Engine::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        Engine::MySql => format!("`{}`", name.replace('`', "``")),
    }
}

/// Quotes a table's name, schema and all.
pub(super) fn quote_table(engine: Engine, table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote(engine, schema), quote(engine, &table.table)),
        None => quote(engine, &table.table),
    }
}

/// The statements that add the column and its index, one file per engine, with names left open.
const ADD_COLUMN: [(Engine, &str); 3] = [
    (Engine::Postgres, include_str!("../../migrations/clerk-id/postgres.sql")),
    (Engine::MySql, include_str!("../../migrations/clerk-id/mysql.sql")),
    (Engine::Sqlite, include_str!("../../migrations/clerk-id/sqlite.sql")),
];

/// One statement of an `ADD_COLUMN` file, names filled in.
pub(super) struct Step {
    /// The statement, without its semicolon.
    pub(super) sql: String,
    /// What it is for.
    pub(super) job: Job,
}

/// What a statement of an `ADD_COLUMN` file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Adds the column.
    Column,
    /// Adds the unique index.
    Index,
    /// Surrounds the other two.
    Frame,
}

/// Returns what adds the column for Clerk IDs to a table, and its index, statement by statement; what is there is left out.
pub(super) fn add_column_steps(target: &Target) -> Vec<Step> {
    if !target.is_incomplete() {
        return Vec::new();
    }
    let template = ADD_COLUMN.iter().find(|(engine, _)| *engine == target.engine).map_or("", |(_, text)| text);
    let without_comments = template.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    // Split first, fill in later: a name may hold a semicolon.
    let statements = without_comments.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements
        .map(|statement| Step {
            sql: fill_in(statement, target),
            job: match statement {
                _ if statement.starts_with("ALTER TABLE") => Job::Column,
                _ if statement.starts_with("CREATE UNIQUE INDEX") => Job::Index,
                _ => Job::Frame,
            },
        })
        .filter(|step| match step.job {
            Job::Column => target.column_missing(),
            Job::Index => !target.column_unique,
            Job::Frame => true,
        })
        .collect()
}

/// Returns the same as one text, for people.
pub(super) fn add_column_sql(target: &Target) -> String {
    add_column_steps(target).into_iter().map(|step| step.sql + ";\n").collect()
}

fn fill_in(statement: &str, target: &Target) -> String {
    let names = [
        ("{table}", quote_table(target.engine, &target.table)),
        ("{column}", quote(target.engine, &target.column)),
        ("{index}", quote(target.engine, &index_name(target))),
    ];
    let mut filled = String::new();
    let mut rest = statement;
    // From left to right, once: what a name brings in is not looked at again.
    while let Some((at, (mark, name))) =
        names.iter().filter_map(|pair| rest.find(pair.0).map(|at| (at, pair))).min_by_key(|(at, _)| *at)
    {
        filled.push_str(&rest[..at]);
        filled.push_str(name);
        rest = &rest[at + mark.len()..];
    }
    filled + rest
}

/// Names the index as Prisma would, so that its next push finds what it expects. Postgres takes 63 bytes, MySQL 64 characters.
fn index_name(target: &Target) -> String {
    let ending = format!("_{}_key", target.column);
    let mut name = target.table.table.clone();
    while name.len() + ending.len() > 63 && name.pop().is_some() {}
    let mut name = name + &ending;
    while name.len() > 63 {
        name.remove(0);
    }
    name
}

/// Counts a table's rows, and those with something in a column.
pub(super) fn count(engine: Engine, table: &TableName, column: Option<&str>) -> String {
    let filled = column.map_or("count(NULL)".to_owned(), |column| format!("count({})", quote(engine, column)));
    format!("SELECT count(*), {filled} FROM {}", quote_table(engine, table))
}

/// Postgres' `search_path` for URLs that name a schema.
pub(super) fn postgres_search_path(schema: &str) -> String {
    format!("SET LOCAL search_path TO {}, public", quote(Engine::Postgres, schema))
}

/// A Postgres type that is no built-in one, for a cast.
pub(super) fn postgres_type(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(Engine::Postgres, schema), quote(Engine::Postgres, name))
}

/// The key and the Clerk ID of every row; no ID, where the column is missing.
pub(super) fn clerk_ids(target: &Target) -> String {
    let (table, key, column) = quoted(target);
    let column = match target.engine {
        _ if target.column_missing() => "NULL".to_owned(),
        Engine::Postgres => format!("t.{column}::text"),
        Engine::MySql | Engine::Sqlite => format!("t.{column}"),
    };
    format!("SELECT t.{key}, {column} FROM {table} AS t")
}

/// SQLite: the storage classes that a column's values have.
pub(super) fn storage_classes(table: &TableName, column: &str) -> String {
    let (table, column) = (quote_table(Engine::Sqlite, table), quote(Engine::Sqlite, column));
    format!("SELECT DISTINCT typeof({column}) FROM {table}")
}

fn quoted(target: &Target) -> (String, String, String) {
    let engine = target.engine;
    (quote_table(engine, &target.table), quote(engine, &target.key), quote(engine, &target.column))
}
