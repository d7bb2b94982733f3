//! `--references`: every row gets the Clerk ID of the user it refers to, and nothing else changes.

use std::collections::HashMap;

use db2clerk::engine::Engine;
use db2clerk::simulator::{Settings, Simulator, start};
use serde_json::{Value, json};

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use crate::program::Program;
use crate::servers;

/// A column that refers to users, and the one that is to stand beside it.
type Pair = (String, String, &'static str);

/// An application, a Clerk, and the program between them.
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) simulator: Simulator,
    pub(super) program: Program,
}

const QUERY: &str = "-- table: users\n-- key: id\nSELECT id AS userId, email FROM users";

impl Stage {
    pub(super) async fn new(app: App) -> Self {
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &app.database.url);
        program.write("users.sql", QUERY);
        Self { app, simulator, program }
    }

    /// The columns that a constraint ties to users.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        let memberships = if self.app.database.engine == Engine::Postgres {
            self.app.shop("memberships")
        } else {
            self.app.quoted(&self.app.shop("memberships"))
        };
        let nasty = NASTY_COLUMN.strip_suffix("Id").expect("so it ends").to_owned() + "ClerkId";
        let pair =
            |table: &str, column: &str, beside: &'static str| (self.app.quoted(table), column.to_owned(), beside);
        vec![
            pair("users", "invited_by", "invited_by_clerk_id"),
            pair("posts", "author_id", "author_clerk_id"),
            pair("Order", "customerId", "customerClerkId"),
            (memberships, "user_id".to_owned(), "user_clerk_id"),
            pair("profiles", "user_id", "user_clerk_id"),
            pair("badges", "profile_id", "profile_clerk_id"),
            pair(NASTY, NASTY_COLUMN, Box::leak(nasty.into_boxed_str())),
        ]
    }

    /// Everything that stands in the tables but for the columns beside, to be compared.
    pub(super) async fn others(&self) -> Vec<Vec<Vec<Option<String>>>> {
        let mut tables = Vec::new();
        let (order, nasty) = (self.app.quoted("Order"), self.app.quoted(NASTY));
        let nasty_column = self.app.quoted(NASTY_COLUMN);
        let memberships = self.app.shop("memberships");
        for (columns, table) in [
            ("id, tenant, email, invited_by", "users"),
            ("id, author_id, title", "posts"),
            ("*", "victim"),
            ("actor, what", "audit"),
            ("id, creator_id, label", "tags"),
            ("user_id, bio", "profiles"),
            ("id, profile_id, name", "badges"),
            ("tenant, user_id, role", &memberships),
            (&format!("id, {nasty_column}"), &nasty),
            (&format!("{}, {}", self.app.quoted("orderId"), self.app.quoted("customerId")), &order),
        ] {
            let mut rows = self.app.database.query(&format!("SELECT {columns} FROM {table}")).await;
            rows.sort();
            tables.push(rows);
        }
        tables
    }

    /// The Clerk ID of each user ID, as Clerk knows them.
    pub(super) fn in_clerk(&self) -> HashMap<String, String> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        self.simulator.users().iter().map(|user| (text(&user["external_id"]), text(&user["id"]))).collect()
    }

    /// Checks each row: the ID beside is that of the user the row refers to, or nothing. Returns how many have one.
    pub(super) async fn check(&self, pairs: &[Pair]) -> usize {
        let in_clerk = self.in_clerk();
        let mut right = 0;
        for (table, column, beside) in pairs {
            let (column, beside) = (self.app.quoted(column), self.app.quoted(beside));
            for row in self.app.database.query(&format!("SELECT {column}, {beside} FROM {table}")).await {
                // Bytes, as Postgres shows them.
                let id = row[0].as_ref().map(|id| id.strip_prefix("\\x").unwrap_or(id));
                let expected = id.and_then(|id| in_clerk.get(id));
                assert_eq!(row[1].as_ref(), expected, "{}: {table}.{column}", self.app.database.engine);
                right += usize::from(expected.is_some());
            }
        }
        right
    }
}

async fn stages() -> Vec<Stage> {
    let mut apps = Vec::new();
    for key in [Key::Integer, Key::Uuid, Key::Text] {
        for database in servers::all().await {
            apps.push(App::new(database, key, 60, 300).await);
        }
    }
    apps.push(App::new(servers::mysql().await, Key::Binary, 60, 300).await);
    apps.push(App::new(servers::postgres().await, Key::Binary, 60, 300).await);
    apps.push(App::new(servers::mariadb().await, Key::Uuid, 60, 300).await);
    let mut stages = Vec::new();
    for app in apps {
        stages.push(Stage::new(app).await);
    }
    stages
}

/// Finds what is told about a column.
#[track_caller]
fn of<'a>(json: &'a Value, column: &str) -> &'a Value {
    let all = json["references"].as_array().expect("a list");
    all.iter().find(|one| one["column"] == column).unwrap_or_else(|| panic!("`{column}` is not told: {json}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_gets_its_users_clerk_id_and_nothing_else_changes() {
    for stage in stages().await {
        let engine = stage.app.database.engine;
        let before = stage.others().await;
        let arguments = ["migrate", "--query", "users.sql", "--write-back", "--references", "all", "--yes", "--json"];
        let run = stage.program.run(&arguments).await;
        run.expect_code(0).expect_told("CREATE INDEX").expect_told("author_clerk_id");
        let pairs = stage.pairs();
        let json = run.json();
        assert_eq!(json["references"].as_array().map(Vec::len), Some(pairs.len()), "{engine}: {json}");
        assert_eq!(stage.check(&pairs).await, 20 + 300 + 52 + 60 + 30 + 30 + 20, "{engine} {:?}", stage.app.key);
        assert_eq!(stage.others().await, before, "{engine} {:?}", stage.app.key);
        let posts = of(&json, "author_id");
        assert_eq!((&posts["filled"], &posts["empty"], &posts["referToNobody"]), (&json!(300), &json!(0), &json!(0)));

        // Again: nothing is left to do. Then what is new, and that alone.
        let backfill = ["backfill", "--query", "users.sql", "--references", "posts.author_id", "--yes", "--json"];
        let again = stage.program.run(&backfill).await;
        again.expect_code(0).expect_not_told("CREATE INDEX");
        assert_eq!(of(&again.json(), "author_id")["filled"], 0, "{engine}");
        let new = "INSERT INTO posts (id, author_id) SELECT 1000 + id, author_id FROM posts WHERE id <= 5";
        stage.app.database.execute(new).await;
        let run = stage.program.run(&backfill).await;
        run.expect_code(0);
        assert_eq!(of(&run.json(), "author_id")["filled"], 5, "{engine}");
        stage.check(&pairs).await;
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_refer_to_nobody_or_to_a_user_without_a_clerk_id_are_counted_and_listed() {
    for database in servers::all().await {
        let stage = Stage::new(App::new(database, Key::Text, 12, 40).await).await;
        let engine = stage.app.database.engine;
        // A user without any identifier gets into no Clerk.
        stage.app.database.execute(&format!("UPDATE users SET email = NULL WHERE id = {}", stage.app.id("3"))).await;
        let migrate = ["migrate", "--query", "users.sql", "--write-back", "--yes"];
        stage.program.run(&migrate).await.expect_code(1);
        stage
            .program
            .write("db2clerk.toml", "references = [\"audit.actor=who\", \"tags.creator_id\", \"posts.author_id\"]\n");
        let run = stage.program.run(&["backfill", "--query", "users.sql", "--yes", "--json"]).await;
        run.expect_code(1);
        let json = run.json();
        let numbers = |column: &str| {
            ["referring", "withoutClerkId", "referToNobody", "empty"].map(|name| of(&json, column)[name].clone())
        };
        assert_eq!(numbers("actor"), [json!(5), json!(0), json!(1), json!(0)], "{engine}: {json}");
        assert_eq!(numbers("creator_id"), [json!(4), json!(0), json!(1), json!(0)], "{engine}: {json}");
        assert_eq!(numbers("author_id"), [json!(40), json!(4), json!(0), json!(0)], "{engine}: {json}");
        let listed = std::fs::read_dir(stage.program.folder()).expect("a folder").filter_map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name()?.to_str()?.to_owned();
            name.starts_with("references-").then(|| std::fs::read_to_string(path).expect("a file"))
        });
        let text: String = listed.collect();
        let mut lines: Vec<(String, String, u64, String)> = text
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                let text = |name: &str| line[name].as_str().expect("a text").to_owned();
                (text("column"), text("userId"), line["rows"].as_u64().expect("a number"), text("code"))
            })
            .collect();
        lines.sort();
        let line = |column: &str, id: &str, rows, code: &str| (column.to_owned(), id.to_owned(), rows, code.to_owned());
        let expected = [
            line("actor", "cm000099999999", 1, "no-user"),
            line("author_id", "cm000000000003", 4, "no-clerk-id"),
            line("creator_id", "cm000099999999", 1, "no-user"),
        ];
        assert_eq!(lines, expected, "{engine}");
        let pairs = [
            ("audit", "actor", "who"),
            ("tags", "creator_id", "creator_clerk_id"),
            ("posts", "author_id", "author_clerk_id"),
        ];
        stage.check(&pairs.map(|(table, column, beside)| (table.to_owned(), column.to_owned(), beside))).await;
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_told_and_replaced_only_when_asked() {
    for database in servers::all().await {
        let stage = Stage::new(App::new(database, Key::Integer, 6, 12).await).await;
        let engine = stage.app.database.engine;
        let migrate =
            ["migrate", "--query", "users.sql", "--write-back", "--references", "posts.author_id", "--yes", "--json"];
        stage.program.run(&migrate).await.expect_code(0);
        stage.app.database.execute("UPDATE posts SET author_clerk_id = 'user_old' WHERE id < 4").await;
        let backfill = ["backfill", "--query", "users.sql", "--references", "posts.author_id", "--yes", "--json"];
        let run = stage.program.run(&backfill).await;
        run.expect_code(1);
        assert_eq!(of(&run.json(), "author_id")["differing"], 3, "{engine}: {}", run.stdout);
        let shown = stage.program.run(&backfill[..6]).await;
        assert!(shown.stdout.contains("`backfill --overwrite`"), "{}", shown.stdout);
        let run = stage.program.run(&[&backfill[..], &["--overwrite"]].concat()).await;
        run.expect_code(0);
        assert_eq!(of(&run.json(), "author_id")["filled"], 3, "{engine}: {}", run.stdout);
        stage.check(&[("posts".to_owned(), "author_id".to_owned(), "author_clerk_id")]).await;
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_refused_before_anything_changes() {
    for database in servers::all().await {
        let stage = Stage::new(App::new(database, Key::Uuid, 6, 12).await).await;
        let engine = stage.app.database.engine;
        stage.app.database.execute("ALTER TABLE posts ADD COLUMN number integer").await;
        let refused = async |columns: &str, told: &str| {
            let arguments = ["migrate", "--query", "users.sql", "--write-back", "--yes", "--references", columns];
            stage.program.run(&arguments).await.expect_code(2).expect_told(told);
        };
        refused("posts.author_id=number", "cannot hold Clerk IDs").await;
        refused("posts.author_id=clerk_id,users.invited_by=clerk_id", "users' own Clerk IDs").await;
        refused("posts.nobody_id", "there is no column `posts.nobody_id`").await;
        refused("nothing.author_id", "there is no column").await;
        refused("users.id", "cannot hold values of the users' key").await;
        refused(&format!("posts.author_id={}", "x".repeat(64)), "too long").await;
        refused("posts", "does not say in which table").await;
        let run = stage.program.run(&["migrate", "--query", "users.sql", "--yes", "--references", "all"]).await;
        run.expect_code(2).expect_told("`--write-back`");
        assert!(stage.simulator.users().is_empty(), "{engine}: nothing was sent");
        assert!(stage.app.database.refuses("SELECT author_clerk_id FROM posts").await, "{engine}");
        let dry = ["migrate", "--query", "users.sql", "--write-back", "--references", "all", "--dry-run"];
        stage.program.run(&dry).await.expect_code(0).expect_told("author_clerk_id");
        assert!(stage.app.database.refuses("SELECT author_clerk_id FROM posts").await, "{engine}: a dry run");
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_change_one_of_the_tables_is_refused_and_the_grant_named() {
    for database in [servers::postgres().await, servers::mysql().await, servers::mariadb().await] {
        let stage = Stage::new(App::new(database, Key::Text, 6, 12).await).await;
        let database = &stage.app.database;
        let name = format!("refs_{}", database.url.rsplit('/').next().expect("a name"));
        let user = if database.engine == Engine::MySql { format!("'{name}'@'%'") } else { name.clone() };
        let make = if database.engine == Engine::MySql {
            format!(
                "CREATE USER {user} IDENTIFIED BY 'secret'; GRANT SELECT, CREATE TEMPORARY TABLES ON * TO {user}; GRANT UPDATE ON users TO {user}"
            )
        } else {
            format!(
                "CREATE ROLE {user} LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}; GRANT UPDATE ON users TO {user}"
            )
        };
        database.execute(&make).await;
        let mut url = url::Url::parse(&database.url).expect("the test's URL");
        url.set_username(&name).expect("a URL with a user");
        url.set_password(Some("secret")).expect("a URL with a password");
        let program = Program::with_clerk(&stage.simulator).variable("DATABASE_URL", url.as_str());
        program.write("users.sql", QUERY);
        let arguments = ["migrate", "--query", "users.sql", "--write-back", "--yes", "--references", "posts.author_id"];
        let table = if database.engine == Engine::Postgres { "public.posts" } else { "posts" };
        let run = program.run(&arguments).await;
        run.expect_code(2).expect_told(&format!("GRANT SELECT, UPDATE ON {table}")).expect_not_told("secret");
        database.execute(&format!("GRANT UPDATE ON posts TO {user}")).await;
        let told = if database.engine == Engine::Postgres {
            "takes the owner of public.posts"
        } else {
            "GRANT ALTER ON posts"
        };
        program.run(&arguments).await.expect_code(2).expect_told(told);
        if database.engine == Engine::MySql {
            database.execute(&format!("GRANT ALTER ON posts TO {user}")).await;
            program.run(&arguments).await.expect_code(2).expect_told("GRANT INDEX ON posts");
            database.execute(&format!("GRANT INDEX ON posts TO {user}")).await;
        } else {
            database
                .execute("ALTER TABLE posts ENABLE ROW LEVEL SECURITY; ALTER TABLE posts FORCE ROW LEVEL SECURITY")
                .await;
            database
                .execute(&format!("GRANT USAGE, CREATE ON SCHEMA public TO {user}; ALTER TABLE posts OWNER TO {user}"))
                .await;
            program.run(&arguments).await.expect_code(2).expect_told("row-level security hides rows of public.posts");
            database.execute("ALTER TABLE posts DISABLE ROW LEVEL SECURITY").await;
        }
        // All that is needed on the one table, and nothing on the other: neither is touched.
        let two = [&arguments[..6], &["posts.author_id,badges.profile_id"]].concat();
        let badges = if database.engine == Engine::Postgres { "public.badges" } else { "badges" };
        program.run(&two).await.expect_code(2).expect_told(&format!("GRANT SELECT, UPDATE ON {badges}"));
        assert!(stage.simulator.users().is_empty(), "{}: nothing was sent", database.engine);
        assert!(database.refuses("SELECT author_clerk_id FROM posts").await, "{}", database.engine);
        program.run(&arguments).await.expect_code(0);
        stage.check(&[("posts".to_owned(), "author_id".to_owned(), "author_clerk_id")]).await;
        database
            .execute(&match database.engine {
                Engine::MySql => format!("DROP USER {user}"),
                _ => format!("REASSIGN OWNED BY {user} TO postgres; DROP OWNED BY {user}; DROP ROLE {user}"),
            })
            .await;
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_others_hold_locked_are_left_and_filled_by_the_next_run() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let stage = Stage::new(App::new(database, Key::Uuid, 30, 900).await).await;
        let engine = stage.app.database.engine;
        let migrate = ["migrate", "--query", "users.sql", "--write-back", "--yes"];
        stage.program.run(&migrate).await.expect_code(0);
        // Added before: who holds a row locked keeps the table from being altered.
        let column =
            if engine == Engine::MySql { "varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" } else { "text" };
        stage.app.database.execute(&format!("ALTER TABLE badges ADD COLUMN profile_clerk_id {column}")).await;
        stage.app.database.execute("CREATE INDEX badges_profile_clerk_id_idx ON badges (profile_clerk_id)").await;
        let held = Session::open(&stage.app.database.url, engine).await;
        let held = held.execute("BEGIN; UPDATE badges SET name = 'x' WHERE id = 4").await;
        let backfill = ["backfill", "--query", "users.sql", "--references", "badges.profile_id", "--yes", "--json"];
        let run = stage.program.run(&backfill).await;
        run.expect_code(1);
        let empty = of(&run.json(), "profile_id")["empty"].as_u64().expect("a number");
        assert!((1..=15).contains(&empty), "{engine}: {empty} rows are left, and the run has ended");
        drop(held);
        stage.program.run(&backfill).await.expect_code(0);
        stage.check(&[("badges".to_owned(), "profile_id".to_owned(), "profile_clerk_id")]).await;
        stage.simulator.stop().await;
    }
}

/// A connection of the application's. Dropped, what it began is over.
pub(super) enum Session {
    Postgres(sqlx::PgConnection),
    MySql(sqlx::MySqlConnection),
}

impl Session {
    pub(super) async fn open(url: &str, engine: Engine) -> Self {
        use sqlx::Connection as _;
        if engine == Engine::Postgres {
            Self::Postgres(sqlx::PgConnection::connect(url).await.expect("a connection"))
        } else {
            Self::MySql(sqlx::MySqlConnection::connect(url).await.expect("a connection"))
        }
    }

    pub(super) async fn execute(mut self, sql: &'static str) -> Self {
        match &mut self {
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
            Self::MySql(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
        }
        .expect("the application's statement");
        self
    }
}
