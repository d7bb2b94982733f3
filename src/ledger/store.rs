//! The file: where it lies, who may hold it, and how it is opened and closed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::files;
use crate::kill_point::{self, Point};
use crate::record::duplicates::HashKey;

/// How long to wait for another connection to the same file.
const PATIENCE: Duration = Duration::from_secs(5);

static MIGRATOR: Migrator = sqlx::migrate!("migrations/ledger");

/// An open ledger. One connection, one writer: whoever writes holds it for the length of one short transaction.
#[derive(Debug)]
pub struct Ledger {
    connection: Mutex<SqliteConnection>,
    path: PathBuf,
    hash_key: HashKey,
    /// Held, never read: the operating system frees the lock when the process ends, however it ends. `None`: another process
    /// holds it, and this one only looks.
    lock: Option<File>,
    /// The folder of a temporary ledger, removed with it.
    folder: Option<TempDir>,
    /// The lock of the ledger that a temporary one is a copy of: as long as the copy is used, nobody writes the original.
    _model: Option<File>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process holds it.
    #[error("the ledger `{}` is in use by another db2clerk; wait for it to end, or stop it", .0.display())]
    InUse(PathBuf),
    /// There is none.
    #[error("there is no ledger at `{}`; `db2clerk migrate` or `db2clerk import` makes one", .0.display())]
    Missing(PathBuf),
    /// A newer program made it.
    #[error("the ledger `{}` was written by a newer db2clerk; use that version, or a newer one", .0.display())]
    Newer(PathBuf),
    /// It is some other database.
    #[error(
        "`{}` is no ledger of db2clerk but another database, with a table `{table}`; nothing was written to it\n\
         hint: `--ledger` names a file of db2clerk's own, which need not be there yet",
        .path.display()
    )]
    OtherDatabase {
        /// The file.
        path: PathBuf,
        /// One of its tables.
        table: String,
    },
    /// It belongs to another Clerk instance.
    #[error(
        "the ledger `{}` belongs to the Clerk instance `{ledger}`, and the key is of `{key}`\n\
         hint: use the key of that instance, or `--ledger` with another file",
        .path.display()
    )]
    OtherInstance {
        /// The ledger's file.
        path: PathBuf,
        /// The instance it belongs to.
        ledger: String,
        /// The instance asked for.
        key: String,
    },
    /// It belongs to another source.
    #[error(
        "the ledger `{}` holds the users of {ledger}, and this run reads {asked}\n\
         hint: check the database URL and table, or use `--ledger` with another file (users already in Clerk are found \
         there again by their user ID)",
        .path.display()
    )]
    OtherSource {
        /// The ledger's file.
        path: PathBuf,
        /// The source it belongs to.
        ledger: String,
        /// The source asked for.
        asked: String,
    },
    /// Known user IDs now belong to other people.
    #[error(
        "{differing} of {known} users that are in Clerk already share no e-mail address, phone number, username or wallet with \
         the row that has their user ID now: this looks like another database, such as a staging copy with the same IDs; \
         nothing was taken over\n\
         hint: check the database URL; if these people really changed all their addresses, say `--accept-changed-identifiers`"
    )]
    OtherPeople {
        /// Known users whose identifiers all differ.
        differing: u64,
        /// Known users compared.
        known: u64,
    },
    /// User IDs of the source are Clerk IDs of the users that they belong to.
    #[error(
        "the source gives `{clerk_id}` as a user ID, and that is the Clerk ID of a user who is in Clerk: the IDs of the users seem to have \
         been replaced by Clerk IDs; nothing was taken over\n\
         hint: a user ID is the old one; where `backfill --replace-ids` was run, select `legacy_id AS userId` where it is not NULL, and write \
         `-- key: legacy_id` at the head of the query file"
    )]
    ClerkIdAsUserId {
        /// The first of them.
        clerk_id: String,
    },
    /// The file or its folder cannot be read or written.
    #[error(
        "failed to {what} `{}`\n\
         hint: the ledger needs a folder that you may write to, on a disk with room; `--ledger FILE` puts it elsewhere",
        .path.display()
    )]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `SQLite` could not do it.
    #[error("failed to {what} the ledger `{}`{}", .path.display(), hint(.source))]
    Sqlite {
        /// What was tried.
        what: &'static str,
        /// The ledger's file.
        path: PathBuf,
        /// What `SQLite` said.
        source: sqlx::Error,
    },
    /// What stands in the ledger makes no sense.
    #[error(
        "the ledger `{}` is damaged: {what}\n\
         hint: put a copy of it back, if you have one; else move it away, with the files beside it whose names begin like its own, and run \
         the same command again: users who are in Clerk are found there by their user ID, and count as there before, so that `undo` \
         leaves them",
        .path.display()
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl Ledger {
    /// Opens the ledger at `path`, making the file and its owner-only folder if they are not there.
    ///
    /// # Errors
    /// [`LedgerError`], if the file cannot be made or opened, is held by another process, or is of a newer version.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        files::prepare_folder(path)?;
        Self::open_in(path.to_owned(), None).await?.checked().await
    }

    /// Opens the ledger at `path`, which must be there.
    ///
    /// # Errors
    /// [`LedgerError`], as for [`Ledger::open`], and if there is no such file.
    pub async fn open_existing(path: &Path) -> Result<Self, LedgerError> {
        Self::open_there(path).await?.checked().await
    }

    /// Opens the ledger at `path`, which must be there, to look at it: also while another process holds it and goes on writing.
    ///
    /// # Errors
    /// [`LedgerError`], as for [`Ledger::open_existing`], but for one that is held.
    pub async fn open_to_look(path: &Path) -> Result<Self, LedgerError> {
        match Self::open_there(path).await {
            Err(LedgerError::InUse(path)) => Self::look_over_a_shoulder(path).await,
            opened => opened,
        }
    }

    async fn open_there(path: &Path) -> Result<Self, LedgerError> {
        if path.exists() {
            Self::open_in(path.to_owned(), None).await
        } else {
            Err(LedgerError::Missing(path.to_owned()))
        }
    }

    /// Reads the whole file once: what is broken shows before anything is sent, and not when an answer is to be kept.
    async fn checked(self) -> Result<Self, LedgerError> {
        let sql = "PRAGMA quick_check(1)";
        let found = sqlx::query_scalar(sql).fetch_one(&mut *self.connection().await).await;
        let found: String = found.map_err(self.failed("check"))?;
        match found.lines().last() {
            Some("ok") => Ok(self),
            broken => Err(self.damaged(broken.unwrap_or("its check says nothing"))),
        }
    }

    /// Whoever holds the ledger has brought its schema up to date.
    async fn look_over_a_shoulder(path: PathBuf) -> Result<Self, LedgerError> {
        let failed = |what| {
            let path = path.clone();
            move |source| LedgerError::of_sqlite(what, path, source)
        };
        let read_only = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(PATIENCE);
        let mut connection = read_only.connect().await.map_err(failed("open"))?;
        let hash_key = belonging_key(&mut connection).await.map_err(failed("read"))?;
        Ok(Self { connection: Mutex::new(connection), path, hash_key, lock: None, folder: None, _model: None })
    }

    /// Makes a ledger that vanishes when dropped. If `model` is a ledger's file, it starts as a copy of it: a dry run sees what
    /// is done already, and leaves no trace.
    ///
    /// # Errors
    /// [`LedgerError`], if the copy cannot be made, or the model is held by another process.
    pub async fn temporary(model: Option<&Path>) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::File { what: "make a temporary folder for", path: "ledger".into(), source };
        let folder = tempfile::Builder::new().prefix("db2clerk-").tempdir().map_err(failed)?;
        let path = folder.path().join("ledger.db");
        let mut shared = None;
        if let Some(model) = model.filter(|model| model.exists()) {
            refuse_other_database(model).await?;
            shared = files::share(model)?;
            files::copy(model, &path)?;
        }
        Ok(Self { _model: shared, ..Self::open_in(path, Some(folder)).await? })
    }

    async fn open_in(path: PathBuf, folder: Option<TempDir>) -> Result<Self, LedgerError> {
        refuse_other_database(&path).await?;
        let lock = files::lock(&path)?;
        files::refuse_emptied(&path, &lock)?;
        files::create_owner_only(&path)?;
        kill_point::reach(Point::LedgerMade);
        let failed = |what| {
            let path = path.clone();
            move |source| LedgerError::of_sqlite(what, path, source)
        };
        let mut connection = options(&path, folder.is_some()).connect().await.map_err(failed("open"))?;
        kill_point::watch(&mut connection, Point::LedgerStep, Some(Point::LedgerCommit))
            .await
            .map_err(failed("open"))?;
        MIGRATOR.run(&mut connection).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => LedgerError::Newer(path.clone()),
            other => failed("migrate")(sqlx::Error::from(other)),
        })?;
        kill_point::reach(Point::LedgerMigrated);
        let hash_key = belonging_key(&mut connection).await.map_err(failed("read"))?;
        Ok(Self { connection: Mutex::new(connection), path, hash_key, lock: Some(lock), folder, _model: None })
    }

    /// Returns where the ledger lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key of this ledger's hashes.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// Empties the write-ahead log into the file and cuts it to nothing, so that no digest or address of a user who is done
    /// stays behind in it. Every end of a run calls it.
    ///
    /// # Errors
    /// [`LedgerError`], if the file cannot be written.
    pub async fn checkpoint(&self) -> Result<(), LedgerError> {
        if self.lock.is_none() {
            return Ok(());
        }
        let mut connection = self.connection().await;
        kill_point::reach(Point::CheckpointBegins);
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut *connection)
            .await
            .map_err(self.failed("checkpoint"))?;
        kill_point::reach(Point::CheckpointDone);
        Ok(())
    }

    /// Notes beside the ledger that it is somebody's.
    pub(super) fn note_in_use(&self) -> Result<(), LedgerError> {
        self.lock.as_ref().map_or(Ok(()), |lock| files::note_in_use(&self.path, lock))
    }

    pub(super) async fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        let mut connection = self.connection.lock().await;
        // After a write that failed the driver may count a transaction that SQLite has ended, and then it begins no other: what
        // is wrong with the disk would be hidden behind that.
        if connection.is_in_transaction()
            && let Ok(fresh) = options(&self.path, self.folder.is_some()).connect().await
        {
            *connection = fresh;
        }
        connection
    }

    pub(super) fn failed(&self, what: &'static str) -> impl Fn(sqlx::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |source| LedgerError::of_sqlite(what, path.clone(), source)
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> LedgerError {
        LedgerError::Damaged { path: self.path.clone(), what: what.into() }
    }
}

impl LedgerError {
    fn of_sqlite(what: &'static str, path: PathBuf, source: sqlx::Error) -> Self {
        match primary_code(&source) {
            Some(CORRUPT | NOTADB) => Self::Damaged { path, what: words(&source) },
            _ => Self::Sqlite { what, path, source },
        }
    }
}

/// Refuses a database that holds tables and none of a ledger: the application's own, say. It is looked at before anything of it is
/// locked or changed.
async fn refuse_other_database(path: &Path) -> Result<(), LedgerError> {
    if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let failed = |source| LedgerError::of_sqlite("open", path.to_owned(), source);
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
    let mut connection = options.connect().await.map_err(failed)?;
    // What migrations note of themselves is there before the first of them.
    let table: Option<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> '_sqlx_migrations'
             AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'belonging')
         LIMIT 1",
    )
    .fetch_optional(&mut connection)
    .await
    .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    table.map_or(Ok(()), |table| Err(LedgerError::OtherDatabase { path: path.to_owned(), table }))
}

/// What helps against an error of SQLite's: <https://www.sqlite.org/rescode.html>.
fn hint(error: &sqlx::Error) -> &'static str {
    match primary_code(error) {
        Some(IOERR | FULL) => {
            "\nhint: the disk may be full, or gone: see to it, and run the same command again; it goes on where it stopped"
        }
        Some(PERM | READONLY | CANTOPEN) => {
            "\nhint: make the file, the files beside it and their folder writable for you"
        }
        Some(BUSY | LOCKED) => "\nhint: another program has the file open: close it, and run the same command again",
        _ => "",
    }
}

const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = said(error)?.code()?.parse().ok()?;
    Some(code & 0xff)
}

fn words(error: &sqlx::Error) -> String {
    said(error).map_or_else(|| error.to_string(), |said| said.message().to_owned())
}

/// Returns what SQLite said, also while it migrated.
fn said(error: &sqlx::Error) -> Option<&dyn DatabaseError> {
    match error {
        sqlx::Error::Migrate(migration) => match &**migration {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => said(error),
            _ => None,
        },
        other => other.as_database_error(),
    }
}

/// A temporary ledger ends with the process: nothing of it needs to be safe from a power cut, and nobody else looks at it.
fn options(path: &Path, temporary: bool) -> SqliteConnectOptions {
    let (journal_mode, synchronous) = if temporary {
        (SqliteJournalMode::Truncate, SqliteSynchronous::Off)
    } else {
        (SqliteJournalMode::Wal, SqliteSynchronous::Full)
    };
    SqliteConnectOptions::from_str("sqlite:")
        .unwrap_or_default()
        .filename(path)
        .journal_mode(journal_mode)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("secure_delete", "ON")
        // Indexes of millions of users are sorted while they are read.
        .pragma("threads", "2")
}

/// The key of the hashes is the ledger's own and stands in it; a ledger that belongs to nobody yet gets a new one, which
/// becomes its own when it is claimed.
async fn belonging_key(connection: &mut SqliteConnection) -> Result<HashKey, sqlx::Error> {
    let kept: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT hash_key FROM belonging").fetch_optional(&mut *connection).await?;
    match kept.map(<[u8; 32]>::try_from) {
        Some(Ok(bytes)) => Ok(HashKey::new(bytes)),
        Some(Err(_)) => Err(sqlx::Error::Protocol("the ledger's hash key is not 32 bytes long".into())),
        None => HashKey::random().map_err(|error| sqlx::Error::Io(error.into())),
    }
}
