//! Users in a database, a Clerk, and a program that is started, killed, and in the end looked at.

use std::fmt::Write as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use db2clerk::engine::Engine;
use db2clerk::kill_point::Point;
use db2clerk::simulator::{Settings, Simulator, start};
use serde_json::json;

use crate::program::Program;
use crate::servers::TestDatabase;

/// bcrypt of `correct horse`, at the lowest cost.
const DIGEST: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

const QUERY: &str = "-- table: users\n-- key: id\n\
    SELECT id AS userId, email, email_verified AS emailVerified, name, password FROM users ORDER BY id;\n";

/// What is run again and again.
pub(crate) const ARGUMENTS: [&str; 7] =
    ["migrate", "--query", "users.sql", "--write-back", "--add-column", "--yes", "--quiet"];

/// How long to look away between two looks at a child that runs.
const BLINK: Duration = Duration::from_millis(1);

/// One migration, as far as it has come.
pub(crate) struct Rig {
    pub(crate) database: TestDatabase,
    pub(crate) simulator: Simulator,
    pub(crate) program: Program,
    users: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By a kill.
    Killed,
    /// By itself, with everybody done.
    Done,
}

/// What a whole migration has cost when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Toll {
    /// Creates sent for users who were there.
    pub(crate) repeated_creates: u64,
    /// Users of the database who are not in Clerk.
    pub(crate) losses: usize,
}

impl Rig {
    /// Fills a database with users. Clerk takes `latency` for each answer.
    pub(crate) async fn new(database: TestDatabase, users: usize, latency: Duration) -> Self {
        fill(&database, users).await;
        let simulator = start(Settings { latency, ..Settings::default() }).await.expect("a simulator");
        let program =
            Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url).variable("CONCURRENCY_LIMIT", "4");
        program.write("users.sql", QUERY);
        Self { database, simulator, program, users }
    }

    /// Starts a run, to be ended at the n-th passage of a point, if one is given.
    pub(crate) fn start(&self, kill_at: Option<(Point, u64)>) -> Child {
        self.start_command(&ARGUMENTS, kill_at)
    }

    /// Starts any command, as [`Self::start`].
    pub(crate) fn start_command(&self, arguments: &[&str], kill_at: Option<(Point, u64)>) -> Child {
        // No core file: hundreds of them would fill the disk.
        let mut command = below_shell(&self.program.command(arguments), "ulimit -c 0");
        if let Some((point, passage)) = kill_at {
            command.env("DB2CLERK_KILL_AT", format!("{}:{passage}", point.word()));
        }
        let told = std::fs::File::create(self.program.path("told.txt")).expect("a file in the folder");
        command.stdout(Stdio::null()).stderr(told).spawn().expect("the binary starts")
    }

    /// Waits until a run ends. One that ends by itself has to end well.
    pub(crate) async fn end(&self, child: &mut Child) -> End {
        let status = loop {
            if let Some(status) = child.try_wait().expect("a state") {
                break status;
            }
            tokio::time::sleep(BLINK).await;
        };
        match (status.code(), status.signal()) {
            (Some(0), _) => End::Done,
            (None, Some(_)) => End::Killed,
            _ => panic!("{}: {status}: {}", self.database.engine, self.program.read("told.txt")),
        }
    }

    /// Kills a run from outside as soon as something is so, unless it ends before.
    pub(crate) async fn kill_when(&self, child: &mut Child, is_so: impl Fn() -> bool) -> End {
        self.wait_for(child, is_so).await;
        child.kill().expect("kill -9");
        self.end(child).await
    }

    /// Waits until something is so, or a run has ended.
    pub(crate) async fn wait_for(&self, child: &mut Child, is_so: impl Fn() -> bool) {
        while !is_so() && child.try_wait().expect("a state").is_none() {
            tokio::time::sleep(BLINK).await;
        }
    }

    /// Runs to the end and checks everything: Clerk, every row, the ledger.
    pub(crate) async fn finish(&self) -> Toll {
        assert_eq!(self.end(&mut self.start(None)).await, End::Done);
        let toll = self.count_toll().await;
        self.check_ledger().await;
        toll
    }

    /// Checks that nobody was made twice and that every row bears its own user's ID.
    pub(crate) async fn count_toll(&self) -> Toll {
        let engine = self.database.engine;
        let users = self.simulator.users();
        let rows = self.database.query("SELECT id, email, clerk_id FROM users ORDER BY id").await;
        assert_eq!(rows.len(), self.users, "{engine}: the rows are all there");
        let mut losses = 0;
        for row in &rows {
            let [Some(id), Some(email), clerk_id] = row.as_slice() else { panic!("{engine}: {row:?}") };
            let ours: Vec<_> = users.iter().filter(|user| user["external_id"] == id.as_str()).collect();
            let [user] = ours.as_slice() else {
                losses += 1;
                assert!(ours.is_empty(), "{engine}: {id} was made {} times", ours.len());
                continue;
            };
            assert_eq!(user["email_addresses"][0]["email_address"], email.as_str(), "{engine}: {id} is somebody else");
            assert_eq!(clerk_id.as_deref(), user["id"].as_str(), "{engine}: a wrong ID stands in the row of {id}");
        }
        assert_eq!(users.len() + losses, self.users, "{engine}: nobody was made who is not in the database");
        Toll { repeated_creates: self.simulator.counts().repeated_creates, losses }
    }

    /// All are ours, so that all could be undone; and no password is left behind.
    async fn check_ledger(&self) {
        let status = self.program.run(&["status", "--json"]).await;
        let json = status.expect_code(0).json();
        assert_eq!(json["created"], json!(self.users), "{}: {json}", self.database.engine);
        assert_eq!(json["writeBack"]["written"], json!(self.users), "{}: {json}", self.database.engine);
        for file in std::fs::read_dir(self.program.path(".db2clerk")).expect("the ledger's folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
            assert!(!bytes.windows(DIGEST.len()).any(|window| window == DIGEST.as_bytes()), "a digest is left behind");
        }
    }
}

/// Makes a command that a shell runs in its own place, after something it does first: same process, same folder, same
/// variables.
pub(crate) fn below_shell(command: &Command, first: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{first}; exec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null()).process_group(0);
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().expect("a folder"));
    shell
}

/// Makes the application's table anew and fills it.
async fn fill(database: &TestDatabase, users: usize) {
    let (id, verified) = match database.engine {
        Engine::Postgres => ("uuid", "timestamptz"),
        Engine::MySql => ("char(36)", "datetime(3)"),
        Engine::Sqlite => ("text", "text"),
    };
    database.execute("DROP TABLE IF EXISTS users").await;
    database
        .execute(&format!(
            "CREATE TABLE users (id {id} PRIMARY KEY, email varchar(255), email_verified {verified}, name varchar(255),
                password varchar(255))"
        ))
        .await;
    let numbers: Vec<usize> = (0..users).collect();
    for chunk in numbers.chunks(500) {
        let mut sql = String::from("INSERT INTO users (id, email, email_verified, name, password) VALUES ");
        for (at, number) in chunk.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(
                sql,
                "{separator}('00000000-0000-4000-8000-{number:012}', 'u{number}@example.com', '2026-01-01 00:00:00',
                    'Ada Byron King', '{DIGEST}')"
            )
            .expect("a string takes everything");
        }
        database.execute(&sql).await;
    }
}
