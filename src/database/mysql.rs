//! MySQL and MariaDB.

mod catalog;
mod failure;
mod script;
mod values;
mod write;

use std::sync::atomic::AtomicBool;

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode, MySqlStatement};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, SqlSafeStr, Statement, TypeInfo};
use tokio::sync::Mutex;

use self::failure::{connect_error, query_error};
use super::Access;
use super::error::{ConnectError, QueryError};
use super::ready::Ready;
use super::rows::{self, Rows, Sender};
use super::sql::write::BatchTable;
use super::statement;
use super::url::{Server, Tls};
use crate::row::Column;

/// A MySQL or MariaDB database.
#[derive(Debug)]
pub struct MySql {
    server: Server,
    pub(super) access: Access,
    /// The connection for everything but rows, while nobody uses it. One that failed is not put back.
    idle: Mutex<Option<MySqlConnection>>,
    /// Whether the server has turned out to be an old one that cannot skip locked rows.
    cannot_skip_locked: AtomicBool,
    /// Whether the last batch of Clerk IDs gave no reason to look at each row before it is changed.
    quick: AtomicBool,
    /// The batch of Clerk IDs that is to be written next, if it was got ready.
    ready: Ready<BatchTable, MySqlConnection>,
}

impl MySql {
    pub(super) async fn connect(server: &Server, access: Access) -> Result<Self, ConnectError> {
        let connection = open(server).await?;
        let idle = Mutex::new(Some(connection));
        let (cannot_skip_locked, quick) = (AtomicBool::new(false), AtomicBool::new(true));
        Ok(Self { server: server.clone(), access, idle, cannot_skip_locked, quick, ready: Ready::default() })
    }

    pub(super) async fn rows(&self, query: &str) -> Result<Rows, QueryError> {
        let mut connection = open(&self.server).await?;
        let begin = sqlx::raw_sql("START TRANSACTION READ ONLY").execute(&mut connection).await;
        begin.map_err(|error| query_error(&error, query))?;
        let statement = prepare(&mut connection, query).await?;
        let columns: Vec<Column> = statement
            .columns()
            .iter()
            .map(|column| Column {
                name: column.name().to_owned(),
                type_name: column.type_info().name().to_lowercase(),
            })
            .collect();
        for column in statement.columns() {
            if !values::can_be_taken(column.type_info()) {
                return Err(values::not_taken(column));
            }
        }
        let (sender, rows) = rows::channel(columns);
        // What follows the statement can only be a comment by now, and the server would take that for a second one, an empty.
        let query = statement::first_mysql(query).to_owned();
        tokio::spawn(send_rows(connection, query, sender));
        Ok(rows)
    }

    /// Takes the idle connection, or a new one.
    async fn connection(&self) -> Result<MySqlConnection, ConnectError> {
        let idle = self.idle.lock().await.take();
        if let Some(mut connection) = idle
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        open(&self.server).await
    }

    /// Keeps a connection that is in no transaction for the next use.
    async fn keep(&self, connection: MySqlConnection) {
        *self.idle.lock().await = Some(connection);
    }
}

/// Has the server read the query: it refuses a second statement, and names the columns.
async fn prepare(connection: &mut MySqlConnection, query: &str) -> Result<MySqlStatement, QueryError> {
    let statement =
        connection.prepare(AssertSqlSafe(query).into_sql_str()).await.map_err(|error| query_error(&error, query))?;
    connection.clear_cached_statements().await.map_err(|error| query_error(&error, query))?;
    if statement.parameters().is_some_and(|parameters| parameters.either(|types| !types.is_empty(), |count| count > 0))
    {
        return Err(QueryError::Placeholder);
    }
    if statement.columns().is_empty() { Err(QueryError::NotAQuery) } else { Ok(statement) }
}

async fn open(server: &Server) -> Result<MySqlConnection, ConnectError> {
    let mut options = MySqlConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .username(&server.user)
        // The driver would set these for the session: a pooler hands it to the application next. The session's time zone stays
        // the server's, too: it is the one in which an application's own `timestamp` columns read as it wrote them.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .ssl_mode(match server.tls {
            Tls::Disable => MySqlSslMode::Disabled,
            Tls::Prefer => MySqlSslMode::Preferred,
            Tls::Require => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    if !server.database.is_empty() {
        options = options.database(&server.database);
    }
    if let Some(password) = &server.password {
        options = options.password(password.expose());
    }
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(certificate) = &server.root_certificate {
        options = options.ssl_ca(certificate);
    }
    if let (Some(certificate), Some(key)) = (&server.client_certificate, &server.client_key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    match tokio::time::timeout(server.connect_timeout, MySqlConnection::connect_with(&options)).await {
        Ok(connection) => connection.map_err(|error| connect_error(&error, server)),
        Err(_) => Err(ConnectError::Unreachable { address: server.address(), what: "no answer in time".to_owned() }),
    }
}

/// Runs the query on its connection and sends the rows, until they end or nobody listens.
async fn send_rows(mut connection: MySqlConnection, query: String, mut sender: Sender) {
    let mut stream =
        sqlx::raw_sql(AssertSqlSafe(query.clone())).fetch(&mut connection).map_err(|error| query_error(&error, &query));
    let sent = sender.send_all(&mut stream, values::decode).await;
    drop(stream);
    let Ok(error) = sent else { return };
    // The rows are there; whether the goodbye is heard does not matter.
    if error.is_none() {
        let _ = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
        let _ = connection.close().await;
    }
    sender.finish(error).await;
}
