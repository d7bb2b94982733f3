//! `backfill --replace-ids` on MySQL and MariaDB: every value of every table, and how every table is made, looked at before and after.

use std::collections::{BTreeMap, HashMap};

use db2clerk::kill_point::Point;
use serde_json::json;

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use super::beside::Stage;
use super::kills::is_killed;
use super::replace::{APPLY, replace};
use crate::program::Program;
use crate::servers::{self, TestDatabase};

/// The columns that hold user IDs, in the application's database and in its neighbour.
const HOLDERS: [(&str, &str); 12] = [
    ("users", "id"),
    ("users", "invited_by"),
    ("posts", "author_id"),
    ("Order", "customerId"),
    ("shop_memberships", "user_id"),
    ("profiles", "user_id"),
    ("badges", "profile_id"),
    (NASTY, NASTY_COLUMN),
    ("audit", "actor"),
    ("Mixed_Case", "User_Id"),
    ("loose", "user_id"),
    (VISITS, "visitor"),
];

/// A table of another database.
const VISITS: &str = "visits`; DROP TABLE victim; -- '\\ \u{2705}";

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn literal(name: &str) -> String {
    format!("'{}'", name.replace('\\', "\\\\").replace('\'', "''"))
}

/// An application with a database beside its own, where everything is ready.
pub(super) struct Ready {
    pub(super) app: App,
    neighbour: String,
}

impl Ready {
    pub(super) async fn new(database: TestDatabase, key: Key, users: u32) -> Self {
        let name = database.url.rsplit('/').next().expect("a name").to_owned();
        let neighbour = format!("{name}_it`s");
        let app = App::new(database, key, users, users * 5).await;
        app.give_clerk_ids().await;
        let (id, gone, other) = (app.type_name(), app.id("99999999"), quoted(&neighbour));
        let (home, visits) = (quoted(&name), quoted(VISITS));
        let make = format!(
            "DELETE FROM audit WHERE actor = {gone}; DROP TABLE tags;
             ALTER TABLE users ADD COLUMN touched timestamp(3) NOT NULL DEFAULT '2001-02-03 04:05:06.000' ON UPDATE CURRENT_TIMESTAMP(3);
             ALTER TABLE posts ADD COLUMN touched timestamp(3) NOT NULL DEFAULT '2001-02-03 04:05:06.000' ON UPDATE CURRENT_TIMESTAMP(3),
                 MODIFY author_id {id} NOT NULL COMMENT 'who''s \"it\"; \\\\ `x`';
             CREATE TABLE Mixed_Case (User_Id {id} NULL, UNIQUE KEY `the Key` (User_Id),
                 CONSTRAINT `Mixed Case` FOREIGN KEY (USER_ID) REFERENCES users (ID) ON DELETE RESTRICT ON UPDATE NO ACTION);
             INSERT INTO Mixed_Case SELECT id FROM users WHERE tenant = 1; INSERT INTO Mixed_Case VALUES (NULL), (NULL);
             CREATE TABLE loose (user_id {id} NOT NULL, what varchar(20), FOREIGN KEY (user_id) REFERENCES users (id) ON UPDATE CASCADE);
             INSERT INTO loose SELECT author_id, 'x' FROM posts WHERE id % 2 = 0;
             CREATE DATABASE {other} CHARACTER SET latin1;
             CREATE TABLE {other}.{visits} (n int NOT NULL PRIMARY KEY, visitor {id} {like}, CONSTRAINT visitor FOREIGN KEY (visitor)
                 REFERENCES {home}.users (id) ON DELETE SET NULL);
             INSERT INTO {other}.{visits} SELECT id, author_id FROM posts WHERE id % 3 = 0",
            like = if matches!(key, Key::Uuid | Key::Text | Key::Short) {
                app.collation_of_users().await
            } else {
                String::new()
            },
        );
        app.database.execute(&make).await;
        if key == Key::Integer {
            // A key that counts, and has given numbers away that no row has any more.
            app.database
                .execute(
                    "SET SESSION foreign_key_checks = 0; ALTER TABLE users MODIFY id int unsigned NOT NULL AUTO_INCREMENT;
                     SET SESSION foreign_key_checks = 1; INSERT INTO users (id, tenant) VALUES (5000, 1); DELETE FROM users WHERE id = 5000",
                )
                .await;
        }
        Self { app, neighbour }
    }

    /// Everything that stands in both databases.
    async fn everything(&self) -> Everything {
        let mut tables = BTreeMap::new();
        let neighbour = literal(&self.neighbour);
        let names = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' \
             AND TABLE_SCHEMA IN (DATABASE(), {neighbour})"
        );
        for row in self.app.database.query(&names).await {
            let (schema, name) = (row[0].clone().expect("a name"), row[1].clone().expect("a name"));
            let path = format!("{}.{}", quoted(&schema), quoted(&name));
            let columns = format!(
                "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
                 ORDER BY ORDINAL_POSITION",
                literal(&schema),
                literal(&name)
            );
            let columns: Vec<(String, bool)> = self
                .app
                .database
                .query(&columns)
                .await
                .into_iter()
                .map(|row| (row[0].clone().expect("a name"), row[1].as_ref().expect("a type").contains("binary")))
                .collect();
            let values: Vec<String> = columns
                .iter()
                .map(|(column, is_bytes)| {
                    // Bytes that spell a Clerk ID are one that is not a text yet.
                    let column = quoted(column);
                    if *is_bytes {
                        format!("IF({column} LIKE 'user_%', CONVERT({column} USING utf8mb4), hex({column}))")
                    } else {
                        column
                    }
                })
                .collect();
            let rows = self.app.database.query(&format!("SELECT {} FROM {path}", values.join(", "))).await;
            let rows = rows.into_iter().map(|row| columns.iter().map(|(column, _)| column.clone()).zip(row).collect());
            let mut rows: Vec<Row> = rows.collect();
            rows.sort();
            let create = self.app.database.query(&format!("SHOW CREATE TABLE {path}")).await;
            let create = create[0][1].clone().expect("a statement");
            // Which key was made first is nobody's business.
            let mut create: Vec<String> = create.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
            create.sort();
            tables.insert(name, (create, rows));
        }
        Everything(tables)
    }

    pub(super) async fn drop_neighbour(&self) {
        self.app.database.execute(&format!("DROP DATABASE {}", quoted(&self.neighbour))).await;
    }
}

type Row = BTreeMap<String, Option<String>>;

#[derive(Debug, Clone, PartialEq)]
struct Everything(BTreeMap<String, (Vec<String>, Vec<Row>)>);

impl Everything {
    /// The foreign keys, and everything else that is not about a column.
    fn keys(&self) -> Vec<(&String, &String)> {
        let lines = self.0.iter().flat_map(|(name, (create, _))| create.iter().map(move |line| (name, line)));
        lines.filter(|(_, line)| line.starts_with("  ") && !line.starts_with("  `")).collect()
    }

    /// What the rows are to be when every user ID is replaced by the Clerk ID, and kept beside in the users table.
    fn replaced(&self) -> BTreeMap<String, Vec<Row>> {
        let users = &self.0["users"].1;
        let ids: HashMap<&Option<String>, &Option<String>> =
            users.iter().map(|user| (&user["id"], &user["clerk_id"])).collect();
        let mut tables: BTreeMap<String, Vec<Row>> =
            self.0.iter().map(|(name, (_, rows))| (name.clone(), rows.clone())).collect();
        for (table, column) in HOLDERS {
            let Some(rows) = tables.get_mut(table) else { continue };
            for row in rows.iter_mut() {
                if (table, column) == ("users", "id") {
                    row.insert("legacy_id".to_owned(), row["id"].clone());
                }
                if row[column].is_some() {
                    row.insert(column.to_owned(), ids[&row[column]].clone());
                }
            }
            rows.sort();
        }
        tables
    }

    /// The rows without the column that is added.
    fn without_legacy(&self) -> BTreeMap<String, Vec<Row>> {
        let mut tables: BTreeMap<String, Vec<Row>> =
            self.0.iter().map(|(name, (_, rows))| (name.clone(), rows.clone())).collect();
        for row in tables.values_mut().flatten() {
            row.remove("legacy_id");
        }
        for rows in tables.values_mut() {
            rows.sort();
        }
        tables
    }

    #[track_caller]
    fn must_be_replaced(&self, before: &Self, what: &str) {
        let expected = before.replaced();
        for (name, (_, rows)) in &self.0 {
            assert_eq!(rows, &expected[name], "{what}: {name}");
        }
        let legacy = "UNIQUE KEY `legacy_id` (`legacy_id`)";
        let keys: Vec<_> = self.keys().into_iter().filter(|(_, line)| !line.contains(legacy)).collect();
        assert_eq!(keys, before.keys(), "{what}: foreign keys by their names, with their actions, and indexes");
        let touched: Vec<&String> =
            self.0.values().flat_map(|(create, _)| create).filter(|line| line.contains("db2clerk: ")).collect();
        assert_eq!(touched, Vec::<&String>::new(), "{what}: no mark is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_the_script_replaces_every_id_and_nothing_else_and_the_way_back_brings_all_back() {
    let mut cases = vec![];
    for key in [Key::Text, Key::Uuid, Key::Integer, Key::Binary, Key::Short] {
        cases.push((servers::mysql().await, key));
    }
    cases.push((servers::mariadb().await, Key::Binary));
    for (database, key) in cases {
        let ready = Ready::new(database, key, 60).await;
        let before = ready.everything().await;
        let (program, run) = replace(&ready.app, &["--sql", "replace.sql", "--dry-run", "--json"]).await;
        run.expect_code(0);
        assert_eq!(run.json()["tried"], json!(false));
        assert_eq!(run.json()["columns"].as_array().map(Vec::len), Some(HOLDERS.len() - 1), "{}", run.stdout);
        assert_eq!(ready.everything().await, before, "{key:?}: a dry run changes nothing");

        let script = program.read("replace.sql");
        ready.app.database.execute(&script).await;
        let after = ready.everything().await;
        after.must_be_replaced(&before, &format!("{key:?}"));
        // The actions are in force.
        assert!(ready.app.database.refuses("UPDATE users SET id = 'user_x' WHERE id = 'user_1'").await);
        assert!(ready.app.database.refuses("INSERT INTO posts (id, author_id) VALUES (99999, 'user_x')").await);

        let (_, again) = replace(&ready.app, &["--dry-run"]).await;
        again.expect_code(2).expect_told("may have been replaced already");
        assert!(ready.app.database.refuses(&script).await, "{key:?}: the script itself sees it");
        assert_eq!(ready.everything().await, after, "{key:?}");

        let back = program.read("replace-back.sql");
        ready.app.database.execute(&back).await;
        assert_eq!(ready.everything().await, before, "{key:?}: the way back");
        assert!(ready.app.database.refuses(&back).await, "{key:?}: there is nothing to bring back");
        assert_eq!(ready.everything().await, before, "{key:?}");
        ready.drop_neighbour().await;
    }
}

/// A smaller application, for what is done many times: a key that counts or of bytes, a self-reference, a table without a key.
async fn small(key: Key) -> Ready {
    small_on(servers::mysql().await, key).await
}

async fn small_on(database: TestDatabase, key: Key) -> Ready {
    let app = App { database, key, users: 5, posts: 0 };
    let (id, counts) = (app.type_name(), if key == Key::Integer { "AUTO_INCREMENT" } else { "" });
    let ids: Vec<String> = (1..=5).map(|n| app.id(&n.to_string())).collect();
    let users: Vec<String> = (1..)
        .zip(&ids)
        .map(|(n, id)| {
            // By somebody who comes before, and by somebody who comes after.
            let inviter = match n {
                2 => &ids[4],
                3 => &ids[0],
                _ => "NULL",
            };
            format!("({id}, {inviter}, 'user_{n}aB', 'u{n}@example.com')")
        })
        .collect();
    let posts: Vec<String> = (0..20).map(|n| format!("({n}, {})", ids[n % 4])).collect();
    app.database
        .execute(&format!(
            "CREATE TABLE users (id {id} NOT NULL {counts} PRIMARY KEY, invited_by {id}, clerk_id varchar(191) COLLATE utf8mb4_bin UNIQUE,
                 email varchar(99), CONSTRAINT inviter FOREIGN KEY (invited_by) REFERENCES users (id) ON DELETE SET NULL);
             CREATE TABLE posts (id int PRIMARY KEY, author_id {id} NOT NULL COMMENT 'who', FOREIGN KEY (author_id) REFERENCES users (id)
                 ON DELETE CASCADE ON UPDATE RESTRICT);
             CREATE TABLE audit (actor {id});
             SET SESSION foreign_key_checks = 0;
             INSERT INTO users (id, invited_by, clerk_id, email) VALUES {users};
             SET SESSION foreign_key_checks = 1;
             INSERT INTO posts VALUES {posts}; INSERT INTO audit SELECT author_id FROM posts; INSERT INTO audit VALUES (NULL)",
            users = users.join(", "),
            posts = posts.join(", ")
        ))
        .await;
    Ready { app, neighbour: "nobody".to_owned() }
}

/// The command, with a ledger that is made if need be.
fn apply(file: &str) -> Vec<&str> {
    [&APPLY[..], &[file, "--ledger", "ledger.db"]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_on_mysql_the_next_run_finishes_and_the_way_back_leads_back_from_there() {
    for (key, point, stride) in [
        (Key::Binary, Point::StepDone, 1),
        (Key::Integer, Point::Statement, 23),
        (Key::Integer, Point::LedgerCommit, 7),
        (Key::Text, Point::Statement, 13),
    ] {
        let Ready { app, neighbour } = small(key).await;
        let stage = Stage::new(app).await;

        let Stage { app, simulator, program } = stage;
        let ready = Ready { app, neighbour };
        let before = ready.everything().await;
        let mut kills = 0;
        for passage in (1..).step_by(stride) {
            let at = format!("{key:?}, killed at {}:{passage}", point.word());
            let (file, back) = (format!("r{passage}.sql"), format!("r{passage}-back.sql"));
            let killed = is_killed(&program, &apply(&file), point, passage).await;
            let now = ready.everything().await;
            let rows = now.without_legacy();
            let mut after = before.clone().replaced();
            for row in after.values_mut().flatten() {
                row.remove("legacy_id");
            }
            for rows in after.values_mut() {
                rows.sort();
            }
            assert!(rows == before.without_legacy() || rows == after, "{at}: half of the values are changed");
            let is_begun = now != before;
            if !killed {
                now.must_be_replaced(&before, &at);
                break;
            }
            kills += 1;
            if kills % 2 == 0 || !is_begun {
                let file = if is_begun { file } else { format!("again{passage}.sql") };
                let run = program.run(&apply(&file)).await;
                run.expect_code(0);
                assert!(run.stdout.contains("Done: the users' IDs are Clerk IDs"), "{at}: {}", run.stdout);
                ready.everything().await.must_be_replaced(&before, &at);
            }
            let back = if is_begun { back } else { format!("again{passage}-back.sql") };
            ready.app.database.execute(&program.read(&back)).await;
            assert_eq!(ready.everything().await, before, "{at}: the way back");
        }
        assert!(kills >= 4, "{key:?}: {kills} kills at {} are too few", point.word());
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_was_cut_short_goes_on_when_it_is_run_again() {
    for key in [Key::Binary, Key::Integer] {
        let ready = small(key).await;
        let before = ready.everything().await;
        let (program, run) = replace(&ready.app, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        let script = program.read("replace.sql");
        let steps: Vec<&str> = script.split("\n-- ").collect();
        assert!(steps.len() > 15, "{script}");
        for end in (8..steps.len()).step_by(3) {
            let (begun, cut) = steps[end].split_at(steps[end].len() / 2);
            let whole = begun.rfind(";\n").map_or("", |at| &begun[..=at]);
            assert!(!cut.is_empty());
            ready.app.database.execute(&format!("{}\n-- {whole}", steps[..end].join("\n-- "))).await;
            ready.app.database.execute(&script).await;
            ready.everything().await.must_be_replaced(&before, &format!("{key:?}: cut short in step {end}"));
            let back = program.read("replace-back.sql");
            let steps: Vec<&str> = back.split("\n-- ").collect();
            ready.app.database.execute(&steps[..steps.len().min(end)].join("\n-- ")).await;
            if ready.everything().await != before {
                ready.app.database.execute(&back).await;
            }
            assert_eq!(ready.everything().await, before, "{key:?}: the way back, cut short in step {end}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_database_that_has_changed_since_stops_the_script() {
    for change in [
        "UPDATE users SET clerk_id = NULL WHERE email = 'u2@example.com'",
        "UPDATE users SET clerk_id = 'nobody' WHERE email = 'u2@example.com'",
        "ALTER TABLE audit MODIFY actor int unsigned NOT NULL DEFAULT 1",
        "ALTER TABLE audit MODIFY actor bigint",
        "CREATE TABLE more (user_id int unsigned, FOREIGN KEY (user_id) REFERENCES users (id))",
        "ALTER TABLE posts DROP FOREIGN KEY posts_ibfk_1",
        "ALTER TABLE posts DROP FOREIGN KEY posts_ibfk_1; ALTER TABLE posts ADD CONSTRAINT posts_ibfk_1 FOREIGN KEY (author_id) \
         REFERENCES users (id) ON DELETE RESTRICT ON UPDATE RESTRICT",
        "CREATE TRIGGER t BEFORE UPDATE ON posts FOR EACH ROW SET NEW.id = NEW.id",
        "INSERT INTO audit VALUES (998)",
        "ALTER TABLE users ADD COLUMN legacy_id int",
        "ALTER TABLE users DROP KEY clerk_id; UPDATE users SET clerk_id = 'user_1aB' WHERE email = 'u2@example.com'",
    ] {
        let ready = small(Key::Integer).await;
        let (program, run) = replace(&ready.app, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        if change.contains("NOT NULL") {
            ready.app.database.execute("DELETE FROM audit WHERE actor IS NULL").await;
        }
        ready.app.database.execute(change).await;
        let before = ready.everything().await;
        assert!(ready.app.database.refuses(&program.read("replace.sql")).await, "{change}");
        assert_eq!(ready.everything().await, before, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_what_cannot_be_done_safely_is_refused_and_said() {
    for (key, change, told) in [
        (Key::Integer, "UPDATE users SET clerk_id = NULL WHERE id = 2", "1 of its rows has no Clerk ID"),
        (
            Key::Integer,
            "UPDATE users SET clerk_id = 'nobody' WHERE id = 2",
            "1 of its rows holds in `clerk_id` what is no Clerk ID",
        ),
        (Key::Integer, "ALTER TABLE users DROP COLUMN clerk_id", "`backfill --add-column`"),
        (Key::Integer, "INSERT INTO audit VALUES (998)", "1 row of `audit.actor` refers to nobody"),
        (Key::Integer, "ALTER TABLE users ADD COLUMN legacy_id int", "may have been replaced already"),
        (Key::Integer, "ALTER TABLE audit ENGINE = MyISAM", "`audit` is kept by MyISAM"),
        (Key::Integer, "ALTER TABLE audit PARTITION BY HASH (actor) PARTITIONS 2", "`audit` is partitioned"),
        (
            Key::Integer,
            "ALTER TABLE posts ADD COLUMN short varchar(9) AS (author_id)",
            "the generated column `short` on `posts` is in the way",
        ),
        (
            Key::Integer,
            "CREATE TRIGGER `t``1` BEFORE UPDATE ON posts FOR EACH ROW SET NEW.id = NEW.id",
            "the trigger `t`1` on `posts` is in the way",
        ),
        (
            Key::Integer,
            "ALTER TABLE users DROP KEY clerk_id; UPDATE users SET clerk_id = 'user_3aB' WHERE id = 2",
            "its rows `2` and `3` have the same Clerk ID `user_3aB`",
        ),
        (
            Key::Integer,
            "ALTER TABLE posts ADD CONSTRAINT `who's` CHECK (author_id > 0)",
            "the check constraint `who's` on `posts` is in the way",
        ),
        (
            Key::Text,
            "UPDATE audit SET actor = upper(actor) WHERE actor IS NOT NULL LIMIT 3",
            "3 rows of `audit.actor` spell the user's ID in another way",
        ),
        (
            Key::Text,
            "INSERT INTO users (id, clerk_id) VALUES ('user_9', 'user_10'), ('nine', 'user_9')",
            "1 of its rows have an ID that is the Clerk ID of another row",
        ),
        (
            Key::Text,
            "UPDATE users SET clerk_id = CONCAT('user_', REPEAT('x', 32)) WHERE email = 'u2@example.com'",
            "1 of its rows have a Clerk ID that is too long",
        ),
    ] {
        let ready = small(key).await;
        ready.app.database.execute(change).await;
        let before = ready.everything().await;
        for flags in [&["--sql", "replace.sql"][..], &["--sql", "replace.sql", "--apply", "--yes", "--ledger", "l.db"]]
        {
            let (program, run) = replace(&ready.app, flags).await;
            run.expect_code(2).expect_told(told);
            assert!(!program.path("replace.sql").exists(), "{change}");
        }
        assert_eq!(ready.everything().await, before, "{change}");
    }
    // Steps have to be noted somewhere.
    let ready = small(Key::Integer).await;
    let (_, run) = replace(&ready.app, &["--sql", "replace.sql", "--apply", "--yes"]).await;
    run.expect_code(2).expect_told("every step is noted in a ledger").expect_told("`--ledger FILE`");
    // What was begun by the script is told, if the ledger knows nothing of it.
    let (program, run) = replace(&ready.app, &["--sql", "replace.sql"]).await;
    run.expect_code(0);
    let script = program.read("replace.sql");
    let begun: Vec<&str> = script.split("\n-- ").take(9).collect();
    ready.app.database.execute(&begun.join("\n-- ")).await;
    let (_, run) = replace(&ready.app, &["--dry-run"]).await;
    run.expect_code(2).expect_told("was begun and is not finished").expect_told("goes on where it stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_user_made_since_keeps_the_clerk_id_or_stops_the_way_back() {
    for key in [Key::Text, Key::Integer, Key::Binary] {
        let ready = small(key).await;
        let (program, run) = replace(&ready.app, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        ready.app.database.execute(&program.read("replace.sql")).await;
        let new = "INSERT INTO users (id, clerk_id) VALUES ('user_new', 'user_new'); INSERT INTO posts VALUES (999, 'user_new')";
        ready.app.database.execute(new).await;
        let (now, back) = (ready.everything().await, program.read("replace-back.sql"));
        if key == Key::Text {
            ready.app.database.execute(&back).await;
            let posts = "SELECT SUM(author_id LIKE 'cm%'), SUM(author_id = 'user_new') FROM posts";
            assert_eq!(ready.app.database.query(posts).await, [[Some("20".to_owned()), Some("1".to_owned())]]);
        } else {
            assert!(back.contains("while there are any, this stops"), "{back}");
            assert!(ready.app.database.refuses(&back).await);
            assert_eq!(ready.everything().await, now, "{key:?}: nothing of it was done");
            let id = ready.app.id("77");
            ready.app.database.execute(&format!("UPDATE users SET legacy_id = {id} WHERE id = 'user_new'")).await;
            ready.app.database.execute(&back).await;
            let post = ready.app.database.query(&format!("SELECT author_id = {id} FROM posts WHERE id = 999")).await;
            assert_eq!(post, [[Some("1".to_owned())]], "{key:?}: rows of a user who was given an old ID go along");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_role_that_lacks_a_right_is_refused_and_the_grant_named() {
    for database in [servers::mysql().await, servers::mariadb().await] {
        let ready = small_on(database, Key::Integer).await;
        let database = &ready.app.database;
        let before = ready.everything().await;
        let name = format!("ids_{}", database.url.rsplit('/').next().expect("a name"));
        let user = format!("'{name}'@'%'");
        database.execute(&format!("CREATE USER {user} IDENTIFIED BY 'secret'; GRANT SELECT ON * TO {user}")).await;
        let mut url = url::Url::parse(&database.url).expect("the test's URL");
        url.set_username(&name).expect("a URL with a user");
        url.set_password(Some("secret")).expect("a URL with a password");
        let program = Program::new().variable("DATABASE_URL", url.as_str());
        program.write("users.sql", "-- table: users\n-- key: id\nSELECT id AS userId, email FROM users");
        let mut missing = vec![];
        // What is named is granted, until nothing is missing.
        for _ in 0..12 {
            let run = program.run(&apply("replace.sql")).await;
            if run.code == 0 {
                break;
            }
            run.expect_code(2).expect_not_told("secret");
            assert_eq!(ready.everything().await, before, "nothing has changed");
            assert!(!program.path("replace.sql").exists(), "{missing:?}");
            let grant =
                run.stderr.split("hint: ").nth(1).and_then(|rest| rest.lines().next()).expect("a grant").to_owned();
            assert!(!missing.contains(&grant), "{grant} again: {missing:?}");
            database.execute(&format!("{grant} TO {user}")).await;
            missing.push(grant);
        }
        for right in ["GRANT SELECT, UPDATE ON users", "GRANT ALTER ON posts", "GRANT SELECT, UPDATE ON audit"] {
            assert!(missing.iter().any(|grant| grant == right), "{right}: {missing:?}");
        }
        ready.everything().await.must_be_replaced(&before, "with exactly the rights that were named");
        database.execute(&format!("DROP USER {user}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_foreign_key_that_the_role_cannot_see_stops_the_change_with_all_ids_as_they_were() {
    for database in [servers::mysql().await, servers::mariadb().await] {
        let ready = small_on(database, Key::Text).await;
        let database = &ready.app.database;
        let home = database.url.rsplit('/').next().expect("a name");
        let (other, name) = (quoted(&format!("{home}_hidden")), format!("ids_{home}"));
        let user = format!("'{name}'@'%'");
        let hidden = format!(
            "CREATE DATABASE {other} CHARACTER SET utf8mb4;
             CREATE TABLE {other}.visits (visitor varchar(36) {}, FOREIGN KEY (visitor) REFERENCES {}.users (id) ON DELETE CASCADE);
             INSERT INTO {other}.visits SELECT id FROM users;
             CREATE USER {user} IDENTIFIED BY 'secret'; GRANT ALL ON * TO {user}",
            ready.app.collation_of_users().await,
            quoted(home)
        );
        database.execute(&hidden).await;
        let before = ready.everything().await;
        let mut url = url::Url::parse(&database.url).expect("the test's URL");
        url.set_username(&name).expect("a URL with a user");
        url.set_password(Some("secret")).expect("a URL with a password");
        let program = Program::new().variable("DATABASE_URL", url.as_str());
        program.write("users.sql", "-- table: users\n-- key: id\nSELECT id AS userId, email FROM users");
        let run = program.run(&apply("replace.sql")).await;
        run.expect_code(1).expect_told("changes all IDs").expect_told("run the way back, `replace-back.sql`");
        assert_eq!(ready.everything().await.without_legacy(), before.without_legacy());
        database.execute(&program.read("replace-back.sql")).await;
        assert_eq!(ready.everything().await, before);
        database.execute(&format!("DROP USER {user}; DROP DATABASE {other}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_prisma_users_get_a_migration_folder() {
    let ready = small(Key::Integer).await;
    let before = ready.everything().await;
    let (program, run) = replace(&ready.app, &["--prisma-migration", "clerk-ids", "--json"]).await;
    run.expect_code(0);
    let written = run.json()["written"].clone();
    let (forth, back) = (written[0].as_str().expect("a path"), written[1].as_str().expect("a path"));
    assert!(forth.ends_with("_clerk-ids/migration.sql") && back.ends_with("_clerk-ids/way-back.sql"), "{written}");
    ready.app.database.execute(&program.read(forth)).await;
    ready.everything().await.must_be_replaced(&before, "the migration");
    ready.app.database.execute(&program.read(back)).await;
    assert_eq!(ready.everything().await, before, "the way back");
}
