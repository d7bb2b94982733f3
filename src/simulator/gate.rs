//! What every request passes: network latency, the key, the rate limit, and the faults that were asked for.
//!
//! Half of the latency comes before a request is counted against the rate limit, half after it is answered: a client that
//! spaces its requests evenly still meets a limit that looks at their arrival.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio::time::sleep;

use super::error::Refusal;
use super::faults::Fault;
use super::line::Line;
use super::log::RequestRecord;
use super::routes::BODY_BYTES;
use super::shared::Shared;

pub(super) const LIVE: &str = "sk_live_";
const TEST: &str = "sk_test_";

/// What shall become of a request.
enum Verdict {
    Refused(Response),
    Served,
    /// It meets a fault.
    Met(Fault),
}

/// What came of a request.
enum Outcome {
    Answer(Response),
    /// The connection is closed once this many bytes of the answer have gone out.
    CutAfter(usize, Response),
}

pub(super) async fn pass(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let half = half_latency(&shared);
    pause(half).await;
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let at = Instant::now();
    let (outcome, faulty) = match judge(&shared, &request, at) {
        Verdict::Refused(response) => (Outcome::Answer(response), false),
        Verdict::Served => (Outcome::Answer(next.run(request).await), false),
        Verdict::Met(fault) => (suffer(fault, request, next).await, true),
    };
    let status = match &outcome {
        Outcome::Answer(response) => Some(response.status().as_u16()),
        Outcome::CutAfter(..) => None,
    };
    shared.traffic().log.record(RequestRecord { method, path, status, at }, faulty);
    pause(half).await;
    match outcome {
        Outcome::Answer(response) => response,
        Outcome::CutAfter(bytes, response) => {
            line.cut_after(bytes);
            response
        }
    }
}

/// The key, if the header has the right form.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Lets a request in, refuses it, or says which fault it meets.
fn judge(shared: &Shared, request: &Request, now: Instant) -> Verdict {
    if let Some(refusal) = not_ours(shared, request.headers()) {
        return Verdict::Refused(refusal);
    }
    let mut traffic = shared.traffic();
    if let Err(seconds) = traffic.limiter.admit(now) {
        return Verdict::Refused(refuse_for(Some(seconds)));
    }
    let (method, path) = (request.method().as_str(), request.uri().path());
    if let Err(seconds) = traffic.user_limiter.admit(method, path, now) {
        traffic.log.refused_for_user();
        return Verdict::Refused(refuse_for(Some(seconds)));
    }
    traffic.admitted += 1;
    let number = traffic.admitted;
    // Every rule counts the request, also when an earlier one has struck already.
    let met: Vec<Fault> = traffic.rules.iter_mut().filter_map(|rule| rule.meet(method, path)).collect();
    let is_create = request.method() == Method::POST && path == "/v1/users";
    let settings = &shared.settings;
    let fault = met.into_iter().next().or_else(|| settings.faults.decide(settings.seed, number, is_create));
    fault.map_or(Verdict::Served, Verdict::Met)
}

/// Refuses who is not known, before anything is counted: a request without a valid key belongs to no instance.
fn not_ours(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let user_agent = headers.get(header::USER_AGENT).is_some_and(|agent| !agent.is_empty());
    if !user_agent {
        // Refused at the edge of the network, before the API: hence no JSON.
        return Some((StatusCode::FORBIDDEN, Html("<h1>403 Forbidden</h1><p>No User-Agent.</p>")).into_response());
    }
    let accepted = |key: &str| match &shared.settings.secret_key {
        Some(only) => key == only,
        None => [TEST, LIVE].iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix)),
    };
    if !bearer(headers).is_some_and(accepted) {
        return Some(Refusal::key_invalid().into_response());
    }
    match headers.get("clerk-api-version").map(|version| version.to_str().unwrap_or_default()) {
        Some(version) if chrono::NaiveDate::parse_from_str(version, "%Y-%m-%d").is_err() => {
            Some(Refusal::api_version(version).into_response())
        }
        _ => None,
    }
}

async fn suffer(fault: Fault, request: Request, next: Next) -> Outcome {
    let nothing = || Body::empty().into_response();
    match fault {
        Fault::ServerError => Outcome::Answer(Refusal::internal().into_response()),
        Fault::ServerErrorAfter => {
            next.run(request).await;
            Outcome::Answer(Refusal::internal().into_response())
        }
        Fault::LoseAnswer => {
            next.run(request).await;
            Outcome::CutAfter(0, nothing())
        }
        Fault::CutAnswer => cut_in_half(next.run(request).await).await,
        Fault::Cut => Outcome::CutAfter(0, nothing()),
        Fault::DoLate(wait) => {
            do_late(wait, request, next).await;
            Outcome::CutAfter(0, nothing())
        }
        Fault::AnswerLate(wait) => {
            let response = next.run(request).await;
            sleep(wait).await;
            Outcome::Answer(response)
        }
        Fault::TooManyRequests { retry_after } => Outcome::Answer(refuse_for(retry_after.map(u64::from))),
        Fault::HtmlPage => {
            let page = Html("<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>");
            Outcome::Answer((StatusCode::BAD_GATEWAY, page).into_response())
        }
        Fault::Garbage => {
            next.run(request).await;
            let garbage = ([(header::CONTENT_TYPE, "application/json")], "{\"id\": \"user_");
            Outcome::Answer(garbage.into_response())
        }
        Fault::KeyRevoked => Outcome::Answer(Refusal::key_invalid().into_response()),
        Fault::Locked => Outcome::Answer(Refusal::locked().into_response()),
        Fault::UsernameOff => Outcome::Answer(Refusal::username_off().into_response()),
    }
}

/// Takes the whole request now, and does what it asks for later, when its connection is long gone.
async fn do_late(wait: Duration, request: Request, next: Next) {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES).await else { return };
    tokio::spawn(async move {
        sleep(wait).await;
        next.run(Request::from_parts(head, Body::from(body))).await;
    });
}

/// Lets the head of the answer and half of its body through.
async fn cut_in_half(response: Response) -> Outcome {
    /// The status line, and the date and the length that the server adds.
    const HEAD_BYTES: usize = 80;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    Outcome::CutAfter(HEAD_BYTES + headers + body.len() / 2, Response::from_parts(head, Body::from(body)))
}

fn refuse_for(seconds: Option<u64>) -> Response {
    let mut response = Refusal::too_many_requests().into_response();
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn half_latency(shared: &Shared) -> Duration {
    let settings = &shared.settings;
    if settings.jitter.is_zero() {
        return settings.latency / 2;
    }
    (settings.latency + settings.jitter.mul_f64(fastrand::f64())) / 2
}

async fn pause(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}
