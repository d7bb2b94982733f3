//! Whoever had a password before the move signs in with it afterwards: every hasher, and every rewrite.

mod cases;

use std::collections::HashMap;

use db2clerk::record::Hasher;
use db2clerk::simulator::{Settings, Simulator, start};
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::program::Program;
use cases::{CASES, Case, Way};

const PASSWORD: &str = "correct horse battery staple";
const WRONG: &str = "wrong horse battery staple";

/// Nobody but Clerk can verify these: the one asks Cognito, the other's inside is documented nowhere. Hasher and digest.
const UNVERIFIABLE: [(&str, &str); 2] = [
    ("awscognito", "awscognito#eu-west-1_FakePool1#fakeclientid#ada"),
    ("hmac_sha256_utf16_b64", "ZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWZha2UtZmE="),
];

/// The ID of a case's user, in both systems.
fn id(number: usize) -> String {
    format!("user-{number}")
}

/// A users file with one user a digest.
fn users_file<'a>(passwords: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let user = |(number, (digest, said)): (usize, (&str, Option<&str>))| {
        let email = format!("{}@example.com", id(number));
        let mut user = json!({"userId": id(number), "email": email, "emailVerified": true, "password": digest});
        if let Some(said) = said {
            user["passwordHasher"] = json!(said);
        }
        user.to_string() + "\n"
    };
    passwords.into_iter().enumerate().map(user).collect()
}

/// Clerk's users, by the ID they had before.
fn in_clerk(simulator: &Simulator) -> HashMap<String, Value> {
    let users = simulator.users().into_iter();
    users.map(|user| (user["external_id"].as_str().expect("an external ID").to_owned(), user)).collect()
}

async fn verify(client: &Client, simulator: &Simulator, user: &Value, password: &str) -> (u16, Value) {
    let url = format!("{}/v1/users/{}/verify_password", simulator.url(), user["id"].as_str().expect("a Clerk ID"));
    let request = client.post(url).bearer_auth("sk_live_secretkey").header("user-agent", "test");
    let answer = request.json(&json!({"password": password})).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// The stored digest is of the hasher it should be of, rewritten or not, and verifies the password and no other.
async fn check(client: &Client, simulator: &Simulator, user: &Value, case: &Case) {
    let (stored, source) = (&user["simulator"], case.source);
    assert_eq!(stored["password_hasher"], case.hasher, "{source}");
    let unchanged = stored["password_digest"] == case.stored;
    assert_eq!(unchanged, case.way == Way::AsStored, "{source}: {stored}");
    assert_eq!(verify(client, simulator, user, PASSWORD).await, (200, json!({"verified": true})), "{source}: {stored}");
    let (status, answer) = verify(client, simulator, user, WRONG).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (422, &json!("incorrect_password")), "{source}: {stored}");
}

/// Without the flag, experimental rewrites are not sent, and the log says which flag sends them.
fn check_experimental_wait(program: &Program, simulator: &Simulator) {
    let (log, users) = (program.log(), in_clerk(simulator));
    for (number, case) in CASES.iter().enumerate() {
        let id = id(number);
        let line = log.iter().find(|line| line["userId"] == json!(id));
        let experimental = case.way == Way::Experimental;
        assert_eq!(
            (line.is_some(), users.contains_key(&id)),
            (experimental, !experimental),
            "{}: {line:?}",
            case.source
        );
        if let Some(line) = line {
            assert_eq!((&line["state"], &line["code"]), (&json!("invalid"), &json!("password_unproven")), "{line}");
            let message = line["message"].as_str().expect("a message");
            assert!(message.contains("`--experimental-rewrites`"), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_every_hasher_verifies_after_the_move() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator);
    program.write("users.json", &users_file(CASES.iter().map(|case| (case.stored, case.said))));
    let waiting = CASES.iter().filter(|case| case.way == Way::Experimental).count();

    let run = program.run(&["import", "--yes", "--json"]).await;
    run.expect_code(1);
    let summary = run.json();
    assert_eq!(
        (&summary["created"], &summary["invalid"]),
        (&json!(CASES.len() - waiting), &json!(waiting)),
        "{summary}"
    );
    check_experimental_wait(&program, &simulator);

    let run = program.run(&["import", "--yes", "--json", "--experimental-rewrites"]).await;
    run.expect_code(0);
    let summary = run.json();
    assert_eq!((&summary["created"], &summary["invalid"]), (&json!(waiting), &json!(0)), "{summary}");

    let users = in_clerk(&simulator);
    assert_eq!(users.len(), CASES.len());
    let client = reqwest::Client::new();
    let checks = CASES.iter().enumerate().map(|(number, case)| check(&client, &simulator, &users[&id(number)], case));
    // At once: some sources leave no choice of a cheap digest.
    join_all(checks).await;
    simulator.stop().await;
}

#[test]
fn no_hasher_is_left_out_of_these_tests() {
    let tested = |hasher: &Hasher| {
        let word = hasher.word();
        CASES.iter().any(|case| case.hasher == word) || UNVERIFIABLE.iter().any(|(hasher, _)| *hasher == word)
    };
    let untested: Vec<_> = Hasher::ALL.into_iter().filter(|hasher| !tested(hasher)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_that_only_clerk_understands_arrive_unchanged() {
    let simulator = start(Settings::default()).await.expect("a simulator");
    let program = Program::with_clerk(&simulator);
    program.write("users.json", &users_file(UNVERIFIABLE.map(|(hasher, digest)| (digest, Some(hasher)))));
    program.run(&["import", "--yes"]).await.expect_code(0);
    let users = in_clerk(&simulator);
    for (number, (hasher, digest)) in UNVERIFIABLE.into_iter().enumerate() {
        let user = &users[&id(number)];
        assert_eq!(user["password_enabled"], true, "{hasher}");
        let stored = &user["simulator"];
        assert_eq!((&stored["password_hasher"], &stored["password_digest"]), (&json!(hasher), &json!(digest)));
    }
    simulator.stop().await;
}
