//! `backfill --replace-ids` on SQLite: every value of every table, and every statement of the schema, looked at before and after.

use std::collections::{BTreeMap, HashMap};

use db2clerk::engine::Engine;
use db2clerk::kill_point::Point;
use sqlx::{AssertSqlSafe, Connection as _};

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use super::beside::Stage;
use super::kills::is_killed;
use super::replace::{APPLY, replace};
use crate::program::Program;
use crate::servers::{self, TestDatabase};

/// How the users table is made: its key, the type of columns that refer to it, how an ID is made of a number, and what stands at
/// the end.
struct Shape {
    key: &'static str,
    refers: &'static str,
    id: fn(&str) -> String,
    end: &'static str,
}

fn number(n: &str) -> String {
    n.to_owned()
}

fn cuid(n: &str) -> String {
    format!("'cm' || ({n})")
}

const COUNTED: Shape = Shape { key: "INTEGER PRIMARY KEY AUTOINCREMENT", refers: "INTEGER", id: number, end: "" };
const NUMBERED: Shape = Shape { key: "INTEGER NOT NULL PRIMARY KEY", refers: "int", id: number, end: "STRICT" };
const TEXT: Shape = Shape { key: "TEXT NOT NULL PRIMARY KEY", refers: "TEXT", id: cuid, end: "" };
const BY_KEY: Shape = Shape { key: "VARCHAR(30) PRIMARY KEY", refers: "varchar(30)", id: cuid, end: "WITHOUT ROWID" };
const BINARY: Shape =
    Shape { key: "BLOB PRIMARY KEY", refers: "BLOB", id: |n| format!("CAST('b' || ({n}) AS BLOB)"), end: "" };
const NOCASE: Shape = Shape { key: "TEXT COLLATE NOCASE PRIMARY KEY", refers: "TEXT", id: cuid, end: "" };
const LOOSE: Shape = Shape { key: "INTEGER PRIMARY KEY", refers: "", id: number, end: "" };
const UNTYPED: Shape = Shape { key: "TEXT PRIMARY KEY", refers: "", id: cuid, end: "" };

const SHAPES: [&Shape; 8] = [&COUNTED, &NUMBERED, &TEXT, &BY_KEY, &BINARY, &UNTYPED, &NOCASE, &LOOSE];

/// The columns that hold user IDs. Names do not differ by case.
const HOLDERS: [(&str, &str); 9] = [
    ("Users", "Id"),
    ("Users", "invitedBy"),
    ("posts", "author_id"),
    ("members", "user_id"),
    ("profiles", "user_id"),
    ("badges", "profile"),
    ("Audit", "actor"),
    ("pairs", "one"),
    (NASTY, NASTY_COLUMN),
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Shape {
    async fn make(&self) -> TestDatabase {
        let database = servers::sqlite().await;
        let Self { key, refers, end, .. } = self;
        let (nasty, column) = (quoted(NASTY), quoted(NASTY_COLUMN));
        let id = |n: &str| (self.id)(n);
        let (id_n, one, author, two) = (id("n"), id("1"), id("n % 20 + 1"), id("n % 20 + 2"));
        let numbers = |most: u32| {
            format!(
                "(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {most}) SELECT n FROM c)"
            )
        };
        let (all, many) = (numbers(25), numbers(60));
        database
            .execute(&format!(
                "CREATE TABLE \"Users\" (Id {key}, tenant INTEGER NOT NULL, email TEXT COLLATE NOCASE UNIQUE, -- who, (and
                   \"invitedBy\" {refers} REFERENCES users(ID) ON DELETE SET NULL, clerk_id TEXT,
                   CONSTRAINT \"users tenant\" UNIQUE (tenant, id)) {end};
                 CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT DEFAULT 'x, int (' CHECK (title <> ''),
                   author_id {refers} NOT NULL CONSTRAINT \"the author\" REFERENCES Users(id) ON DELETE CASCADE ON UPDATE RESTRICT);
                 CREATE TABLE members (tenant INTEGER, user_id {refers}, role TEXT, PRIMARY KEY (tenant, user_id),
                   CONSTRAINT member FOREIGN KEY (tenant, user_id) REFERENCES Users (tenant, id) ON DELETE CASCADE
                   DEFERRABLE INITIALLY DEFERRED) WITHOUT ROWID;
                 CREATE TABLE profiles (user_id {refers} PRIMARY KEY REFERENCES Users, bio BLOB);
                 CREATE TABLE badges (n REAL, profile {refers} REFERENCES [profiles] (user_id) ON UPDATE CASCADE);
                 CREATE TABLE 'Audit' (actor {refers}, what);
                 CREATE TABLE pairs (rowid TEXT, one {refers} NOT NULL REFERENCES users (id), UNIQUE (one, rowid));
                 CREATE TABLE {nasty} (id INTEGER PRIMARY KEY, {column} {refers} REFERENCES `Users`(id) ON DELETE SET DEFAULT);
                 CREATE TABLE victim (a);
                 CREATE TABLE comments (id INTEGER PRIMARY KEY, post INTEGER REFERENCES posts (id) ON DELETE CASCADE);
                 INSERT INTO \"Users\" SELECT {id_n}, n % 3, 'U' || n || '@example.com', NULL, 'user_' || n || 'aB' FROM {all};
                 UPDATE users SET \"invitedBy\" = {one} WHERE tenant = 1;
                 INSERT INTO posts (author_id, title) SELECT {author}, 'A title' FROM {many};
                 INSERT INTO members SELECT tenant, id, 'member' FROM users;
                 INSERT INTO profiles SELECT {id_n}, x'00ff' FROM {all} WHERE n % 2 = 0;
                 INSERT INTO badges SELECT n / 3.0, {id_n} FROM {all} WHERE n % 2 = 0;
                 INSERT INTO Audit SELECT {author}, n FROM {many}; INSERT INTO Audit VALUES (NULL, 'by itself');
                 DELETE FROM Audit WHERE rowid % 3 = 1; DELETE FROM posts WHERE id > 55;
                 INSERT INTO pairs SELECT 'r' || n, {two} FROM {all};
                 INSERT INTO {nasty} SELECT n * 7, {id_n} FROM {all} WHERE n % 3 = 0;
                 INSERT INTO comments SELECT n, n FROM {all};
                 DELETE FROM members WHERE user_id = {last}; DELETE FROM {nasty} WHERE {column} = {last};
                 UPDATE users SET \"invitedBy\" = NULL WHERE tenant = 0; DELETE FROM users WHERE id = {last};
                 CREATE UNIQUE INDEX \"Users clerk\" ON Users (clerk_id);
                 CREATE INDEX \"posts' author\" ON posts (author_id, lower(title)) WHERE title IS NOT NULL -- a part
                 ;
                 CREATE INDEX `n\"; DROP TABLE victim; --` ON {nasty} ({column} DESC);
                 CREATE VIEW authors AS SELECT u.email, p.title FROM posts AS p JOIN users AS u ON u.id = p.author_id;
                 {broken}
                 CREATE TRIGGER \"no updates\" BEFORE UPDATE ON \"Users\" BEGIN SELECT RAISE(ABORT, 'a trigger ran'); END;
                 CREATE TRIGGER \"t; ran\" AFTER UPDATE OF author_id ON posts BEGIN INSERT INTO victim VALUES (NEW.author_id); END;
                 CREATE TRIGGER written AFTER INSERT ON members BEGIN INSERT INTO victim VALUES ('written'); END;
                 CREATE TRIGGER elsewhere AFTER INSERT ON victim WHEN NEW.a = 'x' BEGIN DELETE FROM users; END",
                last = id("25"),
                // Where no type changes, SQLite itself looks at all views when the old IDs are dropped in the end.
                broken = if key.contains("INTEGER") { "CREATE VIEW broken AS SELECT what FROM nowhere;" } else { "" },
            ))
            .await;
        database
    }
}

/// Everything that a file holds: the statements of its schema by kind and name, and the rows of its tables, each value as SQLite
/// writes it as SQL, with the number of the row where there is one.
#[derive(Debug, Clone, PartialEq)]
struct File {
    schema: BTreeMap<String, String>,
    tables: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

async fn file(database: &TestDatabase) -> File {
    let text = |cell: &Option<String>| cell.clone().expect("a text");
    let made = database.query("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL").await;
    let schema = made.iter().map(|row| (text(&row[0]), text(&row[1]))).collect();
    let mut tables = BTreeMap::new();
    for name in database.query("SELECT name FROM sqlite_master WHERE type = 'table'").await {
        let name = text(&name[0]);
        let literal = format!("'{}'", name.replace('\'', "''"));
        let columns = database.query(&format!("SELECT name FROM pragma_table_info({literal})")).await;
        let mut columns: Vec<String> = columns.iter().map(|row| text(&row[0])).collect();
        let numbered = database.query(&format!("SELECT wr FROM pragma_table_list({literal})")).await;
        if numbered[0][0].as_deref() == Some("0") {
            columns.push("oid".to_owned());
        }
        let values: Vec<String> = columns.iter().map(|column| format!("quote({})", quoted(column))).collect();
        let rows = database.query(&format!("SELECT {} FROM {}", values.join(", "), quoted(&name))).await;
        let rows = rows.iter().map(|row| columns.iter().cloned().zip(row.iter().map(text)).collect());
        let mut rows: Vec<BTreeMap<String, String>> = rows.collect();
        rows.sort();
        tables.insert(name, rows);
    }
    File { schema, tables }
}

/// What the rows are to be when every user ID is replaced by the Clerk ID, and kept beside in the users table.
fn expected(before: &File) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let users = &before.tables["Users"];
    let ids: HashMap<&str, &str> = users.iter().map(|user| (user["Id"].as_str(), user["clerk_id"].as_str())).collect();
    let mut tables = before.tables.clone();
    for (table, column) in HOLDERS {
        for row in tables.get_mut(table).expect("a table") {
            if (table, column) == ("Users", "Id") {
                row.insert("legacy_id".to_owned(), row["Id"].clone());
            }
            if row[column] != "NULL" {
                row.insert(column.to_owned(), ids[row[column].as_str()].to_owned());
            }
        }
    }
    if let Some(counts) = tables.get_mut("sqlite_sequence") {
        // A key of text does not count; and which count is noted first is nobody's business.
        counts.retain(|count| count["name"] != "'Users'");
    }
    without_order(tables)
}

/// The numbers of the rows in which SQLite notes its counts mean nothing.
fn without_order(
    mut tables: BTreeMap<String, Vec<BTreeMap<String, String>>>,
) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    for count in tables.get_mut("sqlite_sequence").into_iter().flatten() {
        count.remove("oid");
    }
    for rows in tables.values_mut() {
        rows.sort();
    }
    tables
}

async fn plan(database: &TestDatabase, flags: &[&str]) -> (Program, crate::program::Run) {
    let program = Program::new().variable("DATABASE_URL", &database.url);
    let arguments = ["backfill", "--replace-ids", "--table", "users", "--key", "id", "--references", "audit.actor"];
    let run = program.run(&[&arguments, flags].concat()).await;
    (program, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_the_script_replaces_every_id_and_nothing_else_and_the_way_back_brings_all_back() {
    for shape in SHAPES {
        let database = shape.make().await;
        let before = file(&database).await;
        let (program, run) = plan(&database, &["--sql", "replace.sql", "--dry-run"]).await;
        run.expect_code(0);
        assert!(run.stdout.contains("Tried, and taken back"), "{}", run.stdout);
        assert!(run.stdout.contains("t; ran"), "the triggers are named: {}", run.stdout);
        assert_eq!(file(&database).await, before, "{}: a dry run changes nothing", shape.key);

        database.execute(&program.read("replace.sql")).await;
        let after = file(&database).await;
        assert_eq!(without_order(after.tables.clone()), expected(&before), "{}", shape.key);
        for (what, sql) in &before.schema {
            let is_holder = HOLDERS.iter().any(|(table, _)| *what == format!("table {table}"));
            if !is_holder {
                assert_eq!(after.schema.get(what), Some(sql), "{}", shape.key);
            }
        }
        assert_eq!(after.schema.len(), before.schema.len() + 1, "one index more, that on the old IDs");
        let keys = "SELECT m.name, f.* FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f ORDER BY 1, 2, 3";
        assert_eq!(database.query("SELECT * FROM pragma_foreign_key_check").await, Vec::<Vec<_>>::new());
        assert_eq!(database.query("SELECT * FROM pragma_integrity_check").await, [[Some("ok".to_owned())]]);
        if shape.refers.eq_ignore_ascii_case("integer") {
            let create = &after.schema["table Users"];
            assert!(create.contains("Id TEXT NOT NULL PRIMARY KEY ,"), "{create}");
            assert!(create.contains("\"invitedBy\" TEXT REFERENCES users(ID) ON DELETE SET NULL"), "{create}");
        }
        let keys_after = database.query(keys).await;
        // The actions are in force.
        assert!(database.refuses("UPDATE users SET id = 'user_x' WHERE id = 'user_1aB'").await);

        let (_, again) = plan(&database, &["--dry-run"]).await;
        again.expect_code(2).expect_told("may have been replaced already");
        assert!(database.refuses(&program.read("replace.sql")).await, "{}: the script itself sees it", shape.key);
        assert_eq!(file(&database).await, after, "{}", shape.key);

        database.execute(&program.read("replace-back.sql")).await;
        let back = file(&database).await;
        assert_eq!(back.schema, before.schema, "{}: the way back", shape.key);
        assert_eq!(without_order(back.tables), without_order(before.tables), "{}: the way back", shape.key);
        assert_eq!(database.query(keys).await, keys_after, "{}", shape.key);
        let delete = "DROP TRIGGER \"no updates\"; DELETE FROM badges; DELETE FROM profiles; DELETE FROM pairs; \
            DELETE FROM users WHERE tenant = 2";
        database.execute(delete).await;
        let orphans = "SELECT count(*) FROM posts WHERE author_id NOT IN (SELECT id FROM users)";
        assert_eq!(database.query(orphans).await, [[Some("0".to_owned())]], "ON DELETE CASCADE is in force");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_of_the_other_engines_is_changed_on_sqlite_too() {
    for key in [Key::Text, Key::Integer, Key::Uuid, Key::Binary] {
        let app = App::new(servers::sqlite().await, key, 60, 300).await;
        app.give_clerk_ids().await;
        app.database.execute(&format!("DELETE FROM audit WHERE actor = {}; DROP TABLE tags", app.id("99999999"))).await;
        let before = file(&app.database).await;
        let (program, run) = replace(&app, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        app.database.execute(&program.read("replace.sql")).await;
        let wrong = "SELECT count(*) FROM posts AS p LEFT JOIN users AS u ON u.id = p.author_id AND u.id = u.clerk_id \
            WHERE u.id IS NULL OR u.email <> 'u' || (p.id % 60 + 1) || '@example.com'";
        assert_eq!(app.database.query(wrong).await, [[Some("0".to_owned())]], "{key:?}");
        app.database.execute(&program.read("replace-back.sql")).await;
        assert_eq!(file(&app.database).await, before, "{key:?}");
    }
}

/// Runs a script as the `sqlite3` shell does: after an error it goes on.
async fn heedlessly(database: &TestDatabase, script: &str) -> u32 {
    let mut connection = sqlx::SqliteConnection::connect(&database.url).await.expect("a connection");
    let (mut errors, mut statement) = (0, String::new());
    for piece in script.split_inclusive(";\n") {
        statement.push_str(piece);
        let body = statement.trim_start_matches(|letter: char| letter.is_whitespace());
        let is_trigger = body.starts_with("CREATE T") && body.contains(" TRIGGER ");
        if is_trigger && !statement.trim_end().trim_end_matches(';').trim_end().ends_with("END") {
            continue;
        }
        let done = sqlx::raw_sql(AssertSqlSafe(std::mem::take(&mut statement))).execute(&mut connection).await;
        errors += u32::from(done.is_err());
    }
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_has_changed_since_stops_the_script_even_if_errors_are_not_heeded() {
    for change in [
        "UPDATE posts SET author_id = 999 WHERE id = 1; UPDATE users SET clerk_id = NULL WHERE tenant = 2",
        "UPDATE users SET clerk_id = 'nobody' WHERE id = 2",
        "UPDATE badges SET profile = 999 WHERE profile = 2",
        "INSERT INTO audit VALUES (998, 'gone')",
        "ALTER TABLE posts ADD COLUMN more TEXT",
        "CREATE TABLE more (user_id INTEGER REFERENCES users)",
        "CREATE TRIGGER more AFTER DELETE ON posts BEGIN SELECT 1; END",
        "DROP INDEX \"posts' author\"",
        "DROP TABLE badges",
    ] {
        let database = COUNTED.make().await;
        let (program, run) = plan(&database, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        database.execute(&format!("PRAGMA foreign_keys = OFF; DROP TRIGGER \"no updates\"; {change}")).await;
        let no_updates =
            "CREATE TRIGGER \"no updates\" BEFORE UPDATE ON \"Users\" BEGIN SELECT RAISE(ABORT, 'a trigger ran'); END";
        database.execute(no_updates).await;
        let before = file(&database).await;
        assert!(database.refuses(&program.read("replace.sql")).await, "{change}");
        assert_eq!(file(&database).await, before, "{change}");
        assert!(heedlessly(&database, &program.read("replace.sql")).await >= 2, "{change}");
        assert_eq!(file(&database).await, before, "{change}: heedlessly");
    }
    // The same splitting of the script does no harm to one that nothing stops.
    let database = COUNTED.make().await;
    let before = file(&database).await;
    let (program, run) = plan(&database, &["--sql", "replace.sql"]).await;
    run.expect_code(0);
    assert_eq!(heedlessly(&database, &program.read("replace.sql")).await, 0);
    assert_eq!(without_order(file(&database).await.tables), expected(&before));
    // And what was made since stops the way back.
    let stops = async |change: &str| {
        database.execute(change).await;
        let before = file(&database).await;
        assert!(database.refuses(&program.read("replace-back.sql")).await, "{change}");
        heedlessly(&database, &program.read("replace-back.sql")).await;
        assert_eq!(file(&database).await, before, "{change}");
    };
    stops("ALTER TABLE posts ADD COLUMN more TEXT").await;
    stops("DROP VIEW broken; ALTER TABLE posts DROP COLUMN more; CREATE INDEX more ON posts (title)").await;
    stops("DROP INDEX more; CREATE TABLE more (user_id TEXT REFERENCES users)").await;
    stops("DROP TABLE more; INSERT INTO users (id, tenant) VALUES ('user_new', 1)").await;
    database.execute("DELETE FROM users WHERE id = 'user_new'").await;
    assert_eq!(heedlessly(&database, &program.read("replace-back.sql")).await, 0);
    let back = file(&database).await;
    assert_eq!(without_order(back.tables), without_order(before.tables));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_user_made_since_keeps_the_clerk_id_where_the_type_stays() {
    for shape in [&TEXT, &BY_KEY] {
        let database = shape.make().await;
        let (program, run) = plan(&database, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        database.execute(&program.read("replace.sql")).await;
        database
            .execute(
                "INSERT INTO users (id, tenant, clerk_id) VALUES ('user_new', 1, 'user_new');
                 INSERT INTO posts (id, author_id) VALUES (9999, 'user_new')",
            )
            .await;
        database.execute(&program.read("replace-back.sql")).await;
        let ids = "SELECT count(*), sum(author_id LIKE 'cm%'), sum(author_id = 'user_new') FROM posts";
        assert_eq!(database.query(ids).await, [[Some("56".to_owned()), Some("55".to_owned()), Some("1".to_owned())]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_what_cannot_be_done_safely_is_refused_and_said() {
    for (change, told) in [
        ("UPDATE users SET clerk_id = NULL WHERE tenant = 2", "of its rows have no Clerk ID"),
        ("UPDATE users SET clerk_id = 'clerk' WHERE id = 2", "1 of its rows holds in `clerk_id` what is no Clerk ID"),
        (
            "DROP INDEX \"Users clerk\"; DROP VIEW broken; ALTER TABLE users DROP COLUMN clerk_id",
            "`backfill --add-column`",
        ),
        ("INSERT INTO audit VALUES (998, 'gone')", "1 row of `Audit.actor` refers to nobody"),
        ("ALTER TABLE posts ADD COLUMN short AS (author_id || '')", "the generated column `short`"),
        ("ALTER TABLE users ADD COLUMN legacy_id", "may have been replaced already"),
        (
            "DROP INDEX \"Users clerk\"; UPDATE users SET clerk_id = 'user_2aB' WHERE id = 3",
            "its rows `2` and `3` have the same Clerk ID `user_2aB`",
        ),
        (
            "ALTER TABLE posts ADD COLUMN of INTEGER CHECK (typeof(author_id) = 'integer')",
            "the check constraint `CHECK (typeof(author_id) = 'integer')` of `posts`",
        ),
    ] {
        let database = COUNTED.make().await;
        database.execute(&format!("DROP TRIGGER \"no updates\"; {change}")).await;
        let before = file(&database).await;
        let (program, run) = plan(&database, &["--sql", "replace.sql"]).await;
        run.expect_code(2).expect_told(told);
        assert!(!program.path("replace.sql").exists(), "{change}");
        let (program, run) = plan(&database, &["--sql", "replace.sql", "--apply", "--yes"]).await;
        run.expect_code(2).expect_told(told);
        assert!(!program.path("replace.sql").exists(), "{change}");
        assert_eq!(file(&database).await, before, "{change}");
    }
    for (shape, change, told) in [
        (
            &NOCASE,
            "UPDATE posts SET author_id = upper(author_id) WHERE id < 4",
            "3 rows of `posts.author_id` spell the user's ID",
        ),
        (
            &LOOSE,
            "UPDATE audit SET actor = '2' WHERE actor = 2",
            "rows of `Audit.actor` spell the user's ID in another way",
        ),
    ] {
        let database = shape.make().await;
        let (program, run) = plan(&database, &["--sql", "replace.sql"]).await;
        run.expect_code(0);
        database.execute(&format!("DROP TRIGGER \"t; ran\"; {change}")).await;
        let (_, run) = plan(&database, &["--dry-run"]).await;
        run.expect_code(2).expect_told(told);
        assert!(database.refuses(&program.read("replace.sql")).await, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_prisma_users_get_a_migration_folder() {
    let database = NUMBERED.make().await;
    let (program, run) = plan(&database, &["--prisma-migration", "clerk-ids", "--json"]).await;
    run.expect_code(0);
    let written = run.json()["written"].clone();
    let (forth, back) = (written[0].as_str().expect("a path"), written[1].as_str().expect("a path"));
    assert!(forth.ends_with("_clerk-ids/migration.sql") && back.ends_with("_clerk-ids/way-back.sql"), "{written}");
    let before = file(&database).await;
    database.execute(&program.read(forth)).await;
    assert_eq!(without_order(file(&database).await.tables), expected(&before));
    database.execute(&program.read(back)).await;
    assert_eq!(file(&database).await.schema, before.schema);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_ids_are_replaced_the_sqlite_file_is_as_it_was_or_done() {
    for (shape, point, stride) in
        [(&COUNTED, Point::Statement, 1), (&TEXT, Point::Statement, 1), (&COUNTED, Point::DatabaseStep, 97)]
    {
        let database = shape.make().await;
        let before = file(&database).await;
        let after = expected(&before);
        let stage = Stage::new(App { database, key: Key::Text, users: 0, posts: 0 }).await;
        let mut kills = 0;
        for passage in (1..).step_by(stride) {
            let out = format!("replace-{passage}.sql");
            let killed = is_killed(&stage.program, &[&APPLY[..], &[out.as_str()]].concat(), point, passage).await;
            let now = file(&stage.app.database).await;
            assert!(
                now == before || without_order(now.tables.clone()) == after,
                "killed at {}:{passage}: half of it is there",
                point.word()
            );
            if !killed || now != before {
                assert_eq!(without_order(now.tables), after, "{}:{passage}", point.word());
                break;
            }
            kills += 1;
        }
        assert!(kills > 20, "{kills} kills at {} are too few", point.word());
        assert_eq!(stage.app.database.engine, Engine::Sqlite);
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_may_not_be_written_or_is_in_use_is_left_alone() {
    let database = TEXT.make().await;
    let before = file(&database).await;
    let path = database.url.trim_start_matches("sqlite:").to_owned();
    let mut writer = sqlx::SqliteConnection::connect(&database.url).await.expect("a connection");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await.expect("a transaction");
    let (_, run) = plan(&database, &["--sql", "replace.sql", "--apply", "--yes"]).await;
    run.expect_code(1).expect_told("everything is as it was").expect_told("locked");
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.expect("an end");
    drop(writer);
    assert_eq!(file(&database).await, before);
    let program = Program::new().variable("DATABASE_URL", &format!("sqlite:{path}?mode=ro"));
    let arguments =
        ["backfill", "--replace-ids", "--table", "users", "--key", "id", "--apply", "--yes", "--sql", "a.sql"];
    program.run(&arguments).await.expect_code(2);
    assert_eq!(file(&database).await, before);
}
