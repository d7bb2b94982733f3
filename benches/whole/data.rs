//! Users of nobody: a table of an Auth.js application, the same on every engine.
//!
//! One in ten has no name, three in ten have a bcrypt digest; every address is verified, valid and one person's.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;

use crate::it::servers::{self, TestDatabase};

/// A database with a table `users`.
pub(crate) struct Users {
    pub(crate) engine: Engine,
    pub(crate) rows: u64,
    database: TestDatabase,
}

/// A row's columns in the schema of `db2clerk`, and in the table.
const COLUMNS: [(&str, &str); 6] = [
    ("userId", "id"),
    ("name", "name"),
    ("email", "email"),
    ("emailVerified", "emailVerified"),
    ("publicMetadata.image", "image"),
    ("password", "password"),
];

impl Users {
    /// Makes a database with so many users.
    pub(crate) async fn make(engine: Engine, rows: u64) -> Result<Self> {
        let database = match engine {
            Engine::Postgres => Box::pin(servers::postgres()).await,
            Engine::MySql => Box::pin(servers::mariadb()).await,
            Engine::Sqlite => Box::pin(servers::sqlite()).await,
        };
        if engine == Engine::MySql {
            // As it comes: what is committed is on the disk.
            Box::pin(database.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")).await;
        }
        let users = Self { engine, rows, database };
        users.execute(users.table()).await;
        users.execute(&users.fill()).await;
        users.settle().await;
        ensure!(users.count("users").await? == rows, "the rows were not made");
        Ok(users)
    }

    pub(crate) fn url(&self) -> &str {
        &self.database.url
    }

    /// The file of a SQLite database.
    pub(crate) fn file(&self) -> PathBuf {
        PathBuf::from(self.url().trim_start_matches("sqlite:"))
    }

    /// What `db2clerk` is given.
    pub(crate) fn query_file(&self) -> String {
        format!("-- table: users\n-- key: id\n{}\n", self.query())
    }

    /// All users, with the columns called as the schema calls them.
    pub(crate) fn query(&self) -> String {
        let columns =
            COLUMNS.map(|(key, column)| format!("{} AS {}", self.quoted(column), self.quoted(key))).join(", ");
        format!("SELECT {columns} FROM users")
    }

    /// All users as JSON, made by the engine; `None` where its client makes it.
    pub(crate) fn json_query(&self) -> Option<String> {
        match self.engine {
            Engine::Postgres => Some(format!("SELECT row_to_json(t) FROM ({}) t", self.query())),
            Engine::MySql => {
                let pairs = COLUMNS.map(|(key, column)| format!("'{key}', `{column}`")).join(", ");
                Some(format!("SELECT json_object({pairs}) FROM users"))
            }
            Engine::Sqlite => None,
        }
    }

    /// Runs any number of statements.
    pub(crate) async fn execute(&self, sql: &str) {
        Box::pin(self.database.execute(sql)).await;
    }

    /// How many rows a table, or a table with a condition behind it, has.
    pub(crate) async fn count(&self, of: &str) -> Result<u64> {
        let rows = Box::pin(self.database.query(&format!("SELECT count(*) FROM {of}"))).await;
        let count = rows.first().and_then(|row| row.first()?.as_deref()).context("a count")?;
        Ok(count.parse()?)
    }

    /// Lets the engine finish what it would do later, while something is measured.
    pub(crate) async fn settle(&self) {
        match self.engine {
            Engine::Postgres => {
                self.execute("VACUUM ANALYZE").await;
                self.execute("CHECKPOINT").await;
            }
            Engine::MySql => self.execute("ANALYZE TABLE users; FLUSH TABLES").await,
            Engine::Sqlite => {}
        }
    }

    fn quoted(&self, name: &str) -> String {
        if self.engine == Engine::MySql { format!("`{name}`") } else { format!("\"{name}\"") }
    }

    fn table(&self) -> &'static str {
        match self.engine {
            Engine::Postgres => {
                r#"CREATE TABLE users (id uuid PRIMARY KEY, name text, email text NOT NULL UNIQUE,
                     "emailVerified" timestamp(3), image text, password text, clerk_id text UNIQUE)"#
            }
            Engine::MySql => {
                "CREATE TABLE users (id char(36) PRIMARY KEY, name varchar(191), email varchar(191) NOT NULL UNIQUE,
                     emailVerified datetime(3), image varchar(191), password varchar(191),
                     clerk_id varchar(191) COLLATE utf8mb4_bin UNIQUE)"
            }
            Engine::Sqlite => {
                r#"CREATE TABLE users (id text PRIMARY KEY, name text, email text NOT NULL UNIQUE,
                     "emailVerified" datetime, image text, password text, clerk_id text UNIQUE)"#
            }
        }
    }

    /// Keys come in no order, as random ones do, and are the same on every engine.
    fn fill(&self) -> String {
        let rows = self.rows;
        match self.engine {
            Engine::Postgres => format!(
                "INSERT INTO users
                 SELECT (lpad(to_hex(n * 2654435761 % 4294967296), 8, '0') || '-0000-4000-8000-' ||
                         lpad(to_hex(n), 12, '0'))::uuid,
                     CASE WHEN n % 10 > 0 THEN 'Given' || (n % 977) || ' Family' || (n % 7919) END,
                     'user' || n || '@example.com',
                     timestamp '2020-01-01' + n * interval '1 second', 'https://images.example.com/' || n || '.png',
                     CASE WHEN n % 10 IN (1, 2, 3)
                         THEN '$2b$10$abcdefghijklmnopqrstuu' || lpad(n::text, 30, '0') || 'e' END
                 FROM generate_series(1::bigint, {rows}) n"
            ),
            Engine::MySql => format!(
                "INSERT INTO users
                 SELECT concat(lpad(lower(hex(seq * 2654435761 % 4294967296)), 8, '0'), '-0000-4000-8000-',
                         lpad(lower(hex(seq)), 12, '0')),
                     IF(seq % 10 > 0, concat('Given', seq % 977, ' Family', seq % 7919), NULL),
                     concat('user', seq, '@example.com'),
                     '2020-01-01' + INTERVAL seq SECOND, concat('https://images.example.com/', seq, '.png'),
                     IF(seq % 10 IN (1, 2, 3), concat('$2b$10$abcdefghijklmnopqrstuu', lpad(seq, 30, '0'), 'e'), NULL),
                     NULL
                 FROM seq_1_to_{rows}"
            ),
            Engine::Sqlite => format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
                 INSERT INTO users
                 SELECT printf('%08x-0000-4000-8000-%012x', n * 2654435761 % 4294967296, n),
                     CASE WHEN n % 10 > 0 THEN 'Given' || (n % 977) || ' Family' || (n % 7919) END,
                     'user' || n || '@example.com',
                     datetime('2020-01-01', n || ' seconds'), 'https://images.example.com/' || n || '.png',
                     CASE WHEN n % 10 IN (1, 2, 3) THEN printf('$2b$10$abcdefghijklmnopqrstuu%030de', n) END, NULL
                 FROM numbers"
            ),
        }
    }
}
