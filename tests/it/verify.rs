//! `verify`: after a migration nothing differs; then every kind of difference is made, found, counted and named.

mod differences;
mod many;
mod sign_in;

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::Run;
use crate::scene::Scene;
use crate::servers::{self, TestDatabase};

/// bcrypt of `correct horse`, at the lowest cost.
const DIGEST: &str = "$2b$04$mHk9NyK2C4bxRqTMkgAEMOkeRetQDhPyp0er8puvwdhZcqubVqqSO";

/// Three users, not yet in Clerk: one with everything, one whose address nobody has proved, and one with hardly anything.
async fn people(database: TestDatabase) -> Scene {
    let scene = Scene::on(database, db2clerk::simulator::Settings::default(), 3).await;
    let everything =
        "first_name = 'Ada', last_name = 'Lovelace', username = 'ada_l', phone = '+14155550101', plan = 'gold'";
    scene.set("u1", &format!("{everything}, password = '{DIGEST}'")).await;
    scene.set("u2", &format!("verified = NULL, password = '{DIGEST}'")).await;
    scene.set("u3", "first_name = NULL, last_name = NULL, role = NULL, created_at = NULL").await;
    scene
}

/// Those three, moved, with their Clerk IDs in the rows.
async fn moved(database: TestDatabase) -> Scene {
    let scene = people(database).await;
    scene.migrate(&["--write-back"]).await.expect_code(0);
    scene
}

/// Those three, moved from SQLite.
async fn new() -> Scene {
    moved(servers::sqlite().await).await
}

/// A difference that is expected: its word, the user ID and the field.
type Expected<'a> = (&'a str, Option<&'a str>, &'a str);

impl Scene {
    async fn verify(&self, flags: &[&str]) -> Run {
        self.program.run(&[&["verify", "--query", "users.sql"], flags].concat()).await
    }

    /// Changes the query.
    fn ask(&self, change: impl FnOnce(&str) -> String) {
        let query = change(&self.program.read("users.sql"));
        self.program.write("users.sql", &query);
    }

    /// Changes the Clerk user of a user ID.
    async fn change_in_clerk(&self, id: &str, body: Value) {
        self.in_clerk(Method::PATCH, &format!("/users/{}", self.clerk_id(id)), body).await;
    }

    async fn delete_in_clerk(&self, id: &str) {
        self.in_clerk(Method::DELETE, &format!("/users/{}", self.clerk_id(id)), Value::Null).await;
    }

    /// The path of the first address or number of a user.
    fn contact(&self, kind: &str, id: &str) -> String {
        format!("/{kind}/{}", self.user(id)[kind][0]["id"].as_str().expect("an ID"))
    }

    /// The files of differences.
    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.program.folder()).expect("the folder");
        let files = files.map(|entry| entry.expect("an entry").path());
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("verify-"));
        files.filter(named).collect()
    }

    /// What stands in them, line by line.
    fn differences(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for path in self.files() {
            let text = std::fs::read_to_string(path).expect("a file of differences");
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object a line")));
        }
        lines
    }

    /// Compares, and checks that exactly these differences are found: in the file, in the numbers, in the exit code.
    async fn expect(&self, expected: &[Expected<'_>]) -> Vec<Value> {
        for path in self.files() {
            std::fs::remove_file(path).expect("a file of an earlier run");
        }
        let run = self.verify(&["--json"]).await;
        run.expect_code(i32::from(!expected.is_empty()));
        let (json, lines) = (run.json(), self.differences());
        let mut found: Vec<Expected> = lines
            .iter()
            .map(|line| {
                let field = line["field"].as_str().expect("a field");
                (line["difference"].as_str().expect("a word"), line["userId"].as_str(), field)
            })
            .collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{json}\n{}", run.stderr);
        assert_eq!(json["differences"], json!(expected.len()), "{json}");
        for (word, ..) in &expected {
            let count = expected.iter().filter(|(other, ..)| other == word).count();
            assert_eq!(json[*word], json!(count), "{word}: {json}");
        }
        self.expect_nothing_shown(&run);
        lines
    }

    /// No address, name, digest or key in what is said, or in the file of differences.
    fn expect_nothing_shown(&self, run: &Run) {
        let file: String = self.differences().iter().map(ToString::to_string).collect();
        for secret in ["example.com", "Lovelace", "ada_l", "4155550101", DIGEST, "sk_live_secretkey", "$2b$"] {
            for (what, text) in [("stdout", &run.stdout), ("stderr", &run.stderr), ("the file", &file)] {
                assert!(!text.contains(secret), "{secret} stands in {what}: {text}");
            }
        }
    }

    /// The bytes of the ledger's files, but for the lock.
    fn ledger(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = std::fs::read_dir(self.program.path(".db2clerk")).expect("the folder of ledgers");
        let files = files.map(|entry| entry.expect("an entry").path());
        let files = files.filter(|path| path.extension().is_none_or(|extension| extension != "lock"));
        let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
        files.sort();
        files
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_migration_nothing_differs_and_nothing_is_written_on_any_engine() {
    for database in servers::all().await {
        let scene = moved(database).await;
        let rows = scene.database.query("SELECT * FROM users ORDER BY id").await;
        let (users, asked) = (scene.simulator.users(), scene.simulator.requests().len());
        let ledger = scene.ledger();
        let run = scene.verify(&["--json"]).await;
        run.expect_code(0);
        let json = run.json();
        let counts = ["rows", "clerkUsers", "columnRows", "alike", "differences"].map(|key| json[key].as_u64());
        assert_eq!(counts, [3, 3, 3, 3, 0].map(Some), "{}: {json}", scene.database.engine);
        assert!(scene.differences().is_empty(), "no file without a difference");
        assert!(scene.simulator.requests()[asked..].iter().all(|request| request.method == "GET"));
        assert_eq!(scene.simulator.users(), users);
        assert_eq!(scene.database.query("SELECT * FROM users ORDER BY id").await, rows);
        assert_eq!(scene.ledger(), ledger, "the ledger is only read");
        let told = scene.verify(&[]).await.stdout;
        assert!(told.contains("No differences") && told.contains("every row bears its Clerk ID"), "{told}");
    }
}
