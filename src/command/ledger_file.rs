//! Which ledger a command uses.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::ledger::{Ledger, LedgerError, ReplacedIds};

/// The folder of ledgers in the working folder.
const FOLDER: &str = ".db2clerk";

/// Returns the ledger of an instance: the one named, or the default one.
#[must_use]
pub(super) fn of_instance(named: Option<PathBuf>, instance_id: &str) -> PathBuf {
    // The ID comes from a server: it names a file only if it is the plain word it should be.
    let name: String = instance_id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    named.unwrap_or_else(|| Path::new(FOLDER).join(format!("{name}.db")))
}

/// Returns the replacement of IDs that the ledger of an instance knows of. One that is not there knows of none. Whoever leaves no
/// trace looks at a copy.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) async fn replaced_ids(
    named: Option<PathBuf>,
    instance_id: &str,
    leaves_no_trace: bool,
) -> Result<Option<ReplacedIds>, LedgerError> {
    let path = of_instance(named, instance_id);
    if !path.exists() {
        return Ok(None);
    }
    let ledger =
        if leaves_no_trace { Ledger::temporary(Some(&path)).await? } else { Ledger::open_to_look(&path).await? };
    ledger.replacement().await
}

/// Returns the flag that names the same ledger again, for a command to be shown; nothing for the default one.
#[must_use]
pub(super) fn flag(named: Option<&Path>) -> String {
    named.map_or(String::new(), |path| format!(" --ledger '{}'", path.display()))
}

/// Returns the ledger named, or else the only one there is.
///
/// # Errors
/// If there is none, or more than one.
pub(super) fn only(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path);
    }
    let mut ledgers = Vec::new();
    if Path::new(FOLDER).exists() {
        for entry in std::fs::read_dir(FOLDER).with_context(|| format!("failed to read the folder `{FOLDER}`"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "db") {
                ledgers.push(path);
            }
        }
    }
    ledgers.sort();
    match ledgers.as_slice() {
        [] => Err(anyhow!(
            "there is no ledger in `{FOLDER}` here: nothing has been migrated or imported from this folder\n\
             hint: run it where you ran `db2clerk migrate`, or say `--ledger FILE`"
        )),
        [only] => Ok(only.clone()),
        several => {
            let quoted: Vec<String> = several.iter().map(|path| format!("`{}`", path.display())).collect();
            bail!("there are several ledgers: {}\nhint: say which with `--ledger FILE`", quoted.join(", "))
        }
    }
}
