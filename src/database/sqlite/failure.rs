//! SQLite's errors, by result code: <https://www.sqlite.org/rescode.html>.

use std::path::Path;

use sqlx::Error;

use crate::database::error::{ConnectError, QueryError, WriteError};
use crate::database::write::Failure;

const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const CANTOPEN: u32 = 14;
const CONSTRAINT: u32 = 19;
const CONSTRAINT_TRIGGER: u32 = 1811;
const CONSTRAINT_UNIQUE: u32 = 2067;
const CONSTRAINT_PRIMARYKEY: u32 = 1555;
const NOTADB: u32 = 26;
const READONLY_ROLLBACK: u32 = 776;

pub(super) fn connect_error(error: &Error, path: &Path) -> ConnectError {
    let what = match code(error).map(|code| code & 0xff) {
        Some(NOTADB) => "it is no SQLite database, or an encrypted one".to_owned(),
        Some(CANTOPEN) => {
            "SQLite cannot open it; check the rights on the file and, for its -wal and -shm files, on the folder"
                .to_owned()
        }
        Some(READONLY) if needs_rollback(error) => {
            "a write to it was cut short, and has to be taken back before it can be read; open it once with its application, or \
             make the file and its folder writable"
                .to_owned()
        }
        _ => words(error),
    };
    ConnectError::File { path: path.display().to_string(), what }
}

/// Returns whether the file holds half a write, which only a connection that may write can take back.
pub(super) fn needs_rollback(error: &Error) -> bool {
    code(error) == Some(READONLY_ROLLBACK)
}

pub(super) fn query_error(error: &Error) -> QueryError {
    match code(error).map(|code| code & 0xff) {
        Some(READONLY) => QueryError::Writes(words(error)),
        Some(BUSY | LOCKED | IOERR | CORRUPT | NOTADB) => QueryError::Broken(words(error)),
        _ => QueryError::Refused(words(error)),
    }
}

pub(super) fn write_failure(error: &Error) -> Failure {
    let Some(code) = code(error) else { return Failure::Whole(WriteError::Refused(words(error))) };
    match code & 0xff {
        BUSY | LOCKED => Failure::Whole(WriteError::Busy(words(error))),
        READONLY | PERM | CANTOPEN => Failure::Whole(WriteError::ReadOnly(words(error))),
        // A check of our own, which says itself what is the matter.
        CONSTRAINT if code == CONSTRAINT_TRIGGER && words(error).starts_with("db2clerk: ") => {
            Failure::Whole(WriteError::Refused(words(error)))
        }
        CONSTRAINT => Failure::Row(match code {
            CONSTRAINT_UNIQUE | CONSTRAINT_PRIMARYKEY => "another row holds this Clerk ID".to_owned(),
            _ => format!("a constraint or trigger does not allow it (SQLite code {code})"),
        }),
        _ => Failure::Whole(WriteError::Refused(words(error))),
    }
}

/// Returns SQLite's words, which name tables and columns and quote no values.
fn words(error: &Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
}

fn code(error: &Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}
