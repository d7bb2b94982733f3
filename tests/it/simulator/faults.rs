//! The rate limit and the faults, as a client meets them.

use std::time::Duration;

use db2clerk::simulator::{Fault, Faults, RateLimit, Rule, Settings, Storm};
use reqwest::{Error, Method, Response};
use serde_json::{Value, json};

use super::{Local, check_error, read, with_waiver};

/// Sends a create, and gives back whatever comes of it.
async fn try_create(local: &Local, external_id: &str) -> Result<Response, Error> {
    let body = with_waiver(&json!({"external_id": external_id, "username": format!("user-{external_id}")}));
    local.request(Method::POST, "/users").json(&body).send().await
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
    let made = async { while count(&local).await != 1 {} };
    tokio::time::timeout(Duration::from_mins(1), made).await.expect("the user is made at last");
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
