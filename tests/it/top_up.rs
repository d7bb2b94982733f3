//! Run again: new rows are added, changed ones named and sent on request, vanished ones listed, and nothing else is touched.

use std::process::Stdio;
use std::time::Duration;

use db2clerk::simulator::{Fault, Hold, RateLimit, Rule, Settings};
use reqwest::Method;
use serde_json::json;

use crate::scene::{DIGEST, OTHER_DIGEST, Scene};
use crate::servers;

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_in_the_source_is_named_and_left_alone_until_it_is_asked_for() {
    let scene = Scene::new(12).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.sign_up("u13").await;
    scene.set("u2", "first_name = 'Eva', role = 'admin'").await;
    scene.database.execute("DELETE FROM users WHERE id = 'u3'").await;
    let before = scene.user("u2");
    let run = scene.migrate(&[]).await;
    run.expect_code(0);
    let json = run.json();
    assert_eq!(
        (&json["created"], &json["changed"], &json["vanished"], &json["updated"]),
        (&json!(1), &json!(1), &json!(1), &json!(0))
    );
    assert_eq!(scene.user("u2"), before, "nothing is sent that nobody asked for");
    assert_eq!(scene.simulator.users().len(), 13, "nobody is deleted");
    let line = &scene.log_of("u2")[0];
    assert_eq!(
        (&line["state"], &line["code"], &line["field"]),
        (&json!("changed"), &json!("changed_in_source"), &json!("firstName"))
    );
    assert_eq!(line["otherReasons"][0]["field"], "publicMetadata.role");
    assert_eq!(scene.log_of("u3")[0]["code"], "vanished_from_source");
    let status = scene.status().await;
    assert_eq!((&status["changed"], &status["vanished"]), (&json!(1), &json!(1)));
    scene.sign_up("u3").await;
    assert_eq!(scene.migrate(&[]).await.json()["vanished"], 0, "who comes back is there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_many_are_written_back_though_the_query_is_not_read_to_its_end() {
    // More than are on their way from the database at one time: the query would keep the table locked.
    let scene = Scene::new(3_000).await;
    let run = scene.migrate(&["--limit", "3", "--write-back"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["created"], &run.json()["writtenBack"]), (&json!(3), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_sent_and_what_users_changed_in_clerk_stays() {
    for database in servers::all().await {
        let scene = Scene::on(database, Settings::default(), 5).await;
        scene.migrate(&[]).await.expect_code(0);
        let clerk_id = scene.clerk_id("u1");
        let in_clerk = json!({"last_name": "Changed-by-user", "locale": "de-DE"});
        scene.in_clerk(Method::PATCH, &format!("/users/{clerk_id}"), in_clerk).await;
        let metadata = json!({"public_metadata": {"theme": "dark", "plan": "old"}});
        scene.in_clerk(Method::PATCH, &format!("/users/{clerk_id}/metadata"), metadata).await;
        scene.set("u1", "first_name = 'Eva', username = 'eva_l', role = NULL, plan = 'pro', banned = 1").await;
        let run = scene.migrate(&["--update"]).await;
        run.expect_code(0);
        assert_eq!((&run.json()["updated"], &run.json()["changed"]), (&json!(1), &json!(0)));
        let user = scene.user("u1");
        assert_eq!(
            (&user["first_name"], &user["username"], &user["banned"]),
            (&json!("Eva"), &json!("eva_l"), &json!(true))
        );
        assert_eq!((&user["last_name"], &user["locale"]), (&json!("Changed-by-user"), &json!("de-DE")));
        assert_eq!(user["public_metadata"], json!({"theme": "dark", "plan": "pro"}));
        scene.set("u1", "banned = 0, username = NULL").await;
        scene.migrate(&["--update"]).await.expect_code(0);
        assert_eq!((&scene.user("u1")["banned"], &scene.user("u1")["username"]), (&json!(false), &json!(null)));
        let requests = scene.simulator.counts().requests;
        scene.migrate(&["--update"]).await.expect_code(0);
        assert_eq!(
            scene.simulator.counts().requests,
            requests + 2,
            "run again it asks for the instance and how many users it has, and sends nothing"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_address_is_added_made_primary_and_the_old_one_of_ours_taken_away() {
    let scene = Scene::new(6).await;
    scene.set("u3", "phone = '+4915112345678'").await;
    scene.migrate(&[]).await.expect_code(0);
    let own = json!({"user_id": scene.clerk_id("u1"), "email_address": "private@example.com", "verified": true});
    scene.in_clerk(Method::POST, "/email_addresses", own).await;
    scene.set("u1", "email = 'new@example.com'").await;
    scene.set("u2", "verified = NULL").await;
    scene.set("u3", "phone = '+4915187654321'").await;
    scene.set("u4", "email = 'unproved@example.com', verified = NULL").await;
    let run = scene.migrate(&["--update"]).await;
    run.expect_code(0);
    assert_eq!(scene.emails("u1"), ["new@example.com", "private@example.com"], "the user's own address stays");
    assert_eq!(scene.emails("u2"), ["u2@example.com"]);
    assert_eq!(
        scene.user("u2")["email_addresses"][0]["verification"]["status"],
        "verified",
        "a proof is never taken back"
    );
    let phones = scene.user("u3")["phone_numbers"].clone();
    assert_eq!(phones.as_array().map(Vec::len), Some(1), "{phones}");
    assert_eq!(phones[0]["phone_number"], "+4915187654321");
    assert_eq!(scene.emails("u4"), ["unproved@example.com"]);
    assert_eq!(scene.user("u4")["email_addresses"][0]["reserved"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_out_again_only_if_nobody_has_set_another_since() {
    let scene = Scene::new(5).await;
    for id in ["u1", "u2", "u3"] {
        scene.set(id, &format!("password = '{DIGEST}'")).await;
    }
    scene.migrate(&[]).await.expect_code(0);
    let new_password = json!({"password": "a brand new one 47"});
    scene.in_clerk(Method::PATCH, &format!("/users/{}", scene.clerk_id("u2")), new_password).await;
    for id in ["u1", "u2", "u4"] {
        scene.set(id, &format!("password = '{OTHER_DIGEST}'")).await;
    }
    scene.set("u3", "password = NULL").await;
    let run = scene.migrate(&["--update"]).await;
    run.expect_code(0);
    let digest = |id: &str| scene.user(id)["simulator"]["password_digest"].clone();
    assert_eq!((digest("u1"), digest("u4")), (json!(OTHER_DIGEST), json!(OTHER_DIGEST)));
    assert_ne!(digest("u2"), json!(OTHER_DIGEST), "nobody's new password is undone");
    assert_eq!(digest("u3"), json!(DIGEST), "nothing takes a password away");
    assert_eq!(scene.log_of("u2")[0]["code"], "changed_in_clerk");
    assert_eq!(scene.log_of("u3")[0]["code"], "no_endpoint");
    assert_eq!(run.json()["changed"], 2, "what was not sent stays listed");
    scene.set("u1", &format!("password = '{DIGEST}'")).await;
    scene.migrate(&["--update"]).await.expect_code(0);
    assert_eq!(digest("u1"), json!(DIGEST), "what we set ourselves may be set again");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("$2b$"), "no digest is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_request_carries_is_listed() {
    let scene = Scene::new(3).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.set("u1", "wallet = '0x0123456789012345678901234567890123456789', first_name = 'Eva'").await;
    let run = scene.migrate(&["--update"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["updated"], &run.json()["changed"]), (&json!(1), &json!(1)));
    assert_eq!(scene.user("u1")["first_name"], "Eva");
    let line = &scene.log_of("u1")[0];
    assert_eq!((&line["field"], &line["code"]), (&json!("web3Wallets"), &json!("no_endpoint")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_clerk_refuses_or_whose_user_is_gone_is_told_and_nobody_else_is_held_up() {
    let scene = Scene::new(6).await;
    scene.set("u1", "username = 'taken_name'").await;
    scene.migrate(&[]).await.expect_code(0);
    scene.set("u2", "first_name = 'Eva'").await;
    scene.set("u3", "first_name = 'Eva'").await;
    let rival = scene.sign_up_in_clerk(json!({"username": "rival_name"})).await;
    scene.set("u4", "username = 'rival_name'").await;
    scene.in_clerk(Method::DELETE, &format!("/users/{}", scene.clerk_id("u2")), json!({})).await;
    let run = scene.migrate(&["--update"]).await;
    run.expect_code(1);
    assert_eq!(run.json()["updated"], 1, "{}", run.stdout);
    assert_eq!(scene.user("u3")["first_name"], "Eva");
    assert_eq!(scene.log_of("u2")[0]["code"], "gone_from_clerk");
    assert_eq!(scene.log_of("u4")[0]["code"], "form_identifier_exists");
    scene.in_clerk(Method::DELETE, &format!("/users/{rival}"), json!({})).await;
    let run = scene.migrate(&["--update"]).await;
    assert_eq!((run.json()["updated"].clone(), scene.user("u4")["username"].clone()), (json!(1), json!("rival_name")));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_get_through_lost_answers_and_failures_and_keep_to_the_pace_of_one_user() {
    let user_rate_limit = Some(RateLimit { requests: 10, window: Duration::from_secs(10) });
    let settings = Settings { user_rate_limit, ..Settings::default() };
    let scene = Scene::on(servers::sqlite().await, settings, 12).await;
    scene.set("u5", &format!("password = '{DIGEST}'")).await;
    scene.migrate(&[]).await.expect_code(0);
    for n in 1..=12 {
        scene.set(&format!("u{n}"), &format!("email = 'new{n}@example.com', role = 'admin', last_name = 'New'")).await;
    }
    scene.set("u5", &format!("password = '{OTHER_DIGEST}'")).await;
    let user5 = format!("/v1/users/{}", scene.clerk_id("u5"));
    for (method, path, nth, fault) in [
        ("PATCH", user5.as_str(), 1, Fault::LoseAnswer),
        ("PATCH", "/v1/users/*", 2, Fault::ServerErrorAfter),
        ("PATCH", "/v1/users/*/metadata", 3, Fault::CutAnswer),
        ("POST", "/v1/email_addresses", 4, Fault::LoseAnswer),
        ("POST", "/v1/email_addresses", 6, Fault::ServerError),
        ("DELETE", "/v1/email_addresses/*", 2, Fault::LoseAnswer),
        ("GET", "/v1/users", 5, Fault::HtmlPage),
    ] {
        scene.simulator.script(Rule::new(method, path, fault).nth(nth));
    }
    let run = scene.migrate(&["--update", "--accept-changed-identifiers"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["updated"], &run.json()["changed"]), (&json!(12), &json!(0)), "{}", run.stdout);
    for n in 1..=12 {
        let id = format!("u{n}");
        assert_eq!(scene.emails(&id), [format!("new{n}@example.com")]);
        assert_eq!(
            (&scene.user(&id)["last_name"], &scene.user(&id)["public_metadata"]["role"]),
            (&json!("New"), &json!("admin"))
        );
    }
    assert_eq!(scene.user("u5")["simulator"]["password_digest"], OTHER_DIGEST);
    assert_eq!(scene.simulator.counts().user_rate_limited, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_user_without_a_user_id_is_taken_over_on_request_and_only_by_a_proved_address() {
    let scene = Scene::new(5).await;
    scene.set("u2", "verified = NULL").await;
    scene.set("u3", "email = NULL, username = 'same_name'").await;
    scene.set("u5", "phone = '+4915112345678'").await;
    let first = scene.sign_up_in_clerk(json!({"email_address": ["u1@example.com"], "first_name": "Own"})).await;
    scene.sign_up_in_clerk(json!({"email_address": ["u2@example.com"]})).await;
    scene.sign_up_in_clerk(json!({"username": "same_name"})).await;
    scene.sign_up_in_clerk(json!({"email_address": ["u4@example.com"], "external_id": "other-app-4"})).await;
    scene.sign_up_in_clerk(json!({"email_address": ["u5@example.com"]})).await;
    scene.sign_up_in_clerk(json!({"phone_number": ["+4915112345678"]})).await;
    let run = scene.migrate(&[]).await;
    run.expect_code(1);
    assert_eq!((&run.json()["conflict"], &run.json()["linked"]), (&json!(5), &json!(0)));
    let message = scene.log_of("u1")[0]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains(&first) && message.contains("--on-conflict link"), "{message}");
    let run = scene.migrate(&["--on-conflict", "link", "--write-back"]).await;
    run.expect_code(1);
    assert_eq!((&run.json()["linked"], &run.json()["conflict"]), (&json!(1), &json!(4)), "{}", run.stdout);
    assert_eq!(scene.clerk_id("u1"), first);
    assert_eq!(scene.user("u1")["first_name"], "Own", "nothing but the user ID changes");
    assert_eq!(scene.column().await[0], ("u1".to_owned(), Some(first.clone())));
    let status = scene.status().await;
    assert_eq!((&status["adopted"], &status["linked"]), (&json!(1), &json!(1)));
    let run = scene.undo(&[]).await;
    assert_eq!(run.json()["deleted"], 0, "who was there before is never deleted");
    assert_eq!(scene.clerk_id("u1"), first);
    let run = scene.undo(&["--unlink", "--clear-column", "--query", "users.sql"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["unlinked"], &run.json()["rowsCleared"]), (&json!(1), &json!(1)), "{}", run.stdout);
    assert!(scene.find("u1").is_none() && scene.simulator.users().len() == 6);
    assert_eq!(scene.column().await[0].1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_taken_over_by_a_request_whose_answer_was_lost_is_not_taken_for_one_that_we_made() {
    for fault in [Fault::LoseAnswer, Fault::ServerErrorAfter, Fault::ServerError, Fault::KeyRevoked] {
        let scene = Scene::new(1).await;
        let theirs = scene.sign_up_in_clerk(json!({"email_address": ["u1@example.com"]})).await;
        scene.simulator.script(Rule::new("POST", "/v1/users", Fault::ServerError));
        scene.simulator.script(Rule::new("PATCH", "/v1/users/*", fault.clone()));
        scene.migrate(&["--on-conflict", "link"]).await;
        scene.migrate(&["--on-conflict", "link"]).await.expect_code(0);
        let status = scene.status().await;
        assert_eq!(
            (&status["adopted"], &status["linked"], &status["created"]),
            (&json!(1), &json!(1), &json!(0)),
            "{fault:?}"
        );
        scene.undo(&[]).await.expect_code(0);
        assert_eq!(scene.clerk_id("u1"), theirs, "{fault:?}: undo must not delete somebody else's user");
    }
}

/// Kills the program once so many requests are held.
async fn killed_while_held(scene: &Scene, hold: &Hold, how_many: u64, arguments: &[&str]) {
    let mut child = scene.program.command(arguments).stderr(Stdio::null()).spawn().expect("it starts");
    hold.caught(how_many).await.expect("requests are held");
    child.kill().expect("kill -9");
    child.wait().expect("an end");
    hold.release();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_update_is_finished_by_the_next_run() {
    for (method, path) in
        [("PATCH", "/v1/users/*"), ("POST", "/v1/email_addresses"), ("DELETE", "/v1/email_addresses/*")]
    {
        let scene = Scene::new(30).await;
        scene.migrate(&[]).await.expect_code(0);
        for n in 1..=30 {
            scene.set(&format!("u{n}"), &format!("email = 'new{n}@example.com', first_name = 'Eva'")).await;
        }
        let hold = Hold::new();
        scene.simulator.script(Rule::new(method, path, Fault::HoldAfter(hold.clone())).onwards(3));
        let arguments =
            ["migrate", "--query", "users.sql", "--yes", "--quiet", "--update", "--accept-changed-identifiers"];
        killed_while_held(&scene, &hold, 4, &arguments).await;
        let run = scene.migrate(&["--update", "--accept-changed-identifiers"]).await;
        run.expect_code(0);
        assert_eq!(run.json()["changed"], 0, "{method} {path}: {}", run.stdout);
        for n in 1..=30 {
            let id = format!("u{n}");
            assert_eq!(scene.emails(&id), [format!("new{n}@example.com")], "{method} {path}");
            assert_eq!(scene.user(&id)["first_name"], "Eva", "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_taking_a_user_over_and_knowing_it_the_next_run_knows_whose_it_was() {
    for fault in [Fault::HoldAfter as fn(Hold) -> Fault, Fault::HoldBefore] {
        let scene = Scene::new(1).await;
        let theirs = scene.sign_up_in_clerk(json!({"email_address": ["u1@example.com"]})).await;
        let hold = Hold::new();
        scene.simulator.script(Rule::new("PATCH", "/v1/users/*", fault(hold.clone())));
        let arguments = ["migrate", "--query", "users.sql", "--yes", "--quiet", "--on-conflict", "link"];
        killed_while_held(&scene, &hold, 1, &arguments).await;
        scene.migrate(&["--on-conflict", "link"]).await.expect_code(0);
        let status = scene.status().await;
        assert_eq!((&status["adopted"], &status["linked"], &status["created"]), (&json!(1), &json!(1), &json!(0)));
        scene.undo(&["--unlink"]).await.expect_code(0);
        assert_eq!(scene.simulator.users()[0]["id"], json!(theirs), "it is still there");
        assert_eq!(scene.simulator.users()[0]["external_id"], json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_something_else_lets_no_password_through_that_the_user_has_replaced() {
    let scene = Scene::new(2).await;
    scene.set("u1", &format!("password = '{DIGEST}'")).await;
    scene.migrate(&[]).await.expect_code(0);
    let own = json!({"password": "a brand new one 47"});
    scene.in_clerk(Method::PATCH, &format!("/users/{}", scene.clerk_id("u1")), own).await;
    let own_digest = scene.user("u1")["simulator"]["password_digest"].clone();
    scene.set("u1", &format!("password = '{OTHER_DIGEST}', first_name = 'Eva'")).await;
    scene.simulator.script(Rule::new("PATCH", "/v1/users/*", Fault::ServerErrorAfter));
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::CutAnswer).nth(2));
    scene.migrate(&["--update"]).await.expect_code(0);
    let user = scene.user("u1");
    assert_eq!((&user["first_name"], &user["simulator"]["password_digest"]), (&json!("Eva"), &own_digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_set_while_nobody_knew_of_the_user_is_not_taken_for_ours() {
    let scene = Scene::new(1).await;
    scene.set("u1", &format!("password = '{DIGEST}'")).await;
    scene.simulator.script(Rule::new("POST", "/v1/users", Fault::LoseAnswer));
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::KeyRevoked).nth(1));
    scene.migrate(&[]).await.expect_code(1);
    let own = json!({"password": "a brand new one 47"});
    scene.in_clerk(Method::PATCH, &format!("/users/{}", scene.clerk_id("u1")), own).await;
    let own_digest = scene.user("u1")["simulator"]["password_digest"].clone();
    scene.migrate(&[]).await.expect_code(0);
    assert_eq!(scene.status().await["created"], 1, "the lost answer's user is ours");
    scene.set("u1", &format!("password = '{OTHER_DIGEST}'")).await;
    scene.migrate(&["--update"]).await.expect_code(0);
    assert_eq!(scene.user("u1")["simulator"]["password_digest"], own_digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rows_that_share_one_clerk_user_one_takes_it_over() {
    let scene = Scene::new(2).await;
    scene.set("u2", "phone = '+4915112345678'").await;
    let both = json!({"email_address": ["u1@example.com"], "phone_number": ["+4915112345678"]});
    let theirs = scene.sign_up_in_clerk(both).await;
    let run = scene.migrate(&["--on-conflict", "link"]).await;
    run.expect_code(1);
    assert_eq!((&run.json()["linked"], &run.json()["conflict"]), (&json!(1), &json!(1)), "{}", run.stdout);
    let owner = scene.simulator.users().into_iter().find(|user| user["id"] == theirs.as_str()).expect("it is there");
    assert!(owner["external_id"] == "u1" || owner["external_id"] == "u2");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_lost_answer_made_is_found_although_the_row_changed_or_vanished_since() {
    let scene = Scene::new(3).await;
    scene.simulator.script(Rule::new("POST", "/v1/users", Fault::LoseAnswer).between(1, 3));
    scene.simulator.script(Rule::new("GET", "/v1/users", Fault::KeyRevoked).nth(1));
    scene.migrate(&[]).await.expect_code(1);
    let made = scene.simulator.users().len();
    assert!(made > 0 && scene.status().await["created"] == 0, "{made} made, and nobody knows");
    scene.set("u1", "email = 'new@example.com'").await;
    scene.database.execute("DELETE FROM users WHERE id = 'u2'").await;
    scene.migrate(&["--accept-changed-identifiers"]).await.expect_code(0);
    let status = scene.status().await;
    assert_eq!((&status["conflict"], &status["adopted"]), (&json!(0), &json!(0)), "{status}");
    scene.undo(&[]).await.expect_code(0);
    assert_eq!(scene.simulator.users().len(), 0, "all of them were ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_took_away_or_chose_in_clerk_stays_so() {
    let scene = Scene::new(1).await;
    let query = scene.program.read("users.sql").replace("email,", "email, plan AS emailAddresses,");
    scene.program.write("users.sql", &query.replace("plan AS \"publicMetadata.plan\",", ""));
    scene.set("u1", "plan = 'second@example.com'").await;
    scene.migrate(&[]).await.expect_code(0);
    let clerk_id = scene.clerk_id("u1");
    let own = json!({"user_id": clerk_id, "email_address": "own@example.com", "verified": true, "primary": true});
    scene.in_clerk(Method::POST, "/email_addresses", own).await;
    let user = scene.user("u1");
    let second = user["email_addresses"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|email| email["email_address"] == "second@example.com");
    let second = second.expect("it was sent")["id"].as_str().expect("an ID").to_owned();
    scene.in_clerk(Method::DELETE, &format!("/email_addresses/{second}"), json!({})).await;
    scene.set("u1", "plan = '[\"second@example.com\", \"third@example.com\"]'").await;
    scene.migrate(&["--update"]).await.expect_code(0);
    assert_eq!(scene.emails("u1"), ["own@example.com", "third@example.com", "u1@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_is_taken_away_only_after_an_address_has_come() {
    let scene = Scene::new(1).await;
    scene.set("u1", "email = NULL, username = 'only_name'").await;
    scene.migrate(&[]).await.expect_code(0);
    scene.sign_up_in_clerk(json!({"email_address": ["taken@example.com"]})).await;
    scene.set("u1", "email = 'taken@example.com', username = NULL, first_name = 'Eva'").await;
    scene.migrate(&["--update", "--accept-changed-identifiers"]).await.expect_code(1);
    let user = scene.user("u1");
    assert_eq!(
        (&user["username"], &user["first_name"]),
        (&json!("only_name"), &json!("Eva")),
        "nobody is left without a way in"
    );
    let rename = json!({"first_name": "Own"});
    scene.in_clerk(Method::PATCH, &format!("/users/{}", scene.clerk_id("u1")), rename).await;
    scene.migrate(&["--update", "--accept-changed-identifiers"]).await.expect_code(1);
    assert_eq!(scene.user("u1")["first_name"], "Own", "what was sent once is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_no_longer_asks_for_has_not_changed() {
    let scene = Scene::new(2).await;
    scene.set("u1", "banned = 1").await;
    scene.migrate(&[]).await.expect_code(0);
    scene.program.write(
        "users.sql",
        "-- table: users\n-- key: id\nSELECT id AS userId, email, verified AS emailVerified FROM users",
    );
    let run = scene.migrate(&["--update"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["updated"], &run.json()["changed"]), (&json!(0), &json!(0)));
    assert_eq!((&scene.user("u1")["banned"], &scene.user("u1")["first_name"]), (&json!(true), &json!("First")));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_digest_stays_in_the_ledger_once_a_run_has_ended() {
    let scene = Scene::new(2).await;
    scene.set("u1", &format!("password = '{DIGEST}'")).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.set("u1", &format!("password = '{OTHER_DIGEST}'")).await;
    scene.simulator.script(Rule::new("PATCH", "/v1/users/*", Fault::KeyRevoked));
    scene.migrate(&["--update"]).await.expect_code(1);
    scene.program.run(&["migrate", "--query", "users.sql", "--update"]).await.expect_code(2).expect_told("--yes");
    for entry in std::fs::read_dir(scene.program.path(".db2clerk")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        assert!(!bytes.windows(4).any(|window| window == b"$2b$"), "{}", path.display());
    }
}
