//! The server goes away while Clerk IDs are written, and comes back, or does not.

use super::proxy::Trap;
use super::{
    BACKFILL, Proxy, Running, TRIES_AGAIN, WITH_WRITE_BACK, clerk, count_written, expect_all_right, fill, others,
    program,
};
use crate::servers::{self, TestDatabase};

/// Bytes of requests to Clerk after which some of the users below are made, and by far not all.
const SOME_USERS: usize = 30_000;
const USERS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_during_the_write_back_stops_no_push_and_backfill_finishes() {
    tokio::join!(gone_and_back_later(servers::postgres().await), gone_and_back_later(servers::mysql().await));
}

async fn gone_and_back_later(database: TestDatabase) {
    let simulator = clerk().await;
    let (to_clerk, to_database) = (Proxy::before(&simulator.url()).await, Proxy::before(&database.url).await);
    fill(&database, USERS).await;
    let before = others(&database).await;
    let program = program(&to_clerk.url(), &to_database.url());
    to_clerk.set(Trap::HoldAfterRequests(SOME_USERS));
    let mut running = Running::start(&program, &WITH_WRITE_BACK);
    to_clerk.until_held().await;
    running.until_told("written back", 1).await;
    to_database.switch_off();
    to_clerk.open();
    let run = running.end().await;
    run.expect_code(1).expect_told("the write-back stopped: cannot reach the database server");
    assert_eq!(simulator.users().len(), USERS, "{}: push went on", database.engine);
    let written = count_written(&database).await;
    assert!((1..USERS).contains(&written), "{}: {written}", database.engine);
    assert_eq!(run.json()["created"], USERS);
    // A batch that was committed while its answer got lost waits too.
    let waiting = run.json()["writeBackFailed"].as_u64().and_then(|waiting| usize::try_from(waiting).ok());
    assert!(waiting >= Some(USERS - written), "the others' IDs wait in the ledger: {waiting:?}, {written} written");
    to_database.open();
    let run = program.run(&BACKFILL).await;
    run.expect_code(0);
    assert_eq!((&run.json()["written"], &run.json()["waiting"]), (&(USERS - written).into(), &0.into()));
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_while_users_are_sent_is_waited_out_however_long() {
    tokio::join!(gone_and_back_in_time(servers::postgres().await), gone_and_back_in_time(servers::mysql().await));
}

async fn gone_and_back_in_time(database: TestDatabase) {
    let simulator = clerk().await;
    let (to_clerk, to_database) = (Proxy::before(&simulator.url()).await, Proxy::before(&database.url).await);
    fill(&database, USERS).await;
    let before = others(&database).await;
    let program = program(&to_clerk.url(), &to_database.url());
    to_clerk.set(Trap::HoldAfterRequests(SOME_USERS));
    let running = Running::start(&program, &WITH_WRITE_BACK);
    to_clerk.until_held().await;
    to_database.switch_off();
    // More often than it would try once push is over.
    to_database.until_refused(7).await;
    to_database.open();
    to_clerk.open();
    let run = running.end().await;
    run.expect_code(0);
    assert_eq!(run.json()["writtenBack"], USERS);
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_done_and_counts_as_ours() {
    tokio::join!(commit_unanswered(servers::postgres().await), commit_unanswered(servers::mysql().await));
}

async fn commit_unanswered(database: TestDatabase) {
    let simulator = clerk().await;
    let (to_clerk, to_database) = (Proxy::before(&simulator.url()).await, Proxy::before(&database.url).await);
    fill(&database, USERS).await;
    let before = others(&database).await;
    // Without TLS, the proxy can read along.
    let program = program(&to_clerk.url(), &format!("{}?sslmode=disable", to_database.url()));
    to_clerk.set(Trap::HoldAfterRequests(SOME_USERS));
    let mut running = Running::start(&program, &WITH_WRITE_BACK);
    to_clerk.until_held().await;
    to_database.set(Trap::LoseAnswerTo("COMMIT"));
    to_clerk.open();
    running.until_told(TRIES_AGAIN, 1).await;
    assert!(to_database.has_sprung());
    let run = running.end().await;
    run.expect_code(0);
    assert_eq!(run.json()["writtenBack"], USERS, "{}: {}", database.engine, run.stdout);
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}
