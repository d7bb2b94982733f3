//! `backfill --replace-ids`: the script is run as people run it, and every row looked at before and after.

use std::collections::HashMap;

use db2clerk::kill_point::Point;
use serde_json::json;

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use super::beside::Stage;
use super::kills::is_killed;
use crate::program::{Program, Run};
use crate::servers;

type Rows = Vec<Vec<Option<String>>>;

/// A table with the columns that hold user IDs (by place) in a query of it.
fn tables(app: &App) -> Vec<(String, &'static [usize])> {
    let select = |columns: &str, table: &str| format!("SELECT {columns} FROM {table}");
    let (nasty, nasty_column) = (app.quoted(NASTY), app.quoted(NASTY_COLUMN));
    vec![
        (select("id, invited_by, tenant, email, clerk_id", "users"), &[0, 1][..]),
        (select("author_id, id, title", "posts"), &[0]),
        (select("\"customerId\", \"orderId\"", "\"Order\""), &[0]),
        (select("user_id, tenant, role", "shop.memberships"), &[0]),
        (select("user_id, bio", "profiles"), &[0]),
        (select("profile_id, id, name", "badges"), &[0]),
        (select(&format!("{nasty_column}, id"), &nasty), &[0]),
        (select("actor, what", "audit"), &[0]),
        (select("a", "victim"), &[]),
    ]
}

async fn rows(app: &App) -> Vec<Rows> {
    let mut all = Vec::new();
    for (query, _) in tables(app) {
        let mut rows = app.database.query(&query).await;
        rows.sort();
        all.push(rows);
    }
    all
}

/// What the rows are to be when every user ID is replaced by what stands in the map.
fn replaced(app: &App, before: &[Rows], ids: &HashMap<String, String>) -> Vec<Rows> {
    let replace = |rows: &Rows, places: &[usize]| {
        let mut rows = rows.clone();
        for row in &mut rows {
            for place in places {
                row[*place] = row[*place].as_ref().map(|id| ids[id].clone());
            }
        }
        rows.sort();
        rows
    };
    before.iter().zip(tables(app)).map(|(rows, (_, places))| replace(rows, places)).collect()
}

async fn constraints(app: &App) -> Rows {
    // A view and audit row apart, whose columns have no constraint.
    app.database
        .query(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE connamespace::regnamespace::text IN ('public', 'shop') ORDER BY 1, 2",
        )
        .await
}

async fn types(app: &App) -> Rows {
    app.database
        .query(
            "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity FROM information_schema.columns \
             WHERE table_schema IN ('public', 'shop') ORDER BY 1, 2",
        )
        .await
}

/// An application without what is in the way: rows that refer to nobody, and a view where the type changes.
async fn ready(key: Key) -> App {
    ready_with(key, 60).await
}

/// As [`ready`], with so many users, and five posts each.
async fn ready_with(key: Key, users: u32) -> App {
    let app = App::new(servers::postgres().await, key, users, users * 5).await;
    app.give_clerk_ids().await;
    let gone = app.id("99999999");
    app.database
        .execute(&format!("DELETE FROM audit WHERE actor = {gone}; DROP TABLE tags; ALTER TABLE audit ALTER COLUMN actor SET DEFAULT NULL"))
        .await;
    if key != Key::Text {
        app.database.execute("DROP VIEW authors").await;
    }
    if key == Key::Integer {
        app.database.execute("CREATE SEQUENCE users_seq OWNED BY users.id START 1000; ALTER TABLE users ALTER COLUMN id SET DEFAULT nextval('users_seq')").await;
    }
    app
}

pub(super) async fn replace(app: &App, flags: &[&str]) -> (Program, Run) {
    let program = Program::new().variable("DATABASE_URL", &app.database.url);
    let arguments = ["backfill", "--replace-ids", "--table", "users", "--key", "id", "--references", "audit.actor"];
    let run = program.run(&[&arguments, flags].concat()).await;
    (program, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_replaces_every_id_and_the_way_back_brings_it_back() {
    // 100000 is the size that an application may have.
    let users = std::env::var("TEST_REFERENCES_USERS").map_or(60, |users| users.parse().expect("a number"));
    for key in [Key::Text, Key::Uuid, Key::Integer, Key::Binary] {
        let app = ready_with(key, users).await;
        let (before, constraints_before, types_before) = (rows(&app).await, constraints(&app).await, types(&app).await);
        let (program, run) = replace(&app, &["--sql", "replace.sql", "--dry-run"]).await;
        run.expect_code(0);
        assert!(run.stdout.contains("Tried, and taken back"), "{}", run.stdout);
        assert_eq!(rows(&app).await, before, "{key:?}: a dry run changes nothing");
        assert_eq!(types(&app).await, types_before, "{key:?}");

        app.database.execute(&program.read("replace.sql")).await;
        let ids: HashMap<String, String> = before[0]
            .iter()
            .map(|user| (user[0].clone().expect("an ID"), user[4].clone().expect("a Clerk ID")))
            .collect();
        assert_eq!(rows(&app).await, replaced(&app, &before, &ids), "{key:?}");
        assert_eq!(constraints(&app).await, constraints_before, "{key:?}: by their names, with their actions");
        let legacy = app.database.query("SELECT clerk_id, legacy_id FROM users").await;
        assert!(
            legacy.iter().all(|row| ids[row[1].as_ref().expect("an old ID")] == *row[0].as_ref().expect("a Clerk ID"))
        );

        // Again: told, and nothing happens.
        let (_, again) = replace(&app, &["--dry-run"]).await;
        again.expect_code(2).expect_told("may have been replaced already");
        assert!(app.database.refuses(&program.read("replace.sql")).await, "{key:?}: the script itself sees it");

        app.database.execute(&program.read("replace-back.sql")).await;
        assert_eq!(rows(&app).await, before, "{key:?}: the way back");
        assert_eq!(constraints(&app).await, constraints_before, "{key:?}: the way back");
        assert_eq!(types(&app).await, types_before, "{key:?}: the way back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_made_since_keeps_the_clerk_id_or_stops_the_way_back() {
    for key in [Key::Text, Key::Uuid] {
        let app = ready(key).await;
        let (program, run) = replace(&app, &["--sql", "out/replace.sql"]).await;
        run.expect_code(0);
        app.database.execute(&program.read("out/replace.sql")).await;
        let new = "INSERT INTO users (id, tenant, clerk_id) VALUES ('user_new', 1, 'user_new'); \
            INSERT INTO posts (id, author_id) VALUES (9999, 'user_new')";
        app.database.execute(new).await;
        let back = program.read("out/replace-back.sql");
        if key == Key::Text {
            app.database.execute(&back).await;
            let post = app.database.query("SELECT author_id FROM posts WHERE id = 9999").await;
            assert_eq!(post, [[Some("user_new".to_owned())]]);
            let old = app.database.query("SELECT count(*) FROM posts WHERE author_id LIKE 'cm%'").await;
            assert_eq!(old, [[Some("300".to_owned())]]);
        } else {
            assert!(back.contains("while there are any, this stops"), "{back}");
            assert!(app.database.refuses(&back).await);
            let still = app.database.query("SELECT count(*) FROM posts WHERE author_id LIKE 'user_%'").await;
            assert_eq!(still, [[Some("301".to_owned())]], "nothing of it was kept");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_changed_since_stops_the_script() {
    for change in [
        "UPDATE users SET clerk_id = NULL WHERE tenant = 2",
        "ALTER TABLE posts DROP CONSTRAINT posts_author; ALTER TABLE posts ALTER COLUMN author_id TYPE varchar(99)",
        "CREATE TABLE more (user_id uuid REFERENCES users (id))",
        "ALTER TABLE profiles DROP CONSTRAINT profiles_user",
        "INSERT INTO audit (actor) VALUES ('11111111-1111-4111-8111-111111111111')",
    ] {
        let app = ready(Key::Uuid).await;
        let (program, run) = replace(&app, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        app.database.execute(change).await;
        let (before, types_before) = (rows(&app).await, types(&app).await);
        assert!(app.database.refuses(&program.read("replace.sql")).await, "{change}");
        assert_eq!((rows(&app).await, types(&app).await), (before, types_before), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_safely_is_refused_and_said() {
    let trigger = "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
        CREATE TRIGGER touch BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION touch()";
    for (change, told) in [
        ("UPDATE users SET clerk_id = NULL WHERE tenant = 2", "20 of its rows have no Clerk ID"),
        ("ALTER TABLE users DROP COLUMN clerk_id", "`backfill --add-column`"),
        (
            "INSERT INTO audit (actor) VALUES ('11111111-1111-4111-8111-111111111111')",
            "1 row of `public.audit.actor` refers to nobody",
        ),
        ("CREATE VIEW v AS SELECT author_id FROM posts", "the view `v` on `public.posts` is in the way"),
        ("ALTER TABLE posts ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON posts USING (true)", "the policy `p`"),
        (
            "ALTER TABLE posts ADD COLUMN short text GENERATED ALWAYS AS (author_id::text) STORED",
            "the generated column `short`",
        ),
        (trigger, "the trigger `touch`"),
        (
            "ALTER TABLE posts ADD CONSTRAINT \"of v4\" CHECK (author_id <> '00000000-0000-4000-8000-999999999999')",
            "the check constraint `of v4` on `public.posts` is in the way",
        ),
        (
            "DROP INDEX users_clerk_id_key; UPDATE users SET clerk_id = 'user_3' WHERE clerk_id = 'user_2'",
            "its rows `00000000-0000-4000-8000-000000000002` and `00000000-0000-4000-8000-000000000003` have the same Clerk ID `user_3`",
        ),
    ] {
        let app = ready(Key::Uuid).await;
        app.database.execute(change).await;
        let (program, run) = replace(&app, &["--sql", "replace.sql"]).await;
        run.expect_code(2).expect_told(told);
        assert!(!program.path("replace.sql").exists(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prisma_users_get_a_migration_folder_and_no_file_is_written_over() {
    let app = ready(Key::Text).await;
    let (program, run) = replace(&app, &["--prisma-migration", "clerk-ids", "--json"]).await;
    run.expect_code(0);
    let written = run.json()["written"].clone();
    let written = written[0].as_str().expect("a path");
    assert!(written.starts_with("prisma/migrations/2") && written.ends_with("_clerk-ids/migration.sql"), "{written}");
    assert!(program.read(written).contains("ALTER TABLE \"public\".\"posts\" DROP CONSTRAINT \"posts_author\""));
    program.write("mine.sql", "precious");
    let arguments = ["backfill", "--replace-ids", "--table", "users", "--key", "id"];
    program
        .run(&[&arguments[..], &["--sql", "mine.sql"]].concat())
        .await
        .expect_code(2)
        .expect_told("is there already");
    assert_eq!(program.read("mine.sql"), "precious");
    program.run(&[&arguments[..], &["--prisma-migration", "../x"]].concat()).await.expect_code(2);
    program.run(&arguments).await.expect_code(2).expect_told("what to do with the plan");
}

pub(super) const APPLY: [&str; 9] =
    ["backfill", "--replace-ids", "--query", "users.sql", "--references", "audit.actor", "--apply", "--yes", "--sql"];

#[tokio::test(flavor = "multi_thread")]
async fn after_the_ids_are_replaced_everything_goes_on_by_the_old_ones() {
    for key in [Key::Text, Key::Uuid] {
        let stage = Stage::new(ready(key).await).await;
        let (app, program) = (&stage.app, &stage.program);
        app.database.execute("UPDATE users SET clerk_id = NULL").await;
        program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes"]).await.expect_code(0);
        let before = rows(app).await;
        program.run(&[&APPLY[..7], &["--sql", "a.sql"]].concat()).await.expect_code(2).expect_told("Database:");
        program.run(&APPLY[..8]).await.expect_code(2).expect_told("`--sql FILE` too");
        assert_eq!(rows(app).await, before, "nothing without consent");
        let run = program.run(&[&APPLY[..], &["replace.sql"]].concat()).await;
        run.expect_code(0);
        assert!(run.stdout.contains("Done: the users' IDs are Clerk IDs"), "{}", run.stdout);
        let ids = stage.in_clerk();
        assert_eq!(rows(app).await, replaced(app, &before, &ids), "{key:?}");

        // By the query of before, every user would be a stranger.
        for command in ["migrate", "verify", "export"] {
            let yes: &[&str] = if command == "migrate" { &["--write-back", "--yes"] } else { &[] };
            let run = program.run(&[&[command, "--query", "users.sql"], yes].concat()).await;
            run.expect_code(2).expect_told("have been replaced by Clerk IDs").expect_told("legacy_id AS userId");
        }
        program.write(
            "users.sql",
            "-- table: users\n-- key: legacy_id\nSELECT legacy_id AS userId, email FROM users WHERE legacy_id IS NOT NULL",
        );
        app.database.execute("INSERT INTO users (id, tenant) VALUES ('user_new', 1)").await;
        let migrate = ["migrate", "--query", "users.sql", "--write-back", "--yes", "--json"];
        let run = program.run(&migrate).await;
        run.expect_code(0);
        assert_eq!((&run.json()["created"], &run.json()["vanished"]), (&json!(0), &json!(0)), "{}", run.stdout);
        program.run(&["verify", "--query", "users.sql"]).await.expect_code(0);
        // The ledger knows them by the old IDs, whatever the key is called.
        let backfill = ["backfill", "--table", "users", "--key", "id", "--yes", "--json"];
        let run = program.run(&backfill).await;
        run.expect_code(0);
        assert_eq!((&run.json()["alreadyRight"], &run.json()["rowGone"]), (&json!(60), &json!(0)), "{}", run.stdout);
        // A preset finds the old IDs by itself.
        app.database
            .execute(
                "ALTER TABLE users ADD COLUMN name text, ADD COLUMN \"emailVerified\" timestamptz;
                 CREATE TABLE accounts (\"userId\" text, provider text)",
            )
            .await;
        let run = program.run(&["migrate", "--preset", "authjs-pg", "--write-back", "--yes", "--json"]).await;
        let json = run.json();
        assert_eq!(
            (&json["pulled"], &json["created"], &json["vanished"]),
            (&json!(60), &json!(0), &json!(0)),
            "{json}"
        );
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_ids_are_replaced_the_database_is_as_it_was_or_done() {
    let stage = Stage::new(ready(Key::Uuid).await).await;
    let (before, constraints_before) = (rows(&stage.app).await, constraints(&stage.app).await);
    let users = before[0].iter();
    let ids = users.map(|user| (user[0].clone().expect("an ID"), user[4].clone().expect("a Clerk ID"))).collect();
    let after = replaced(&stage.app, &before, &ids);
    let mut kills = 0;
    for passage in 1.. {
        let file = format!("replace-{passage}.sql");
        let killed =
            is_killed(&stage.program, &[&APPLY[..], &[file.as_str()]].concat(), Point::Statement, passage).await;
        // The server may still be at what it was told last: it is through when it gives the tables away again.
        let now = rows(&stage.app).await;
        assert!(now == before || now == after, "killed before statement {passage}: half of it is there");
        assert_eq!(constraints(&stage.app).await, constraints_before, "killed before statement {passage}");
        if !killed {
            assert_eq!(now, after);
            break;
        }
        kills += 1;
    }
    assert!(kills > 20, "{kills} kills are too few");
    stage.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_owns_not_all_of_the_tables_is_refused_and_nothing_has_changed() {
    let app = ready(Key::Uuid).await;
    let (before, types_before) = (rows(&app).await, types(&app).await);
    let role = format!("ids_{}", app.database.url.rsplit('/').next().expect("a name"));
    app.database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public, shop TO {role};
             GRANT ALL ON ALL TABLES IN SCHEMA public, shop TO {role}; ALTER TABLE users OWNER TO {role}"
        ))
        .await;
    let mut url = url::Url::parse(&app.database.url).expect("the test's URL");
    url.set_username(&role).expect("a URL with a user");
    url.set_password(Some("secret")).expect("a URL with a password");
    let program = Program::new().variable("DATABASE_URL", url.as_str());
    program.write("users.sql", "-- table: users\n-- key: id\nSELECT id AS userId, email FROM users");
    let run = program.run(&[&APPLY[..], &["replace.sql"]].concat()).await;
    run.expect_code(2).expect_told("must be owner of").expect_told("takes its owner").expect_not_told("secret");
    assert_eq!((rows(&app).await, types(&app).await), (before, types_before));
    app.database
        .execute(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}
