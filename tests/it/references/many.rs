//! Many rows: filled a part at a time, by whatever the table is kept by, and checked by SQL that shares nothing with the program.
//!
//! `TEST_REFERENCES_USERS=100000` is the size that an application may have; ten posts a user.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use db2clerk::database::{Access, Beside, Database, DatabaseUrl, TableName, Target, WrittenBeside};
use db2clerk::engine::Engine;
use db2clerk::shutdown::Shutdown;
use db2clerk::stage::Progress;
use db2clerk::stage::references::fill::{self, End, fill};
use db2clerk::stage::references::{Wanted, choose};

use super::app::{App, Key, NASTY, NASTY_COLUMN};
use crate::servers::{self, TestDatabase};

async fn open(database: &TestDatabase) -> (Database, Target) {
    let url = DatabaseUrl::parse(&database.url).expect("the test's URL");
    let opened = Database::connect(&url, Access::Write).await.expect("a connection");
    let target = opened.inspect(&TableName::parse("users").expect("a name"), "id", "clerk_id").await.expect("a target");
    (opened, target)
}

/// Puts Clerk IDs beside these columns.
async fn fill_all(database: &Database, target: &Target, columns: &str) -> Vec<Beside> {
    let wanted: Wanted = columns.parse().expect("columns");
    let links = choose(database, target, &wanted).await.expect("they are there");
    let progress = Arc::new(Progress::default());
    let mut planned = fill::plan(database, target, &links).await.expect("nothing is in the way");
    for beside in &mut planned {
        let rows = database.count_beside(beside).await.expect("a count").rows;
        let job = fill::Job { database, written: WrittenBeside::Fill, progress: &progress };
        let end = fill(job, beside, rows, &mut Shutdown::never()).await.expect("a count");
        assert!(matches!(end, End::Complete), "{}: {end:?}", beside.path());
    }
    let looked_at: u64 = progress.looked_at.get();
    assert!(looked_at > 0, "progress is told");
    planned
}

fn users() -> u32 {
    std::env::var("TEST_REFERENCES_USERS").map_or(3000, |users| users.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_filled_in_parts_whatever_their_table_is_kept_by() {
    let keys = [(Engine::Postgres, Key::Uuid), (Engine::MySql, Key::Binary), (Engine::Sqlite, Key::Integer)];
    for (database, (engine, key)) in servers::all().await.into_iter().zip(keys) {
        let app = App::new(database, key, users(), users() * 10).await;
        assert_eq!(app.database.engine, engine);
        app.give_clerk_ids().await;
        // Every table counts its rows' users; those of the posts are `n % users + 1`.
        let (opened, target) = open(&app.database).await;
        let memberships = app.shop("memberships");
        let nasty = format!("\"{}\".\"{NASTY_COLUMN}\"=beside", NASTY.replace('"', "\"\""));
        let start = Instant::now();
        let columns =
            format!("posts.author_id,{memberships}.user_id,audit.actor,users.invited_by,badges.profile_id,{nasty}");
        fill_all(&opened, &target, &columns).await;
        let took = start.elapsed();
        let author = app.clerk_id(&format!("t.id % {} + 1", app.users));
        let wrong = [
            format!("posts AS t WHERE t.author_clerk_id IS NULL OR t.author_clerk_id <> {author}"),
            format!("badges AS t WHERE t.profile_clerk_id IS NULL OR t.profile_clerk_id <> {}", app.clerk_id("t.id")),
            format!("{} AS t WHERE t.beside IS NULL OR t.beside <> {}", app.quoted(NASTY), app.clerk_id("t.id")),
            format!(
                "{memberships} AS t JOIN users AS u ON u.id = t.user_id WHERE t.user_clerk_id IS NULL OR t.user_clerk_id <> u.clerk_id"
            ),
            "audit AS t JOIN users AS u ON u.id = t.actor WHERE t.actor_clerk_id IS NULL OR t.actor_clerk_id <> u.clerk_id".to_owned(),
            format!(
                "users AS t WHERE t.tenant = 1 AND (t.invited_by_clerk_id IS NULL OR t.invited_by_clerk_id <> {})",
                app.clerk_id("1")
            ),
            "users AS t WHERE t.invited_by IS NULL AND t.invited_by_clerk_id IS NOT NULL".to_owned(),
        ];
        for from in wrong {
            let count = app.database.query(&format!("SELECT count(*) FROM {from}")).await;
            assert_eq!(count, [[Some("0".to_owned())]], "{engine}: {from}");
        }
        let posts = app.database.query("SELECT count(author_clerk_id) FROM posts").await;
        assert_eq!(posts, [[Some(app.posts.to_string())]], "{engine}");
        let told = format!("{engine} {key:?}: {} users and {} posts in {took:?}", app.users, app.posts);
        writeln!(std::io::stderr(), "{told}").expect("somebody to tell it to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_make_are_filled() {
    for database in servers::all().await {
        let engine = database.engine;
        let app = App::new(database, Key::Text, 700, 10).await;
        app.give_clerk_ids().await;
        let all = "SELECT id, clerk_id FROM users";
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
        let (opened, target) = open(&app.database).await;
        let columns: Vec<String> = tables.iter().map(|table| format!("{table}.user_id")).collect();
        fill_all(&opened, &target, &columns.join(",")).await;
        for table in tables {
            let rows = app.database.query(&format!("SELECT user_id, user_clerk_id FROM {table}")).await;
            let mut rows: Vec<_> = rows.into_iter().collect();
            rows.sort();
            let mut expected = app.database.query(all).await;
            expected.sort();
            assert_eq!(rows, expected, "{engine}: {table}");
        }
        if engine == Engine::MySql {
            let touched = app.database.query("SELECT DISTINCT touched FROM dated").await;
            assert_eq!(touched, [[Some("2001-02-03 04:05:06.000".to_owned())]], "no other column changes");
        }
    }
}
