//! The application holds locks: on rows, on what a trigger needs, on the table, on the file.

use db2clerk::engine::Engine;
use serde_json::json;

use super::proxy::Trap;
use super::{
    BACKFILL, MIGRATE, Proxy, Running, Session, TRIES_AGAIN, WITH_WRITE_BACK, clerk, expect_all_right, fill, held,
    made, others, program,
};
use crate::program::Program;
use crate::servers::{self, TestDatabase};

/// The user IDs of the log, each with its state and message.
fn logged(program: &Program) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    program.log().iter().map(|line| (text(&line["userId"]), text(&line["state"]), text(&line["message"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_are_named_and_wait_and_all_others_are_written() {
    tokio::join!(
        rows_locked(servers::postgres().await),
        rows_locked(servers::mysql().await),
        rows_locked(servers::mariadb().await)
    );
}

async fn rows_locked(database: TestDatabase) {
    let simulator = clerk().await;
    fill(&database, 50).await;
    let before = others(&database).await;
    let program = program(&simulator.url(), &database.url);
    let mut application = Session::open(&database).await;
    application.execute("START TRANSACTION; SELECT id FROM users WHERE id IN (3, 7) FOR UPDATE").await;
    let run = program.run(&WITH_WRITE_BACK).await;
    run.expect_code(1);
    assert_eq!((&run.json()["writtenBack"], &run.json()["writeBackFailed"]), (&json!(48), &json!(2)));
    let mut expected = made(&simulator);
    for locked in ["3", "7"] {
        expected.insert(locked.to_owned(), None);
    }
    assert_eq!(held(&database).await, expected, "{}", database.engine);
    let log = logged(&program);
    let named: Vec<(&str, &str)> = log.iter().map(|(id, state, _)| (id.as_str(), state.as_str())).collect();
    assert_eq!(named, [("3", "waiting"), ("7", "waiting")], "{}", database.engine);
    assert!(log.iter().all(|(.., message)| message.contains("lock") && message.contains("backfill")), "{log:?}");
    // The application was kept waiting by nobody, and its transaction is whole.
    application.execute("UPDATE users SET name = name WHERE id IN (3, 7); COMMIT").await;
    program.run(&BACKFILL).await.expect_code(0);
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_end_while_users_are_sent_leave_no_trace() {
    tokio::join!(
        locked_for_a_while(servers::postgres().await),
        locked_for_a_while(servers::mysql().await),
        locked_for_a_while(servers::sqlite().await)
    );
}

async fn locked_for_a_while(database: TestDatabase) {
    let simulator = clerk().await;
    let to_clerk = Proxy::before(&simulator.url()).await;
    fill(&database, 300).await;
    let before = others(&database).await;
    let program = program(&to_clerk.url(), &database.url);
    let mut application = Session::open(&database).await;
    application
        .execute(match database.engine {
            // Another writer; SQLite locks the whole file, and readers pass.
            Engine::Sqlite => "BEGIN IMMEDIATE",
            _ => "START TRANSACTION; SELECT id FROM users WHERE id <= 10 FOR UPDATE",
        })
        .await;
    to_clerk.set(Trap::HoldAfterRequests(30_000));
    let mut running = Running::start(&program, &WITH_WRITE_BACK);
    to_clerk.until_held().await;
    running.until_told(TRIES_AGAIN, 2).await;
    if database.engine != Engine::Sqlite {
        let held = held(&database).await;
        assert!(held.values().flatten().count() > 0, "{}: others are written meanwhile", database.engine);
        assert!((1..=10).all(|id: u32| held[&id.to_string()].is_none()));
    }
    application.execute("ROLLBACK").await;
    to_clerk.open();
    let run = running.end().await;
    run.expect_code(0);
    assert_eq!(run.json()["writtenBack"], 300);
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_trigger_meets_a_lock_waits_alone() {
    tokio::join!(trigger_locked_out(servers::postgres().await), trigger_locked_out(servers::mysql().await));
}

async fn trigger_locked_out(database: TestDatabase) {
    let simulator = clerk().await;
    fill(&database, 20).await;
    database
        .execute("CREATE TABLE counters (id integer PRIMARY KEY, n integer); INSERT INTO counters VALUES (1, 0)")
        .await;
    database
        .execute(if database.engine == Engine::Postgres {
            "CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN IF NEW.id = 5 THEN UPDATE counters SET n = n + 1; END IF; RETURN NEW; END'; \
             CREATE TRIGGER count_it BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION count_it()"
        } else {
            "CREATE TRIGGER count_it BEFORE UPDATE ON users FOR EACH ROW \
             BEGIN IF NEW.id = 5 THEN UPDATE counters SET n = n + 1; END IF; END"
        })
        .await;
    let before = others(&database).await;
    let program = program(&simulator.url(), &database.url);
    let mut application = Session::open(&database).await;
    application.execute("START TRANSACTION; UPDATE counters SET n = 7").await;
    let run = program.run(&WITH_WRITE_BACK).await;
    run.expect_code(1);
    assert_eq!(run.json()["writtenBack"], 19, "{}", database.engine);
    let log = logged(&program);
    let named: Vec<(&str, &str)> = log.iter().map(|(id, state, _)| (id.as_str(), state.as_str())).collect();
    assert_eq!(named, [("5", "waiting")], "{}", database.engine);
    application.execute("COMMIT").await;
    program.run(&BACKFILL).await.expect_code(0);
    expect_all_right(&database, &simulator, &before).await;
    assert_eq!(database.query("SELECT n FROM counters").await, [[Some("8".to_owned())]]);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_or_file_is_given_up_with_a_clear_word_and_backfill_finishes() {
    tokio::join!(
        all_locked(servers::postgres().await),
        all_locked(servers::mysql().await),
        all_locked(servers::sqlite().await)
    );
}

async fn all_locked(database: TestDatabase) {
    let simulator = clerk().await;
    fill(&database, 20).await;
    let before = others(&database).await;
    let program = program(&simulator.url(), &database.url);
    program.run(&MIGRATE).await.expect_code(0);
    let mut application = Session::open(&database).await;
    let (lock, unlock) = match database.engine {
        // What an ALTER TABLE that is at work does to others.
        Engine::Postgres => ("BEGIN; LOCK TABLE users IN EXCLUSIVE MODE", "ROLLBACK"),
        Engine::MySql => ("LOCK TABLES users READ", "UNLOCK TABLES"),
        Engine::Sqlite => ("BEGIN IMMEDIATE", "ROLLBACK"),
    };
    application.execute(lock).await;
    let run = program.run(&BACKFILL).await;
    run.expect_code(1).expect_told("the write-back stopped").expect_told("the table is busy");
    assert_eq!((&run.json()["written"], &run.json()["waiting"]), (&json!(0), &json!(20)), "{}", database.engine);
    application.execute(unlock).await;
    program.run(&BACKFILL).await.expect_code(0);
    expect_all_right(&database, &simulator, &before).await;
    simulator.stop().await;
}
