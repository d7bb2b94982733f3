//! PostgreSQL, and what speaks its protocol. Poolers in transaction mode are minded: everything happens inside a transaction,
//! settings are local to it, and no prepared statement outlives it.

mod catalog;
mod failure;
mod script;
mod values;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode, PgStatement};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row as _, SqlSafeStr, Statement, TypeInfo,
    ValueRef,
};
use tokio::sync::Mutex;

use self::failure::{connect_error, query_error};
use self::values::Shape;
use super::error::{ConnectError, QueryError};
use super::rows::{self, Rows, Sender};
use super::url::{Server, Tls};
use super::{Access, sql};
use crate::row::{Column, Row, Value};

/// A Postgres database.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    pub(super) access: Access,
    /// The connections for everything but rows, while nobody uses them. One that failed is not put back.
    idle: Mutex<Vec<PgConnection>>,
    /// Whether the server gives a second connection, as far as is known.
    gives_second: AtomicBool,
    /// Whether the last batch of Clerk IDs gave no reason to look at each row before it is changed.
    quick: AtomicBool,
}

impl Postgres {
    pub(super) async fn connect(server: &Server, access: Access) -> Result<Self, ConnectError> {
        let connection = open(server).await?;
        let idle = Mutex::new(vec![connection]);
        let (gives_second, quick) = (AtomicBool::new(true), AtomicBool::new(true));
        Ok(Self { server: server.clone(), access, idle, gives_second, quick })
    }

    pub(super) async fn rows(&self, query: &str) -> Result<Rows, QueryError> {
        let mut connection = open(&self.server).await?;
        let statement = self.prepare(&mut connection, query).await?;
        let columns: Vec<Column> = statement
            .columns()
            .iter()
            .map(|column| Column {
                name: column.name().to_owned(),
                type_name: column.type_info().name().to_lowercase(),
            })
            .collect();
        let shapes = shapes(&statement)?;
        let (sender, rows) = rows::channel(columns);
        tokio::spawn(send_rows(connection, query.to_owned(), shapes, sender));
        Ok(rows)
    }

    /// Begins a read-only transaction and has the server read the query: it refuses a second statement, and names the columns.
    async fn prepare(&self, connection: &mut PgConnection, query: &str) -> Result<PgStatement, QueryError> {
        let mut attempts = 0;
        let statement = loop {
            self.begin_reading(connection).await.map_err(|error| query_error(&error, query))?;
            match connection.prepare(AssertSqlSafe(query).into_sql_str()).await {
                Ok(statement) => break statement,
                // Behind a pooler, another client's statement of the same name; the driver numbers them.
                Err(error) if failure::is(&error, "42P05") && attempts < 100 => {
                    attempts += 1;
                    sqlx::raw_sql("ROLLBACK")
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| query_error(&error, query))?;
                }
                Err(error) => return Err(query_error(&error, query)),
            }
        };
        connection.clear_cached_statements().await.map_err(|error| query_error(&error, query))?;
        if statement
            .parameters()
            .is_some_and(|parameters| parameters.either(|types| !types.is_empty(), |count| count > 0))
        {
            return Err(QueryError::Placeholder);
        }
        if statement.columns().is_empty() { Err(QueryError::NotAQuery) } else { Ok(statement) }
    }

    async fn begin_reading(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.begin(connection, "BEGIN TRANSACTION READ ONLY").await
    }

    /// Begins a transaction in which values are written as we read them, whatever the server's settings.
    async fn begin(&self, connection: &mut PgConnection, begin: &str) -> sqlx::Result<()> {
        let mut statements = format!(
            "{begin}; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; \
             SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL client_encoding = 'UTF8'"
        );
        if let Some(schema) = &self.server.schema {
            statements = format!("{statements}; {}", sql::postgres_search_path(schema));
        }
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
        Ok(())
    }

    /// Takes an idle connection, or a new one.
    async fn connection(&self) -> Result<PgConnection, ConnectError> {
        let idle = self.idle.lock().await.pop();
        if let Some(mut connection) = idle
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        open(&self.server).await
    }

    /// Takes another connection beside one that is taken; `None`, from the first time that the server refuses one.
    async fn second_connection(&self) -> Option<PgConnection> {
        if !self.gives_second.load(Ordering::Relaxed) {
            return None;
        }
        let second = self.connection().await;
        if let Err(error) = &second {
            tracing::debug!(?error, "no second connection");
            self.gives_second.store(false, Ordering::Relaxed);
        }
        second.ok()
    }

    /// Keeps a connection for the next use.
    async fn keep(&self, connection: PgConnection) {
        self.idle.lock().await.push(connection);
    }

    /// Ends the transaction and keeps the connection for the next use.
    async fn end(&self, mut connection: PgConnection, end: &'static str) -> sqlx::Result<()> {
        connection.clear_cached_statements().await?;
        sqlx::raw_sql(end).execute(&mut connection).await?;
        self.keep(connection).await;
        Ok(())
    }
}

async fn open(server: &Server) -> Result<PgConnection, ConnectError> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&server.host)
        .port(server.port)
        .username(&server.user)
        .database(&server.database)
        // PgBouncer refuses start-up parameters it does not know, and this is one of them.
        .extra_float_digits(None)
        .application_name("db2clerk")
        .ssl_mode(match server.tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Prefer => PgSslMode::Prefer,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        })
        .disable_statement_logging();
    if let Some(password) = &server.password {
        options = options.password(password.expose());
    }
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(certificate) = &server.root_certificate {
        options = options.ssl_root_cert(certificate);
    }
    if let (Some(certificate), Some(key)) = (&server.client_certificate, &server.client_key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    if let Some(text) = &server.options {
        options = with_options(options, text);
    }
    match tokio::time::timeout(server.connect_timeout, PgConnection::connect_with(&options)).await {
        Ok(connection) => connection.map_err(|error| connect_error(&error, server)),
        Err(_) => Err(ConnectError::Unreachable { address: server.address(), what: "no answer in time".to_owned() }),
    }
}

/// Adds what `options=` holds. Neon's `endpoint=name` goes there without the `-c` that the driver puts before a pair.
fn with_options(options: PgConnectOptions, text: &str) -> PgConnectOptions {
    let pairs = text.split("-c").filter_map(|part| part.trim().split_once('='));
    options.options(pairs)
}

fn shapes(statement: &PgStatement) -> Result<Vec<Shape>, QueryError> {
    let shape = |column: &sqlx::postgres::PgColumn| {
        Shape::of(column.type_info()).ok_or_else(|| QueryError::Type {
            column: column.name().to_owned(),
            type_name: column.type_info().name().to_lowercase(),
            cast: format!("{}::text", sql::quote(crate::engine::Engine::Postgres, column.name())),
        })
    };
    statement.columns().iter().map(shape).collect()
}

/// Runs the query on its connection and sends the rows, until they end or nobody listens.
async fn send_rows(mut connection: PgConnection, query: String, shapes: Vec<Shape>, mut sender: Sender) {
    let mut stream =
        sqlx::raw_sql(AssertSqlSafe(query.clone())).fetch(&mut connection).map_err(|error| query_error(&error, &query));
    let sent = sender.send_all(&mut stream, |row| decode(row, &shapes)).await;
    drop(stream);
    let Ok(error) = sent else { return };
    // The rows are there; whether the goodbye is heard does not matter.
    if error.is_none() {
        let _ = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
        let _ = connection.close().await;
    }
    sender.finish(error).await;
}

fn decode(row: &sqlx::postgres::PgRow, shapes: &[Shape]) -> Result<Row, QueryError> {
    let broken = |error: &dyn std::fmt::Display| QueryError::Broken(error.to_string());
    let mut values = Row::with_capacity(shapes.len());
    for (at, shape) in shapes.iter().enumerate() {
        let raw = row.try_get_raw(at).map_err(|error| broken(&error))?;
        let is_null = raw.is_null();
        values.push(if is_null { Value::Null } else { shape.value(raw.as_bytes().map_err(|error| broken(&error))?) });
    }
    Ok(values)
}
