//! Ledger to database: the Clerk IDs of users who are done, in batches, while push is still at work.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use super::Progress;
use crate::database::{Database, Target, WriteError, Written};
use crate::kill_point::{self, Point};
use crate::ledger::{Ledger, ToWrite, WriteBack};
use crate::record::ClerkId;

/// How a write-back ended.
#[derive(Debug)]
pub enum End {
    /// Nothing waits any more.
    Complete,
    /// The database did not take a batch; the rest waits in the ledger.
    Stopped(WriteError),
}

/// Rows written in one transaction: few enough that locks are short, many enough that the statement pays.
const BATCH: u32 = 1000;
/// How long to let IDs gather while push is at work.
const GATHER: Duration = Duration::from_millis(500);
/// How often a batch that met a lock or a broken connection is tried, and how long to wait between.
const TRIES: u32 = 5;
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// Writes every waiting Clerk ID to its row. While `more_to_come` is true it waits for others; once it is false, it ends when
/// nothing waits.
///
/// # Errors
/// If the ledger cannot be read or written.
pub async fn write_back(
    ledger: &Ledger,
    database: &Database,
    target: &Target,
    overwrite: bool,
    mut more_to_come: watch::Receiver<bool>,
    progress: &Progress,
) -> Result<End> {
    loop {
        // Asked before looking: what comes after the last look is then looked for again.
        let last_look = !*more_to_come.borrow();
        let batch = ledger.waiting(BATCH).await?;
        if !batch.is_empty()
            && let Err(error) = write_batch(ledger, database, target, overwrite, &batch, progress).await?
        {
            return Ok(End::Stopped(error));
        }
        match (last_look, batch.len()) {
            (true, 0) => return Ok(End::Complete),
            (false, fewer) if fewer < BATCH as usize => {
                // The wait ends early when push does; how it ended is asked above.
                let _ = tokio::time::timeout(GATHER, more_to_come.wait_for(|more| !more)).await;
            }
            _ => {}
        }
    }
}

async fn write_batch(
    ledger: &Ledger,
    database: &Database,
    target: &Target,
    overwrite: bool,
    batch: &[ToWrite],
    progress: &Progress,
) -> Result<std::result::Result<(), WriteError>> {
    let pairs: Vec<_> = batch.iter().map(|row| (row.row_key.clone(), row.clerk_id.clone())).collect();
    let mut tries = 1;
    kill_point::reach(Point::RowsToWrite);
    let written = loop {
        match database.write_clerk_ids(target, &pairs, overwrite).await {
            Ok(written) if written.contains(&Written::Locked) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(BUSY_WAIT).await;
            }
            Ok(written) if written.contains(&Written::Locked) => {
                return Ok(Err(WriteError::Busy("rows are locked by another transaction".to_owned())));
            }
            Ok(written) => break written,
            Err(error) if error.is_passing() && tries < TRIES => {
                tracing::debug!(%error, tries, "the database did not take a batch for now");
                tries += 1;
                tokio::time::sleep(BUSY_WAIT).await;
            }
            Err(error) => return Ok(Err(error)),
        }
    };
    kill_point::reach(Point::RowsCommitted);
    let results: Vec<_> = batch
        .iter()
        .zip(&written)
        .map(|(row, written)| {
            let (state, detail) = state_of(written);
            (row.id, state, detail)
        })
        .collect();
    ledger.record_write_back(&results).await?;
    kill_point::reach(Point::RowsRecorded);
    tracing::debug!(rows = results.len(), "written back");
    for written in &written {
        count(written, progress);
    }
    Ok(Ok(()))
}

/// Counts what became of one row.
pub(super) fn count(written: &Written, progress: &Progress) {
    match written {
        Written::Written => &progress.written,
        Written::AlreadyRight => &progress.already_right,
        Written::Held(_) | Written::RowGone | Written::Refused(_) | Written::Locked => &progress.not_written,
    }
    .add(1);
}

fn state_of(written: &Written) -> (WriteBack, Option<String>) {
    match written {
        Written::Written | Written::AlreadyRight => (WriteBack::Written, None),
        Written::Held(other) if ClerkId::new(other).is_ok() => {
            let message = format!("the row bears another ID, `{other}`; `db2clerk backfill --overwrite` replaces it");
            (WriteBack::Held, Some(message))
        }
        // What else stands in the column may be anybody's data, and is not shown.
        Written::Held(_) => {
            let message = "the row bears something that is no Clerk ID, and is left alone; check `--column`";
            (WriteBack::Held, Some(message.to_owned()))
        }
        Written::Locked => (WriteBack::Waiting, None),
        Written::RowGone => (WriteBack::RowGone, Some("no row has this key any more".to_owned())),
        Written::Refused(why) => (WriteBack::Refused, Some(format!("the database refuses the row: {why}"))),
    }
}
