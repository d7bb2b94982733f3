//! Many rows, through the real program: filled a part at a time, by whatever the table is kept by.
//!
//! `TEST_REFERENCES_USERS=100000` is the size that an application may have; ten posts a user. What is right is what the simulator
//! made and what the test put into the tables; row by row it is compared here, by code that shares nothing with the program.

use std::io::Write as _;
use std::time::Instant;

use db2clerk::engine::Engine;

use super::app::{App, Key};
use super::beside::Stage;
use crate::servers;

/// How many users there are where nobody says: seconds for each engine.
const FEW: u32 = 3000;

fn users() -> u32 {
    std::env::var("TEST_REFERENCES_USERS").map_or(FEW, |users| users.parse().expect("a number"))
}

const MIGRATE: [&str; 7] = ["migrate", "--query", "users.sql", "--write-back", "--yes", "--rate", "none"];

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_large_tables_gets_its_users_clerk_id_and_nothing_else_changes() {
    let keys = [(Engine::Postgres, Key::Uuid), (Engine::MySql, Key::Binary), (Engine::Sqlite, Key::Integer)];
    for (database, (engine, key)) in servers::all().await.into_iter().zip(keys) {
        let app = App::new(database, key, users(), users() * 10).await;
        assert_eq!(app.database.engine, engine);
        // The table without a key: no row of it refers to nobody, so that all is done in the end.
        app.database.execute(&format!("DELETE FROM audit WHERE actor = {}", app.id("99999999"))).await;
        let stage = Stage::new(app).await;
        let mut pairs = stage.pairs();
        pairs.push(("audit".to_owned(), "actor".to_owned(), "actor_clerk_id"));
        let before = stage.others().await;
        let columns = pairs.iter().map(|(table, column, _)| format!("{table}.{}", stage.app.quoted(column)));
        let columns: Vec<String> = columns.collect();
        stage.program.run(&MIGRATE).await.expect_code(0);
        let start = Instant::now();
        let arguments = ["backfill", "--query", "users.sql", "--references", &columns.join(","), "--yes", "--json"];
        let run = stage.program.run(&arguments).await;
        let took = start.elapsed();
        run.expect_code(0);

        let mut referring = 0;
        for (table, column, _) in &pairs {
            let sql = format!("SELECT count({}) FROM {table}", stage.app.quoted(column));
            referring += stage.app.database.query(&sql).await[0][0]
                .as_ref()
                .expect("a count")
                .parse::<usize>()
                .expect("a number");
        }
        assert!(referring > 10 * users() as usize, "{engine}: {referring}");
        assert_eq!(stage.check(&pairs).await, referring, "{engine}");
        // No `assert_eq`: nobody reads a million rows.
        assert!(stage.others().await == before, "{engine}: something else has changed");
        let json = run.json();
        let told = json["references"].as_array().expect("a list").iter();
        let filled: u64 = told.map(|column| column["filled"].as_u64().expect("a number")).sum();
        assert_eq!(filled, referring as u64, "{engine}: {json}");
        let told = format!("{engine} {key:?}: {} users, {referring} rows that refer to them, in {took:?}", users());
        writeln!(std::io::stderr(), "{told}").expect("somebody to tell it to");
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_make_are_filled() {
    for database in servers::all().await {
        let engine = database.engine;
        let stage = Stage::new(App::new(database, Key::Text, 700, 10).await).await;
        let app = &stage.app;
        stage.program.run(&MIGRATE).await.expect_code(0);
        let (make, tables): (&str, &[&str]) = match engine {
            Engine::Postgres => (
                "CREATE TABLE parted (n serial, user_id text REFERENCES users (id), PRIMARY KEY (n)) PARTITION BY RANGE (n);
                 CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (300);
                 CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
                 INSERT INTO parted (user_id) SELECT id FROM users;
                 CREATE TABLE loose (user_id varchar(99), note text); INSERT INTO loose SELECT id FROM users",
                &["parted", "loose"],
            ),
            Engine::MySql => (
                "CREATE TABLE dated (at datetime(3) NOT NULL, name varchar(50) CHARACTER SET latin1 NOT NULL, n decimal(9,2) NOT NULL,
                     user_id varchar(36), touched timestamp(3) NOT NULL DEFAULT '2001-02-03 04:05:06.000' ON UPDATE CURRENT_TIMESTAMP(3),
                     PRIMARY KEY (at, name, n), FOREIGN KEY (user_id) REFERENCES users (id));
                 INSERT INTO dated (at, name, n, user_id) SELECT '2020-01-01 00:00:00.123', CONCAT('\u{e9}\\'\\\\', tenant), RIGHT(id, 6) / 4, id FROM users;
                 CREATE TABLE worded (kind ENUM('b', 'a') NOT NULL, n int NOT NULL, user_id varchar(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
                     PRIMARY KEY (kind, n));
                 INSERT INTO worded SELECT IF(tenant = 1, 'a', 'b'), RIGHT(id, 6), id FROM users;
                 CREATE TABLE loose (user_id varchar(99), note text); INSERT INTO loose (user_id) SELECT id FROM users",
                &["dated", "worded", "loose"],
            ),
            Engine::Sqlite => (
                "CREATE TABLE pairs (name TEXT, n REAL, user_id TEXT REFERENCES users, PRIMARY KEY (name, n)) WITHOUT ROWID;
                 INSERT INTO pairs SELECT 'it''s ' || tenant, rowid / 4.0, id FROM users;
                 CREATE TABLE named (rowid TEXT, _rowid_ TEXT, user_id TEXT); INSERT INTO named (user_id) SELECT id FROM users;
                 CREATE TABLE whole (rowid TEXT, _rowid_ TEXT, oid TEXT, user_id TEXT); INSERT INTO whole (user_id) SELECT id FROM users;
                 CREATE TABLE sparse (id INTEGER PRIMARY KEY, user_id TEXT);
                 INSERT INTO sparse SELECT (rowid - 350) * 123456789012345, id FROM users",
                &["pairs", "named", "whole", "sparse"],
            ),
        };
        app.database.execute(make).await;
        let columns: Vec<String> = tables.iter().map(|table| format!("{table}.user_id")).collect();
        let arguments = ["backfill", "--query", "users.sql", "--references", &columns.join(","), "--yes"];
        stage.program.run(&arguments).await.expect_code(0);
        let in_clerk: Vec<Vec<Option<String>>> =
            stage.in_clerk().into_iter().map(|(id, clerk_id)| vec![Some(id), Some(clerk_id)]).collect();
        for table in tables {
            let mut rows = app.database.query(&format!("SELECT user_id, user_clerk_id FROM {table}")).await;
            rows.sort();
            let mut expected = in_clerk.clone();
            expected.sort();
            assert_eq!(rows, expected, "{engine}: {table}");
        }
        if engine == Engine::MySql {
            let touched = app.database.query("SELECT DISTINCT touched FROM dated").await;
            assert_eq!(touched, [[Some("2001-02-03 04:05:06.000".to_owned())]], "no other column changes");
        }
        stage.simulator.stop().await;
    }
}
