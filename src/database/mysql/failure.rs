//! MySQL's and MariaDB's errors, by number: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>.

use sqlx::Error;
use sqlx::mysql::MySqlDatabaseError;

use crate::database::error::{ConnectError, QueryError, WriteError};
use crate::database::statement;
use crate::database::url::Server;
use crate::database::write::Failure;

pub(super) fn connect_error(error: &Error, server: &Server) -> ConnectError {
    let (address, user) = (server.address(), server.user.clone());
    let Some(said) = said(error) else {
        return match error {
            Error::Io(io) => ConnectError::Unreachable { address, what: io.to_string() },
            Error::Tls(what) => ConnectError::Tls { address, what: what.to_string() },
            // The driver's words say what bytes it saw.
            Error::Protocol(_) => {
                let what = "what is there hangs up, or does not speak as MySQL does".to_owned();
                ConnectError::Unreachable { address, what }
            }
            other => ConnectError::Other { address, what: other.to_string() },
        };
    };
    let what = said.message().to_owned();
    match said.number() {
        1045 | 1698 | 1251 | 1862 => ConnectError::Refused { address, user, what },
        1044 | 1049 => ConnectError::NoDatabase { address, user, database: server.database.clone(), what },
        3159 => ConnectError::Tls { address, what },
        1129 | 1130 => ConnectError::Unreachable { address, what },
        _ => ConnectError::Other { address, what },
    }
}

pub(super) fn query_error(error: &Error, query: &str) -> QueryError {
    let Some(said) = said(error) else {
        return match error {
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => QueryError::Broken(error.to_string()),
            other => QueryError::Refused(other.to_string()),
        };
    };
    let what = words(said);
    match said.number() {
        1064 if statement::several(query) => QueryError::SeveralStatements,
        1792 => QueryError::Writes(what),
        1044 | 1142 | 1143 | 1227 | 1370 => QueryError::NotAllowed(what),
        1053 | 1317 | 1927 => QueryError::Broken(what),
        _ => QueryError::Refused(what),
    }
}

/// Returns whether the server does not understand a statement.
pub(super) fn is_syntax_error(error: &Error) -> bool {
    said(error).is_some_and(|said| said.number() == 1064)
}

pub(super) fn write_failure(error: &Error) -> Failure {
    let Some(said) = said(error) else {
        return Failure::Whole(match error {
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => WriteError::Broken(error.to_string()),
            other => WriteError::Refused(other.to_string()),
        });
    };
    let what = words(said);
    match said.number() {
        1205 | 1213 | 3572 | 1020 | 1969 | 3024 => Failure::Lock(WriteError::Busy(what)),
        1053 | 1077 | 1079 | 1317 | 1927 | 4031 => Failure::Whole(WriteError::Broken(what)),
        1290 | 1792 | 1836 | 3100 => Failure::Whole(WriteError::ReadOnly(what)),
        1044 | 1142 | 1143 | 1227 | 1370 => Failure::Whole(WriteError::NotAllowed {
            what,
            hint: "GRANT SELECT, UPDATE on the table and CREATE TEMPORARY TABLES on the database; adding a column takes ALTER and INDEX",
        }),
        1062 | 1586 => Failure::Row("another row holds this Clerk ID".to_owned()),
        3819 | 4025 => Failure::Row("a check constraint does not allow it".to_owned()),
        number if is_about_rows(said) => {
            Failure::Row(format!("the database does not take it (error {number}); a trigger may be at work"))
        }
        _ => Failure::Whole(WriteError::Refused(what)),
    }
}

/// Returns whether an error is about what a row holds, and so may quote it: a value that does not fit (SQLSTATE class 22), a
/// constraint (23), a trigger's own SIGNAL (45).
fn is_about_rows(said: &MySqlDatabaseError) -> bool {
    matches!(said.number(), 1364 | 1366 | 1265 | 1292 | 1411 | 1690)
        || said.code().is_some_and(|code| ["22", "23", "44", "45"].iter().any(|class| code.starts_with(class)))
}

/// Returns the server's words; not where they could quote what a row holds.
fn words(said: &MySqlDatabaseError) -> String {
    if is_about_rows(said) {
        format!("a value does not fit what is done with it (error {})", said.number())
    } else {
        said.message().to_owned()
    }
}

fn said(error: &Error) -> Option<&MySqlDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref())
}
