//! `references`: what it lists, and what it says about it.

use db2clerk::engine::Engine;
use serde_json::{Value, json};

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use crate::program::{Program, Run};
use crate::servers::{self, TestDatabase};

async fn references(database: &TestDatabase, flags: &[&str]) -> Run {
    let program = Program::new().variable("DATABASE_URL", &database.url);
    program.run(&[&["references", "--table", "users", "--key", "id"], flags].concat()).await
}

/// Finds what is listed about a column.
#[track_caller]
fn of<'a>(json: &'a Value, table: &str, column: &str) -> &'a Value {
    let found = json["references"].as_array().expect("a list");
    let one = found.iter().find(|one| one["table"] == table && one["column"] == column);
    one.unwrap_or_else(|| panic!("`{table}`.`{column}` is not listed: {json}"))
}

async fn apps() -> Vec<App> {
    let mut apps = Vec::new();
    for key in [Key::Integer, Key::Uuid, Key::Text] {
        for database in servers::all().await {
            apps.push(App::new(database, key, 60, 300).await);
        }
    }
    apps.push(App::new(servers::mysql().await, Key::Binary, 60, 300).await);
    apps.push(App::new(servers::mariadb().await, Key::Uuid, 60, 300).await);
    apps
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_that_refers_to_users_is_listed_on_every_engine_and_for_every_key() {
    for app in apps().await {
        let engine = app.database.engine;
        let json = references(&app.database, &["--json"]).await.expect_code(0).json();
        let what = format!("{engine} {:?}: {json}", app.key);
        assert_eq!(
            (&json["table"], &json["key"], &json["rows"]),
            (&json!("users"), &json!("id"), &json!(60)),
            "{what}"
        );
        let memberships = if engine == Engine::Postgres { "memberships" } else { "shop_memberships" };
        for (table, column, constraint, rows, filled, values, actions) in [
            ("users", "invited_by", "users_inviter", 60, 20, 1, ["SET NULL", ""]),
            ("posts", "author_id", "posts_author", 300, 300, 60, ["CASCADE", "RESTRICT"]),
            ("Order", "customerId", "Order_customerId_fkey", 60, 52, 12, ["", "CASCADE"]),
            (memberships, "user_id", "memberships_user", 60, 60, 60, ["CASCADE", ""]),
            ("profiles", "user_id", "profiles_user", 30, 30, 30, ["", ""]),
            ("badges", "profile_id", "badges_profile", 30, 30, 30, ["", ""]),
            (NASTY, NASTY_COLUMN, "k`\" ; fkey", 20, 20, 20, ["SET NULL", ""]),
        ] {
            let one = of(&json, table, column);
            let numbers = ["rows", "filled", "users", "found"].map(|name| one[name].as_u64().expect("a number"));
            assert_eq!(numbers, [rows, filled, values, filled], "{table} {what}");
            assert_eq!((&one["guess"], &one["certain"], &one["to"]), (&json!(false), &json!(true), &json!("id")));
            let nullable = !["posts", memberships, "profiles"].contains(&table);
            let schema = match (engine, table == memberships) {
                (Engine::Postgres, true) => json!("shop"),
                (Engine::Postgres, false) => json!("public"),
                _ => Value::Null,
            };
            assert_eq!((&one["nullable"], &one["schema"]), (&json!(nullable), &schema), "{table} {what}");
            // SQLite's catalog has no names of constraints.
            let name = if engine == Engine::Sqlite { Value::Null } else { json!(constraint) };
            let constraint = &one["constraints"][0];
            assert_eq!(constraint["name"], name, "{table} {what}");
            let columns = if table == memberships { json!(["tenant", "user_id"]) } else { json!([column]) };
            assert_eq!(constraint["columns"], columns, "{table} {what}");
            for (expected, told) in actions.iter().zip([&constraint["onDelete"], &constraint["onUpdate"]]) {
                // What is no action is `RESTRICT` to some servers.
                let told = told.as_str().expect("a text");
                let fits =
                    if expected.is_empty() { ["NO ACTION", "RESTRICT"].contains(&told) } else { told == *expected };
                assert!(fits, "{table}: {told} {what}");
            }
        }
        // Without a constraint; one row of each refers to nobody.
        for (table, column, rows, filled) in [("audit", "actor", 32, 31), ("tags", "creator_id", 16, 16)] {
            let one = of(&json, table, column);
            let numbers = ["rows", "filled", "found"].map(|name| one[name].as_u64().expect("a number"));
            assert_eq!(numbers, [rows, filled, filled - 1], "{what}");
            assert_eq!(
                (&one["guess"], &one["certain"], &one["constraints"]),
                (&json!(true), &json!(false), &json!([]))
            );
            assert!(one["share"].as_f64().is_some_and(|share| share > 0.9 && share < 1.0), "{what}");
        }
        assert_eq!(json["references"].as_array().map(Vec::len), Some(9), "{what}");
        let victim = app.database.query("SELECT count(*) FROM victim").await;
        assert_eq!(victim, [[Some("0".to_owned())]], "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_of_a_change_is_told() {
    for database in servers::all().await {
        let app = App::new(database, Key::Text, 6, 12).await;
        let database = &app.database;
        let engine = database.engine;
        let posts = match engine {
            Engine::Postgres => {
                "ALTER TABLE posts ADD COLUMN short text GENERATED ALWAYS AS (left(author_id, 3)) STORED;
                 CREATE MATERIALIZED VIEW busy AS SELECT author_id FROM posts;
                 CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                 CREATE TRIGGER touch BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION touch();
                 CREATE TRIGGER born AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION touch();
                 ALTER TABLE profiles ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON profiles USING (true)"
            }
            Engine::MySql => {
                "ALTER TABLE posts ADD COLUMN short varchar(3) AS (left(author_id, 3)) VIRTUAL;
                 CREATE TRIGGER touch BEFORE UPDATE ON posts FOR EACH ROW SET NEW.title = OLD.title;
                 CREATE TRIGGER born BEFORE INSERT ON posts FOR EACH ROW SET NEW.title = 'x'"
            }
            Engine::Sqlite => {
                "ALTER TABLE posts ADD COLUMN short text AS (substr(author_id, 1, 3));
                 CREATE TRIGGER touch AFTER UPDATE ON posts BEGIN SELECT 1; END"
            }
        };
        database.execute(posts).await;
        let json = references(database, &["--json"]).await.expect_code(0).json();
        let obstacles = json["obstacles"].as_array().expect("a list");
        let find = |kind: &str, name: &str, table: &str| {
            let one = obstacles.iter().find(|one| one["kind"] == kind && one["name"] == name && one["table"] == table);
            one.unwrap_or_else(|| panic!("{engine}: {kind} `{name}` on `{table}` is not told: {json}")).clone()
        };
        find("view", "authors", "posts");
        find("view", "authors", "users");
        find("generated column", "short", "posts");
        assert_eq!(find("trigger", "touch", "posts")["ofColumnBeside"], true);
        let memberships = if engine == Engine::Postgres { "memberships" } else { "shop_memberships" };
        find("composite primary key", "tenant, user_id", memberships);
        let name = if engine == Engine::Sqlite { "tenant, user_id" } else { "memberships_user" };
        find("composite foreign key", name, memberships);
        if engine != Engine::Sqlite {
            assert_eq!(find("trigger", "born", "posts")["ofColumnBeside"], false);
        }
        if engine == Engine::Postgres {
            find("materialized view", "busy", "posts");
            assert_eq!(find("policy", "own", "profiles")["ofColumnBeside"], true);
        }
        let none_on_orders = obstacles.iter().all(|one| one["table"] != "Order");
        assert!(none_on_orders, "{engine}: {json}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_any_constraint_gives_guesses_and_no_other_columns() {
    for database in servers::all().await {
        let text = if database.engine == Engine::MySql { "varchar(255)" } else { "text" };
        // What Auth.js' pg adapter makes.
        database
            .execute(&format!(
                "CREATE TABLE users (id {text} NOT NULL, name {text}, email {text}, PRIMARY KEY (id));
                 CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, {user} {text} NOT NULL, provider {text},
                     {provider_id} {text});
                 CREATE TABLE sessions (id integer NOT NULL PRIMARY KEY, {user} {text} NOT NULL, expires {text});
                 CREATE TABLE things (id {text} NOT NULL, owner {text}, owner_type {text}, PRIMARY KEY (id));
                 INSERT INTO users VALUES ('cm1', 'a', 'a@example.com'), ('cm2', 'b', 'b@example.com');
                 INSERT INTO accounts VALUES (1, 'cm1', 'google', '117'), (2, 'cm2', 'google', '118');
                 INSERT INTO things VALUES ('t1', 'cm1', 'user'), ('t2', 'o1', 'org'), ('t3', 'o2', 'org')",
                user = if database.engine == Engine::MySql { "`userId`" } else { "\"userId\"" },
                provider_id =
                    if database.engine == Engine::MySql { "`providerAccountId`" } else { "\"providerAccountId\"" },
            ))
            .await;
        if database.engine == Engine::MySql {
            // Two collations, which the server does not compare by itself.
            database
                .execute("ALTER TABLE things MODIFY owner varchar(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
                .await;
        }
        let program = Program::new().variable("DATABASE_URL", &database.url);
        program.write("db2clerk.toml", "table = \"users\"\nkey = \"id\"\n");
        let run = program.run(&["references", "--json"]).await;
        let json = run.expect_code(0).json();
        let listed: Vec<String> = json["references"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| format!("{}.{} {}", one["table"], one["column"], one["certain"]).replace('"', ""))
            .collect();
        // The sessions are empty: nothing tells.
        assert_eq!(listed, ["accounts.userId true", "things.owner false"], "{}: {json}", database.engine);
        assert_eq!(of(&json, "things", "owner")["share"].as_f64().map(|share| (share * 100.0).round()), Some(33.0));

        assert_eq!(json["sessionToken"], r#"{"userId": "{{user.external_id || user.id}}"}"#);
        assert_eq!(json["keyTakesClerkIds"], true);
        let run = program.run(&["references"]).await;
        run.expect_code(0);
        assert!(run.stdout.contains("which fits these columns too: nothing in the database changes"), "{}", run.stdout);
        for told in ["guess", "33.3 %", "{{user.external_id || user.id}}", "accountClerkId", "userClerkId"] {
            assert_eq!(run.stdout.contains(told), told != "accountClerkId", "{told}: {}", run.stdout);
        }
        program.run(&["references", "--write-config"]).await.expect_code(0);
        let config = program.read("db2clerk.toml");
        let schema = if database.engine == Engine::Postgres { "public." } else { "" };
        assert!(config.starts_with("table = \"users\"\nkey = \"id\"\n\n# The columns"), "{config}");
        assert!(config.contains(&format!("\n  \"{schema}accounts.userId=userClerkId\",")), "{config}");
        assert!(config.contains(&format!("\n  # \"{schema}things.owner=owner_clerk_id\",")), "{config}");
        let again = program.run(&["references", "--write-config"]).await;
        again.expect_code(2).expect_told("says already which columns");
        assert_eq!(program.read("db2clerk.toml"), config);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_that_is_written_names_every_column_so_that_it_is_found_again() {
    for database in servers::all().await {
        let app = App::new(database, Key::Uuid, 6, 12).await;
        let json = references(&app.database, &["--json"]).await.expect_code(0).json();
        let table: toml::Table = toml::from_str(json["config"].as_str().expect("a text")).expect("TOML");
        let wanted: db2clerk::stage::references::Wanted = table["references"].clone().try_into().expect("columns");
        let db2clerk::stage::references::Wanted::Columns(columns) = wanted else { panic!("columns") };
        let found = json["references"].as_array().expect("a list").iter();
        let found: Vec<_> = found.filter(|one| one["certain"] == true).collect();
        assert_eq!(columns.len(), found.len(), "{json}");
        for (column, found) in columns.iter().zip(found) {
            assert_eq!(
                (json!(column.table.table), json!(column.column)),
                (found["table"].clone(), found["column"].clone())
            );
            assert_eq!(json!(column.beside), found["beside"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_table_to_which_nothing_refers_is_told_to_need_nothing() {
    for database in servers::all().await {
        database.execute("CREATE TABLE users (id integer NOT NULL PRIMARY KEY)").await;
        let run = references(&database, &[]).await;
        run.expect_code(0);
        assert!(run.stdout.starts_with("No column refers to"), "{}", run.stdout);
        assert!(run.stdout.contains("which these columns do not take"), "an integer takes no Clerk ID: {}", run.stdout);
        references(&database, &["--table", "nobody"]).await.expect_code(2);
        let nothing = Program::new().variable("DATABASE_URL", &database.url).run(&["references"]).await;
        nothing.expect_code(2).expect_told("which table holds the users");
    }
}
