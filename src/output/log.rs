//! The log file: a JSON object a line, for every user that did not get in.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::Utc;
use serde_json::json;

use crate::ledger::Problem;
use crate::record::Reason;

/// Writes users that did not get in to a new, owner-only `migration-log-<UTC time>.json` in the folder, and returns its path;
/// `None` and no file if there are none. The iterator is asked for page after page until a page is empty.
///
/// # Errors
/// If the file cannot be written.
pub async fn write<F>(folder: &Path, mut next_page: F) -> Result<Option<PathBuf>>
where
    F: AsyncFnMut(i64) -> Result<Vec<Problem>>,
{
    let mut page = next_page(0).await?;
    if page.is_empty() {
        return Ok(None);
    }
    let (path, file) = create(folder, "migration-log")?;
    let mut file = BufWriter::new(file);
    let failed = || format!("failed to write the log `{}`", path.display());
    while let Some(last) = page.last() {
        let after = last.id;
        for problem in &page {
            serde_json::to_writer(&mut file, &line(problem)).with_context(failed)?;
            file.write_all(b"\n").with_context(failed)?;
        }
        page = next_page(after).await?;
    }
    file.flush().with_context(failed)?;
    Ok(Some(path))
}

/// Makes a new, owner-only `<what>-<UTC time>.json` in the folder: a name without `:`, which Windows does not take; two runs in
/// one second get two files.
pub(super) fn create(folder: &Path, what: &str) -> Result<(PathBuf, File)> {
    let time = Utc::now().format("%Y-%m-%dT%H-%M-%SZ");
    for number in 1.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{what}-{time}{suffix}.json"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1000 => {}
            Err(error) => return Err(error).with_context(|| format!("failed to make the file `{}`", path.display())),
        }
    }
    unreachable!("the loop returns")
}

fn line(problem: &Problem) -> serde_json::Value {
    let nothing = Reason::new("", "", "");
    let (first, others) = problem.reasons.split_first().unwrap_or((&nothing, &[]));
    let mut line = json!({
        "userId": problem.user_id,
        "state": problem.state,
        "code": first.code,
        "message": first.message,
        "field": first.field,
        "traceId": problem.trace_id,
        "attempts": problem.attempts,
    });
    if !others.is_empty() {
        line["otherReasons"] = json!(others);
    }
    line
}
