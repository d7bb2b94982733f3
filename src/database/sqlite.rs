//! SQLite files.

mod catalog;
mod failure;
mod script;
mod write;

use std::path::Path;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::{FutureExt, Stream, TryStreamExt};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Decode, Executor, Row as _, SqlSafeStr, Statement,
    TypeInfo, ValueRef,
};
use tokio::sync::Mutex;

use self::failure::{connect_error, needs_rollback, query_error};
use super::error::{ConnectError, QueryError};
use super::ready::{BatchDigest, Ready};
use super::rows::{self, Rows, Sender, text};
use super::url::File;
use super::{Access, statement};
use crate::kill_point::{self, Point};
use crate::row::{Column, Row, Value};

/// How many rows wait to be taken from the driver's thread.
const ROWS_WAITING: usize = 256;

/// How long to wait for another process's lock on the file. A writer that waits for readers to end keeps others from beginning.
const PATIENCE_TO_READ: Duration = Duration::from_secs(10);
const PATIENCE_TO_WRITE: Duration = Duration::from_secs(2);

/// Memory for pages while rows are written, of each of two connections that take turns: -4,000 times 1,024 bytes
/// (<https://www.sqlite.org/pragma.html#pragma_cache_size>).
const CACHE_TO_WRITE: &str = "-4000";

/// Makes a new SQLite file and runs a script in it: the demo's sample.
///
/// # Errors
/// If the file is there already, or the script fails.
pub async fn create(path: &std::path::Path, script: &'static str) -> anyhow::Result<()> {
    anyhow::ensure!(!path.exists(), "`{}` is there already", path.display());
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await?;
    sqlx::raw_sql(script).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// A SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    file: File,
    pub(super) access: Access,
    /// The connection for everything but rows, while nobody uses it. One that failed is not put back.
    idle: Mutex<Option<SqliteConnection>>,
    /// Whether the last batch of Clerk IDs gave no reason to look at each row before it is changed.
    quick: AtomicBool,
    /// The batch of Clerk IDs that is to be written next, if it was got ready.
    ready: Ready<BatchDigest, SqliteConnection>,
}

impl Sqlite {
    pub(super) async fn connect(file: &File, access: Access) -> Result<Self, ConnectError> {
        let access = if file.read_only { Access::Read } else { access };
        let connection = open(file, access).await?;
        let idle = Mutex::new(Some(connection));
        Ok(Self { file: file.clone(), access, idle, quick: AtomicBool::new(true), ready: Ready::default() })
    }

    pub(super) async fn rows(&self, query: &str) -> Result<Rows, QueryError> {
        if statement::several_sqlite(query) {
            return Err(QueryError::SeveralStatements);
        }
        let mut connection = open(&self.file, Access::Read).await?;
        let statement =
            connection.prepare(AssertSqlSafe(query).into_sql_str()).await.map_err(|error| query_error(&error))?;
        if statement
            .parameters()
            .is_some_and(|parameters| parameters.either(|types| !types.is_empty(), |count| count > 0))
        {
            return Err(QueryError::Placeholder);
        }
        if statement.columns().is_empty() {
            return Err(QueryError::NotAQuery);
        }
        let columns = statement
            .columns()
            .iter()
            .map(|column| Column {
                name: column.name().to_owned(),
                type_name: column.type_info().name().to_lowercase(),
            })
            .collect();
        let (sender, rows) = rows::channel(columns);
        tokio::spawn(send_rows(connection, query.to_owned(), sender));
        Ok(rows)
    }

    /// Takes the idle connection, or a new one.
    async fn connection(&self) -> Result<SqliteConnection, ConnectError> {
        let idle = self.idle.lock().await.take();
        match idle {
            Some(connection) => Ok(connection),
            None => open(&self.file, self.access).await,
        }
    }

    /// Keeps a connection that is in no transaction for the next use.
    async fn keep(&self, connection: SqliteConnection) {
        *self.idle.lock().await = Some(connection);
    }
}

async fn open(file: &File, access: Access) -> Result<SqliteConnection, ConnectError> {
    let path = file.resolved();
    let failed = |what: String| ConnectError::File { path: path.display().to_string(), what };
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Err(failed("it is a folder".to_owned())),
        Ok(_) => {}
        Err(error) => return Err(failed(error.to_string())),
    }
    let mut opened = try_to_open(&path, access).await;
    if !file.read_only && opened.as_ref().is_err_and(needs_rollback) {
        // A program was killed in the middle of a write, this one perhaps. The next to open the file for writing takes the half
        // of it back, whoever it is; until then nobody can read it.
        if let Ok(connection) = try_to_open(&path, Access::Write).await {
            // What was to be done is done: the file has been read.
            let _ = connection.close().await;
        }
        opened = try_to_open(&path, access).await;
    }
    opened.map_err(|error| connect_error(&error, &path))
}

async fn try_to_open(path: &Path, access: Access) -> sqlx::Result<SqliteConnection> {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(access == Access::Read)
        .busy_timeout(if access == Access::Write { PATIENCE_TO_WRITE } else { PATIENCE_TO_READ })
        // As an application finds it that does not ask for more: the driver would switch it on.
        .foreign_keys(false)
        .row_buffer_size(ROWS_WAITING)
        // What users' rows are sorted in has no place in a file; what an index of many rows is sorted in has none in memory.
        .pragma("temp_store", if access == Access::Read { "memory" } else { "file" })
        .disable_statement_logging();
    options = match access {
        Access::Read => options.pragma("query_only", "on"),
        // A batch of Clerk IDs meets the pages of two indexes at random, and changes most of those of one.
        Access::Write => options.pragma("cache_size", CACHE_TO_WRITE),
    };
    let mut connection = SqliteConnection::connect_with(&options).await?;
    if access == Access::Write {
        kill_point::watch(&mut connection, Point::DatabaseStep, None).await?;
    }
    // The file is read only now, and may turn out to be no database.
    sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
    Ok(connection)
}

/// Runs the query on its connection and sends the rows, until they end or nobody listens.
async fn send_rows(mut connection: SqliteConnection, query: String, mut sender: Sender) {
    let sent = {
        let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch(&mut connection).map_err(|error| query_error(&error));
        let rows = pin!(in_numbers(rows));
        sender.send_all(rows, |row| decode(row).map_err(|error| query_error(&error))).await
    };
    let Ok(error) = sent else { return };
    // Nothing was written that a failing goodbye could lose.
    let _ = connection.close().await;
    sender.finish(error).await;
}

/// Gives the rows of a stream, and rests a little whenever there is none. The driver's thread hands them over one by one: to wake
/// somebody who waits for the next already takes longer than the row.
fn in_numbers<R, E>(rows: impl Stream<Item = Result<R, E>> + Unpin) -> impl Stream<Item = Result<R, E>> {
    futures_util::stream::try_unfold(rows, |mut rows| async {
        let mut rested = false;
        loop {
            match rows.try_next().now_or_never() {
                Some(next) => return Ok(next?.map(|row| (row, rows))),
                // Shorter than what the runtime's clock can tell, and than what other tasks would notice.
                None if !rested => std::thread::sleep(Duration::from_micros(50)),
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            rested = true;
        }
    })
}

fn decode(row: &SqliteRow) -> sqlx::Result<Row> {
    let mut values = Row::with_capacity(row.len());
    for at in 0..row.len() {
        values.push(cell(row, at)?);
    }
    Ok(values)
}

/// Reads a cell by what it holds: in SQLite a column's declared type binds nobody.
fn cell(row: &SqliteRow, at: usize) -> sqlx::Result<Value> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let class = match raw.type_info().name() {
        "INTEGER" => Class::Integer,
        "REAL" => Class::Real,
        "BLOB" => Class::Blob,
        _ => Class::Text,
    };
    let value = match class {
        Class::Integer => <i64 as Decode<sqlx::Sqlite>>::decode(raw).map(|number| Value::Integer(number.into())),
        Class::Real => <f64 as Decode<sqlx::Sqlite>>::decode(raw).map(Value::Real),
        Class::Blob => <Vec<u8> as Decode<sqlx::Sqlite>>::decode(raw).map(Value::Bytes),
        Class::Text => <&[u8] as Decode<sqlx::Sqlite>>::decode(raw).map(text),
    };
    value.map_err(sqlx::Error::Decode)
}

/// What a cell holds.
enum Class {
    Integer,
    Real,
    Blob,
    Text,
}
