//! Names that would do harm, were they not quoted: of every table and column that `references` and `--references` deal with.

use db2clerk::engine::Engine;
use db2clerk::simulator::{Settings, start};
use serde_json::json;

use crate::program::Program;
use crate::servers::{self, TestDatabase};

const SCHEMA: &str = "s\"; DROP TABLE victim; --";
const USERS: &str = "u`\"; DROP TABLE victim; -- \u{2705}";
const KEY: &str = "k\\'\"; DROP TABLE victim; --";
const CLERK: &str = "c`'; DROP TABLE victim; --";
const TABLE: &str = "t.t\"; DROP TABLE victim; -- \\";
const COLUMN: &str = "a, b=c'; DROP TABLE victim; --Id";
const OTHER: &str = "o`\"'; DROP TABLE victim; -- _id";
const BESIDE: &str = "b=\"`'; DROP TABLE victim; --";

/// A name as it is typed, on the command line and in files.
fn typed(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The names, as the engine quotes them.
struct Names<'a>(&'a TestDatabase);

impl Names<'_> {
    fn quoted(&self, name: &str) -> String {
        if self.0.engine == Engine::MySql { format!("`{}`", name.replace('`', "``")) } else { typed(name) }
    }

    /// A table, in its schema where there are schemas.
    fn table(&self, name: &str) -> String {
        let schema = if self.0.engine == Engine::Postgres { self.quoted(SCHEMA) + "." } else { String::new() };
        schema + &self.quoted(name)
    }

    fn typed_table(&self, name: &str) -> String {
        let schema = if self.0.engine == Engine::Postgres { typed(SCHEMA) + "." } else { String::new() };
        schema + &typed(name)
    }

    async fn make(&self) {
        let (users, table) = (self.table(USERS), self.table(TABLE));
        let [key, column, other] = [KEY, COLUMN, OTHER].map(|name| self.quoted(name));
        let schema = if self.0.engine == Engine::Postgres {
            format!("CREATE SCHEMA {};", self.quoted(SCHEMA))
        } else {
            String::new()
        };
        let text = "varchar(36)";
        self.0
            .execute(&format!(
                "CREATE TABLE victim (a integer); INSERT INTO victim VALUES (1);
                 {schema}
                 CREATE TABLE {users} ({key} {text} NOT NULL PRIMARY KEY, email {text});
                 INSERT INTO {users} VALUES ('cm1', 'a@example.com'), ('cm2', 'b@example.com');
                 CREATE TABLE {table} (n integer NOT NULL, {column} {text}, {other} {text},
                     CONSTRAINT {constraint} FOREIGN KEY ({column}) REFERENCES {users} ({key}));
                 INSERT INTO {table} VALUES (1, 'cm2', 'cm1'), (2, NULL, 'cm2'), (3, 'cm1', NULL)",
                constraint = self.quoted("f`\"'; DROP TABLE victim; --"),
            ))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_a_table_or_column_does_anything_but_name_it() {
    for database in servers::all().await {
        let (engine, names) = (database.engine, Names(&database));
        names.make().await;
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        let (key, users) = (names.quoted(KEY), names.table(USERS));
        program.write("users.sql", &format!("SELECT {key} AS {}, email FROM {users}", names.quoted("userId")));
        let target =
            ["--table", &names.typed_table(USERS), "--key", &typed(KEY), "--column", &typed(CLERK)].map(str::to_owned);
        let target = target.each_ref().map(String::as_str);
        let run = async |arguments: &[&str]| program.run(&[arguments, &target[..]].concat()).await;

        let json = run(&["references", "--json"]).await.expect_code(0).json();
        let listed: Vec<_> =
            json["references"].as_array().expect("a list").iter().map(|one| (&one["table"], &one["column"])).collect();
        let table = json!(TABLE);
        assert_eq!(listed, [(&table, &json!(COLUMN)), (&table, &json!(OTHER))], "{engine}: {json}");

        let one = format!("{}.{}={}", names.typed_table(TABLE), typed(COLUMN), typed(BESIDE));
        let migrate =
            ["migrate", "--query", "users.sql", "--write-back", "--add-column", "--yes", "--references", &one];
        run(&migrate).await.expect_code(0);
        // The other one by way of the file.
        run(&["references", "--write-config"]).await.expect_code(0);
        run(&["backfill", "--yes"]).await.expect_code(0);
        let clerk_id = |id: &str| {
            let users = simulator.users();
            let user = users.iter().find(|user| user["external_id"] == id).expect("everybody is in Clerk");
            user["id"].as_str().map(str::to_owned)
        };
        let [beside, column_beside, other_beside] =
            [BESIDE, "a, b=c'; DROP TABLE victim; --ClerkId", "o`\"'; DROP TABLE victim; -- _clerk_id"]
                .map(|name| names.quoted(name));
        let sql = format!("SELECT {beside}, {column_beside}, {other_beside} FROM {} ORDER BY n", names.table(TABLE));
        let (first, second) = (clerk_id("cm1"), clerk_id("cm2"));
        let expected = [
            vec![second.clone(), second.clone(), first.clone()],
            vec![None, None, second],
            vec![first.clone(), first, None],
        ];
        assert_eq!(database.query(&sql).await, expected, "{engine}");
        assert_eq!(database.query("SELECT a FROM victim").await, [[Some("1".to_owned())]], "{engine}");
        simulator.stop().await;
    }
}
