//! `undo`: what the ledger created goes, and nothing else.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use db2clerk::simulator::{Fault, Hold, Rule, Settings};
use reqwest::Method;
use serde_json::json;

use crate::scene::Scene;
use crate::servers;

#[tokio::test(flavor = "multi_thread")]
async fn users_we_made_are_deleted_and_all_others_stay() {
    for database in servers::all().await {
        let scene = Scene::on(database, Settings::default(), 130).await;
        let before = scene.sign_up_in_clerk(json!({"external_id": "u1", "email_address": ["u1@example.com"]})).await;
        let stranger = scene.sign_up_in_clerk(json!({"external_id": "x", "email_address": ["x@example.com"]})).await;
        scene.migrate(&["--write-back"]).await.expect_code(0);
        let signed_in = scene.clerk_id("u2");
        scene.simulator.sign_in(&signed_in).expect("a user");
        scene.in_clerk(Method::DELETE, &format!("/users/{}", scene.clerk_id("u3")), json!({})).await;
        let reassigned = scene.clerk_id("u4");
        scene.in_clerk(Method::PATCH, &format!("/users/{reassigned}"), json!({"external_id": "mine-now"})).await;
        scene.set("u5", "clerk_id = 'user_setbysomebodyelse'").await;
        scene.set("u6", "clerk_id = NULL").await;

        let run = scene.undo(&["--dry-run"]).await;
        run.expect_code(0);
        let expected = json!({"toDelete": 126, "goneAlready": 1, "signedIn": 1, "reassigned": 1, "toUnlink": 0});
        assert_eq!(run.json(), expected);
        assert_eq!(scene.simulator.users().len(), 130, "a dry run deletes nobody");

        let run = scene.undo(&["--clear-column", "--query", "users.sql"]).await;
        run.expect_code(0).expect_told("production instance").expect_told("DELETED");
        let json = run.json();
        assert_eq!(
            (&json["deleted"], &json["goneAlready"], &json["signedIn"]),
            (&json!(126), &json!(1), &json!(1)),
            "{json}"
        );
        let mut left: Vec<String> =
            scene.simulator.users().iter().map(|user| user["id"].as_str().expect("an ID").to_owned()).collect();
        left.sort();
        let mut expected = vec![before, stranger, signed_in.clone(), reassigned.clone()];
        expected.sort();
        assert_eq!(left, expected);
        let column = scene.column().await;
        let ids: Vec<(&str, &str)> =
            column.iter().filter_map(|(id, clerk_id)| Some((id.as_str(), clerk_id.as_deref()?))).collect();
        let expected = [("u2", signed_in.as_str()), ("u4", reassigned.as_str()), ("u5", "user_setbysomebodyelse")];
        assert_eq!(ids, expected, "users we made who are in Clerk still keep theirs");

        let run = scene.undo(&["--include-signed-in"]).await;
        run.expect_code(0);
        assert_eq!(run.json()["deleted"], 1);
        let run = scene.migrate(&[]).await;
        assert_eq!(run.json()["created"], 0, "deleted users stay deleted");
        let run = scene.migrate(&["--recreate"]).await;
        assert_eq!(run.json()["created"], 128, "{}\n{}", run.stdout, run.stderr);
        assert_eq!(scene.status().await["deleted"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_answer_was_lost_is_found_and_deleted_too() {
    let scene = Scene::new(30).await;
    scene.simulator.script(Rule::new("POST", "/v1/users", Fault::LoseAnswer).nth(3));
    scene.simulator.script(Rule::new("POST", "/v1/users", Fault::LoseAnswer).nth(8));
    // After the lost answers Clerk is gone for good, so that nobody is looked up.
    scene.simulator.script(Rule::new("*", "/v1/users", Fault::KeyRevoked).between(9, 60));
    scene.migrate(&[]).await.expect_code(1);
    let made = scene.simulator.users().len() as u64;
    let known = scene.status().await["created"].as_u64().expect("a number");
    assert!(known < made, "{known} known, {made} made");
    scene.database.execute("DELETE FROM users").await;
    let mut run = scene.undo(&[]).await;
    while run.code != 0 && scene.simulator.counts().requests < 300 {
        run = scene.undo(&[]).await;
    }
    run.expect_code(0);
    assert_eq!(scene.simulator.users().len(), 0, "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_goes_on_after_failures_lost_answers_and_a_revoked_key() {
    let scene = Scene::new(120).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::LoseAnswer).nth(5));
    scene.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::ServerError).nth(9));
    scene.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::KeyRevoked).between(60, 400));
    let run = scene.undo(&[]).await;
    run.expect_code(1).expect_told("To go on from here: db2clerk undo");
    let left = scene.simulator.users().len();
    assert!(left > 0 && left < 120, "{left}");
    scene.simulator.script(Rule::new("DELETE", "/v1/never", Fault::Cut));
    let mut run = scene.undo(&[]).await;
    while run.code != 0 && scene.simulator.counts().requests < 2_000 {
        run = scene.undo(&[]).await;
    }
    run.expect_code(0);
    assert_eq!(scene.simulator.users().len(), 0);
    assert_eq!(scene.status().await["deleted"], 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_is_refused_without_consent_a_ledger_or_with_the_key_of_another_instance() {
    let scene = Scene::new(2).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.program.run(&["undo"]).await.expect_code(2).expect_told("--yes");
    scene.program.run(&["undo", "--yes", "--ledger", "none.db"]).await.expect_code(2).expect_told("none.db");
    let ledger = ".db2clerk/ins_2Simulator00000000000000000.db";
    let dev = scene.program.run(&["undo", "--yes", "--clerk-secret-key", "sk_test_x", "--ledger", ledger]).await;
    dev.expect_code(2).expect_told("IMPORT_TO_DEV_INSTANCE");
    let flags = ["undo", "--yes", "--clerk-secret-key", "sk_test_x", "--import-to-dev-instance", "--ledger", ledger];
    scene.program.run(&flags).await.expect_code(2).expect_told("belongs to the Clerk instance");
    assert_eq!(scene.simulator.users().len(), 2);
}

/// Runs the program until it is killed at this point.
#[cfg(unix)]
async fn killed_at(scene: &Scene, point: &str, arguments: &[&str]) {
    use std::os::unix::process::ExitStatusExt;
    let mut command = scene.program.command(arguments);
    command.env("DB2CLERK_KILL_AT", point).stdout(Stdio::null()).stderr(Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status()).await.expect("a task").expect("it starts");
    assert!(status.signal().is_some(), "{point} was not reached: {status}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_killed_run_made_and_whatever_it_wrote_is_undone_as_well() {
    for (point, rows) in [("create-answered:7", false), ("answers-to-record:3", false), ("rows-committed:1", true)] {
        let scene = Scene::new(60).await;
        killed_at(&scene, point, &["migrate", "--query", "users.sql", "--yes", "--quiet", "--write-back"]).await;
        assert!(!scene.simulator.users().is_empty(), "{point}");
        assert_eq!(scene.column().await.iter().any(|(_, clerk_id)| clerk_id.is_some()), rows, "{point}");
        let run = scene.undo(&["--clear-column", "--query", "users.sql"]).await;
        run.expect_code(0);
        assert_eq!(scene.simulator.users().len(), 0, "{point}: {}", run.stdout);
        assert!(scene.column().await.iter().all(|(_, clerk_id)| clerk_id.is_none()), "{point}");
        scene.migrate(&["--recreate", "--write-back"]).await.expect_code(0);
        assert_eq!(scene.simulator.users().len(), 60, "{point}");
        assert!(scene.column().await.iter().all(|(id, clerk_id)| *clerk_id == Some(scene.clerk_id(id))), "{point}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn undo_that_is_killed_goes_on_and_deletes_nobody_else() {
    let scene = Scene::new(150).await;
    let stranger = scene.sign_up_in_clerk(json!({"external_id": "x", "email_address": ["x@example.com"]})).await;
    scene.migrate(&[]).await.expect_code(0);
    let hold = Hold::new();
    scene.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::HoldAfter(hold.clone())).onwards(60));
    let mut child = scene.program.command(&["undo", "--yes", "--quiet"]).spawn().expect("it starts");
    hold.caught(5).await.expect("users are deleted and nobody knows");
    child.kill().expect("kill -9");
    child.wait().expect("an end");
    hold.release();
    let run = scene.undo(&[]).await;
    run.expect_code(0);
    assert!(run.json()["goneAlready"].as_u64() >= Some(5), "{}", run.stdout);
    assert_eq!(scene.status().await["deleted"], 150);
    let left: Vec<_> = scene.simulator.users().iter().map(|user| user["id"].clone()).collect();
    assert_eq!(left, [json!(stranger)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_still_wait_are_not_written_once_their_users_are_deleted() {
    let scene = Scene::new(8).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.undo(&[]).await.expect_code(0);
    let run = scene.program.run(&["backfill", "--query", "users.sql", "--yes", "--json"]).await;
    assert_eq!(run.json()["written"], 0, "{}", run.stdout);
    assert!(scene.column().await.iter().all(|(_, clerk_id)| clerk_id.is_none()));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_awaits_what_is_on_its_way_and_says_how_to_go_on() {
    let scene = Scene::new(150).await;
    scene.migrate(&[]).await.expect_code(0);
    let hold = Hold::new();
    scene.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::HoldAfter(hold.clone())).between(20, 23));
    let mut command = scene.program.command(&["undo", "--yes", "--json"]);
    command.env("CONCURRENCY_LIMIT", "4").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    hold.caught(4).await.expect("users are deleted and nobody knows");
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let mut told = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let stopping = tokio::task::spawn_blocking(move || {
        let stopping = told.find(|line| line.as_ref().is_ok_and(|line| line.contains("Stopping")));
        (stopping.is_some(), told)
    });
    let (stopping, told) = stopping.await.expect("a task");
    assert!(stopping, "the stop is heard");
    hold.release();
    let ended =
        tokio::task::spawn_blocking(move || (told.map_while(Result::ok).collect::<Vec<_>>(), child.wait_with_output()));
    let (told, output) = ended.await.expect("a task");
    let output = output.expect("an end");
    assert_eq!(output.status.code(), Some(130), "{told:?}");
    assert!(told.iter().any(|line| line.contains("To go on from here: db2clerk undo --yes")), "{told:?}");
    let deleted = 150 - scene.simulator.users().len();
    assert!(deleted < 150);
    assert_eq!(scene.status().await["deleted"].as_u64(), Some(deleted as u64), "every answer is recorded");
    scene.undo(&[]).await.expect_code(0);
    assert_eq!(scene.simulator.users().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_somebody_else_made_long_after_our_request_failed_is_not_deleted() {
    let scene = Scene::new(1).await;
    scene.simulator.script(Rule::new("POST", "/v1/users", Fault::ServerError));
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::KeyRevoked).nth(1));
    scene.migrate(&[]).await.expect_code(1);
    assert!(scene.simulator.users().is_empty(), "nothing was made");
    let long_ago =
        json!({"external_id": "u1", "email_address": ["u1@example.com"], "created_at": "2021-01-02T03:04:05Z"});
    let theirs = scene.sign_up_in_clerk(long_ago).await;
    scene.migrate(&[]).await.expect_code(0);
    let status = scene.status().await;
    assert_eq!((&status["adopted"], &status["created"]), (&json!(1), &json!(0)), "{status}");
    scene.undo(&[]).await.expect_code(0);
    assert_eq!(scene.clerk_id("u1"), theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_created_again_gets_the_new_id_into_the_row_in_the_place_of_the_dead_one() {
    for database in servers::all().await {
        let scene = Scene::on(database, Settings::default(), 4).await;
        scene.migrate(&["--write-back"]).await.expect_code(0);
        scene.undo(&[]).await.expect_code(0);
        assert!(scene.column().await.iter().all(|(_, clerk_id)| clerk_id.is_some()), "they were not to be cleared");
        scene.migrate(&["--recreate", "--write-back"]).await.expect_code(0);
        assert!(scene.column().await.iter().all(|(id, clerk_id)| *clerk_id == Some(scene.clerk_id(id))));
    }
}
