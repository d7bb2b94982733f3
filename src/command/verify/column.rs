//! The column with the Clerk IDs, if there is one to be compared.

use anyhow::{Context as _, Result};

use crate::args::TargetArgs;
use crate::command::Context;
use crate::command::database_source::DatabaseSource;
use crate::command::write_target::{self, Place};
use crate::database::{Target, TargetError};
use crate::exit::{Failure, OrRefuse};

/// Where the Clerk IDs may stand.
pub(super) struct Looked {
    place: Option<Place>,
    /// Whether somebody named table, key or column: then it must be there.
    named: bool,
}

impl Looked {
    /// Returns the name of the users table, if it is known.
    pub(super) fn table(&self) -> Option<String> {
        self.place.as_ref().map(|place| place.table.to_string())
    }
}

/// Returns where to look, from the flags, the settings and the query file's header.
///
/// # Errors
/// If somebody named a place that is none.
pub(super) fn place(flags: TargetArgs, source: &DatabaseSource, context: &Context) -> Result<Looked> {
    let settings = context.config.target(flags);
    let named = settings.table.is_some() || settings.key.is_some() || settings.column.is_some();
    match write_target::place(settings, Some(&source.query), context) {
        Ok(place) => Ok(Looked { place, named }),
        Err(error) if named => Err(error),
        Err(_) => Ok(Looked { place: None, named }),
    }
}

/// Looks the place up in the catalog; `None`, and a note, if there is no such column. What was named must be there.
///
/// # Errors
/// A refusal, if what was named is not there; a failure, if the catalog cannot be read.
pub(super) async fn open(
    looked: Looked,
    source: &DatabaseSource,
    context: &Context,
) -> Result<Option<Target>, Failure> {
    let not_compared =
        |why: String| context.console.note(format!("Column:   Clerk IDs in the database are not compared: {why}"));
    let Some(place) = looked.place else {
        if looked.named {
            return Err(write_target::no_table()).or_refuse();
        }
        not_compared("the query names no table (`--table` and `--key` do)".to_owned());
        return Ok(None);
    };
    let found = context.or_interrupted(source.database.inspect(&place.table, &place.key, &place.column)).await?;
    let target = match found {
        Ok(target) => target,
        Err(error @ TargetError::Query(_)) => return Err(error.into()),
        Err(error) if looked.named => {
            return Err(error).context("failed to find the column with the Clerk IDs").or_refuse();
        }
        Err(error) => {
            not_compared(error.to_string());
            return Ok(None);
        }
    };
    if !target.column_missing() {
        context.console.note(format!("Column:   `{}` of `{}`, found by `{}`", target.column, target.table, target.key));
        return Ok(Some(target));
    }
    let why = format!("the table `{}` has no column `{}`", target.table, target.column);
    if looked.named {
        return Err(anyhow::anyhow!(
            "{why}\nhint: `--column` names it; without `--table`, `--key` and `--column` it may be missing"
        ))
        .or_refuse();
    }
    not_compared(why);
    Ok(None)
}
