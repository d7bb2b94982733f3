//! The file: where it lies, who may hold it, and how it is opened and closed.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::kill_point::{self, Point};
use crate::record::duplicates::HashKey;

/// How long to wait for another connection to the same file.
const BUSY: Duration = Duration::from_secs(5);

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
    _folder: Option<TempDir>,
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
    /// The file or its folder cannot be read or written.
    #[error("failed to {what} `{}`", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `SQLite` could not do it.
    #[error("failed to {what} the ledger `{}`", .path.display())]
    Sqlite {
        /// What was tried.
        what: &'static str,
        /// The ledger's file.
        path: PathBuf,
        /// What `SQLite` said.
        source: sqlx::Error,
    },
    /// What stands in the ledger makes no sense.
    #[error("the ledger `{}` is damaged: {what}", .path.display())]
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
        prepare_folder(path)?;
        Self::open_in(path.to_owned(), None).await
    }

    /// Opens the ledger at `path`, which must be there.
    ///
    /// # Errors
    /// [`LedgerError`], as for [`Ledger::open`], and if there is no such file.
    pub async fn open_existing(path: &Path) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        Self::open_in(path.to_owned(), None).await
    }

    /// Opens the ledger at `path`, which must be there, to look at it: also while another process holds it and goes on writing.
    ///
    /// # Errors
    /// [`LedgerError`], as for [`Ledger::open_existing`], but for one that is held.
    pub async fn open_to_look(path: &Path) -> Result<Self, LedgerError> {
        match Self::open_existing(path).await {
            Err(LedgerError::InUse(path)) => Self::look_over_a_shoulder(path).await,
            opened => opened,
        }
    }

    /// Whoever holds the ledger has brought its schema up to date.
    async fn look_over_a_shoulder(path: PathBuf) -> Result<Self, LedgerError> {
        let failed = |what| {
            let path = path.clone();
            move |source| LedgerError::Sqlite { what, path, source }
        };
        let read_only = SqliteConnectOptions::new().filename(&path).read_only(true).busy_timeout(BUSY);
        let mut connection = read_only.connect().await.map_err(failed("open"))?;
        let hash_key = belonging_key(&mut connection).await.map_err(failed("read"))?;
        Ok(Self { connection: Mutex::new(connection), path, hash_key, lock: None, _folder: None })
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
        if let Some(model) = model.filter(|model| model.exists()) {
            let _not_written_meanwhile = share(model)?;
            copy(model, &path)?;
        }
        Self::open_in(path, Some(folder)).await
    }

    async fn open_in(path: PathBuf, folder: Option<TempDir>) -> Result<Self, LedgerError> {
        let lock = lock(&path)?;
        create_owner_only(&path)?;
        kill_point::reach(Point::LedgerMade);
        let failed = |what| {
            let path = path.clone();
            move |source| LedgerError::Sqlite { what, path, source }
        };
        let mut connection = options(&path).connect().await.map_err(failed("open"))?;
        kill_point::watch(&mut connection, Point::LedgerStep, Some(Point::LedgerCommit))
            .await
            .map_err(failed("open"))?;
        MIGRATOR.run(&mut connection).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => LedgerError::Newer(path.clone()),
            other => failed("migrate")(sqlx::Error::from(other)),
        })?;
        kill_point::reach(Point::LedgerMigrated);
        let hash_key = belonging_key(&mut connection).await.map_err(failed("read"))?;
        Ok(Self { connection: Mutex::new(connection), path, hash_key, lock: Some(lock), _folder: folder })
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

    pub(super) async fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        self.connection.lock().await
    }

    pub(super) fn failed(&self, what: &'static str) -> impl Fn(sqlx::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |source| LedgerError::Sqlite { what, path: path.clone(), source }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> LedgerError {
        LedgerError::Damaged { path: self.path.clone(), what: what.into() }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::from_str("sqlite:")
        .unwrap_or_default()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("secure_delete", "ON")
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

/// Makes the folder, owner-only and with a `.gitignore` that hides all of it. A folder that is there already is left alone:
/// `--ledger` may point anywhere.
fn prepare_folder(path: &Path) -> Result<(), LedgerError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) else {
        return Ok(());
    };
    let failed = |source| LedgerError::File { what: "make the folder", path: folder.to_owned(), source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    fs::write(folder.join(".gitignore"), "*\n").map_err(failed)
}

fn create_owner_only(path: &Path) -> Result<(), LedgerError> {
    owner_only().open(path).map(drop).map_err(|source| LedgerError::File {
        what: "open the ledger",
        path: path.to_owned(),
        source,
    })
}

/// The lock is a file of its own: a lock on the database file itself would be lost whenever anything in this process opens and
/// closes that file again.
fn lock(path: &Path) -> Result<File, LedgerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |source| LedgerError::File { what: "lock", path: name.clone(), source };
    let file = owner_only().open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::InUse(path.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes sure that nobody writes a ledger as long as the file is held. One without a lock file has never been open.
fn share(model: &Path) -> Result<Option<File>, LedgerError> {
    let name = model.with_file_name(format!("{}.lock", model.file_name().unwrap_or_default().to_string_lossy()));
    let Ok(file) = File::open(name) else { return Ok(None) };
    file.try_lock_shared().map_err(|_| LedgerError::InUse(model.to_owned()))?;
    Ok(Some(file))
}

/// Copies a ledger, with the log a crash may have left beside it.
fn copy(model: &Path, to: &Path) -> Result<(), LedgerError> {
    for suffix in ["", "-wal"] {
        let with = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let from = with(model);
        if from.exists() {
            fs::copy(&from, with(to)).map_err(|source| LedgerError::File { what: "copy", path: from, source })?;
        }
    }
    Ok(())
}
