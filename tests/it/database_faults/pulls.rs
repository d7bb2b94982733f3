//! The database breaks off while users are read: half of them are never taken for all.

use std::io::{Seek, SeekFrom, Write};

use serde_json::json;

use super::proxy::Trap;
use super::{MIGRATE, Proxy, Running, clerk, fill, program};
use crate::program::{Program, Run};
use crate::servers::{self, TestDatabase};

/// Bytes of answers that come before the break: many users, and far from all.
const SOME_ROWS: usize = 100_000;
const USERS: usize = 20_000;
/// More than stands in the buffers between here and there, if every name is so long.
const LONG: usize = 1_500;

/// Two users are in Clerk from a first run; then the application has many more.
async fn begun(database: &TestDatabase, database_url: &str, clerk_url: &str) -> Program {
    fill(database, 2).await;
    let program = program(clerk_url, database_url);
    program.run(&MIGRATE).await.expect_code(0);
    database.execute("DROP TABLE users").await;
    fill(database, USERS).await;
    database.execute("UPDATE users SET name = 'Changed' WHERE id = 1").await;
    program
}

/// Checks that the run failed and took nothing over, and that the next one, of a few users, goes on as if nothing had been.
async fn expect_nothing_taken(run: &Run, program: &Program, before: &serde_json::Value, creates: [u64; 2]) {
    run.expect_code(1).expect_told("nothing of it was taken over").expect_told("could not be read to the end");
    assert_eq!(run.stdout, "");
    assert_eq!(creates[0], creates[1], "nothing was sent");
    let after = program.run(&["status", "--json"]).await.json();
    assert_eq!(&after, before, "the ledger is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_the_middle_of_the_rows_takes_nothing_over() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let simulator = clerk().await;
        let to_database = Proxy::before(&database.url).await;
        let program = begun(&database, &to_database.url(), &simulator.url()).await;
        let status = program.run(&["status", "--json"]).await.json();
        to_database.set(Trap::CutAfterAnswers(SOME_ROWS));
        let run = program.run(&MIGRATE).await;
        assert!(to_database.has_sprung(), "{}: it was cut while rows came", database.engine);
        expect_nothing_taken(&run, &program, &status, [2, simulator.counts().creates]).await;
        // Whole again, the same command works.
        database.execute("DELETE FROM users WHERE id > 30").await;
        let run = program.run(&MIGRATE).await;
        run.expect_code(0);
        assert_eq!((&run.json()["created"], simulator.users().len()), (&json!(28), 30));
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ended_by_the_server_in_the_middle_of_the_rows_takes_nothing_over() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let simulator = clerk().await;
        let to_database = Proxy::before(&database.url).await;
        let program = begun(&database, &to_database.url(), &simulator.url()).await;
        database.execute(&format!("UPDATE users SET name = repeat('x', {LONG})")).await;
        let status = program.run(&["status", "--json"]).await.json();
        to_database.set(Trap::HoldAfterAnswers(SOME_ROWS));
        let running = Running::start(&program, &MIGRATE);
        to_database.until_held().await;
        end_all_connections(&database).await;
        to_database.open();
        let run = running.end().await;
        expect_nothing_taken(&run, &program, &status, [2, simulator.counts().creates]).await;
        simulator.stop().await;
    }
}

/// As an administrator would: every connection to this database but our own.
async fn end_all_connections(database: &TestDatabase) {
    if database.engine == db2clerk::engine::Engine::Postgres {
        database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        return;
    }
    let connections = database
        .query("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        .await;
    for id in connections.into_iter().flatten().flatten() {
        database.execute(&format!("KILL CONNECTION {id}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_in_the_middle_takes_nothing_over() {
    let (database, simulator) = (servers::sqlite().await, clerk().await);
    let program = begun(&database, &database.url, &simulator.url()).await;
    let status = program.run(&["status", "--json"]).await.json();
    let path = database.url.strip_prefix("sqlite:").expect("a file's URL");
    let whole = std::fs::read(path).expect("the file");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("the file");
    file.seek(SeekFrom::Start(whole.len() as u64 / 2)).expect("the middle");
    file.write_all(&vec![0xa5; whole.len() / 4]).expect("garbage");
    drop(file);
    let run = program.run(&MIGRATE).await;
    expect_nothing_taken(&run, &program, &status, [2, simulator.counts().creates]).await;
    // A file that is no database at all, and none.
    std::fs::write(path, vec![0xa5; whole.len()]).expect("garbage");
    program.run(&MIGRATE).await.expect_code(1).expect_told("no SQLite database");
    std::fs::remove_file(path).expect("gone");
    program.run(&MIGRATE).await.expect_code(1).expect_told("cannot open the database file");
    assert_eq!(program.run(&["status", "--json"]).await.json(), status);
    std::fs::write(path, &whole).expect("the file");
    database.execute("DELETE FROM users WHERE id > 30").await;
    let run = program.run(&MIGRATE).await;
    run.expect_code(0);
    assert_eq!((&run.json()["created"], simulator.users().len()), (&json!(28), 30));
    simulator.stop().await;
}
