//! Throw-away databases: each test gets one of its own, on servers that all tests of this process share.
//!
//! A server is taken from `TEST_POSTGRES_URL`, `TEST_MYSQL_URL`, `TEST_MARIADB_URL`; else started by Docker; else by programs found
//! on this machine. Nothing of these: the test fails. Servers die with this process, however it ends.

mod docker;
mod local;

use std::sync::atomic::{AtomicU32, Ordering};

use db2clerk::engine::Engine;
use sqlx::{AssertSqlSafe, Column, Connection, Row, TypeInfo, ValueRef};
use tokio::sync::OnceCell;

/// A database of one test's own, gone when this is dropped.
pub(crate) struct TestDatabase {
    /// What a user would put into `DATABASE_URL`.
    pub(crate) url: String,
    /// The kind of database.
    pub(crate) engine: Engine,
    /// The server's URL and the database's name, if it must be dropped; a file's folder.
    remains: Remains,
}

enum Remains {
    /// A server that outlives us: its URL, and the database to drop.
    Database(Engine, String, String),
    /// A server that dies with us, and takes the database along.
    Nothing,
    /// The folder of a SQLite file.
    Folder { _folder: tempfile::TempDir },
}

/// A running server: the URL of its superuser, without a database, and whether it stays when we go.
#[derive(Clone)]
struct Server {
    url: String,
    stays: bool,
}

static POSTGRES: OnceCell<Server> = OnceCell::const_new();
static MYSQL: OnceCell<Server> = OnceCell::const_new();
static MARIADB: OnceCell<Server> = OnceCell::const_new();
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Makes an empty Postgres database.
pub(crate) async fn postgres() -> TestDatabase {
    let server = POSTGRES.get_or_init(async || {
        if let Some(server) = given("TEST_POSTGRES_URL") {
            server
        } else if docker::answers() {
            docker::postgres().await
        } else {
            local::postgres().await.unwrap_or_else(|| missing("PostgreSQL", "initdb and postgres", "TEST_POSTGRES_URL"))
        }
    });
    on_server(Engine::Postgres, server.await.clone()).await
}

/// Makes an empty database on MySQL, or on MariaDB where there is no MySQL.
pub(crate) async fn mysql() -> TestDatabase {
    let server = MYSQL.get_or_init(async || {
        if let Some(server) = given("TEST_MYSQL_URL") {
            server
        } else if docker::answers() {
            docker::mysql().await
        } else {
            let local = local::mysql().await;
            local.unwrap_or_else(|| missing("MySQL or MariaDB", "mysqld or mariadbd", "TEST_MYSQL_URL"))
        }
    });
    on_server(Engine::MySql, server.await.clone()).await
}

/// Makes an empty database on MariaDB.
pub(crate) async fn mariadb() -> TestDatabase {
    let is_given = given("TEST_MARIADB_URL").or_else(|| given("TEST_MYSQL_URL")).is_some();
    if !is_given && !docker::answers() && local::has_mariadb() {
        // `mysql()` has started that very server.
        return mysql().await;
    }
    let server = MARIADB.get_or_init(async || {
        if let Some(server) = given("TEST_MARIADB_URL") {
            server
        } else if docker::answers() {
            docker::mariadb().await
        } else {
            let local = if local::has_mariadb() { local::mysql().await } else { None };
            local.unwrap_or_else(|| missing("MariaDB", "mariadbd", "TEST_MARIADB_URL"))
        }
    });
    on_server(Engine::MySql, server.await.clone()).await
}

/// Makes an empty SQLite file.
pub(crate) async fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("test.db");
    tokio::fs::write(&path, b"").await.expect("an empty file is an empty SQLite database");
    let url = format!("sqlite:{}", path.display());
    TestDatabase { url, engine: Engine::Sqlite, remains: Remains::Folder { _folder: folder } }
}

/// Makes an empty database of each kind, for tests that tell one story on all of them.
pub(crate) async fn all() -> [TestDatabase; 3] {
    [postgres().await, mysql().await, sqlite().await]
}

impl TestDatabase {
    /// Returns another database of the same server, one that the test has made and drops itself.
    pub(crate) fn neighbour(&self, name: &str) -> Self {
        let (server, _) = self.url.rsplit_once('/').expect("a path");
        Self { url: format!("{server}/{name}"), engine: self.engine, remains: Remains::Nothing }
    }

    /// Runs any number of statements.
    pub(crate) async fn execute(&self, sql: &str) {
        let done = self.try_to_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{} refuses the test's own SQL: {error}\n{sql}", self.engine));
    }

    /// Returns whether the database itself refuses a statement.
    pub(crate) async fn refuses(&self, sql: &str) -> bool {
        self.try_to_execute(sql).await.is_err_and(|error| error.as_database_error().is_some())
    }

    async fn try_to_execute(&self, sql: &str) -> sqlx::Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        match self.engine {
            Engine::Postgres => {
                let mut connection = postgres_connection(&self.url).await;
                statements.execute(&mut connection).await.map(|_| ())
            }
            Engine::MySql => {
                let mut connection = mysql_connection(&self.url).await;
                statements.execute(&mut connection).await.map(|_| ())
            }
            Engine::Sqlite => {
                let mut connection = sqlite_connection(&self.url).await;
                statements.execute(&mut connection).await.map(|_| ())
            }
        }
    }

    /// Runs a query and returns its rows, every value as the engine writes it; bytes as hexadecimal digits.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let rows = match self.engine {
            Engine::Postgres => {
                let mut connection = postgres_connection(&self.url).await;
                query.fetch_all(&mut connection).await.map(|rows| rows.iter().map(postgres_texts).collect())
            }
            Engine::MySql => {
                let mut connection = mysql_connection(&self.url).await;
                query.fetch_all(&mut connection).await.map(|rows| rows.iter().map(mysql_texts).collect())
            }
            Engine::Sqlite => {
                let mut connection = sqlite_connection(&self.url).await;
                query.fetch_all(&mut connection).await.map(|rows| rows.iter().map(sqlite_texts).collect())
            }
        };
        rows.unwrap_or_else(|error| panic!("{} refuses the test's own SQL: {error}\n{sql}", self.engine))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Remains::Database(engine, server, name) = &self.remains else { return };
        let (engine, server, name) = (*engine, server.clone(), name.clone());
        // A thread, for a runtime of its own: the test's is still running.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                if engine == Engine::Postgres {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    run(engine, &server, &sql).await;
                } else {
                    run(engine, &server, &format!("DROP DATABASE IF EXISTS {name}")).await;
                }
            });
        });
        drop(dropped.join());
    }
}

fn given(variable: &str) -> Option<Server> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty())?;
    let mut url = url::Url::parse(&url).unwrap_or_else(|error| panic!("{variable} is no URL: {error}"));
    url.set_path("");
    Some(Server { url: url.to_string().trim_end_matches('/').to_owned(), stays: true })
}

fn missing(what: &str, programs: &str, variable: &str) -> Server {
    panic!("no {what} to test with: set {variable}, start Docker, or install {programs}")
}

async fn on_server(engine: Engine, server: Server) -> TestDatabase {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("db2clerk_test_{}_{number}", std::process::id());
    let encoding = if engine == Engine::MySql { " CHARACTER SET utf8mb4" } else { "" };
    run(engine, &server.url, &format!("CREATE DATABASE {name}{encoding}")).await;
    let url = format!("{}/{name}", server.url);
    let remains = if server.stays { Remains::Database(engine, server.url, name) } else { Remains::Nothing };
    TestDatabase { url, engine, remains }
}

/// Runs a statement on a server, outside of any test's database.
async fn run(engine: Engine, server: &str, sql: &str) {
    let statement = sqlx::raw_sql(AssertSqlSafe(sql));
    let done = if engine == Engine::Postgres {
        let mut connection = postgres_connection(&format!("{server}/postgres")).await;
        statement.execute(&mut connection).await.map(|_| ())
    } else {
        let mut connection = mysql_connection(server).await;
        statement.execute(&mut connection).await.map(|_| ())
    };
    done.unwrap_or_else(|error| panic!("the test server refuses `{sql}`: {error}"));
}

async fn postgres_connection(url: &str) -> sqlx::PgConnection {
    sqlx::PgConnection::connect(url).await.unwrap_or_else(|error| panic!("no connection to the test server: {error}"))
}

async fn mysql_connection(url: &str) -> sqlx::MySqlConnection {
    sqlx::MySqlConnection::connect(url)
        .await
        .unwrap_or_else(|error| panic!("no connection to the test server: {error}"))
}

async fn sqlite_connection(url: &str) -> sqlx::SqliteConnection {
    sqlx::SqliteConnection::connect(url).await.unwrap_or_else(|error| panic!("the test's file does not open: {error}"))
}

fn postgres_texts(row: &sqlx::postgres::PgRow) -> Vec<Option<String>> {
    let text = |at| {
        let value = row.try_get_raw(at).expect("a column of this row");
        (!value.is_null()).then(|| value.as_str().expect("text protocol").to_owned())
    };
    (0..row.len()).map(text).collect()
}

fn mysql_texts(row: &sqlx::mysql::MySqlRow) -> Vec<Option<String>> {
    let text = |column: &sqlx::mysql::MySqlColumn| {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(column.ordinal()).expect("a column of this row");
        bytes.map(|bytes| match column.type_info().name() {
            "BINARY" | "VARBINARY" | "BIT" | "BLOB" => {
                String::from_utf8(bytes).unwrap_or_else(|error| hex::encode(error.as_bytes()))
            }
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        })
    };
    row.columns().iter().map(text).collect()
}

fn sqlite_texts(row: &sqlx::sqlite::SqliteRow) -> Vec<Option<String>> {
    let text = |at| {
        let value = row.try_get_raw(at).expect("a column of this row");
        if value.is_null() {
            return None;
        }
        let class = value.type_info().name().to_owned();
        Some(match class.as_str() {
            "INTEGER" => row.try_get_unchecked::<i64, _>(at).expect("an integer").to_string(),
            "REAL" => row.try_get_unchecked::<f64, _>(at).expect("a real").to_string(),
            "BLOB" => hex::encode(row.try_get_unchecked::<Vec<u8>, _>(at).expect("bytes")),
            _ => String::from_utf8_lossy(&row.try_get_unchecked::<Vec<u8>, _>(at).expect("text")).into_owned(),
        })
    };
    (0..row.len()).map(text).collect()
}
