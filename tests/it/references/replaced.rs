//! After the IDs are replaced, and while they are: what the other commands make of it.

use db2clerk::engine::Engine;
use db2clerk::kill_point::Point;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};

use super::app::{App, Key};
use super::beside::Stage;
use super::kills::is_killed;
use super::replace::APPLY;
use crate::servers;

/// An application whose users are in Clerk, and whose database knows their Clerk IDs.
async fn migrated(app: App) -> Stage {
    let gone = app.id("99999999");
    app.database.execute(&format!("DELETE FROM audit WHERE actor = {gone}; DROP TABLE tags; DROP VIEW authors")).await;
    let stage = Stage::new(app).await;
    stage.program.write("bare.sql", "SELECT id AS userId, email FROM users");
    stage.program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes"]).await.expect_code(0);
    stage
}

impl Stage {
    /// Runs statements on the ledger, behind the program's back, and returns what the last of them tells.
    async fn on_ledger(&self, sql: &str) -> Vec<String> {
        let folder = std::fs::read_dir(self.program.path(".db2clerk")).expect("a folder of ledgers");
        let mut files = folder.map(|file| file.expect("a file").path());
        let ledger = files.find(|path| path.extension().is_some_and(|extension| extension == "db")).expect("a ledger");
        let mut connection =
            sqlx::SqliteConnection::connect(&format!("sqlite:{}", ledger.display())).await.expect("a connection");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("the test's own SQL")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_every_engine_everything_goes_on_by_the_old_ids_and_a_clerk_id_is_no_user_id() {
    let keys = [(Key::Text, Key::Uuid), (Key::Text, Key::Binary), (Key::Text, Key::Integer)];
    for keys in [keys.map(|(one, _)| one), keys.map(|(_, other)| other)] {
        for (database, key) in servers::all().await.into_iter().zip(keys) {
            let what = format!("{} {key:?}", database.engine);
            let stage = migrated(App::new(database, key, 20, 60).await).await;
            let program = &stage.program;
            program.run(&[&APPLY[..], &["replace.sql"]].concat()).await.expect_code(0);
            let known = "SELECT users_table || ' ' || way_back || ' ' || (finished_at IS NOT NULL) FROM replacement";
            assert_eq!(stage.on_ledger(known).await, ["users replace-back.sql 1"], "{what}");

            // A query that says nothing of table and key: the ledger knows that it gives Clerk IDs.
            let commands: [&[&str]; 3] = [
                &["migrate", "--query", "bare.sql", "--yes"],
                &["verify", "--query", "bare.sql"],
                &["backfill", "--from", "clerk", "--query", "bare.sql", "--table", "users", "--key", "id", "--yes"],
            ];
            for command in &commands[..2] {
                program.run(command).await.expect_code(2).expect_told("have been replaced by Clerk IDs");
            }
            // As if somebody had run the script himself: they are the Clerk IDs of users who are known.
            stage.on_ledger("DELETE FROM replacement RETURNING source").await;
            for command in commands {
                let run = program.run(command).await;
                run.expect_code(2).expect_told("as a user ID, and that is the Clerk ID of a user who is in Clerk");
            }
            assert_eq!(stage.simulator.users().len(), 20, "{what}: nobody was sent");

            let query = "-- table: users\n-- key: legacy_id\nSELECT legacy_id AS userId, email FROM users WHERE legacy_id IS NOT NULL";
            program.write("users.sql", query);
            let run = program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes", "--json"]).await;
            run.expect_code(0);
            let json = run.json();
            assert_eq!(
                (&json["pulled"], &json["created"], &json["vanished"]),
                (&json!(20), &json!(0), &json!(0)),
                "{what}"
            );
            program.run(&["verify", "--query", "users.sql"]).await.expect_code(0);
            let run = program.run(&["backfill", "--table", "users", "--key", "id", "--yes", "--json"]).await;
            run.expect_code(0);
            assert_eq!((&run.json()["alreadyRight"], &run.json()["rowGone"]), (&json!(20), &json!(0)), "{what}");
            // And back again.
            stage.app.database.execute(&program.read("replace-back.sql")).await;
            let run = program.run(&["migrate", "--query", "bare.sql", "--yes", "--json"]).await;
            run.expect_code(0);
            assert_eq!((&run.json()["created"], &run.json()["vanished"]), (&json!(0), &json!(0)), "{what}");
            stage.simulator.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_ids_are_half_replaced_no_other_command_goes_by_them() {
    let stage = migrated(App::new(servers::mysql().await, Key::Integer, 6, 12).await).await;
    assert_eq!(stage.app.database.engine, Engine::MySql);
    let program = &stage.program;
    let apply = [&APPLY[..], &["replace.sql"]].concat();
    assert!(is_killed(program, &apply, Point::StepDone, 4).await);
    for command in [
        &["migrate", "--query", "users.sql", "--write-back", "--yes"][..],
        &["migrate", "--query", "bare.sql", "--yes"],
        &["verify", "--query", "users.sql"],
        &["backfill", "--table", "users", "--key", "id", "--yes"],
    ] {
        program
            .run(command)
            .await
            .expect_code(2)
            .expect_told("that is not finished")
            .expect_told("goes on where it stopped");
    }
    let status = program.run(&["status"]).await;
    assert!(status.stdout.contains("Replacement of the IDs of `users` unfinished, 3 of "), "{}", status.stdout);
    assert!(status.stdout.contains("run: `db2clerk backfill --replace-ids --apply`"), "{}", status.stdout);
    let replacement = program.run(&["status", "--json"]).await.json()["replacement"].clone();
    assert_eq!((&replacement["stepsDone"], &replacement["wayBack"]), (&json!(3), &json!("replace-back.sql")));
    let run = program.run(&apply).await;
    run.expect_code(0).expect_told("3 of its").expect_told("the way back is `replace-back.sql`");
    program.run(&["backfill", "--table", "users", "--key", "id", "--yes"]).await.expect_code(0);
    assert_eq!(program.run(&["status", "--json"]).await.json()["replacement"], json!(null));
    stage.simulator.stop().await;
}
