//! Users' Clerk IDs into the columns beside those that refer to them: a part of a table at a time, until nothing is left to fill.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::database::{
    Beside, BesideCounts, BesideError, Database, Link, QueryError, Spot, Target, WriteError, WrittenBeside,
};
use crate::shutdown::{Shutdown, Urgency};
use crate::stage::{BesideStep, Progress};

/// How the filling of a column ended.
#[derive(Debug)]
pub enum End {
    /// Everything was tried.
    Complete,
    /// The database did not take a part; the next run goes on.
    Stopped(WriteError),
    /// The run was interrupted; the next one goes on.
    Interrupted,
}

/// How long a part is to take: for so long others may be kept waiting for its rows.
const PART_TIME: Duration = Duration::from_millis(300);
/// How many units, blocks or rows, a part has at least and at first, and by how much it grows at most.
const FEWEST_UNITS: u64 = 8;
const FIRST_UNITS: u64 = 256;
const MOST_UNITS: u64 = 50_000;
const MOST_GROWTH: u64 = 4;
/// How often a table is walked: what was locked, or came behind the walk, is met again.
const WALKS: u32 = 4;
/// How long to wait before what was locked is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks up whether and how a column can stand beside each of these; nothing is changed. The name is that given, or else follows
/// from the neighbour's.
///
/// # Errors
/// [`BesideError`], for the first that cannot.
pub async fn plan(
    database: &Database,
    target: &Target,
    wanted: &[(Link, Option<String>)],
) -> Result<Vec<Beside>, BesideError> {
    let schema = database.schema(target).await?;
    let mut planned: Vec<Beside> = Vec::new();
    for (link, name) in wanted {
        let name = name.clone().unwrap_or_else(|| super::names::beside(&link.column.name));
        let beside = database.beside(target, &schema, link, &name).await?;
        let twin =
            |other: &&Beside| other.link.table == beside.link.table && schema.same_column(&other.name, &beside.name);
        if let Some(other) = planned.iter().find(twin) {
            let why = format!("beside `{}`", other.path());
            return Err(BesideError::Taken { column: beside.path(), name: beside.name, why });
        }
        planned.push(beside);
    }
    Ok(planned)
}

/// What the filling of a column works with.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The database.
    pub database: &'a Database,
    /// Whether to replace what differs.
    pub written: WrittenBeside,
    /// What is done so far, for whoever looks on.
    pub progress: &'a Progress,
}

/// Adds the column if need be, fills it, and adds its index. Asked to stop, it ends after the part it is at. Returns how it ended, and
/// what the column then holds, if the filling came to its end.
///
/// # Errors
/// [`QueryError`], if what is left cannot be counted.
pub async fn fill(
    job: Job<'_>,
    beside: &mut Beside,
    rows: u64,
    stop: &mut Shutdown,
) -> Result<(End, Option<BesideCounts>), QueryError> {
    // Whoever waits for a lock is told of nothing; what was added before a stop is found by the next run.
    if stop.requested() {
        return Ok((End::Interrupted, None));
    }
    if let Err(error) = patiently(async || job.database.add_beside(&mut *beside).await).await {
        return Ok((End::Stopped(error), None));
    }
    let mut size = Size { units: FIRST_UNITS };
    let mut counts = None;
    for round in 0..WALKS {
        job.progress.beside_step.set(BesideStep::Filling);
        let counted = if round == 0 { rows } else { 0 };
        let passed_over = match walk(job, beside, counted, &mut size, stop).await {
            Ok(Some(passed_over)) => passed_over,
            Ok(None) => return Ok((End::Interrupted, None)),
            Err(error) => return Ok((End::Stopped(error), None)),
        };
        job.progress.beside_step.set(BesideStep::Counting);
        let left = job.database.count_beside(beside).await?;
        counts = Some(left);
        let to_do = if job.written == WrittenBeside::Replace { left.empty + left.differing } else { left.empty };
        if to_do == 0 || !passed_over && round > 0 {
            break;
        }
        if passed_over {
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = stop.wait_for(Urgency::Graceful) => return Ok((End::Interrupted, None)),
            }
        }
    }
    job.progress.beside_step.set(BesideStep::Indexing);
    let end = match patiently(async || job.database.index_beside(&mut *beside).await).await {
        Ok(()) => End::Complete,
        Err(error) => End::Stopped(error),
    };
    Ok((end, counts))
}

/// Changes the table's definition, and tries again when others hold it locked.
async fn patiently(mut change: impl AsyncFnMut() -> Result<(), WriteError>) -> Result<(), WriteError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match change().await {
            Err(error) if error.is_passing() && tries < WALKS => sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// Walks the table once. Returns whether parts were passed over because they were locked; `None`, if it was asked to stop.
async fn walk(
    job: Job<'_>,
    beside: &Beside,
    rows: u64,
    size: &mut Size,
    stop: &Shutdown,
) -> Result<Option<bool>, WriteError> {
    let Job { database, written, progress } = job;
    let mut spot = database.begin_beside(beside).await?;
    let (mut passed_over, mut troubles) = (false, 0);
    let mut looked_at = 0;
    while !spot.is_end() {
        if stop.requested() {
            return Ok(None);
        }
        let began = Instant::now();
        match database.fill_beside(beside, &spot, size.units, written).await {
            Ok((part, next)) => {
                size.learn(part.units, began.elapsed());
                progress.beside.add(part.filled);
                // Where rows are dead or long, there are fewer or more of them in a block than elsewhere.
                let seen = rows_seen(rows, &spot, part.units).max(part.filled).min(rows - looked_at);
                looked_at += seen;
                progress.looked_at.add(seen);
                spot = next;
                troubles = 0;
            }
            Err(WriteError::Busy(_)) if size.units > FEWEST_UNITS => size.units = (size.units / 8).max(FEWEST_UNITS),
            Err(WriteError::Busy(_)) => {
                spot = database.pass_over(beside, &spot, size.units).await?;
                passed_over = true;
            }
            Err(error) if error.is_passing() && troubles < WALKS => {
                troubles += 1;
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    progress.looked_at.add(rows - looked_at);
    Ok(Some(passed_over))
}

/// About how many rows of the table a part of the walk has.
fn rows_seen(rows: u64, spot: &Spot, units: u64) -> u64 {
    match spot.blocks() {
        Some(blocks) => u64::try_from(u128::from(rows) * u128::from(units) / u128::from(blocks)).unwrap_or(rows),
        None => units,
    }
}

/// How large a part is: as large as the database is through with in the time it may take, learnt from those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    units: u64,
}

impl Size {
    fn learn(&mut self, units: u64, took: Duration) {
        if units < self.units && took <= PART_TIME {
            return;
        }
        let fitting = u128::from(units) * PART_TIME.as_micros() / took.as_micros().max(1);
        let most = self.units.saturating_mul(MOST_GROWTH).min(MOST_UNITS);
        self.units = u64::try_from(fitting).unwrap_or(most).clamp(FEWEST_UNITS, most.max(FEWEST_UNITS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_while_they_are_quick_and_shrink_at_once_when_one_is_slow() {
        for (size, units, millis, expected) in [
            (256, 256, 300, 256),
            (256, 256, 30, 1024),
            (256, 256, 600, 128),
            (256, 10, 1, 256),
            (256, 256, 300_000, FEWEST_UNITS),
            (MOST_UNITS, MOST_UNITS, 1, MOST_UNITS),
        ] {
            let mut part = Size { units: size };
            part.learn(units, Duration::from_millis(millis));
            assert_eq!(part.units, expected, "{units} of {size} in {millis} ms");
        }
    }
}
