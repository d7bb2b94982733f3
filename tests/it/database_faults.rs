//! The database misbehaves: on real servers, through the real binary. Whatever happens, push goes on, every row gets the right
//! Clerk ID in the end, and nothing else changes.

mod gone;
mod locks;
mod privileges;
mod proxy;
mod pulls;
mod rows;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread;

use db2clerk::engine::Engine;
use db2clerk::simulator::{Settings, Simulator, start};
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::watch;

use self::proxy::Proxy;
use crate::program::{Program, Run};
use crate::servers::TestDatabase;

const QUERY: &str = "-- table: users\n-- key: id\nSELECT id AS userId, email, name FROM users ORDER BY id";
const MIGRATE: [&str; 5] = ["migrate", "--query", "users.sql", "--yes", "--json"];
const WITH_WRITE_BACK: [&str; 6] = ["migrate", "--query", "users.sql", "--yes", "--json", "--write-back"];
const BACKFILL: [&str; 5] = ["backfill", "--query", "users.sql", "--yes", "--json"];

async fn clerk() -> Simulator {
    start(Settings::default()).await.expect("a simulator")
}

/// Runs the program on a database, by way of whatever stands before it and before Clerk.
fn program(clerk_url: &str, database_url: &str) -> Program {
    let program = Program::new()
        .variable("CLERK_API_URL", clerk_url)
        .variable("CLERK_SECRET_KEY", "sk_live_secretkey")
        .variable("DATABASE_URL", database_url)
        .variable("CONCURRENCY_LIMIT", "4");
    program.write("users.sql", QUERY);
    program
}

/// Makes the application's table with so many users, `1` to `n`.
async fn fill(database: &TestDatabase, users: usize) {
    let stamp = if database.engine == Engine::MySql {
        "timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    } else {
        "varchar(40) NOT NULL"
    };
    database
        .execute(&format!(
            "CREATE TABLE users (id integer PRIMARY KEY, email varchar(99), name varchar(1500), updated_at {stamp}, \
             clerk_id varchar(99) UNIQUE)"
        ))
        .await;
    let numbers: Vec<usize> = (1..=users).collect();
    for chunk in numbers.chunks(1000) {
        let values: Vec<String> =
            chunk.iter().map(|n| format!("({n}, 'u{n}@example.com', 'User {n}', '2001-02-03 04:05:06')")).collect();
        let values = values.join(", ");
        database.execute(&format!("INSERT INTO users (id, email, name, updated_at) VALUES {values}")).await;
    }
}

/// Everything in the table but the Clerk IDs, row by row.
async fn others(database: &TestDatabase) -> Vec<Vec<Option<String>>> {
    database.query("SELECT id, email, name, updated_at FROM users ORDER BY id").await
}

/// The Clerk IDs in the table, by user ID.
async fn held(database: &TestDatabase) -> BTreeMap<String, Option<String>> {
    let rows = database.query("SELECT id, clerk_id FROM users").await;
    rows.into_iter().map(|mut row| (row.remove(0).expect("a key"), row.remove(0))).collect()
}

async fn count_written(database: &TestDatabase) -> usize {
    held(database).await.values().flatten().count()
}

/// The Clerk IDs in Clerk, by user ID.
fn made(simulator: &Simulator) -> BTreeMap<String, Option<String>> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    simulator.users().iter().map(|user| (text(&user["external_id"]), Some(text(&user["id"])))).collect()
}

/// Checks that every row bears the ID of its own user in Clerk, that nobody was made twice, and that nothing else changed.
async fn expect_all_right(database: &TestDatabase, simulator: &Simulator, before: &[Vec<Option<String>>]) {
    assert_eq!(simulator.users().len(), before.len(), "{}: everybody is in Clerk, once", database.engine);
    assert_eq!(held(database).await, made(simulator), "{}", database.engine);
    assert_eq!(others(database).await, before, "{}: no other column changed", database.engine);
}

/// A run under way, whose words can be waited for.
struct Running {
    child: Child,
    stderr: watch::Receiver<String>,
    stdout: thread::JoinHandle<String>,
}

impl Running {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let mut command = program.command(&[arguments, &["-v"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stdout = child.stdout.take().expect("a pipe");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (told, heard) = watch::channel(String::new());
        thread::spawn(move || {
            for line in stderr.lines() {
                let line = line.expect("UTF-8 on stderr");
                told.send_modify(|text| *text += &(line + "\n"));
            }
        });
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("UTF-8 on stdout");
            text
        });
        Self { child, stderr: heard, stdout }
    }

    /// Waits until the run has said something so often.
    async fn until_told(&mut self, text: &str, times: usize) {
        let told = self.stderr.wait_for(|told| told.matches(text).count() >= times).await.is_ok();
        assert!(told, "it ended before it said `{text}` {times} times: {}", self.stderr.borrow().as_str());
    }

    async fn end(mut self) -> Run {
        // Nobody speaks any more once both pipes are closed.
        while self.stderr.changed().await.is_ok() {}
        let stderr = self.stderr.borrow().clone();
        let ended = tokio::task::spawn_blocking(move || (self.child.wait().expect("an end"), self.stdout.join()));
        let (status, stdout) = ended.await.expect("a task");
        Run { code: status.code().unwrap_or(-1), stdout: stdout.expect("a thread"), stderr }
    }
}

/// What the program says, when it is told to say more, of something that it will try again.
const TRIES_AGAIN: &str = "to be tried again";

/// The application's own connection, with a transaction that stays open.
enum Session {
    Postgres(sqlx::PgConnection),
    MySql(sqlx::MySqlConnection),
    Sqlite(sqlx::SqliteConnection),
}

impl Session {
    async fn open(database: &TestDatabase) -> Self {
        let url = &database.url;
        match database.engine {
            Engine::Postgres => Self::Postgres(sqlx::PgConnection::connect(url).await.expect("a connection")),
            Engine::MySql => Self::MySql(sqlx::MySqlConnection::connect(url).await.expect("a connection")),
            Engine::Sqlite => Self::Sqlite(sqlx::SqliteConnection::connect(url).await.expect("the file")),
        }
    }

    async fn execute(&mut self, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = match self {
            Self::Postgres(connection) => statement.execute(connection).await.map(drop),
            Self::MySql(connection) => statement.execute(connection).await.map(drop),
            Self::Sqlite(connection) => statement.execute(connection).await.map(drop),
        };
        done.unwrap_or_else(|error| panic!("the application's own SQL: {error}\n{sql}"));
    }
}
