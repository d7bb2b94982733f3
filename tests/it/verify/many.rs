//! More users than fit into two pages of Clerk's, and a comparison that comes to no end.

use std::fmt::Write as _;

use db2clerk::simulator::{Fault, Hold, Rule};
use serde_json::json;

use super::{new, people};
use crate::servers;

const USERS: usize = 1200;

#[tokio::test(flavor = "multi_thread")]
async fn users_of_several_pages_are_all_compared() {
    let scene = people(servers::sqlite().await).await;
    let mut sql = String::from("INSERT INTO users (id, email, verified, created_at) VALUES ");
    for number in 4..=USERS {
        let separator = if number == 4 { "" } else { ", " };
        let created = 1_600_000_000 + number;
        write!(sql, "{separator}('n{number}', 'user.{number}@example.com', '2024-03-01', '{created}')")
            .expect("a string");
    }
    scene.database.execute(&sql).await;
    scene.migrate(&["--write-back"]).await.expect_code(0);
    let run = scene.verify(&["--json"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["rows"], &run.json()["alike"]), (&json!(USERS), &json!(USERS)));
    let requests = scene.simulator.requests();
    let pages = requests.iter().rev().take_while(|request| request.path == "/v1/users").count();
    assert_eq!(pages, USERS.div_ceil(500) + 1, "the last page is empty");
    let changed = ["n4", "n600", "n1200"];
    for user_id in changed {
        scene.change_in_clerk(user_id, json!({"first_name": "Another"})).await;
    }
    scene.expect(&changed.map(|user_id| ("name", Some(user_id), "firstName"))).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_during_the_walk_ends_it_at_once_and_leaves_nothing() {
    let scene = new().await;
    let hold = Hold::new();
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::HoldBefore(hold.clone())));
    let mut command = scene.program.command(&["verify", "--query", "users.sql"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("the binary starts");
    hold.caught(1).await.expect("a page is asked for");
    let told = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(told.success());
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task").expect("an end");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted") && ended.stdout.is_empty(), "{stderr}");
    assert!(scene.differences().is_empty());
    hold.release();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_imported_while_a_comparison_walks_through_clerk() {
    let scene = new().await;
    let hold = Hold::new();
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::HoldBefore(hold.clone())));
    let (run, ()) = tokio::join!(scene.verify(&[]), async {
        hold.caught(1).await.expect("a page is asked for");
        scene.migrate(&[]).await.expect_code(2).expect_told("in use by another db2clerk");
        hold.release();
    });
    run.expect_code(0);
    scene.migrate(&[]).await.expect_code(0);
}
