//! The rate limit and the faults, as a client meets them.

use std::time::Duration;

use db2clerk::simulator::{Fault, Faults, Hold, RateLimit, Rule, Settings, Storm};
use reqwest::{Error, Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Local, check_error, read, with_waiver};

/// Sends a create, and gives back whatever comes of it.
async fn try_create(local: &Local, external_id: &str) -> Result<Response, Error> {
    let body = with_waiver(&json!({"external_id": external_id, "username": format!("user-{external_id}")}));
    local.request(Method::POST, "/users").json(&body).send().await
}

/// Sends a create, and leaves it on its way.
fn begin_create(local: &Local, external_id: &str) -> JoinHandle<Result<Response, Error>> {
    let body = with_waiver(&json!({"external_id": external_id, "username": format!("user-{external_id}")}));
    tokio::spawn(local.request(Method::POST, "/users").json(&body).send())
}

async fn count(local: &Local) -> Value {
    local.get("/users/count").await.1["total_count"].clone()
}

#[tokio::test]
async fn what_exceeds_the_rate_limit_is_refused_with_the_seconds_to_wait() {
    let rate_limit = Some(RateLimit { requests: 3, window: Duration::from_hours(1) });
    let local = Local::with(Settings { rate_limit, ..Settings::default() }).await;
    for path in ["/users", "/users/count", "/instance"] {
        assert_eq!(local.get(path).await.0, 200);
    }
    for _ in 0..2 {
        let refused = try_create(&local, "1").await.expect("an answer");
        let seconds = refused.headers()["retry-after"].to_str().ok().and_then(|text| text.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| (3_500..=3_600).contains(&seconds)));
        check_error(&read(refused).await, 429, "too_many_requests", None);
    }
    let counts = local.simulator.counts();
    assert_eq!((counts.requests, counts.rate_limited, counts.creates), (5, 2, 0));
}

#[tokio::test]
async fn too_many_changes_of_one_user_are_refused_and_of_others_not() {
    let user_rate_limit = Some(RateLimit { requests: 2, window: Duration::from_hours(1) });
    let local = Local::with(Settings { user_rate_limit, ..Settings::default() }).await;
    let (one, other) = (local.create_numbered("1").await, local.create_numbered("2").await);
    let path = |user: &Value| format!("/users/{}", user["id"].as_str().expect("text"));
    let name = json!({"first_name": "Anna"});
    assert_eq!(local.patch(&path(&one), &name).await.0, 200);
    assert_eq!(local.patch(&format!("{}/metadata", path(&one)), &json!({"public_metadata": {"a": 1}})).await.0, 200);
    let refused = local.request(Method::PATCH, &path(&one)).json(&name).send().await.expect("an answer");
    let seconds = refused.headers()["retry-after"].to_str().ok().and_then(|text| text.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (3_500..=3_600).contains(&seconds)));
    check_error(&read(refused).await, 429, "too_many_requests", None);
    assert_eq!(local.patch(&path(&other), &name).await.0, 200);
    assert_eq!(local.get(&path(&one)).await.0, 200);
    let counts = local.simulator.counts();
    assert_eq!((counts.requests, counts.rate_limited, counts.user_rate_limited), (7, 1, 1));
}

#[tokio::test]
async fn each_fault_leaves_the_user_made_or_not_as_it_says() {
    let cases = [
        (Fault::ServerError, Some(500), false),
        (Fault::ServerErrorAfter, Some(500), true),
        (Fault::LoseAnswer, None, true),
        (Fault::CutAnswer, Some(200), true),
        (Fault::Cut, None, false),
        (Fault::TooManyRequests { retry_after: None }, Some(429), false),
        (Fault::HtmlPage, Some(502), false),
        (Fault::Garbage, Some(200), true),
        (Fault::KeyRevoked, Some(401), false),
        (Fault::Locked, Some(409), false),
        (Fault::QuotaExceeded, Some(403), false),
        (Fault::AnswerLate(Duration::from_millis(1)), Some(200), true),
    ];
    for (fault, status, made) in cases {
        let local = Local::new().await;
        local.simulator.script(Rule::new("POST", "/v1/users", fault.clone()));
        let answer = try_create(&local, "1").await;
        assert_eq!(answer.ok().map(|answer| answer.status().as_u16()), status, "{fault:?}");
        assert_eq!(count(&local).await, i32::from(made), "{fault:?}");
        let again = try_create(&local, "1").await.expect("an answer").status();
        assert_eq!(again, if made { 422 } else { 200 }, "{fault:?}");
        let counts = local.simulator.counts();
        assert_eq!((counts.faults, counts.creates, counts.repeated_creates), (1, 1, u64::from(made)), "{fault:?}");
    }
}

#[tokio::test]
async fn a_cut_answer_begins_and_never_ends() {
    let local = Local::new().await;
    local.simulator.script(Rule::new("POST", "/v1/users", Fault::CutAnswer));
    let answer = try_create(&local, "1").await.expect("the head of an answer");
    assert!(answer.content_length().is_some_and(|length| length > 1_000));
    assert!(answer.bytes().await.is_err());
    assert_eq!(local.simulator.requests()[0].status, None);
}

#[tokio::test]
async fn a_user_may_be_made_after_the_connection_is_gone() {
    let local = Local::new().await;
    let wait = Duration::from_millis(20);
    local.simulator.script(Rule::new("POST", "/v1/users", Fault::DoLate(wait)));
    assert!(try_create(&local, "1").await.is_err());
    local.simulator.reached(|counts| counts.creates == 1).await.expect("the user is made at last");
}

#[tokio::test]
async fn a_script_strikes_the_request_it_names() {
    let local = Local::new().await;
    local.simulator.script(Rule::new("POST", "/v1/users", Fault::ServerError).between(2, 3));
    local.simulator.script(Rule::new("DELETE", "/v1/users/*", Fault::Locked).onwards(1));
    let mut statuses = Vec::new();
    for external_id in ["1", "2", "3", "4"] {
        statuses.push(try_create(&local, external_id).await.expect("an answer").status().as_u16());
        assert_eq!(local.get("/users").await.0, 200);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    check_error(&local.delete("/users/user_1").await, 409, "resource_locked", None);
    check_error(&local.delete("/users/user_2").await, 409, "resource_locked", None);
    let last = local.simulator.requests().pop().expect("a record");
    assert_eq!((last.method.as_str(), last.path.as_str(), last.status), ("DELETE", "/v1/users/user_2", Some(409)));
}

#[tokio::test]
async fn a_storm_and_a_revoked_key_come_by_number() {
    let storm = Some(Storm { from: 2, to: 3, retry_after: Some(7) });
    let faults = Faults { storm, revoked_from: Some(5), ..Faults::default() };
    let local = Local::with(Settings { faults, ..Settings::default() }).await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let answer = local.request(Method::GET, "/instance").send().await.expect("an answer");
        let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()).map(str::to_owned);
        seen.push((answer.status().as_u16(), wait));
    }
    let stormy = (429, Some("7".to_owned()));
    assert_eq!(seen, [(200, None), stormy.clone(), stormy, (200, None), (401, None), (401, None)]);
}

#[tokio::test]
async fn latency_is_what_each_answer_takes() {
    let latency = Duration::from_millis(30);
    let local = Local::with(Settings { latency, jitter: Duration::from_millis(1), ..Settings::default() }).await;
    let started = std::time::Instant::now();
    local.get("/instance").await;
    assert!(started.elapsed() >= latency);
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up_or_the_simulator_stops() {
    for (fault, made) in [(Fault::Silence, 1), (Fault::SilenceBefore, 0)] {
        let local = Local::new().await;
        local.simulator.script(Rule::new("POST", "/v1/users", fault.clone()).between(1, 2));
        let impatient = begin_create(&local, "1");
        local.simulator.reached(|counts| counts.faults == 1).await.expect("it came");
        assert!(!impatient.is_finished());
        impatient.abort();
        assert_eq!(count(&local).await, made, "{fault:?}");

        let patient = begin_create(&local, "2");
        let counts = local.simulator.reached(|counts| counts.faults == 2).await.expect("both came");
        assert_eq!(counts.creates, 2 * made, "{fault:?}");
        assert_eq!(local.simulator.requests().pop().expect("a record").status, None);
        assert!(!patient.is_finished());
        local.simulator.stop().await;
        assert!(patient.await.expect("the task ends").is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_held_request_waits_before_or_after_it_is_done_until_it_is_let_go() {
    for (before, made) in [(true, 0), (false, 1)] {
        let local = Local::new().await;
        let hold = Hold::new();
        let fault = if before { Fault::HoldBefore(hold.clone()) } else { Fault::HoldAfter(hold.clone()) };
        local.simulator.script(Rule::new("POST", "/v1/users", fault).between(1, 2));
        let one = begin_create(&local, "1");
        hold.caught(1).await.expect("it comes");
        assert_eq!(count(&local).await, made);
        let other = begin_create(&local, "2");
        hold.caught(2).await.expect("the other comes");
        assert!(!one.is_finished() && !other.is_finished());
        hold.release();
        for request in [one, other] {
            assert_eq!(request.await.expect("the task ends").expect("an answer").status(), 200);
        }
        assert_eq!(count(&local).await, 2);
    }
}

#[tokio::test]
async fn a_held_request_is_done_though_its_client_is_gone() {
    let local = Local::new().await;
    let hold = Hold::new();
    local.simulator.script(Rule::new("POST", "/v1/users", Fault::HoldBefore(hold.clone())));
    let gone = begin_create(&local, "1");
    hold.caught(1).await.expect("it comes");
    gone.abort();
    assert!(gone.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(local.get("/users?external_id=1").await.1, json!([]));
    hold.release();
    local.simulator.reached(|counts| counts.creates == 1 && counts.faults == 1).await.expect("it is done late");
    let (status, again) = read(try_create(&local, "1").await.expect("an answer")).await;
    check_error(&(status, again), 422, "form_identifier_exists", Some("external_id"));
}

#[tokio::test]
async fn what_was_asked_for_on_a_closed_connection_is_done_when_the_test_says() {
    let local = Local::new().await;
    let hold = Hold::new();
    local.simulator.script(Rule::new("POST", "/v1/users", Fault::DoOnRelease(hold.clone())));
    assert!(try_create(&local, "1").await.is_err());
    hold.caught(1).await.expect("it comes");
    assert_eq!(local.get("/users?external_id=1").await.1, json!([]));
    hold.release();
    local.simulator.reached(|counts| counts.creates == 1).await.expect("it is done late");
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_is_held() {
    let local = Local::new().await;
    let hold = Hold::new();
    for (number, fault) in [Fault::HoldBefore(hold.clone()), Fault::HoldAfter(hold.clone())].into_iter().enumerate() {
        local.simulator.script(Rule::new("POST", "/v1/users", fault).nth(number as u64 + 1));
    }
    let requests = [begin_create(&local, "1"), begin_create(&local, "2")];
    hold.caught(2).await.expect("both come");
    local.simulator.stop().await;
    for request in requests {
        assert!(request.await.expect("the task ends").is_err());
    }
}

#[tokio::test]
async fn changes_and_deletes_of_users_and_their_addresses_meet_faults_too() {
    let local = Local::new().await;
    let user = local.create_numbered("1").await;
    let (id, email) = (&user["id"], &user["email_addresses"][0]["id"]);
    let text = |id: &Value| id.as_str().expect("text").to_owned();
    let (user_path, email_path) = (format!("/users/{}", text(id)), format!("/email_addresses/{}", text(email)));
    let cases = [
        ("POST", "/v1/email_addresses", "/email_addresses".to_owned(), Fault::ServerErrorAfter, Some(500)),
        ("GET", "/v1/email_addresses/*", email_path.clone(), Fault::HtmlPage, Some(502)),
        ("PATCH", "/v1/email_addresses/*", email_path, Fault::Cut, None),
        ("PATCH", "/v1/users/*", user_path.clone(), Fault::LoseAnswer, None),
        ("PATCH", "/v1/users/*/metadata", format!("{user_path}/metadata"), Fault::Locked, Some(409)),
        ("POST", "/v1/users/*/ban", format!("{user_path}/ban"), Fault::ServerError, Some(500)),
        ("DELETE", "/v1/users/*", user_path.clone(), Fault::LoseAnswer, None),
    ];
    for (method, pattern, path, fault, expected) in cases {
        local.simulator.script(Rule::new(method, pattern, fault));
        let body = match path.as_str() {
            "/email_addresses" => json!({"user_id": id, "email_address": "b@example.com"}),
            path if path == user_path => json!({"first_name": "Anna"}),
            _ => json!({}),
        };
        let method: Method = method.parse().expect("a method");
        let answer = local.request(method, &path).json(&body).send().await;
        assert_eq!(answer.ok().map(|answer| answer.status().as_u16()), expected, "{pattern}");
        if let Some(user) = local.simulator.users().first() {
            assert_eq!(user["email_addresses"].as_array().map(Vec::len), Some(2), "{pattern}");
            assert_eq!(user["banned"], false, "{pattern}");
        }
    }
    assert!(local.simulator.users().is_empty(), "the last answer was lost, and the user was deleted all the same");
    assert_eq!(local.simulator.counts().faults, 7);
}

#[tokio::test]
async fn an_hour_to_wait_and_answers_that_take_their_time_can_be_scripted() {
    let local = Local::new().await;
    local.simulator.script(Rule::new("*", "/v1/instance", Fault::TooManyRequests { retry_after: Some(3_600) }));
    let refused = local.request(Method::GET, "/instance").send().await.expect("an answer");
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"3600".parse().expect("a value"))
    );
    let (least, most) = (Duration::from_millis(20), Duration::from_millis(40));
    local.simulator.script(Rule::new("GET", "/v1/users", Fault::AnswerWithin { least, most }).onwards(1));
    let started = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(local.get("/users").await.0, 200);
    }
    assert!(started.elapsed() >= 3 * least);
}
