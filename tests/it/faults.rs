//! What goes wrong between here and Clerk, scripted: at the end every user is there, and once.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use db2clerk::clerk::{ApiUrl, Client, SecretKey, Settings as ClientSettings};
use db2clerk::ledger::{Batch, Extent, Ledger, Staged, State, Terms};
use db2clerk::record::{ImportUser, UserId};
use db2clerk::shutdown::Shutdown;
use db2clerk::simulator::{Fault, Faults, Hold, RateLimit, Rule, Settings, Simulator, Storm, start};
use db2clerk::stage::push;
use serde_json::json;

use crate::program::{Program, Run};
use crate::scene::Scene;
use crate::servers;

fn users(how_many: usize) -> String {
    (0..how_many)
        .map(|n| json!({"userId": format!("u{n}"), "email": format!("u{n}@example.com")}).to_string() + "\n")
        .collect()
}

async fn import(simulator: &Simulator, how_many: usize) -> (Program, Run) {
    let program = Program::with_clerk(simulator).variable("RETRY_DELAY_MS", "100").variable("CONCURRENCY_LIMIT", "16");
    program.write("users.json", &users(how_many));
    let run = program.run(&["import", "--yes", "--json"]).await;
    (program, run)
}

/// Somebody else makes a user in Clerk.
async fn make_user(simulator: &Simulator, external_id: &str, email: &str) {
    let user = json!({"external_id": external_id, "email_address": [email], "skip_password_requirement": true});
    let request = reqwest::Client::new().post(format!("{}/v1/users", simulator.url())).bearer_auth("sk_live_secretkey");
    assert_eq!(request.header("user-agent", "test").json(&user).send().await.expect("an answer").status(), 200);
}

/// Runs an import of 20 users against one scripted fault: all must get in, as ours, none twice.
async fn check_fault(rule: Rule) {
    let simulator = start(Settings::default()).await.expect("a simulator");
    // In an instance without users nobody would be looked up.
    make_user(&simulator, "another", "another@example.org").await;
    let shown = format!("{rule:?}");
    simulator.script(rule);
    let (_, run) = import(&simulator, 20).await;
    assert_eq!(run.code, 0, "{shown}: {run:?}");
    assert_eq!(run.json()["created"], 20, "{shown}: {}", run.stdout);
    assert_eq!(simulator.users().len(), 21, "{shown}");
    assert!(simulator.counts().faults > 0, "{shown}: it struck");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_answer_costs_no_user_and_makes_none_twice() {
    for fault in [
        Fault::ServerError,
        Fault::ServerErrorAfter,
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::Cut,
        Fault::HtmlPage,
        Fault::Garbage,
        Fault::Locked,
        Fault::DoLate(Duration::from_millis(300)),
        Fault::TooManyRequests { retry_after: Some(1) },
        Fault::TooManyRequests { retry_after: None },
    ] {
        check_fault(Rule::new("POST", "/v1/users", fault).nth(7)).await;
    }
    for fault in [Fault::ServerError, Fault::Cut, Fault::HtmlPage] {
        check_fault(Rule::new("GET", "/v1/users", fault)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_hail_of_faults_every_user_gets_in_once() {
    let faults = Faults {
        fail_share: 0.1,
        lose_answer_share: 0.05,
        cut_share: 0.05,
        cut_answer_share: 0.02,
        ..Faults::default()
    };
    let simulator = start(Settings { faults, seed: 7, ..Settings::default() }).await.expect("a simulator");
    let (program, mut run) = import(&simulator, 500).await;
    for _ in 0..3 {
        if run.code == 0 {
            break;
        }
        run = program.run(&["import", "--yes", "--json"]).await;
    }
    run.expect_code(0);
    assert_eq!(simulator.users().len(), 500);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_never_run_into() {
    let rate_limit = Some(RateLimit { requests: 1000, window: Duration::from_secs(10) });
    let simulator = start(Settings { rate_limit, ..Settings::default() }).await.expect("a simulator");
    let (_, run) = import(&simulator, 1200).await;
    run.expect_code(0);
    assert_eq!(run.json()["rateLimited"], 0);
    assert_eq!(simulator.counts().rate_limited, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_clerk_refuses_for_good_is_rejected_logged_and_tried_again_by_the_next_run() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    simulator.script(Rule::new("POST", "/v1/users", Fault::UsernameOff).nth(3));
    let (program, run) = import(&simulator, 10).await;
    run.expect_code(1);
    assert_eq!((&run.json()["created"], &run.json()["rejected"]), (&json!(9), &json!(1)), "{}", run.stdout);
    let log = program.log();
    assert_eq!(log.len(), 1);
    for (key, expected) in [("state", "rejected"), ("code", "form_param_unknown"), ("field", "username")] {
        assert_eq!(log[0][key], expected, "{}", log[0]);
    }
    assert_eq!(log[0]["attempts"], 1);
    assert!(log[0]["traceId"].is_string() && log[0]["message"].as_str().is_some_and(|text| !text.is_empty()));
    program.run(&["import", "--yes"]).await.expect_code(0);
    assert_eq!(simulator.users().len(), 10);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_the_run_at_once_and_the_next_run_goes_on() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    simulator.script(Rule::new("POST", "/v1/users", Fault::KeyRevoked).between(31, 1000));
    let (program, run) = import(&simulator, 300).await;
    run.expect_code(1).expect_told("stopped before all users were sent");
    let attempts = simulator.counts().requests;
    assert!(attempts < 250, "it does not fail every user one by one: {attempts} requests");
    assert_eq!(run.json()["rejected"], 0);
    let simulator_users = simulator.users().len();
    simulator.stop().await;
    assert_eq!(run.json()["created"].as_u64(), Some(simulator_users as u64));
    assert_eq!(run.json()["pending"].as_u64(), Some(300 - simulator_users as u64));
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_instance_stops_the_run_and_says_so() {
    let simulator = start(Settings { max_users: Some(50), ..Settings::default() }).await.expect("a simulator");
    let (_, run) = import(&simulator, 200).await;
    run.expect_code(1).expect_told("stopped before all users were sent");
    assert_eq!((&run.json()["created"], &run.json()["pending"]), (&json!(50), &json!(150)));
    assert_eq!(run.json()["rejected"], 0);
    simulator.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_loses_nobody_and_the_same_command_goes_on() {
    let simulator =
        start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("CONCURRENCY_LIMIT", "4");
    program.write("users.json", &users(400));
    let child = program
        .command(&["import", "--yes", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    simulator.reached(|counts| counts.creates >= 40).await.expect("users are made");
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupted.success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("a task").expect("an end");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the summary is given anyway");
    let made = simulator.users().len();
    assert!(made < 400, "it stopped on the way");
    assert_eq!(json["created"].as_u64(), Some(made as u64), "every answer is recorded");
    let run = program.run(&["import", "--yes", "--json"]).await;
    run.expect_code(0);
    assert_eq!(simulator.users().len(), 400);
    assert_eq!(simulator.counts().repeated_creates, 0);
    simulator.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_at_a_slow_pace_sends_nobody_who_still_waits_for_a_turn() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator).variable("DELAY_MS", "150");
    program.write("users.json", &users(60));
    let mut child =
        program.command(&["import", "--yes", "--quiet"]).stdout(Stdio::null()).spawn().expect("the binary starts");
    simulator.reached(|counts| counts.creates >= 3).await.expect("users are made");
    let at_the_signal = simulator.counts().creates;
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("a task").expect("an end");
    assert_eq!(status.code(), Some(130));
    let sent = simulator.counts().creates;
    assert!(sent <= at_the_signal + 3, "{at_the_signal} at the signal, {sent} at the end");
    let status = program.run(&["status", "--json"]).await.json();
    assert_eq!((&status["created"], &status["sending"]), (&json!(sent), &json!(0)), "nobody is left in doubt");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_refusals_for_pace_is_waited_out_with_and_without_retry_after() {
    for (to, retry_after) in [(102, None), (40, Some(1))] {
        let faults = Faults { storm: Some(Storm { from: 3, to, retry_after }), ..Faults::default() };
        let simulator = start(Settings { faults, ..Settings::default() }).await.expect("a simulator");
        let (_, run) = import(&simulator, 200).await;
        run.expect_code(0);
        assert_eq!(simulator.users().len(), 200);
        assert!(run.json()["rateLimited"].as_u64() >= Some(to - 2), "{}", run.stdout);
        simulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_clerk_already_is_adopted_or_left_alone_and_the_holder_is_named() {
    let scene = Scene::new(6).await;
    let adopted = scene.sign_up_in_clerk(json!({"external_id": "u1", "email_address": ["U1@Example.com"]})).await;
    let serial =
        scene.sign_up_in_clerk(json!({"external_id": "u2", "email_address": ["x@elsewhere.example.com"]})).await;
    let holder = scene.sign_up_in_clerk(json!({"external_id": "other", "email_address": ["u3@example.com"]})).await;
    let stranger = scene.sign_up_in_clerk(json!({"email_address": ["u4@example.com"]})).await;
    let run = scene.migrate(&["--write-back"]).await;
    run.expect_code(1);
    let json = run.json();
    assert_eq!((&json["adopted"], &json["created"], &json["conflict"]), (&json!(1), &json!(2), &json!(3)), "{json}");
    for (id, clerk_id, code) in [
        ("u2", &serial, "external_id_of_somebody_else"),
        ("u3", &holder, "form_identifier_exists"),
        ("u4", &stranger, "form_identifier_exists"),
    ] {
        let line = &scene.log_of(id)[0];
        assert_eq!((&line["state"], &line["code"]), (&json!("conflict"), &json!(code)), "{line}");
        assert!(line["message"].as_str().is_some_and(|message| message.contains(clerk_id)), "{line}");
    }
    let column = scene.column().await;
    assert_eq!(column[0].1, Some(adopted));
    assert!(column[1..4].iter().all(|(_, clerk_id)| clerk_id.is_none()), "nothing is written back of a conflict");
    let paths: Vec<String> = scene.simulator.requests().into_iter().map(|request| request.method).collect();
    assert!(!paths.iter().any(|method| method == "PATCH" || method == "DELETE"), "nobody in Clerk is touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_after_a_kill_is_sent_as_it_is_now() {
    let database = servers::sqlite().await;
    database.execute("CREATE TABLE users (id integer PRIMARY KEY, email text, name text)").await;
    database
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
             INSERT INTO users SELECT i, 'u' || i || '@example.com', 'Before' FROM n",
        )
        .await;
    let simulator =
        start(Settings { latency: Duration::from_millis(20), ..Settings::default() }).await.expect("a simulator");
    let program =
        Program::with_clerk(&simulator).variable("DATABASE_URL", &database.url).variable("CONCURRENCY_LIMIT", "8");
    program.write("users.sql", "SELECT id AS userId, email, name FROM users ORDER BY id");
    let arguments = ["migrate", "--query", "users.sql", "--yes", "--json"];
    let mut child =
        program.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
    simulator.reached(|counts| counts.creates >= 40).await.expect("users are made");
    child.kill().expect("kill -9");
    child.wait().expect("an end");
    // Whatever was on its way has arrived once a later request has its answer: all take the same time.
    let count = format!("{}/v1/users/count", simulator.url());
    let count = reqwest::Client::new().get(count).bearer_auth("sk_live_secretkey").header("user-agent", "test").send();
    assert_eq!(count.await.expect("an answer").status(), 200);
    let made: Vec<String> =
        simulator.users().iter().map(|user| user["external_id"].as_str().expect("an ID").to_owned()).collect();
    let list = made.join(", ");
    database.execute(&format!("UPDATE users SET name = 'After' WHERE id NOT IN ({list})")).await;
    database.execute(&format!("DELETE FROM users WHERE id NOT IN ({list}) AND id % 2 = 0")).await;
    let run = program.run(&arguments).await;
    run.expect_code(0);
    let left = database.query("SELECT COUNT(*) FROM users").await[0][0].clone();
    let users = simulator.users();
    assert_eq!(Some(users.len().to_string()), left, "who was deleted meanwhile is not made");
    for user in users {
        let was_there = made.iter().any(|id| user["external_id"] == id.as_str());
        assert_eq!(user["first_name"], if was_there { "Before" } else { "After" });
    }
    simulator.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_the_next_run_makes_nobody_twice_and_misses_nobody() {
    let simulator =
        start(Settings { latency: Duration::from_millis(5), ..Settings::default() }).await.expect("a simulator");
    let program = Program::with_clerk(&simulator);
    program.write("users.json", &users(600));
    for kill_after in [20, 150, 400] {
        let mut child = program.command(&["import", "--yes", "--quiet"]).spawn().expect("the binary starts");
        simulator.reached(|counts| counts.creates >= kill_after).await.expect("users are made");
        child.kill().expect("kill -9");
        child.wait().expect("an end");
    }
    let run = program.run(&["import", "--yes", "--json"]).await;
    run.expect_code(0);
    assert_eq!(simulator.users().len(), 600);
    assert_eq!(simulator.counts().repeated_creates, 0);
    let status = program.run(&["status", "--json"]).await;
    assert_eq!((&status.json()["created"], &status.json()["adopted"]), (&json!(600), &json!(0)));
    simulator.stop().await;
}

/// What a run needs of a users file, a ledger and a client, without the program around it.
async fn push_with(client: &Client, folder: &Path, users: usize) -> (Arc<Ledger>, push::End) {
    let ledger = Arc::new(Ledger::open(&folder.join("ledger.db")).await.expect("a ledger"));
    let staged: Vec<Staged> = (0..users)
        .map(|n| {
            let mut user = ImportUser::new(UserId::new(format!("u{n}")).expect("an ID"));
            user.email = Some(format!("u{n}@example.com"));
            Staged::Valid { user: Box::new(user), email_basis: "stated" }
        })
        .collect();
    ledger.begin_pull().await.expect("a pull");
    ledger.stage(Batch::of(1, &staged, &ledger.hash_key())).await.expect("users are staged");
    ledger.merge(&Terms::of(Extent::Whole)).await.expect("the pull is merged");
    let options = push::Options { write_back: false, on_conflict: push::OnConflict::Report, clerk_is_empty: false };
    let end = push::push(&ledger, client, options, &Arc::default(), Shutdown::never()).await.expect("a push");
    (ledger, end)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_never_answered_is_given_up_and_its_user_looked_up() {
    for fault in [Fault::Silence, Fault::SilenceBefore] {
        let simulator = start(Settings::default()).await.expect("a simulator");
        simulator.script(Rule::new("POST", "/v1/users", fault.clone()).between(3, 5));
        simulator.script(Rule::new("GET", "/v1/users", Fault::SilenceBefore));
        let key = SecretKey::parse("sk_live_secretkey").expect("a key");
        let url = ApiUrl::parse(&simulator.url()).expect("an address");
        let settings = ClientSettings { timeout: Duration::from_millis(300), ..ClientSettings::new(url, key) };
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, end) = push_with(&Client::new(settings).expect("a client"), folder.path(), 20).await;
        assert_eq!(end, push::End::Complete, "{fault:?}");
        assert_eq!(ledger.counts().await.expect("counts").of(State::Created), 20, "{fault:?}");
        assert_eq!((simulator.users().len(), simulator.counts().repeated_creates), (20, 0), "{fault:?}");
        simulator.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_an_hour_is_told_and_ctrl_c_ends_it_at_once() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    simulator.script(Rule::new("POST", "/v1/users", Fault::TooManyRequests { retry_after: Some(3600) }).nth(5));
    let program = Program::with_clerk(&simulator).variable("CONCURRENCY_LIMIT", "1");
    program.write("users.json", &users(10));
    let mut child = program
        .command(&["import", "--yes", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut told = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let line = tokio::task::spawn_blocking(move || {
        told.find(|line| line.as_ref().is_ok_and(|line| line.contains("Clerk asks to wait")))
    });
    let line = line.await.expect("a task").expect("a line that tells of the pause").expect("text");
    assert!(line.contains("59 min") || line.contains("1 h"), "{line}");
    assert!(line.contains("Ctrl-C: nothing is lost"), "{line}");
    signal(&child, "-INT");
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("a task").expect("an end");
    assert_eq!(output.status.code(), Some(130));
    program.run(&["import", "--yes", "--json"]).await.expect_code(0);
    assert_eq!((simulator.users().len(), simulator.counts().repeated_creates), (10, 0));
    simulator.stop().await;
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_stops_at_once_and_the_next_run_settles_who_was_on_the_way() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let hold = Hold::new();
    simulator.script(Rule::new("POST", "/v1/users", Fault::HoldAfter(hold.clone())).between(11, 14));
    let program = Program::with_clerk(&simulator).variable("CONCURRENCY_LIMIT", "4");
    program.write("users.json", &users(40));
    let mut child =
        program.command(&["import", "--yes", "--quiet"]).stderr(Stdio::piped()).spawn().expect("the binary starts");
    hold.caught(4).await.expect("four users are made, and no answer has come");
    signal(&child, "-INT");
    let mut told = BufReader::new(child.stderr.take().expect("stderr")).lines();
    drop(told.next());
    signal(&child, "-INT");
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("a task").expect("an end");
    assert_eq!(status.code(), Some(130));
    hold.release();
    let run = program.run(&["import", "--yes", "--json"]).await;
    run.expect_code(0);
    assert_eq!((simulator.users().len(), simulator.counts().repeated_creates), (40, 0));
    let status = program.run(&["status", "--json"]).await.json();
    assert_eq!((&status["created"], &status["adopted"]), (&json!(40), &json!(0)), "all of them are ours");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_lands_after_every_look_up_missed_it_ends_well() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let late = Hold::new();
    simulator.script(Rule::new("POST", "/v1/users", Fault::DoOnRelease(late.clone())).nth(4));
    // The second attempt is made, and cut off before it arrives, until the first one has landed.
    simulator.script(Rule::new("POST", "/v1/users", Fault::Cut).between(11, 17));
    let (program, run) = import(&simulator, 10).await;
    run.expect_code(1);
    assert_eq!((&run.json()["created"], &run.json()["pending"]), (&json!(9), &json!(1)), "{}", run.stdout);
    late.release();
    simulator.reached(|counts| counts.creates == 10).await.expect("the first attempt lands");
    let run = program.run(&["import", "--yes", "--json"]).await;
    run.expect_code(0);
    let status = program.run(&["status", "--json"]).await.json();
    assert_eq!(
        (&status["created"], &status["adopted"]),
        (&json!(10), &json!(0)),
        "it is ours, not one that was there before"
    );
    assert_eq!((simulator.users().len(), simulator.counts().repeated_creates), (10, 0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_the_run_with_a_clear_word_and_loses_nobody() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    simulator.script(Rule::new("POST", "/v1/users", Fault::ServerError).between(31, 100_000));
    let (program, run) = import(&simulator, 200).await;
    run.expect_code(1).expect_told("Clerk has not answered well").expect_told("times in a row");
    assert!(simulator.counts().requests < 400, "{}", simulator.counts().requests);
    assert_eq!((&run.json()["created"], &run.json()["pending"]), (&json!(30), &json!(170)));
    assert!(run.stderr.contains("error: stopped before all users were sent"), "{}", run.stderr);
    drop(program);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_from_20_ms_to_5_s_changes_nothing_but_the_time() {
    let simulator = start(Settings { seed: 3, ..Settings::default() }).await.expect("a simulator");
    let slow = Fault::AnswerWithin { least: Duration::from_millis(20), most: Duration::from_secs(5) };
    simulator.script(Rule::new("POST", "/v1/users", slow).between(1, 40));
    let (_, run) = import(&simulator, 60).await;
    run.expect_code(0);
    assert_eq!((&run.json()["created"], simulator.counts().repeated_creates), (&json!(60), 0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_answers_while_a_run_is_on() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let hold = Hold::new();
    simulator.script(Rule::new("POST", "/v1/users", Fault::HoldBefore(hold.clone())).onwards(6));
    let program = Program::with_clerk(&simulator).variable("CONCURRENCY_LIMIT", "1");
    program.write("users.json", &users(20));
    let mut child = program.command(&["import", "--yes", "--quiet"]).stdout(Stdio::null()).spawn().expect("it starts");
    hold.caught(1).await.expect("five users are made");
    let run = program.run(&["status", "--json"]).await;
    assert_eq!(
        run.json()["sending"].as_u64().map(|sending| sending + run.json()["created"].as_u64().unwrap_or(0)),
        Some(20)
    );
    hold.release();
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("a task").expect("an end");
    assert_eq!(ended.code(), Some(0), "looking on disturbed nobody");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_instance_without_users_nothing_is_asked_and_whoever_comes_in_meanwhile_is_found() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let hold = Hold::new();
    simulator.script(Rule::new("POST", "/v1/users", Fault::HoldBefore(hold.clone())).nth(1));
    let program = Program::with_clerk(&simulator).variable("CONCURRENCY_LIMIT", "1");
    program.write("users.json", &users(20));
    let mut child = program.command(&["import", "--yes", "--quiet"]).stdout(Stdio::null()).spawn().expect("it starts");
    hold.caught(1).await.expect("the first user is on its way");
    // Somebody else moves two of the same users; the second one is another person, of another application.
    for (external_id, email) in [("u0", "u0@example.com"), ("u1", "somebody@example.org")] {
        make_user(&simulator, external_id, email).await;
    }
    let look_ups =
        || simulator.requests().iter().filter(|record| record.path == "/v1/users" && record.method == "GET").count();
    assert_eq!(look_ups(), 0);
    hold.release();
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("a task").expect("an end");
    assert_eq!(ended.code(), Some(1), "one user is left over");
    assert_eq!(look_ups(), 2, "only who was refused is looked up");
    let status = program.run(&["status", "--json"]).await.json();
    assert_eq!(
        (&status["created"], &status["adopted"], &status["conflict"]),
        (&json!(18), &json!(1), &json!(1)),
        "{status}"
    );
    assert_eq!(simulator.users().len(), 20);
    simulator.stop().await;
}
