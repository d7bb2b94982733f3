//! Postgres' errors, by their codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::database::error::{ConnectError, QueryError, WriteError};
use crate::database::url::Server;
use crate::database::write::Failure;

/// Returns whether the server answered with this code.
pub(super) fn is(error: &Error, code: &str) -> bool {
    said(error).is_some_and(|said| said.code() == code)
}

pub(super) fn connect_error(error: &Error, server: &Server) -> ConnectError {
    let (address, user) = (server.address(), server.user.clone());
    let Some(said) = said(error) else {
        return match error {
            Error::Io(io) => ConnectError::Unreachable { address, what: io.to_string() },
            Error::Tls(what) => ConnectError::Tls { address, what: what.to_string() },
            // The driver's words say what bytes it saw.
            Error::Protocol(_) => {
                let what = "what is there hangs up, or does not speak as PostgreSQL does".to_owned();
                ConnectError::Unreachable { address, what }
            }
            other => ConnectError::Other { address, what: other.to_string() },
        };
    };
    let what = said.message().to_owned();
    match said.code() {
        // "no pg_hba.conf entry ... no encryption" means that the server wants TLS.
        "28000" if what.contains("no encryption") || what.contains("SSL off") => ConnectError::Tls { address, what },
        "28P01" | "28000" => ConnectError::Refused { address, user, what },
        "3D000" | "42501" => ConnectError::NoDatabase { address, user, database: server.database.clone(), what },
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
    let what = words(said, query);
    match said.code() {
        "42601" if said.message().contains("multiple commands") => QueryError::SeveralStatements,
        "22021" => QueryError::Encoding { code: "22021" },
        "22P05" => QueryError::Encoding { code: "22P05" },
        "25006" => QueryError::Writes(what),
        "42501" => QueryError::NotAllowed(what),
        "57P01" | "57P02" | "57P03" | "25P03" => QueryError::Broken(what),
        _ => QueryError::Refused(what),
    }
}

pub(super) fn write_failure(error: &Error) -> Failure {
    let Some(said) = said(error) else {
        return Failure::Whole(match error {
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => WriteError::Broken(error.to_string()),
            other => WriteError::Refused(other.to_string()),
        });
    };
    let what = words(said, "");
    match said.code() {
        "55P03" | "40P01" | "40001" | "57014" => Failure::Lock(WriteError::Busy(what)),
        "57P01" | "57P02" | "57P03" | "25P03" => Failure::Whole(WriteError::Broken(what)),
        "25006" => Failure::Whole(WriteError::ReadOnly(what)),
        "42501" => Failure::Whole(WriteError::NotAllowed {
            what,
            hint: "GRANT SELECT, UPDATE on the table; adding a column takes its owner",
        }),
        code if ["22", "23", "44", "P0", "27", "09"].iter().any(|class| code.starts_with(class)) => {
            Failure::Row(refusal(said))
        }
        _ => Failure::Whole(WriteError::Refused(what)),
    }
}

/// Says why a row was refused, without what the row holds.
fn refusal(said: &PgDatabaseError) -> String {
    match (said.code(), said.constraint()) {
        ("23505", Some(constraint)) => format!("another row holds this Clerk ID (unique constraint `{constraint}`)"),
        (_, Some(constraint)) => format!("the constraint `{constraint}` does not allow it"),
        (code, None) => format!("the database does not take it (SQLSTATE {code}); a trigger may be at work"),
    }
}

/// Returns the server's words, with hint and line; not where they could quote what a row holds.
fn words(said: &PgDatabaseError, query: &str) -> String {
    let code = said.code();
    if ["22", "23", "P0"].iter().any(|class| code.starts_with(class)) {
        return format!("a value does not fit what is done with it (SQLSTATE {code})");
    }
    let mut words = said.message().to_owned();
    if let Some(PgErrorPosition::Original(at)) = said.position()
        && !query.is_empty()
    {
        let line = query.chars().take(at).filter(|c| *c == '\n').count() + 1;
        words = format!("{words}, line {line}");
    }
    if let Some(hint) = said.hint() {
        words = format!("{words} ({hint})");
    }
    words
}

fn said(error: &Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref())
}
