//! Killed or interrupted while columns beside are added and filled: the next run finishes.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use db2clerk::engine::Engine;
use db2clerk::kill_point::Point;

use super::app::{App, Key};
use super::beside::{Session, Stage};
use crate::kills::rig::below_shell;
use crate::program::Program;
use crate::servers;

/// Runs the program to be killed at a passage of a point, and returns whether it was.
pub(super) async fn is_killed(program: &Program, arguments: &[&str], point: Point, passage: u64) -> bool {
    let mut command = below_shell(&program.command(arguments), "ulimit -c 0");
    command.env("DB2CLERK_KILL_AT", format!("{}:{passage}", point.word()));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status()).await.expect("a task").expect("it starts");
    status.signal().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_no_statement_and_in_the_middle_of_none_a_kill_does_harm() {
    let arguments = [
        "backfill",
        "--query",
        "users.sql",
        "--references",
        "users.invited_by,posts.author_id,audit.actor=who",
        "--yes",
    ];
    let drop = ["users.invited_by_clerk_id", "posts.author_clerk_id", "audit.who"];
    let pairs = drop.map(|path| {
        let (table, beside) = path.split_once('.').expect("a path");
        let column =
            ["invited_by", "author_id", "actor"][drop.iter().position(|other| *other == path).expect("itself")];
        (table.to_owned(), column.to_owned(), beside)
    });
    for database in servers::all().await {
        let engine = database.engine;
        let stage = Stage::new(App::new(database, Key::Text, 20, 300).await).await;
        stage.program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes"]).await.expect_code(0);
        let before = stage.others().await;
        let points = if engine == Engine::Sqlite {
            vec![(Point::Statement, 1), (Point::DatabaseStep, 211)]
        } else {
            vec![(Point::Statement, 2)]
        };
        for (point, stride) in points {
            let mut kills = 0;
            for passage in (1..).step_by(stride) {
                if !is_killed(&stage.program, &arguments, point, passage).await {
                    break;
                }
                kills += 1;
                // One row refers to nobody.
                stage.program.run(&arguments).await.expect_code(1);
                assert_eq!(stage.check(&pairs).await, 7 + 300 + 30, "{engine}: killed at {}:{passage}", point.word());
                assert_eq!(stage.others().await, before, "{engine}: killed at {}:{passage}", point.word());
                for (table, _, beside) in &pairs {
                    let index = format!("{table}_{beside}_idx");
                    let on = if engine == Engine::MySql { format!(" ON {table}") } else { String::new() };
                    stage
                        .app
                        .database
                        .execute(&format!("DROP INDEX {index}{on}; ALTER TABLE {table} DROP COLUMN {beside}"))
                        .await;
                }
            }
            assert!(kills > 5, "{engine}: {kills} kills at {} are too few", point.word());
        }
        stage.simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_insists_on_an_end_need_not_wait_for_what_the_database_is_at() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let stage = Stage::new(App::new(database, Key::Text, 6, 12).await).await;
        let engine = stage.app.database.engine;
        stage.program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes"]).await.expect_code(0);
        // Whoever reads a table keeps its columns as they are.
        let reader = Session::open(&stage.app.database.url, engine).await.execute("BEGIN; SELECT * FROM posts").await;
        let arguments = ["backfill", "--query", "users.sql", "--references", "posts.author_id", "--yes"];
        let mut command = stage.program.command(&arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let waiting = if engine == Engine::MySql {
            "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE '%metadata lock%'"
        } else {
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'posts'::regclass"
        };
        while stage.app.database.query(waiting).await == [[Some("0".to_owned())]] {
            assert!(child.try_wait().expect("a child").is_none(), "{engine}: it waits for nobody");
        }
        let interrupt = |id: u32| {
            let told = Command::new("kill").args(["-INT", &id.to_string()]).status().expect("kill");
            assert!(told.success(), "{engine}: it runs no more");
        };
        interrupt(child.id());
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let heard = lines.any(|line| line.expect("a line").contains("Ctrl-C again stops at once"));
        assert!(heard, "{engine}: it does not say that it has heard");
        interrupt(child.id());
        let ended = tokio::task::spawn_blocking(move || child.wait().expect("it ends")).await.expect("a task");
        assert_eq!(ended.code(), Some(130), "{engine}");
        drop(reader);
        stage.program.run(&arguments).await.expect_code(0);
        stage.check(&[("posts".to_owned(), "author_id".to_owned(), "author_clerk_id")]).await;
        stage.simulator.stop().await;
    }
}
