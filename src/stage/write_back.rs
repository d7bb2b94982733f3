//! Ledger to database: the Clerk IDs of users who are done, in batches, while push is still at work.
//!
//! What a passing trouble keeps from being written (a server that is down, a row that others hold locked) stays in the ledger
//! and is tried again, as long as push is at work, and a few times after that.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Progress;
use crate::database::{Database, Target, WriteError, Written};
use crate::engine::Engine;
use crate::kill_point::{self, Point};
use crate::ledger::{Ledger, RowResult, WriteBack};
use crate::record::ClerkId;
use crate::shutdown::{Shutdown, Urgency};

/// How a write-back ended.
#[derive(Debug)]
pub enum End {
    /// Every ID was tried. Those of rows that others hold locked still wait in the ledger, and say so.
    Complete,
    /// The database did not take a batch; the rest waits in the ledger.
    Stopped(WriteError),
    /// The run was interrupted; the rest waits in the ledger.
    Interrupted,
}

/// How long to let IDs gather while push is at work.
const GATHER: Duration = Duration::from_millis(500);
/// How long a batch may take: a server that is cut off without a word must not hold up the run for ever.
const LONGEST_BATCH: Duration = Duration::from_mins(2);
/// How long getting ready for a batch may take, which is less work than writing one.
const LONGEST_PREPARATION: Duration = Duration::from_secs(1);

/// Whose Clerk IDs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of those who wait in the ledger, where more of them may come to wait all the time.
    Waiting,
    /// Of everybody in Clerk, whatever is known of the row: it may have changed since.
    Everybody,
}

/// What a write-back works with.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Where the Clerk IDs come from, and what became of them is recorded.
    pub ledger: &'a Ledger,
    /// Where they go.
    pub database: &'a Database,
    /// To which table there.
    pub target: &'a Target,
    /// Which of them.
    pub whose: Whose,
    /// Whether other Clerk IDs are replaced.
    pub overwrite: bool,
    /// What is done so far, for whoever looks on.
    pub progress: &'a Progress,
}

/// Writes Clerk IDs to their rows. While `more_to_come` is true it waits for others; once it is false, it ends when
/// nothing is left to try. Asked to stop, it ends after the batch it is at.
///
/// # Errors
/// If the ledger cannot be read or written.
pub async fn write_back(job: Job<'_>, mut more_to_come: watch::Receiver<bool>, mut stop: Shutdown) -> Result<End> {
    let (doubtful, batch_size) = (HashSet::new(), BatchSize::new(job.database.engine()));
    let gets_ready = AtomicBool::new(true);
    let mut writer =
        Writer { job, stop: stop.clone(), doubtful, batch_size, passed: 0, locked: 0, push_is_over: false, gets_ready };
    let mut patience = Patience::default();
    let mut next_try = Instant::now();
    loop {
        // Asked before looking: what comes after the last look is then looked for again.
        let push_is_over = !*more_to_come.borrow();
        writer.push_is_over = push_is_over;
        let tries_locked = push_is_over || Instant::now() >= next_try;
        let mut written = writer.write_new().await?;
        if written.is_ok() && tries_locked && !stop.requested() {
            written = writer.write_locked().await?;
        }
        if stop.requested() {
            return Ok(End::Interrupted);
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
        tokio::select! {
            () = sleep(pause) => {}
            // The wait ends early when push does; how it ended is asked above.
            _ = more_to_come.wait_for(|more| !more), if !push_is_over => {}
            () = stop.wait_for(Urgency::Graceful) => {}
        }
    }
}

/// What is written at a time: for each row its entry in the ledger, and its key and Clerk ID.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<i64>,
    pairs: Vec<(String, ClerkId)>,
}

impl Batch {
    fn truncate(&mut self, rows: usize) {
        self.entries.truncate(rows);
        self.pairs.truncate(rows);
    }
}

struct Writer<'a> {
    job: Job<'a>,
    stop: Shutdown,
    /// Entries whose last attempt ended without an answer: a row that is right the next time was made so by us.
    doubtful: HashSet<i64>,
    batch_size: BatchSize,
    /// The last entry that was tried, where everybody is, one after the other.
    passed: i64,
    /// How many rows were locked at their last attempt.
    locked: u64,
    /// Whether no more IDs are to come.
    push_is_over: bool,
    /// Whether the database can get ready for a batch while it writes another.
    gets_ready: AtomicBool,
}

/// Which of the Clerk IDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those that were not tried yet in this run.
    New,
    /// Those whose row was locked.
    Locked,
}

impl Writer<'_> {
    /// Writes all that has not been tried yet.
    async fn write_new(&mut self) -> Result<Result<(), WriteError>> {
        Ok(self.write_all(Which::New).await?.map(|locked| self.locked += locked))
    }

    /// Writes, once more, all that was locked.
    async fn write_locked(&mut self) -> Result<Result<(), WriteError>> {
        Ok(self.write_all(Which::Locked).await?.map(|still_locked| self.locked = still_locked))
    }

    async fn write_all(&mut self, which: Which) -> Result<Result<u64, WriteError>> {
        let written = self.write_batches(which).await;
        let _ = timeout(LONGEST_PREPARATION, self.job.database.forget_ready()).await;
        written
    }

    /// Writes batch after batch, and returns how many rows were locked. While the database works at one, the ledger takes what
    /// became of the one before, and gives the next.
    async fn write_batches(&mut self, which: Which) -> Result<Result<u64, WriteError>> {
        let mut locked = 0;
        let mut results = Vec::new();
        let mut batch = self.read(which, if which == Which::New { self.passed } else { 0 }).await?;
        while let Some(last) = batch.entries.last() {
            kill_point::reach(Point::RowsToWrite);
            let began = Instant::now();
            let write = async { (self.write(&batch).await, began.elapsed()) };
            let turn_over = async {
                self.record(&results).await?;
                let next = self.read(which, *last).await?;
                self.get_ready(&next).await;
                anyhow::Ok(next)
            };
            let ((written, took), next) = tokio::join!(write, turn_over);
            let next = next?;
            match written {
                Ok(written) => results = self.take(&batch.entries, written),
                Err(error) => {
                    // Only of what is not answered nobody knows whether it was done.
                    if matches!(error, WriteError::Broken(_)) {
                        self.doubtful.extend(&batch.entries);
                        self.batch_size.shrink();
                    }
                    return Ok(Err(error));
                }
            }
            kill_point::reach(Point::RowsCommitted);
            if which == Which::New && self.job.whose == Whose::Everybody {
                self.passed = *last;
            }
            locked += results.iter().filter(|result| result.state == WriteBack::Waiting).count() as u64;
            let rows = batch.entries.len();
            tracing::debug!(rows, ?took, locked, "written back");
            self.batch_size.learn(rows, took);
            batch = if self.stop.requested() { Batch::default() } else { next };
            // A batch too large is told of at once; what is left over comes again.
            batch.truncate(self.batch_size.rows as usize);
        }
        self.record(&results).await?;
        Ok(Ok(locked))
    }

    async fn read(&self, which: Which, after: i64) -> Result<Batch> {
        let (ledger, most) = (self.job.ledger, self.batch_size.rows);
        let rows = match (which, self.job.whose) {
            (Which::New, Whose::Waiting) => ledger.waiting(after, most).await?,
            (Which::New, Whose::Everybody) => ledger.in_clerk(after, most).await?,
            (Which::Locked, _) => ledger.waiting_again(after, most).await?,
        };
        let (entries, pairs) = rows.into_iter().map(|row| (row.id, (row.row_key, row.clerk_id))).unzip();
        Ok(Batch { entries, pairs })
    }

    async fn write(&self, batch: &Batch) -> Result<Vec<Written>, WriteError> {
        let Job { database, target, overwrite, .. } = self.job;
        let written = timeout(LONGEST_BATCH, database.write_clerk_ids(target, &batch.pairs, overwrite)).await;
        written.unwrap_or_else(|_| Err(WriteError::Broken("no answer in time".to_owned())))
    }

    /// Lets the database get ready for a batch, unless it once could not, or took too long: what became of the batch before waits to
    /// be recorded. As long as push is at work there is no hurry, and memory is its.
    async fn get_ready(&self, batch: &Batch) {
        let Job { database, target, .. } = self.job;
        if self.push_is_over && self.gets_ready.load(Ordering::Relaxed) && !self.stop.requested() {
            let ready = timeout(LONGEST_PREPARATION, Box::pin(database.get_ready(target, &batch.pairs))).await;
            self.gets_ready.store(ready.unwrap_or(false), Ordering::Relaxed);
        }
    }

    async fn record(&self, results: &[RowResult]) -> Result<()> {
        if !results.is_empty() {
            self.job.ledger.record_write_back(results).await?;
            kill_point::reach(Point::RowsRecorded);
        }
        Ok(())
    }

    /// Counts what became of a batch, and makes of it what is to be recorded.
    fn take(&mut self, entries: &[i64], written: Vec<Written>) -> Vec<RowResult> {
        let mut results = Vec::with_capacity(entries.len());
        for (id, written) in entries.iter().copied().zip(written) {
            let doubtful = self.doubtful.remove(&id);
            let written = if doubtful && written == Written::AlreadyRight { Written::Written } else { written };
            self.count(&written);
            let (state, detail) = state_of(&written);
            results.push(RowResult { id, state, detail, wrote: written == Written::Written });
        }
        results
    }

    fn count(&self, written: &Written) {
        let progress = self.job.progress;
        match written {
            Written::Written => progress.written.add(1),
            Written::AlreadyRight => progress.already_right.add(1),
            Written::Held(_) | Written::RowGone | Written::Refused(_) => progress.not_written.add(1),
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

/// How many rows are written at a time: as many as the database changes in the time for which others may be kept
/// waiting, learnt from the batches before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BatchSize {
    rows: u32,
    most: u32,
}

/// How long a batch is to take.
const BATCH_TIME: Duration = Duration::from_millis(300);
const FEWEST_ROWS: u32 = 50;
const FIRST_ROWS: u32 = 1000;
/// All of them are held in memory.
const MOST_ROWS_MYSQL: u32 = 10_000;
/// On Postgres, two connections share a batch; more rows take more memory, and are not written any quicker.
const MOST_ROWS_POSTGRES: u32 = 8_000;
/// SQLite works in the same process, and what it holds of a batch is as much again.
const MOST_ROWS_SQLITE: u32 = 6_000;

impl BatchSize {
    fn new(engine: Engine) -> Self {
        let most = match engine {
            Engine::Postgres => MOST_ROWS_POSTGRES,
            Engine::MySql => MOST_ROWS_MYSQL,
            Engine::Sqlite => MOST_ROWS_SQLITE,
        };
        Self { rows: FIRST_ROWS, most }
    }

    /// Learns from a batch of so many rows that took so long: the next one is as much smaller as this one was too slow, and up to
    /// twice as large if it was quick. A small batch that was quick says nothing of larger ones.
    fn learn(&mut self, rows: usize, took: Duration) {
        if took <= BATCH_TIME && rows < self.rows as usize {
            return;
        }
        let fitting = rows as u128 * BATCH_TIME.as_micros() / took.as_micros().max(1);
        let fitting = u32::try_from(fitting).unwrap_or(u32::MAX);
        self.rows = fitting.min(self.rows.saturating_mul(2)).clamp(FEWEST_ROWS, self.most);
    }

    /// Makes the next batch smaller, after one that was not answered: the same again may take too long again.
    fn shrink(&mut self) {
        self.rows = (self.rows / 4).max(FEWEST_ROWS);
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
    fn batches_grow_while_they_are_quick_and_shrink_at_once_when_one_is_slow() {
        let after = |size: u32, rows: usize, millis: u64| {
            let mut batch_size = BatchSize { rows: size, most: MOST_ROWS_MYSQL };
            batch_size.learn(rows, Duration::from_millis(millis));
            batch_size.rows
        };
        for (size, rows, millis, expected) in [
            (1000, 1000, 300, 1000),
            (1000, 1000, 200, 1500),
            (1000, 1000, 10, 2000),
            (4000, 4000, 0, 8000),
            (8000, 8000, 0, MOST_ROWS_MYSQL),
            (MOST_ROWS_MYSQL, MOST_ROWS_MYSQL as usize, 1, MOST_ROWS_MYSQL),
            (4000, 4000, 3000, 400),
            (4000, 4000, 120_000, FEWEST_ROWS),
            (FEWEST_ROWS, FEWEST_ROWS as usize, 120_000, FEWEST_ROWS),
            // All there were, and not as many as were asked for.
            (1000, 3, 5, 1000),
            (1000, 3, 300, 1000),
            (1000, 300, 900, 100),
        ] {
            assert_eq!(after(size, rows, millis), expected, "{rows} of {size} rows in {millis} ms");
        }
        let mut on_sqlite = BatchSize { rows: 4000, ..BatchSize::new(Engine::Sqlite) };
        on_sqlite.learn(4000, Duration::ZERO);
        assert_eq!(on_sqlite.rows, MOST_ROWS_SQLITE, "its memory is ours");
        for (size, expected) in [(MOST_ROWS_MYSQL, MOST_ROWS_MYSQL / 4), (100, FEWEST_ROWS), (FEWEST_ROWS, FEWEST_ROWS)]
        {
            let mut batch_size = BatchSize { rows: size, most: MOST_ROWS_MYSQL };
            batch_size.shrink();
            assert_eq!(batch_size.rows, expected, "{size} rows without an answer");
        }
    }

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
