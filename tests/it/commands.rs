//! `demo`, `export`, `import`, `backfill` and `status`, as a person runs them.

use db2clerk::simulator::{Settings, start};
use serde_json::{Value, json};

use crate::program::Program;
use crate::servers::{self, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_moves_its_sample_shows_problems_and_says_where_to_look() {
    let program = Program::new().variable("DATABASE_URL", "postgres://nobody@127.0.0.1:1/must-not-be-used");
    let run = program.run(&["demo", "--json"]).await;
    run.expect_code(1).expect_told("db2clerk-demo").expect_told("clerk_id").expect_told("--dry-run");
    let json = run.json();
    assert!(json["created"].as_u64() > Some(300) && json["adopted"] == 1, "{json}");
    assert!(json["invalid"].as_u64() > Some(3) && json["conflict"] == 1, "{json}");
    assert_eq!(json["writtenBack"].as_u64(), Some(json["created"].as_u64().expect("a number") + 1));
    assert_eq!(json["writeBackFailed"], 0);
    for name in ["app.db", "ledger.db"] {
        assert!(program.path("db2clerk-demo").join(name).exists(), "{name}");
    }
    program.run(&["demo", "--json"]).await.expect_code(1);
    assert!(program.path("db2clerk-demo-2").exists(), "a second demo leaves the first one's folder alone");
}

const QUERY: &str =
    "-- table: users\n-- key: id\nSELECT id AS userId, email, verified AS emailVerified, name, password FROM users";

async fn people(database: &TestDatabase) {
    database
        .execute(
            "CREATE TABLE users (id integer PRIMARY KEY, email varchar(255), verified varchar(40), name varchar(255),
                 password varchar(255), clerk_id varchar(64) UNIQUE)",
        )
        .await;
    database
        .execute(
            "INSERT INTO users (id, email, verified, name, password) VALUES
                 (1, 'ada@example.com', '2024-03-01 10:00:00', 'Ada Lovelace', NULL),
                 (2, 'bob@example.com', NULL, 'Bob', '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'),
                 (3, 'ADA@example.com', '2024-03-01 10:00:00', 'Ada Again', NULL),
                 (4, NULL, NULL, 'Nobody', NULL)",
        )
        .await;
}

fn with_people(database: &TestDatabase) -> Program {
    let program = Program::new().variable("DATABASE_URL", &database.url);
    program.write("users.sql", QUERY);
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn export_writes_what_import_reads_and_leaves_out_who_is_invalid() {
    for database in servers::all().await {
        people(&database).await;
        let program = with_people(&database);
        let run = program.run(&["export", "--query", "users.sql", "--json"]).await;
        run.expect_code(1);
        assert_eq!((&run.json()["written"], &run.json()["invalid"]), (&json!(2), &json!(2)));
        assert_eq!(run.json()["coverage"]["users"], 2, "who was left out as a duplicate is not counted");
        let users: Value = serde_json::from_str(&program.read("users.json")).expect("a JSON array");
        assert_eq!(
            users,
            json!([
                {"userId": "1", "email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace"},
                {"userId": "2", "unverifiedEmailAddresses": ["bob@example.com"], "firstName": "Bob",
                 "password": "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "passwordHasher": "bcrypt"},
            ])
        );
        assert_eq!(program.log().len(), 2, "the invalid ones are logged");
        program.run(&["export", "--query", "users.sql"]).await.expect_code(2).expect_told("--force");
        let basic = program.run(&["export", "--query", "users.sql", "--force", "--basic", "--json"]).await;
        basic.expect_code(1);
        let coverage = &basic.json()["coverage"];
        assert_eq!(
            (&coverage["users"], &coverage["with a password (bcrypt)"]),
            (&json!(1), &Value::Null),
            "{coverage}"
        );
        let users: Value = serde_json::from_str(&program.read("users.json")).expect("a JSON array");
        assert_eq!(users.as_array().map(Vec::len), Some(1), "the old script takes verified addresses only: {users}");
        let run = program.run(&["export", "--query", "users.sql", "--output", "-"]).await;
        run.expect_code(1).expect_told("written to stdout");
        assert_eq!(
            serde_json::from_str::<Value>(&run.stdout).expect("users on stdout").as_array().map(Vec::len),
            Some(2)
        );
        assert!(!program.path(".db2clerk").exists(), "an export opens no ledger");

        let simulator = start(Settings::default()).await.expect("a simulator");
        let import = Program::with_clerk(&simulator);
        import.write("users.json", &run.stdout);
        import.run(&["import", "--yes"]).await.expect_code(0);
        let users = simulator.users();
        let bob = users.iter().find(|user| user["external_id"] == "2").expect("Bob");
        assert_eq!(bob["email_addresses"][0]["reserved"], true);
        simulator.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn files_with_peoples_data_are_the_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let database = servers::sqlite().await;
    people(&database).await;
    let program = with_people(&database);
    program.run(&["export", "--query", "users.sql"]).await.expect_code(1);
    for entry in std::fs::read_dir(program.folder()).expect("files").map(|entry| entry.expect("a file")) {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            assert_eq!(entry.metadata().expect("metadata").permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_the_plan_and_writes_nothing_anywhere() {
    let database = servers::sqlite().await;
    people(&database).await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("users.sql", QUERY);
    let run = program.run(&["migrate", "--query", "users.sql", "--write-back", "--dry-run"]).await;
    run.expect_code(1);
    assert!(run.stdout.contains("dry run") && run.stdout.contains("to be sent to Clerk"), "{}", run.stdout);
    assert!(!run.stdout.contains("as fast as Clerk answers"), "{}", run.stdout);
    let unlimited = ["migrate", "--query", "users.sql", "--write-back", "--dry-run", "--rate", "none"];
    let run = program.run(&unlimited).await;
    assert!(run.stdout.contains("as fast as Clerk answers"), "{}", run.stdout);
    assert!(simulator.users().is_empty());
    let files: Vec<_> =
        std::fs::read_dir(program.folder()).expect("files").map(|e| e.expect("a file").file_name()).collect();
    assert_eq!(files, ["users.sql"], "nothing is left behind");
    assert_eq!(
        database.query("SELECT COUNT(*) FROM users WHERE clerk_id IS NOT NULL").await[0][0].as_deref(),
        Some("0")
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_set_goes_first_and_the_rest_tops_up() {
    let database = servers::sqlite().await;
    people(&database).await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("users.sql", QUERY);
    // Pulled whole, and not consented to: the ledger knows them all.
    program.run(&["migrate", "--query", "users.sql"]).await.expect_code(2);
    let migrate = ["migrate", "--query", "users.sql", "--yes", "--json"];
    let run = program.run(&[&migrate[..], &["--user", "2"]].concat()).await;
    assert_eq!((&run.json()["created"], &run.json()["pending"]), (&json!(1), &json!(1)), "nobody else is sent");
    assert_eq!(simulator.users().len(), 1);
    let run = program.run(&[&migrate[..], &["--limit", "1"]].concat()).await;
    assert_eq!((&run.json()["created"], &run.json()["pending"]), (&json!(1), &json!(0)));
    let run = program.run(&[&migrate[..], &["--user", "99"]].concat()).await;
    run.expect_code(1).expect_told("no user `99`");
    database.execute("INSERT INTO users (id, email, verified) VALUES (5, 'eve@example.com', '2024-03-01')").await;
    let run = program.run(&migrate).await;
    run.expect_code(1);
    assert_eq!((&run.json()["created"], &run.json()["invalid"]), (&json!(1), &json!(2)));
    assert_eq!(simulator.users().len(), 3);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_scripts_users_walk_in() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::new();
    program.write(".env", &format!("CLERK_SECRET_KEY=sk_test_old\nIMPORT_TO_DEV_INSTANCE=true\nCLERK_API_URL={}\nOFFSET=1\nDELAY_MS=1\nRETRY_DELAY_MS=50\n", simulator.url()));
    program.write(
        "users.json",
        r#"[{"userId": "1", "email": "a@example.com"},
            {"userId": "2", "email": "b@example.com", "firstName": "Bea", "password": "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "passwordHasher": "bcrypt"},
            {"userId": "3", "email": "c@example.com", "public_metadata": {"role": "admin"}}]"#,
    );
    let run = program.run(&["import"]).await;
    run.expect_code(0).expect_told("`OFFSET` from `.env`").expect_told("`DELAY_MS` from `.env`");
    let mut users = simulator.users();
    users.sort_by_key(|user| user["external_id"].to_string());
    assert_eq!(users.len(), 2, "the first one is skipped");
    assert_eq!(users[0]["password_enabled"], true);
    assert_eq!(users[1]["public_metadata"], json!({"role": "admin"}));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_from_stdin_as_ndjson() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator);
    program.write(
        "in.ndjson",
        "{\"userId\": 1, \"email\": \"a@example.com\"}\n{\"userId\": 2, \"email\": \"b@example.com\"}\n",
    );
    let mut command = program.command(&["import", "-", "--yes"]);
    command.stdin(std::fs::File::open(program.path("in.ndjson")).expect("the file"));
    let status = tokio::task::spawn_blocking(move || command.status()).await.expect("a task").expect("an end");
    assert_eq!(status.code(), Some(0));
    assert_eq!(simulator.users().len(), 2);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_writes_from_the_ledger_and_from_clerk_and_leaves_other_ids_alone() {
    for database in servers::all().await {
        people(&database).await;
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        program.write("users.sql", QUERY);
        program.run(&["migrate", "--query", "users.sql", "--yes"]).await.expect_code(1);
        database.execute("UPDATE users SET clerk_id = 'user_old' WHERE id = 2").await;

        let run = program.run(&["backfill", "--query", "users.sql", "--yes", "--json"]).await;
        run.expect_code(1);
        let json = run.json();
        assert_eq!(
            (&json["written"], &json["alreadyRight"], &json["heldByOther"]),
            (&json!(1), &json!(0), &json!(1)),
            "{json}"
        );

        // Whoever imported them: another folder, no ledger.
        let stranger = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        stranger.write("users.sql", QUERY);
        let from_clerk = ["backfill", "--from", "clerk", "--query", "users.sql", "--yes", "--json"];
        let run = stranger.run(&from_clerk).await;
        run.expect_code(1);
        let json = run.json();
        assert_eq!(
            (&json["written"], &json["alreadyRight"], &json["heldByOther"]),
            (&json!(0), &json!(1), &json!(1)),
            "{json}"
        );
        assert_eq!(json["withoutClerkUser"], 2, "{json}");
        let shown = stranger.run(&from_clerk[..6]).await;
        assert!(
            shown.stdout.contains("development instance") && shown.stdout.contains("--overwrite"),
            "{}",
            shown.stdout
        );

        let run = stranger.run(&[&from_clerk[..], &["--overwrite"]].concat()).await;
        assert_eq!((&run.json()["written"], &run.json()["heldByOther"]), (&json!(1), &json!(0)), "{}", run.stdout);
        let rows = database.query("SELECT clerk_id FROM users WHERE clerk_id IS NOT NULL ORDER BY id").await;
        let users = simulator.users();
        let of = |id: &str| {
            users.iter().find(|user| user["external_id"] == id).expect("a user")["id"].as_str().map(str::to_owned)
        };
        assert_eq!(rows, [[of("1")], [of("2")]]);
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_from_clerk_leaves_rows_alone_that_are_somebody_else() {
    let database = servers::sqlite().await;
    people(&database).await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    let other = Program::with_clerk(&simulator);
    other.write(
        "users.json",
        r#"[{"userId": "1", "email": "somebody.else@example.com"}, {"userId": "77", "email": "g@example.com"}]"#,
    );
    other.run(&["import", "--yes"]).await.expect_code(0);
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("users.sql", QUERY);
    let run = program.run(&["backfill", "--from", "clerk", "--query", "users.sql", "--yes", "--json"]).await;
    run.expect_code(1);
    let json = run.json();
    assert_eq!(
        (&json["written"], &json["disagreeing"], &json["clerkUsersWithoutRow"]),
        (&json!(0), &json!(1), &json!(1)),
        "{json}"
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_by_a_preset_asks_nothing_about_passwords_which_it_does_not_send() {
    let database = servers::sqlite().await;
    database
        .execute(
            "CREATE TABLE User (id text PRIMARY KEY, name text, email text, emailVerified datetime, image text, password text);
             CREATE TABLE Account (id text PRIMARY KEY, userId text, type text, provider text, providerAccountId text);
             INSERT INTO User (id, email) VALUES ('1', 'ada@example.com')",
        )
        .await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.run(&["migrate", "--preset", "authjs-prisma", "--no-passwords", "--yes"]).await.expect_code(0);
    let backfill = ["backfill", "--from", "clerk", "--preset", "authjs-prisma", "--add-column", "--yes"];
    program.run(&backfill).await.expect_code(0);
    assert_eq!(database.query("SELECT count(*) FROM User WHERE clerk_id LIKE 'user%'").await, [[Some("1".to_owned())]]);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_column_is_added_on_every_engine_and_the_orms_line_is_shown_before() {
    for database in servers::all().await {
        people(&database).await;
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        program.write("users.sql", QUERY);
        let arguments =
            ["migrate", "--query", "users.sql", "--write-back", "--column", "clerkId", "--add-column", "--yes"];
        program.run(&arguments).await.expect_code(1).expect_told("Prisma:").expect_told("`synchronize`");
        let quoted = if database.engine == db2clerk::engine::Engine::MySql { "`clerkId`" } else { "\"clerkId\"" };
        let rows = database.query(&format!("SELECT COUNT(*) FROM users WHERE {quoted} IS NOT NULL")).await;
        assert_eq!(rows[0][0].as_deref(), Some("2"), "{}", database.engine);
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_without_its_index_gets_it_when_asked_and_works_without() {
    for database in servers::all().await {
        people(&database).await;
        let mysql = database.engine == db2clerk::engine::Engine::MySql;
        database.execute("ALTER TABLE users ADD COLUMN plain varchar(64)").await;
        if mysql {
            database.execute("ALTER TABLE users ADD COLUMN plain_text text").await;
        }
        let simulator = start(Settings::default()).await.expect("a simulator");
        let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
        program.write("users.sql", QUERY);
        let migrate = ["migrate", "--query", "users.sql", "--write-back", "--column", "plain", "--yes"];
        program.run(&migrate).await.expect_code(1).expect_told("has no unique index").expect_told("`--add-column`");
        let filled = "SELECT COUNT(*) FROM users WHERE plain IS NOT NULL";
        assert_eq!(database.query(filled).await[0][0].as_deref(), Some("2"), "{}", database.engine);
        let backfill = ["backfill", "--table", "users", "--key", "id", "--column", "plain", "--add-column", "--yes"];
        program.run(&backfill).await.expect_told("CREATE UNIQUE INDEX");
        program.run(&backfill).await.expect_not_told("unique index").expect_not_told("CREATE UNIQUE INDEX");
        let two_alike = "UPDATE users SET plain = 'user_1' WHERE id IN (3, 4)";
        assert!(database.refuses(two_alike).await, "{}: the index is there", database.engine);
        if mysql {
            let backfill =
                ["backfill", "--table", "users", "--key", "id", "--column", "plain_text", "--add-column", "--yes"];
            program.run(&backfill).await.expect_told("its type `text` takes none");
            let filled = "SELECT COUNT(*) FROM users WHERE plain_text IS NOT NULL";
            assert_eq!(database.query(filled).await[0][0].as_deref(), Some("2"));
        }
        simulator.stop().await;
    }
}
