//! Each point by itself: it is reached, and survived.

use std::time::Duration;

use db2clerk::engine::Engine;
use db2clerk::kill_point::Point;
use db2clerk::simulator::{Fault, Rule};

use super::rig::{End, Rig, Toll};
use crate::servers::{self, TestDatabase};

/// Kills a migration of a few users at a point, and lets the next run finish it.
async fn kill_once(database: TestDatabase, point: Point, passage: u64) -> (TestDatabase, End) {
    let rig = Rig::new(database, 12, Duration::ZERO).await;
    let end = rig.end(&mut rig.start(Some((point, passage)))).await;
    let toll = rig.finish().await;
    assert_eq!(toll, Toll::default(), "{}: after {}:{passage}", rig.database.engine, point.word());
    rig.simulator.stop().await;
    (rig.database, end)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_point_is_reached_on_every_engine_and_survived() {
    for mut database in servers::all().await {
        for point in Point::ALL {
            // These are reached by `--references` and `--replace-ids` only; the tests in `references` kill at each of them.
            let is_elsewhere = matches!(point, Point::Statement | Point::StepDone);
            if is_elsewhere || point == Point::DatabaseStep && database.engine != Engine::Sqlite {
                continue;
            }
            let end;
            (database, end) = kill_once(database, point, 1).await;
            assert_eq!(end, End::Killed, "{}: `{}` is never reached", database.engine, point.word());
        }
    }
}

/// Kills one migration after the other at later and later passages, until one comes to its end unharmed.
async fn sweep(mut database: TestDatabase, point: Point, stride: usize) -> u64 {
    let mut kills = 0;
    for passage in (1..).step_by(stride) {
        let end;
        (database, end) = kill_once(database, point, passage).await;
        if end == End::Done {
            break;
        }
        kills += 1;
    }
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn before_no_commit_of_the_ledger_a_kill_does_harm() {
    let kills = sweep(servers::sqlite().await, Point::LedgerCommit, 1).await;
    assert!(kills > 10, "{kills} commits in a whole run are too few");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_no_statement_that_adds_column_and_index_a_kill_does_harm() {
    for database in servers::all().await {
        let engine = database.engine;
        let kills = sweep(database, Point::ColumnStep, 1).await;
        assert!(kills >= 2, "{engine}: column and index are two statements at least, and not {kills}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_no_statement_on_ledger_or_sqlite_database_a_kill_does_harm() {
    for (point, stride) in [(Point::LedgerStep, 29), (Point::DatabaseStep, 13)] {
        let kills = sweep(servers::sqlite().await, point, stride).await;
        assert!(kills > 5, "{}: {kills}", point.word());
    }
}

/// Large rows, so that the batch outgrows SQLite's cache and stands half in the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_with_half_a_batch_in_it_is_put_right_by_the_next_run() {
    for (mode, remains) in [("delete", "-journal"), ("wal", "-wal")] {
        let rig = Rig::new(servers::sqlite().await, 700, Duration::ZERO).await;
        let widen = format!(
            "PRAGMA journal_mode = {mode}; ALTER TABLE users ADD COLUMN image blob; UPDATE users SET image = zeroblob(16000);"
        );
        rig.database.execute(&widen).await;
        let migrate = ["migrate", "--query", "users.sql", "--yes", "--quiet"];
        assert_eq!(rig.end(&mut rig.start_command(&migrate, None)).await, End::Done);
        let backfill = ["backfill", "--table", "users", "--key", "id", "--add-column", "--yes", "--quiet"];
        let mut killed = rig.start_command(&backfill, Some((Point::RowsUncommitted, 1)));
        assert_eq!(rig.end(&mut killed).await, End::Killed);
        let path = rig.database.url.strip_prefix("sqlite:").expect("a file").to_owned() + remains;
        let written = std::fs::read(path).expect("the log of the transaction");
        assert!(written[0] != 0 && written.len() > 1_000_000, "{mode}: the batch is still in memory");
        assert_eq!(rig.finish().await, Toll::default(), "{mode}");
        rig.simulator.stop().await;
    }
}

/// The request is on its way for so long that the next run has asked for the user before it arrives. Whichever create comes
/// first, Clerk refuses the other, and the user is ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_lands_long_after_its_sender_was_killed_makes_nobody_twice() {
    for answer_to_look_up in [None, Some(Duration::from_millis(800))] {
        let rig = Rig::new(servers::sqlite().await, 12, Duration::ZERO).await;
        rig.simulator.script(Rule::new("POST", "/v1/users", Fault::DoLate(Duration::from_millis(400))).nth(5));
        let mut killed = rig.start(None);
        let end = rig.kill_when(&mut killed, || rig.simulator.counts().faults > 0).await;
        assert_eq!(end, End::Killed);
        if let Some(late) = answer_to_look_up {
            rig.simulator.script(Rule::new("GET", "/v1/users", Fault::AnswerLate(late)));
        }
        let Toll { repeated_creates, losses } = rig.finish().await;
        assert!(repeated_creates <= 1 && losses == 0, "{repeated_creates} repeated creates, {losses} losses");
        rig.simulator.stop().await;
    }
}
