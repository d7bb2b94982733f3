//! What all groups share: the programs, a folder for files, databases with users in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::Args;
use crate::clerk::Clerk;
use crate::data::Users;
use crate::measured::{Measured, Program};

/// The programs, the sizes, and a folder that goes when this is dropped.
pub(crate) struct Rig {
    /// The program as it is handed out.
    pub(crate) program: Ours,
    /// The program without Clerk's limit.
    pub(crate) no_limit: Ours,
    /// The program built with the profile `dist`.
    pub(crate) dist: Option<PathBuf>,
    /// Users in the largest measurements.
    pub(crate) rows: u64,
    /// How often each measurement is made.
    pub(crate) runs: u32,
    pub(crate) huge: bool,
    users: Mutex<HashMap<(Engine, u64), Arc<Users>>>,
    folder: TempDir,
}

/// The program, and what it is told about the limit.
pub(crate) struct Ours {
    pub(crate) path: PathBuf,
    flags: &'static [&'static str],
}

/// User IDs and Clerk IDs.
pub(crate) type Pairs = Vec<(String, String)>;

/// A folder for one run, with the program's words in it.
pub(crate) struct Room {
    folder: TempDir,
}

impl Rig {
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let absolute = |path: &PathBuf| path.canonicalize().with_context(|| format!("no program `{}`", path.display()));
        let program = absolute(&args.program)?;
        let no_limit = Ours { path: program.clone(), flags: &["--rate", "none"] };
        Ok(Self {
            program: Ours { path: program, flags: &[] },
            no_limit,
            dist: args.dist.as_ref().map(absolute).transpose()?,
            rows: args.rows,
            runs: args.runs,
            huge: args.huge,
            users: Mutex::default(),
            folder: tempfile::Builder::new().prefix("db2clerk-benchmark-").tempdir()?,
        })
    }

    /// A hundredth of the rows: as many as an ordinary application has users.
    pub(crate) fn few(&self) -> u64 {
        self.rows / 100
    }

    /// An empty folder.
    pub(crate) fn room(&self) -> Result<Room> {
        Ok(Room { folder: tempfile::tempdir_in(&self.folder)? })
    }

    /// A database with so many users, the same each time it is asked for.
    pub(crate) async fn users(&self, engine: Engine, rows: u64) -> Result<Arc<Users>> {
        let mut made = self.users.lock().await;
        if let Some(users) = made.get(&(engine, rows)) {
            return Ok(Arc::clone(users));
        }
        let users = Arc::new(Users::make(engine, rows).await?);
        made.insert((engine, rows), Arc::clone(&users));
        Ok(users)
    }
}

impl Room {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, at users and, if it needs one, at a Clerk; its query and its ledger are in this folder.
    pub(crate) fn program(
        &self,
        ours: &Ours,
        command: &str,
        (users, url): (&Users, &str),
        clerk: Option<&Clerk>,
    ) -> Result<Program> {
        std::fs::write(self.path("users.sql"), users.query_file())?;
        let flags = clerk.map_or(&[][..], |_| ours.flags);
        let program =
            Program::new(&ours.path, self.folder.path()).args([command, "--json"]).args(flags.iter().copied());
        let program = program.variable("DATABASE_URL", url).variable("CLERK_SECRET_KEY", "sk_live_benchmark");
        Ok(clerk.into_iter().fold(program, |program, clerk| program.variable("CLERK_API_URL", &clerk.url)))
    }

    /// `migrate`, which leaves its ledger in `ledger.db`.
    pub(crate) fn migrate(&self, ours: &Ours, users: &Users, clerk: &Clerk) -> Result<Program> {
        let program = self.program(ours, "migrate", (users, users.url()), Some(clerk))?;
        Ok(program.args(["--yes", "--query", "users.sql", "--ledger", "ledger.db"]))
    }

    /// Runs `migrate`, and checks that everybody is in Clerk.
    pub(crate) async fn migrated(&self, ours: &Ours, users: &Users, clerk: &mut Clerk) -> Result<Measured> {
        let run = self.migrate(ours, users, clerk)?.run().await?;
        run.expect("created", users.rows)?;
        clerk.expect_users(users.rows).await?;
        Ok(run)
    }

    /// Brings so many users into Clerk, in the order in which this engine gives them, and by way of a file: such a ledger serves any
    /// database with these users.
    pub(crate) async fn ledger(&self, rig: &Rig, engine: Engine, rows: u64) -> Result<(PathBuf, Pairs)> {
        let users = rig.users(engine, rows).await?;
        let (mut clerk, at) = (Clerk::start().await?, (&*users, users.url()));
        self.program(&rig.program, "export", at, None)?.args(["--query", "users.sql"]).run().await?;
        let import = self.program(&rig.no_limit, "import", at, Some(&clerk))?;
        import.args(["users.json", "--yes", "--ledger", "ledger.db"]).run().await?;
        clerk.expect_users(users.rows).await?;
        std::fs::remove_file(self.path("users.json"))?;
        let file = self.path("ledger.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
        let pairs: Pairs =
            sqlx::query_as("SELECT user_id, clerk_id FROM user ORDER BY id").fetch_all(&mut connection).await?;
        connection.close().await?;
        ensure!(u64::try_from(pairs.len())? == users.rows, "the ledger has {} users", pairs.len());
        Ok((file, pairs))
    }

    /// Copies a SQLite database into this folder, and returns the copy's URL.
    pub(crate) fn copied(&self, users: &Users) -> Result<String> {
        let copy = self.copy(&users.file(), "copy.db")?;
        Ok(format!("sqlite:{}", copy.display()))
    }

    /// Copies a file into the room, and waits until it is on the disk: what is measured next is not to wait for that.
    pub(crate) fn copy(&self, file: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.path(name);
        std::fs::copy(file, &copy)?;
        std::fs::File::open(&copy)?.sync_all()?;
        Ok(copy)
    }
}
