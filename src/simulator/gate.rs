//! What every request passes: network latency, the key, the rate limit, and the faults that were asked for.
//!
//! Half of the latency comes before a request is counted against the rate limit, half after it is answered: a client that
//! spaces its requests evenly still meets a limit that looks at their arrival.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio::time::sleep;

use super::error::Refusal;
use super::faults::Fault;
use super::line::Line;
use super::log::RequestRecord;
use super::shared::Shared;
use super::suffer::{Outcome, refuse_for, suffer};

pub(super) const LIVE: &str = "sk_live_";
const TEST: &str = "sk_test_";

/// What shall become of a request.
enum Verdict {
    Refused(Response),
    Served,
    /// It meets a fault; this is its number.
    Met(Fault, u64),
}

/// A request that has come, as it will be remembered.
struct Arrival {
    method: String,
    path: String,
    at: Instant,
}

impl Arrival {
    fn now(request: &Request) -> Self {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        Self { method, path, at: Instant::now() }
    }

    fn with(self, status: Option<u16>) -> RequestRecord {
        RequestRecord { method: self.method, path: self.path, status, at: self.at }
    }
}

pub(super) async fn pass(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let half = half_latency(&shared);
    pause(half).await;
    let arrival = Arrival::now(&request);
    let outcome = match judge(&shared, &request, arrival.at) {
        Verdict::Refused(response) => served(&shared, arrival, response),
        Verdict::Served => {
            let response = next.run(request).await;
            served(&shared, arrival, response)
        }
        Verdict::Met(fault, number) => met(fault, number, shared.clone(), arrival, request, next).await,
    };
    let Outcome { response, cut_after, wait } = outcome;
    let cut_after = if wait.over(&shared).await { cut_after } else { Some(0) };
    pause(half).await;
    if let Some(bytes) = cut_after {
        line.cut_after(bytes);
    }
    response
}

fn served(shared: &Shared, arrival: Arrival, response: Response) -> Outcome {
    let outcome = Outcome::answer(response);
    shared.record(arrival.with(outcome.status()), false);
    outcome
}

/// Makes a request meet its fault, also where the client is gone before that is over: what Clerk has begun, it ends.
async fn met(
    fault: Fault,
    number: u64,
    shared: Arc<Shared>,
    arrival: Arrival,
    request: Request,
    next: Next,
) -> Outcome {
    let suffered = tokio::spawn(async move {
        let outcome = suffer(fault, number, &shared, request, next).await;
        shared.record(arrival.with(outcome.status()), true);
        outcome
    });
    suffered.await.unwrap_or_else(|_| Outcome::cut())
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
    fault.map_or(Verdict::Served, |fault| Verdict::Met(fault, number))
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
