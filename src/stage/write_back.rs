//! Ledger to database: the Clerk IDs of users who are done, in batches, while push is still at work.
//!
//! What a passing trouble keeps from being written (a server that is down, a row that others hold locked) stays in the ledger
//! and is tried again, as long as push is at work, and a few times after that.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Progress;
use crate::database::{Database, Target, WriteError, Written};
use crate::kill_point::{self, Point};
use crate::ledger::{Ledger, RowResult, ToWrite, WriteBack};
use crate::record::ClerkId;

/// How a write-back ended.
#[derive(Debug)]
pub enum End {
    /// Every ID was tried. Those of rows that others hold locked still wait in the ledger, and say so.
    Complete,
    /// The database did not take a batch; the rest waits in the ledger.
    Stopped(WriteError),
}

/// Rows written in one transaction: few enough that locks are short, many enough that the statement pays.
const BATCH: u32 = 1000;
/// How long to let IDs gather while push is at work.
const GATHER: Duration = Duration::from_millis(500);
/// How long a batch may take: a server that is cut off without a word must not hold up the run for ever.
const LONGEST_BATCH: Duration = Duration::from_mins(2);

/// Writes every waiting Clerk ID to its row. While `more_to_come` is true it waits for others; once it is false, it ends when
/// nothing is left to try.
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
    let mut writer = Writer { ledger, database, target, overwrite, progress, doubtful: HashSet::new(), locked: 0 };
    let mut patience = Patience::default();
    let mut next_try = Instant::now();
    loop {
        // Asked before looking: what comes after the last look is then looked for again.
        let push_is_over = !*more_to_come.borrow();
        let tries_locked = push_is_over || Instant::now() >= next_try;
        let mut written = writer.write_new().await?;
        if written.is_ok() && tries_locked {
            written = writer.write_locked().await?;
        }
        let pause = match written {
            Ok(()) if writer.locked == 0 && push_is_over => return Ok(End::Complete),
            Ok(()) if writer.locked == 0 => {
                patience = Patience::default();
                GATHER
            }
            Ok(()) if !tries_locked => GATHER,
            Err(error) if !error.is_passing() => return Ok(End::Stopped(error)),
            troubled => {
                let Some(pause) = patience.next_pause(push_is_over) else {
                    return Ok(troubled.err().map_or(End::Complete, End::Stopped));
                };
                tracing::debug!(error = ?troubled.as_ref().err(), locked = writer.locked, ?pause, "to be tried again");
                next_try = Instant::now() + pause;
                // Locked rows keep no others waiting.
                if troubled.is_ok() && !push_is_over { GATHER } else { pause }
            }
        };
        if push_is_over {
            sleep(pause).await;
        } else {
            // The wait ends early when push does; how it ended is asked above.
            let _ = timeout(pause, more_to_come.wait_for(|more| !more)).await;
        }
    }
}

struct Writer<'a> {
    ledger: &'a Ledger,
    database: &'a Database,
    target: &'a Target,
    overwrite: bool,
    progress: &'a Progress,
    /// Entries whose last attempt ended without an answer: a row that is right the next time was made so by us.
    doubtful: HashSet<i64>,
    /// How many rows were locked at their last attempt.
    locked: u64,
}

impl Writer<'_> {
    /// Writes all that has not been tried yet.
    async fn write_new(&mut self) -> Result<Result<(), WriteError>> {
        loop {
            let batch = self.ledger.waiting(BATCH).await?;
            if batch.is_empty() {
                return Ok(Ok(()));
            }
            match self.write_batch(&batch).await? {
                Ok(locked) => self.locked += locked,
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Writes, once more, all that was locked.
    async fn write_locked(&mut self) -> Result<Result<(), WriteError>> {
        let (mut after, mut still_locked) = (0, 0);
        loop {
            let batch = self.ledger.waiting_again(after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = last.id;
            match self.write_batch(&batch).await? {
                Ok(locked) => still_locked += locked,
                Err(error) => return Ok(Err(error)),
            }
        }
        self.locked = still_locked;
        Ok(Ok(()))
    }

    /// Writes a batch, records what became of it, and returns how many rows were locked.
    async fn write_batch(&mut self, batch: &[ToWrite]) -> Result<Result<u64, WriteError>> {
        let pairs: Vec<_> = batch.iter().map(|row| (row.row_key.clone(), row.clerk_id.clone())).collect();
        kill_point::reach(Point::RowsToWrite);
        let written = timeout(LONGEST_BATCH, self.database.write_clerk_ids(self.target, &pairs, self.overwrite)).await;
        let written = match written.unwrap_or_else(|_| Err(WriteError::Broken("no answer in time".to_owned()))) {
            Ok(written) => written,
            Err(error) => {
                // Without a connection nothing was attempted.
                if !matches!(error, WriteError::Connect(_)) {
                    self.doubtful.extend(batch.iter().map(|row| row.id));
                }
                return Ok(Err(error));
            }
        };
        kill_point::reach(Point::RowsCommitted);
        let mut locked = 0;
        let mut results = Vec::with_capacity(batch.len());
        for (row, written) in batch.iter().zip(written) {
            let doubtful = self.doubtful.remove(&row.id);
            let written = if doubtful && written == Written::AlreadyRight { Written::Written } else { written };
            locked += u64::from(written == Written::Locked);
            self.count(&written);
            let (state, detail) = state_of(&written);
            results.push(RowResult { id: row.id, state, detail, wrote: written == Written::Written });
        }
        self.ledger.record_write_back(&results).await?;
        kill_point::reach(Point::RowsRecorded);
        tracing::debug!(rows = results.len(), locked, "written back");
        Ok(Ok(locked))
    }

    fn count(&self, written: &Written) {
        match written {
            Written::Written => self.progress.written.add(1),
            Written::AlreadyRight => self.progress.already_right.add(1),
            Written::Held(_) | Written::RowGone | Written::Refused(_) => self.progress.not_written.add(1),
            Written::Locked => {}
        }
    }
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
        Written::RowGone => (WriteBack::RowGone, Some("no row has this key any more".to_owned())),
        Written::Refused(why) => (WriteBack::Refused, Some(format!("the database refuses the row: {why}"))),
        Written::Locked => {
            let message = "another transaction holds a lock in the way; `db2clerk backfill` tries again";
            (WriteBack::Waiting, Some(message.to_owned()))
        }
    }
}

/// How often what met a passing trouble is tried once push is over, and the pauses between: they grow, up to the longest.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How much trouble there was, one after the other.
#[derive(Debug, Default)]
struct Patience {
    troubles: u32,
    push_is_over: bool,
}

impl Patience {
    /// Counts another trouble, and returns how long to wait before the next try. `None`: it has been tried often enough, which
    /// it never is while push is at work.
    fn next_pause(&mut self, push_is_over: bool) -> Option<Duration> {
        if push_is_over != self.push_is_over {
            *self = Self { troubles: 0, push_is_over };
        }
        self.troubles += 1;
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.troubles - 1);
        (!push_is_over || self.troubles < TRIES).then(|| pause.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_never_ends_the_write_back_while_push_is_at_work_and_soon_does_after_that() {
        let mut patience = Patience::default();
        let during: Vec<u128> =
            (0..100).map(|_| patience.next_pause(false).expect("another try").as_millis()).collect();
        assert_eq!(during[..7], [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert!(during[7..].iter().all(|pause| *pause == 5000));
        let after: Vec<_> = (0..6).map(|_| patience.next_pause(true).map(|pause| pause.as_millis())).collect();
        assert_eq!(after, [Some(250), Some(500), Some(1000), Some(2000), Some(4000), None]);
    }
}
