//! The whole job, on every engine: a thousand users with every kind of problem, from the database into Clerk and back.

use std::collections::HashMap;
use std::fmt::Write as _;

use db2clerk::engine::Engine;
use db2clerk::simulator::{Settings, Simulator, start};
use serde_json::{Value, json};

use crate::program::{Program, Run};
use crate::servers::{self, TestDatabase};

const USERS: usize = 1000;
/// bcrypt of `correct horse`, at the lowest cost.
const DIGEST: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const CREATED_MS: i64 = 1_690_000_000_000;
const VERIFIED_MS: i64 = 1_700_000_000_000;
/// A Clerk ID of some other instance, as it stands in a row before.
const OLD_ID: &str = "user_2developmentInstance00000";

/// What a row holds, and what is to become of it.
#[derive(Debug, Clone)]
struct Sample {
    id: String,
    email: Option<String>,
    verified: bool,
    name: Option<&'static str>,
    password: Option<&'static str>,
    phone: Option<String>,
    providers: Option<&'static str>,
    clerk_id: Option<&'static str>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Verified,
    Reserved,
    WithoutEmail,
    Adopted,
    Conflict,
    Invalid,
    /// In Clerk, but the row bears another ID.
    Held,
}

fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn samples() -> Vec<Sample> {
    (0..USERS).map(sample).collect()
}

fn sample(number: usize) -> Sample {
    let plain = Sample {
        id: uuid(number),
        email: Some(format!("User.{number}@Example.com")),
        verified: true,
        name: Some("Ada Byron King"),
        password: None,
        phone: None,
        providers: None,
        clerk_id: None,
        fate: Fate::Verified,
    };
    match number % 20 {
        0..6 => Sample { password: Some(DIGEST), ..plain },
        6 | 7 => Sample { verified: false, providers: Some("google"), ..plain },
        8 => Sample { verified: false, providers: Some("google,github"), fate: Fate::Reserved, ..plain },
        9 => {
            Sample { verified: false, password: Some(DIGEST), providers: Some("google"), fate: Fate::Reserved, ..plain }
        }
        10 => Sample {
            email: None,
            verified: false,
            phone: Some(format!("+1 415-555-{number:04}")),
            fate: Fate::WithoutEmail,
            ..plain
        },
        11 => Sample { email: None, verified: false, fate: Fate::Invalid, ..plain },
        12 => Sample { email: Some("not an address".to_owned()), fate: Fate::Invalid, ..plain },
        // The address of the user twelve rows before, in another spelling.
        13 => Sample { email: Some(format!("user.{}@EXAMPLE.com", number - 13)), fate: Fate::Invalid, ..plain },
        14 => Sample { password: Some("5f4dcc3b5aa765d61d8327deb882cf99"), fate: Fate::Invalid, ..plain },
        15 => Sample { password: Some("hunter2"), fate: Fate::Invalid, ..plain },
        16 => Sample { fate: Fate::Adopted, ..plain },
        17 | 18 => Sample { fate: Fate::Conflict, ..plain },
        _ => Sample {
            clerk_id: (number < 100).then_some(OLD_ID),
            fate: if number < 100 { Fate::Held } else { Fate::Verified },
            ..plain
        },
    }
}

fn quoted(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

/// Makes the application's tables in the engine's own types, and fills them.
async fn fill(database: &TestDatabase, samples: &[Sample]) {
    let create = match database.engine {
        Engine::Postgres => {
            "CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255), email_verified timestamptz, name text, password text,
                phone text, providers text, role text NOT NULL DEFAULT 'member', created_at timestamp(3) NOT NULL,
                updated_at timestamptz NOT NULL DEFAULT now(), clerk_id text);"
        }
        Engine::MySql => {
            "CREATE TABLE users (id char(36) PRIMARY KEY, email varchar(255), email_verified datetime(3), name varchar(255),
                password varchar(255), phone varchar(32), providers varchar(255), role varchar(32) NOT NULL DEFAULT 'member',
                created_at datetime(3) NOT NULL,
                updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
                clerk_id varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin);"
        }
        Engine::Sqlite => {
            "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, email_verified INTEGER, name TEXT, password TEXT, phone TEXT,
                providers TEXT, role TEXT NOT NULL DEFAULT 'member', created_at INTEGER NOT NULL,
                updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, clerk_id TEXT);"
        }
    };
    database.execute(create).await;
    let time = |milliseconds: i64| match database.engine {
        Engine::Sqlite => milliseconds.to_string(),
        Engine::Postgres | Engine::MySql => {
            let time = chrono::DateTime::from_timestamp_millis(milliseconds).expect("a time");
            format!("'{}'", time.format("%Y-%m-%d %H:%M:%S%.3f"))
        }
    };
    for chunk in samples.chunks(200) {
        let mut sql = String::from(
            "INSERT INTO users (id, email, email_verified, name, password, phone, providers, created_at, clerk_id) VALUES ",
        );
        for (at, sample) in chunk.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let verified = if sample.verified { time(VERIFIED_MS) } else { "NULL".to_owned() };
            write!(
                sql,
                "{separator}('{}', {}, {verified}, {}, {}, {}, {}, {}, {})",
                sample.id,
                quoted(sample.email.as_deref()),
                quoted(sample.name),
                quoted(sample.password),
                quoted(sample.phone.as_deref()),
                quoted(sample.providers),
                time(CREATED_MS),
                quoted(sample.clerk_id)
            )
            .expect("a string takes everything");
        }
        database.execute(&sql).await;
    }
}

const QUERY: &str = "-- table: users\n-- key: id\n\
    SELECT id AS userId, email, email_verified, name, password, phone, providers, role AS \"publicMetadata.role\",\n\
    created_at AS createdAt FROM users ORDER BY id;\n";

/// Clerk is not empty: some of the application's users are there, some addresses and user IDs are taken by others.
async fn fill_clerk(simulator: &Simulator, samples: &[Sample]) {
    let client = reqwest::Client::new();
    for (number, sample) in samples.iter().enumerate() {
        let (external_id, email) = match (number % 20, sample.fate) {
            (_, Fate::Adopted) => (sample.id.clone(), sample.email.clone().expect("an address")),
            // The address belongs to somebody of another application.
            (17, Fate::Conflict) => (format!("other_{number}"), sample.email.clone().expect("an address")),
            // The user ID does.
            (18, Fate::Conflict) => (sample.id.clone(), format!("somebody.{number}@example.org")),
            _ => continue,
        };
        let body = json!({"external_id": external_id, "email_address": [email], "skip_password_requirement": true});
        let answer = client
            .post(format!("{}/v1/users", simulator.url()))
            .bearer_auth("sk_live_secretkey")
            .header("user-agent", "test")
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

fn fates(samples: &[Sample], fates: &[Fate]) -> usize {
    samples.iter().filter(|sample| fates.contains(&sample.fate)).count()
}

async fn story(database: TestDatabase) {
    let samples = samples();
    fill(&database, &samples).await;
    let simulator = start(Settings::default()).await.expect("a simulator");
    fill_clerk(&simulator, &samples).await;
    let program = Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url);
    program.write("users.sql", QUERY);
    let before = rows(&database).await;

    let arguments = ["migrate", "--query", "users.sql", "--write-back", "--yes", "--json", "-vv"];
    let run = program.run(&arguments).await;
    run.expect_code(1);
    check_counts(&run.json(), &samples);
    check_clerk(&simulator, &samples);
    check_rows(&before, &rows(&database).await, &samples, &simulator);
    check_nothing_is_shown(&run, &program, &database);

    let again = program.run(&arguments).await;
    again.expect_code(1);
    let json = again.json();
    assert_eq!((&json["created"], &json["adopted"], &json["writtenBack"]), (&json!(0), &json!(0), &json!(0)), "{json}");
    assert_eq!(simulator.users().len(), samples.len() - fates(&samples, &[Fate::Invalid]));

    let status = program.run(&["status", "--json"]).await;
    status.expect_code(1);
    assert_eq!(status.json()["conflict"], json!(fates(&samples, &[Fate::Conflict])));
    simulator.stop().await;
}

fn check_counts(json: &Value, samples: &[Sample]) {
    let created = fates(samples, &[Fate::Verified, Fate::Reserved, Fate::WithoutEmail, Fate::Held]);
    let adopted = fates(samples, &[Fate::Adopted]);
    let held = fates(samples, &[Fate::Held]);
    for (key, expected) in [
        ("pulled", samples.len()),
        ("created", created),
        ("adopted", adopted),
        ("writtenBack", created + adopted - held),
        ("rateLimited", 0),
        ("invalid", fates(samples, &[Fate::Invalid])),
        ("conflict", fates(samples, &[Fate::Conflict])),
        ("rejected", 0),
        ("pending", 0),
        ("skipped", 0),
        ("gone", 0),
        ("heldByOther", held),
        ("writeBackFailed", 0),
    ] {
        assert_eq!(json[key], json!(expected), "{key}: {json}");
    }
}

fn by_external_id(simulator: &Simulator) -> HashMap<String, Value> {
    let users = simulator.users().into_iter();
    users.map(|user| (user["external_id"].as_str().expect("an external ID").to_owned(), user)).collect()
}

/// Every valid user stands once in Clerk, as it should.
fn check_clerk(simulator: &Simulator, samples: &[Sample]) {
    let users = by_external_id(simulator);
    for (number, sample) in samples.iter().enumerate() {
        let user = users.get(&sample.id);
        match sample.fate {
            Fate::Invalid => assert!(user.is_none(), "{sample:?}"),
            Fate::Conflict => assert_eq!(user.is_some(), number % 20 == 18, "{sample:?}"),
            // Adopted users stay as they were.
            Fate::Adopted => assert_eq!(user.expect("there")["first_name"], Value::Null),
            Fate::Verified | Fate::Reserved | Fate::WithoutEmail | Fate::Held => {
                check_user(user.unwrap_or_else(|| panic!("{sample:?} is not in Clerk")), sample);
            }
        }
    }
}

fn check_user(user: &Value, sample: &Sample) {
    let address = &user["email_addresses"][0];
    match &sample.email {
        Some(email) => {
            assert_eq!(address["email_address"], json!(email.to_lowercase()));
            let verified = address["verification"]["status"] == "verified";
            assert_eq!(verified, sample.fate != Fate::Reserved, "{sample:?}: {address}");
            assert_eq!(address["reserved"], json!(sample.fate == Fate::Reserved));
        }
        None => assert!(address.is_null()),
    }
    assert_eq!(user["phone_numbers"].as_array().map_or(0, Vec::len), usize::from(sample.phone.is_some()));
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Ada"), &json!("Byron King")));
    assert_eq!(user["password_enabled"], json!(sample.password.is_some()));
    assert_eq!(user["public_metadata"], json!({"role": "member"}));
    assert_eq!(user["created_at"], json!(CREATED_MS));
}

/// Every row as text, by its ID: the Clerk ID first, then everything else.
async fn rows(database: &TestDatabase) -> HashMap<String, Vec<Option<String>>> {
    let sql = "SELECT id, clerk_id, email, email_verified, name, password, phone, providers, role, created_at, updated_at FROM users";
    let rows = database.query(sql).await;
    rows.into_iter().map(|mut row| (row.remove(0).expect("an ID"), row)).collect()
}

fn check_rows(
    before: &HashMap<String, Vec<Option<String>>>,
    after: &HashMap<String, Vec<Option<String>>>,
    samples: &[Sample],
    simulator: &Simulator,
) {
    let users = by_external_id(simulator);
    assert_eq!(before.len(), after.len());
    for sample in samples {
        let (was, is) = (&before[&sample.id], &after[&sample.id]);
        let expected = match sample.fate {
            Fate::Held => Some(OLD_ID),
            Fate::Conflict | Fate::Invalid => None,
            _ => users[&sample.id]["id"].as_str(),
        };
        assert_eq!(is[0].as_deref(), expected, "{sample:?}");
        assert_eq!(was[1..], is[1..], "another column of the row has changed");
    }
}

/// No key, password, digest or address in anything the program says or leaves behind, at the highest verbosity.
fn check_nothing_is_shown(run: &Run, program: &Program, database: &TestDatabase) {
    let log: String = program.log().iter().map(ToString::to_string).collect();
    let ledgers = std::fs::read_dir(program.path(".db2clerk")).expect("the ledger's folder");
    let ledgers: Vec<u8> =
        ledgers.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("readable")).collect();
    // A throw-away server's password may be its user's name, which is no secret.
    let password = url::Url::parse(&database.url)
        .ok()
        .and_then(|url| url.password().filter(|password| *password != url.username()).map(str::to_owned));
    for secret in ["sk_live_secretkey", DIGEST, "hunter2", "5f4dcc3b5aa765d61d8327deb882cf99", "@example.com"]
        .into_iter()
        .chain(password.as_deref())
    {
        let secret = secret.to_lowercase();
        for (place, text) in [("stdout", &run.stdout), ("stderr", &run.stderr), ("the log", &log)] {
            assert!(!text.to_lowercase().contains(&secret), "{secret} stands in {place}");
        }
        let shown = ledgers.to_ascii_lowercase().windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!shown, "{secret} stands in the ledger");
    }
    assert_eq!(
        program.log().len(),
        USERS / 20 * 7 + 5,
        "a line for every user that did not get in, or whose row did not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_users_move_from_postgres_and_back() {
    story(servers::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_users_move_from_mysql_and_back() {
    story(servers::mysql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_users_move_from_sqlite_and_back() {
    story(servers::sqlite().await).await;
}
