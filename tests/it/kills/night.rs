//! A whole night of kills: two thousand users, two hundred kills and more, at named points and at random moments.

use std::io::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use db2clerk::kill_point::Point;
use db2clerk::simulator::{Fault, Rule};

use super::rig::{End, Rig, Toll};
use crate::servers::{self, TestDatabase};

const USERS: usize = 2000;
const KILLS: usize = 200;
/// Long enough that requests are on their way when a kill comes, and that no run gets far.
const LATENCY: Duration = Duration::from_millis(10);
/// Users that are left for the run that nobody kills.
const RESERVE: usize = 300;
/// Passages of the ledger's steps that fall into pull and merge, once the users are in the ledger: before, it is checked.
const MERGE: Range<u64> = 36_000..80_000;
/// An answer that does not come while the test lasts.
const NEVER: Duration = Duration::from_secs(30);

/// When to kill a run.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// At the n-th passage of a point.
    At(Point, u64),
    /// When Clerk has had so many requests more.
    Requests(u64),
    /// When Clerk has made so many users more and not told of the last.
    AnswerOnItsWay(u64),
    /// So long after the start.
    Time(Duration),
    /// After Ctrl-C, when Clerk has had so many requests more, at the passage of a point of the end.
    Interrupted(u64, Point),
}

/// The moments that come once in a migration, in their order.
fn evening() -> Vec<Moment> {
    use Point::{
        BatchStaged, ColumnAdded, ColumnStep, ColumnToAdd, FolderMade, LedgerClaimed, LedgerCommit, LedgerMade,
        LedgerMigrated, LedgerStep, MergeBegun, MergeHalfDone, Merged,
    };
    let mut moments: Vec<(Point, u64)> = vec![(FolderMade, 1), (LedgerMade, 1)];
    // In the middle of the ledger's migration, and before each of its commits.
    moments.extend([1, 4, 10, 20, 40, 70].map(|passage| (LedgerStep, passage)));
    moments.extend([(LedgerCommit, 1), (LedgerCommit, 2), (LedgerMigrated, 1), (LedgerClaimed, 1)]);
    moments.extend([1, 2, 3, 4].map(|passage| (LedgerCommit, passage)));
    moments.extend([BatchStaged, MergeBegun, MergeHalfDone].map(|point| (point, 1)));
    // In the middle of the pull and the merge.
    moments.extend([2_000, 6_000, 12_000, 24_000].map(|passage| (LedgerStep, passage)));
    moments.extend([Merged, ColumnToAdd, ColumnStep].map(|point| (point, 1)));
    moments.extend([(ColumnStep, 2), (ColumnStep, 3), (ColumnStep, 4), (ColumnAdded, 1)]);
    moments.into_iter().map(|(point, passage)| Moment::At(point, passage)).collect()
}

/// The moments that come again and again, some of each kind, and between them those that need users who were just created.
fn night(random: &mut fastrand::Rng) -> Vec<Moment> {
    use Point::{
        AnswersRecorded, AnswersToRecord, BatchStaged, CheckpointBegins, CheckpointDone, CreateAnswered, CreateGoesOut,
        LedgerCommit, LedgerStep, MergeBegun, MergeHalfDone, Merged, RowsCommitted, RowsRecorded, RowsToWrite,
        RowsUncommitted, SendingMarked, SendingToMark, WriteRehearsed,
    };
    let rows = [RowsToWrite, RowsUncommitted, RowsCommitted, RowsRecorded];
    let others = [BatchStaged, MergeBegun, MergeHalfDone, Merged, WriteRehearsed, SendingToMark, SendingMarked];
    let farewells = [CheckpointBegins, CheckpointDone];
    let mut pairs = Vec::new();
    for round in 0..90 {
        // These leave users behind whose rows wait.
        let made = match round % 3 {
            0 => Moment::At(CreateAnswered, random.u64(4..22)),
            1 => Moment::AnswerOnItsWay(random.u64(2..16)),
            _ => Moment::Requests(random.u64(6..28)),
        };
        let perhaps = match round % 5 {
            0 => Moment::At(CreateGoesOut, random.u64(1..16)),
            1 => Moment::At(AnswersToRecord, random.u64(1..4)),
            2 => Moment::At(AnswersRecorded, random.u64(1..4)),
            3 => Moment::At(LedgerCommit, random.u64(1..14)),
            _ => Moment::Interrupted(random.u64(4..12), farewells[round / 5 % farewells.len()]),
        };
        pairs.push(match round % 4 {
            0 => [made, Moment::At(rows[round / 4 % rows.len()], 1)],
            1 => [perhaps, Moment::At(others[round / 4 % others.len()], 1)],
            2 => [made, Moment::At(LedgerStep, random.u64(MERGE))],
            _ => [perhaps, Moment::Time(Duration::from_micros(random.u64(0..400_000)))],
        });
    }
    random.shuffle(&mut pairs);
    pairs.concat()
}

async fn run(rig: &Rig, moment: Moment) -> End {
    let simulator = &rig.simulator;
    let (requests, creates) = (simulator.counts().requests, simulator.counts().creates);
    match moment {
        Moment::At(point, passage) => rig.end(&mut rig.start(Some((point, passage)))).await,
        Moment::Requests(more) => {
            rig.kill_when(&mut rig.start(None), || simulator.counts().requests >= requests + more).await
        }
        Moment::AnswerOnItsWay(more) => {
            simulator.script(Rule::new("POST", "/v1/users", Fault::AnswerLate(NEVER)).nth(more));
            rig.kill_when(&mut rig.start(None), || simulator.counts().creates >= creates + more).await
        }
        Moment::Time(time) => {
            let start = Instant::now();
            rig.kill_when(&mut rig.start(None), || start.elapsed() >= time).await
        }
        Moment::Interrupted(more, point) => {
            let mut child = rig.start(Some((point, 1)));
            rig.wait_for(&mut child, || simulator.counts().requests >= requests + more).await;
            // If it has ended meanwhile, that is told below.
            let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            rig.end(&mut child).await
        }
    }
}

async fn whole_night(database: TestDatabase) {
    let engine = database.engine;
    let seed = std::env::var("TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    tell(&format!("{engine}: TEST_SEED={seed}"));
    let start = Instant::now();
    let rig = Rig::new(database, USERS, LATENCY).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    for planned in evening().into_iter().chain(night(&mut random)) {
        // The last hundreds are for the last run: on a machine of another pace they may be reached before.
        let few = USERS - rig.simulator.users().len() < RESERVE;
        let moment = if few { Moment::At(Point::LedgerStep, random.u64(MERGE)) } else { planned };
        assert_eq!(run(&rig, moment).await, End::Killed, "{engine}: {moment:?} never came");
        kills += 1;
    }
    let left = USERS - rig.simulator.users().len();
    let Toll { repeated_creates, losses } = rig.finish().await;
    tell(&format!(
        "{engine}: {kills} kills, {USERS} users ({left} of them after the last kill), {repeated_creates} repeated creates, \
         {losses} losses, {} s",
        start.elapsed().as_secs()
    ));
    assert!(kills >= KILLS, "{engine}: {kills} kills are too few");
    assert_eq!((repeated_creates, losses), (0, 0), "{engine}");
    rig.simulator.stop().await;
}

/// Says it also where the test passes, which would swallow what `eprintln!` says.
fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody to tell it to");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_on_postgres_lose_nobody_and_make_nobody_twice() {
    whole_night(servers::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_on_mysql_lose_nobody_and_make_nobody_twice() {
    whole_night(servers::mysql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_on_sqlite_lose_nobody_and_make_nobody_twice() {
    whole_night(servers::sqlite().await).await;
}
