//! Wrong input, one by one: one clear message, the right exit code, nothing written.

use db2clerk::simulator::{Settings, Simulator, start};

use crate::program::Program;
use crate::servers::{self, TestDatabase};

const GUIDE: &str = "SELECT id as userId, email, name FROM users";

async fn clerk() -> Simulator {
    start(Settings::default()).await.expect("a simulator")
}

async fn users(database: &TestDatabase) {
    database.execute("CREATE TABLE users (id varchar(64) PRIMARY KEY, email varchar(255), name varchar(255))").await;
    database
        .execute("INSERT INTO users VALUES ('1', 'ada@example.com', 'Ada Lovelace'), ('2', 'bob@example.com', NULL)")
        .await;
}

/// Runs `migrate` on a SQLite database with two users and checks how it is refused; Clerk must stay empty.
async fn check(query: &str, arguments: &[&str], code: i32, told: &[&str]) {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    users(&database).await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("query.sql", query);
    let mut all = vec!["migrate"];
    if !arguments.iter().any(|argument| argument.starts_with("--preset") || argument.starts_with("--query")) {
        all.extend(["--query", "query.sql"]);
    }
    all.extend(arguments);
    let run = program.run(&all).await;
    run.expect_code(code);
    for text in told {
        run.expect_told(text);
    }
    assert_eq!(run.stdout, "", "a refusal is told on stderr");
    assert!(simulator.users().is_empty(), "nothing is sent");
    let rows = database.query("SELECT COUNT(*) FROM users").await;
    assert_eq!(rows[0][0].as_deref(), Some("2"), "the database is left alone");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_of_clerks_guide_works_as_it_stands_on_every_engine() {
    for database in servers::all().await {
        let simulator = clerk().await;
        users(&database).await;
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        program.write("guide.sql", GUIDE);
        program.run(&["migrate", "--query", "guide.sql", "--yes"]).await.expect_code(0);
        assert_eq!(simulator.users().len(), 2, "{}", database.engine);
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_key_without_consent_sends_nothing() {
    check(GUIDE, &[], 2, &["typed confirmation", "--yes", "production instance"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_writes_fails_before_it_does() {
    check("DELETE FROM users RETURNING id AS userId", &["--yes"], 2, &["query"]).await;
    check("SELECT id AS userId, email FROM users; DROP TABLE users", &["--yes"], 2, &["more than one statement"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_column_is_named_with_the_nearest_known_one() {
    check("SELECT id AS userId, email AS emial FROM users", &["--yes"], 2, &["`emial`", "email"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_user_id_or_on_no_table_is_refused() {
    check("SELECT email FROM users", &["--yes"], 2, &["userId"]).await;
    check("SELECT id AS userId FROM user_accounts", &["--yes"], 2, &["user_accounts"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_query_nor_preset_lists_the_presets_and_so_does_a_wrong_one() {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    users(&database).await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.run(&["migrate", "--yes"]).await.expect_code(2).expect_told("authjs-prisma").expect_told("authjs-d1");
    let run = program.run(&["migrate", "--yes", "--preset", "authjs-prsima"]).await;
    run.expect_code(2).expect_told("authjs-prisma");
    let run = program.run(&["migrate", "--yes", "--preset", "authjs-supabase"]).await;
    run.expect_code(2).expect_told("authjs-supabase").expect_told("sqlite");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_shows_the_sql_and_nothing_is_sent() {
    let arguments = ["--write-back", "--table", "users", "--key", "id", "--yes"];
    check(GUIDE, &arguments, 2, &["no column `clerk_id`", "ALTER TABLE", "--add-column", "Prisma"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_back_without_a_table_or_to_a_key_that_is_not_unique_is_refused() {
    check(GUIDE, &["--write-back", "--yes"], 2, &["--table"]).await;
    check(GUIDE, &["--write-back", "--table", "users", "--yes"], 2, &["--key"]).await;
    check(GUIDE, &["--write-back", "--table", "users", "--key", "name", "--yes"], 2, &["unique"]).await;
    check(GUIDE, &["--write-back", "--table", "usres", "--key", "id", "--yes"], 2, &["`usres`", "users"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_key_needs_its_word() {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    users(&database).await;
    let program = Program::with_clerk(&simulator)
        .variable("DATABASE_URL", &database.url)
        .variable("CLERK_SECRET_KEY", "sk_test_secretkey");
    program.write("guide.sql", GUIDE);
    let run = program.run(&["migrate", "--query", "guide.sql", "--yes"]).await;
    run.expect_code(2).expect_told("IMPORT_TO_DEV_INSTANCE=true");
    assert!(simulator.users().is_empty());
    let program = program.variable("IMPORT_TO_DEV_INSTANCE", "true");
    program.run(&["migrate", "--query", "guide.sql"]).await.expect_code(0);
    assert_eq!(simulator.users().len(), 2);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_and_no_key_are_told_without_showing_it() {
    let database = servers::sqlite().await;
    users(&database).await;
    let settings = Settings { secret_key: Some("sk_live_right".to_owned()), ..Settings::default() };
    let simulator = start(settings).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("guide.sql", GUIDE);
    let run = program.run(&["migrate", "--query", "guide.sql", "--yes"]).await;
    run.expect_code(1).expect_told("key");
    assert!(!run.stderr.contains("sk_live_secretkey"), "{}", run.stderr);
    let program = program.variable("CLERK_SECRET_KEY", "");
    program.run(&["migrate", "--query", "guide.sql", "--yes"]).await.expect_code(2).expect_told("CLERK_SECRET_KEY");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_told_without_its_password() {
    let simulator = clerk().await;
    for url in [
        "postgres://app:topsecret@127.0.0.1:1/app",
        "mysql://app:topsecret@127.0.0.1:1/app",
        "file:./missing.db",
        "mongodb://app:topsecret@127.0.0.1/app",
    ] {
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", url);
        program.write("guide.sql", GUIDE);
        let run = program.run(&["migrate", "--query", "guide.sql", "--yes"]).await;
        assert!(run.code == 1 || run.code == 2, "{url}: {run:?}");
        assert!(run.stderr.contains("error: ") && !run.stderr.contains("topsecret"), "{url}: {}", run.stderr);
        assert!(!program.path("missing.db").exists(), "a missing database is never made");
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_refused_before_anything_is_sent() {
    let (database, simulator) = (servers::postgres().await, clerk().await);
    users(&database).await;
    database.execute("ALTER TABLE users ADD COLUMN clerk_id text UNIQUE").await;
    database.execute("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET default_transaction_read_only = on'; END $$").await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("guide.sql", GUIDE);
    let run = program
        .run(&["migrate", "--query", "guide.sql", "--write-back", "--table", "users", "--key", "id", "--yes", "--json"])
        .await;
    run.expect_code(2).expect_told("read-only");
    assert!(simulator.users().is_empty(), "nothing is sent");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_another_instance_is_refused() {
    let database = servers::sqlite().await;
    users(&database).await;
    let first = clerk().await;
    let program = Program::with_clerk(&first).variable("DATABASE_URL", &database.url);
    program.write("guide.sql", GUIDE);
    let arguments = ["migrate", "--query", "guide.sql", "--yes", "--ledger", "state.db"];
    program.run(&arguments).await.expect_code(0);
    let settings = Settings { instance_id: "ins_another".to_owned(), ..Settings::default() };
    let second = start(settings).await.expect("a simulator");
    let program = program.variable("CLERK_API_URL", &second.url());
    program.run(&arguments).await.expect_code(2).expect_told("belongs to the Clerk instance").expect_told("--ledger");
    assert!(second.users().is_empty());
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_left_behind_unseen() {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    database.execute("CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT, email TEXT, emailVerified INTEGER, image TEXT, hashed_password TEXT)").await;
    database.execute("CREATE TABLE account (userId TEXT, type TEXT, provider TEXT, providerAccountId TEXT)").await;
    database.execute("INSERT INTO user VALUES ('1', 'Ada', 'ada@example.com', 1709287200000, NULL, '$2b$04$abcdefghijklmnopqrstuuN1VVnGGdKpD0lYL1yTm5V0XlJKbnqxq')").await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    let preset = ["migrate", "--preset", "authjs-drizzle", "--yes"];
    let run = program.run(&preset).await;
    run.expect_code(2).expect_told("`hashed_password`").expect_told("--password-column").expect_told("--no-passwords");
    assert!(simulator.users().is_empty());
    let run = program.run(&[&preset[..], &["--password-column", "hashed_pasword"]].concat()).await;
    run.expect_code(2).expect_told("`hashed_password`");
    program.run(&[&preset[..], &["--password-column", "hashed_password"]].concat()).await.expect_code(0);
    assert_eq!(simulator.users()[0]["password_enabled"], true);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_users_files_are_refused_and_nothing_of_them_is_sent() {
    let simulator = clerk().await;
    let whole = r#"[{"userId": "1", "email": "ada@example.com"}, {"userId": "2", "email": "bob@example.com"}]"#;
    for (name, text, code, told) in [
        ("not-json", "userId,email\n1,ada@example.com\n", 2, "JSON"),
        ("cut", &whole[..60], 2, "cut"),
        ("wrapped", r#"{"users": [{"userId": "1", "email": "ada@example.com"}]}"#, 2, "users"),
        ("unknown-key", r#"[{"userId": "1", "emial": "ada@example.com"}]"#, 2, "emial"),
    ] {
        let program = Program::with_clerk(&simulator);
        program.write("users.json", text);
        let run = program.run(&["import", "--yes"]).await;
        assert_eq!(run.code, code, "{name}: {run:?}");
        run.expect_told(told);
        assert!(simulator.users().is_empty(), "{name}: nothing is sent");
    }
    let program = Program::with_clerk(&simulator);
    program.run(&["import", "--yes"]).await.expect_code(2).expect_told("users.json");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_no_ledger_is_not_taken_for_one_and_not_written_to() {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    users(&database).await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("query.sql", GUIDE);
    let file = std::path::PathBuf::from(database.url.trim_start_matches("sqlite:"));
    let ledger = file.to_str().expect("a path");
    let before = std::fs::read(&file).expect("the database");
    for command in [
        &["status"][..],
        &["undo", "--dry-run"],
        &["migrate", "--query", "query.sql", "--dry-run"],
        &["migrate", "--query", "query.sql", "--yes"],
        &["backfill", "--table", "users", "--key", "id"],
    ] {
        let run = program.run(&[command, &["--ledger", ledger]].concat()).await;
        run.expect_code(2).expect_told("is no ledger of db2clerk").expect_told("a table `users`").expect_told("hint: ");
        assert_eq!(std::fs::read(&file).expect("the database"), before, "{command:?}");
        assert!(!std::path::Path::new(&format!("{ledger}.lock")).exists(), "{command:?}");
    }
    assert!(simulator.users().is_empty(), "nothing is sent");
}
