//! The files of a ledger: its folder, its lock, and copies of it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::store::LedgerError;
use crate::kill_point::{self, Point};

/// Makes the folder, owner-only and with a `.gitignore` that hides all of it. A folder with anything in it is left alone:
/// `--ledger` may point anywhere. An empty one may be what a kill has left of the first run.
pub(super) fn prepare_folder(path: &Path) -> Result<(), LedgerError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && is_untouched(folder)) else {
        return Ok(());
    };
    let failed = |source| LedgerError::File { what: "make the folder", path: folder.to_owned(), source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    kill_point::reach(Point::FolderMade);
    fs::write(folder.join(GIT_IGNORE), "*\n").map_err(failed)
}

const GIT_IGNORE: &str = ".gitignore";

/// Returns whether a folder is not there, or holds nothing but perhaps an empty `.gitignore`.
fn is_untouched(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return !folder.exists() };
    entries.flatten().all(|entry| entry.file_name() == GIT_IGNORE && entry.metadata().is_ok_and(|file| file.len() == 0))
}

pub(super) fn create_owner_only(path: &Path) -> Result<(), LedgerError> {
    owner_only().open(path).map(drop).map_err(|source| LedgerError::File {
        what: "open the ledger",
        path: path.to_owned(),
        source,
    })
}

/// What stands in the lock's file once the ledger is somebody's.
const IN_USE: &[u8] = b"in use\n";

/// Notes in the lock's file that the ledger is somebody's: a database file that is empty from then on has lost what stood in it.
pub(super) fn note_in_use(path: &Path, mut lock: &File) -> Result<(), LedgerError> {
    let noted = lock.metadata().and_then(|noted| if noted.len() == 0 { lock.write_all(IN_USE) } else { Ok(()) });
    noted.map_err(|source| LedgerError::File { what: "write", path: lock_name(path), source })
}

/// Refuses an empty file that was somebody's ledger: SQLite would take it for a new database. One that is not there at all is
/// made anew, whatever was noted of the one before.
pub(super) fn refuse_emptied(path: &Path, lock: &File) -> Result<(), LedgerError> {
    let failed = |what, path| move |source| LedgerError::File { what, path, source };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => lock.set_len(0).map_err(failed("write", lock_name(path))),
        Err(error) => Err(failed("read", path.to_owned())(error)),
        Ok(file) if file.len() > 0 => Ok(()),
        Ok(_) if lock.metadata().is_ok_and(|noted| noted.len() == 0) => Ok(()),
        Ok(_) => Err(LedgerError::Damaged { path: path.to_owned(), what: "it is empty, and was not".to_owned() }),
    }
}

fn lock_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// The lock is a file of its own: a lock on the database file itself would be lost whenever anything in this process opens and
/// closes that file again.
pub(super) fn lock(path: &Path) -> Result<File, LedgerError> {
    let name = lock_name(path);
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
pub(super) fn share(model: &Path) -> Result<Option<File>, LedgerError> {
    let Ok(file) = File::open(lock_name(model)) else { return Ok(None) };
    file.try_lock_shared().map_err(|_| LedgerError::InUse(model.to_owned()))?;
    Ok(Some(file))
}

/// Copies a ledger, with the log a crash may have left beside it.
pub(super) fn copy(model: &Path, to: &Path) -> Result<(), LedgerError> {
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
