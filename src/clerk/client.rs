//! The client: public methods named for what they achieve, over one private `send`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use hyper::header::{self, HeaderName};
use hyper::{Method, StatusCode, Uri};
use serde::de::DeserializeOwned;

use super::crowd::Crowd;
use super::error::{Answer, Error, Kind, safe};
use super::gate::Gate;
use super::http::{Answering, ClientError, Http};
use super::limit::{Load, Passage};
use super::pace::Pace;
use super::settings::{ApiUrl, Settings};
use super::{ClerkUser, Instance, backoff, wire};
use crate::kill_point::{self, Point};
use crate::record::{ClerkId, Identifier, ImportUser, UserId};

/// How often a request that only reads is sent before its failure is told.
const READ_ATTEMPTS: u32 = 8;

/// The longest pause that a `Retry-After` may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Talks to Clerk. Clones share the pace, the connections and the statistics.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// The turn to send one request.
#[derive(Debug)]
pub struct Turn(Passage);

struct Shared {
    http: Http,
    api_url: ApiUrl,
    /// Where users are created, put together once.
    users_uri: Uri,
    gate: Gate,
    pace: Pace,
    requests: AtomicU64,
    rate_limited: AtomicU64,
    /// The moving average of answer times in microseconds; 0 before the first.
    latency: AtomicU64,
    /// Says how many requests may be on their way where no limit does.
    crowd: Mutex<Crowd>,
}

/// A user that Clerk has just made, as far as there is anything new to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The ID that Clerk gave.
    pub id: ClerkId,
    /// When the password was set, by Clerk's clock in milliseconds since 1970; `None` without one.
    pub password_at: Option<i64>,
}

/// What a client has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests sent.
    pub requests: u64,
    /// Requests that Clerk refused because they came too fast.
    pub rate_limited: u64,
}

impl Client {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`], if TLS or the way through a proxy cannot be prepared: for want of certificate authorities above all.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Ok(Self(Arc::new(Shared {
            http: Http::new(&settings)?,
            gate: Gate::new(&settings.pace.windows),
            pace: settings.pace,
            users_uri: settings.api_url.endpoint("users", "").map_err(ClientError::Address)?,
            api_url: settings.api_url,
            requests: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            crowd: Mutex::default(),
        })))
    }

    /// Returns which instance the key opens.
    ///
    /// # Errors
    /// [`Error`], after passing failures were given some time to pass.
    pub async fn instance(&self) -> Result<Instance, Error> {
        self.read::<wire::InstanceAnswer>("instance", "").await.map(Instance::from)
    }

    /// Returns how many users the instance has.
    ///
    /// # Errors
    /// As [`Self::instance`].
    pub async fn count_users(&self) -> Result<u64, Error> {
        self.read::<wire::TotalCount>("users/count", "").await.map(|count| count.total_count)
    }

    /// Returns the users who have one of these IDs as `external_id`, in no order. One request finds a hundred; more, or
    /// ones so long that a URL cannot hold them, take several.
    ///
    /// # Errors
    /// As [`Self::instance`].
    pub async fn users_by_external_id(&self, ids: &[UserId]) -> Result<Vec<ClerkUser>, Error> {
        let mut users = Vec::new();
        for query in wire::external_id_queries(ids) {
            users.extend(self.read_users(&query).await?);
        }
        Ok(users)
    }

    /// Returns those of these users who are in Clerk, in no order. One request finds a hundred.
    ///
    /// # Errors
    /// As [`Self::instance`].
    pub async fn users_by_clerk_id(&self, ids: &[ClerkId]) -> Result<Vec<ClerkUser>, Error> {
        let mut users = Vec::new();
        for query in wire::clerk_id_queries(ids) {
            users.extend(self.read_users(&query).await?);
        }
        Ok(users)
    }

    /// Returns the user who holds an identifier, if there is one.
    ///
    /// # Errors
    /// As [`Self::instance`].
    pub async fn user_by_identifier(&self, identifier: &Identifier) -> Result<Option<ClerkUser>, Error> {
        let users = self.read_users(&wire::identifier_query(identifier)).await?;
        Ok(users.into_iter().find(|user| user.identifiers().contains(identifier)))
    }

    /// Returns up to 500 users, those that follow `after` in Clerk's order: newest first by their date of creation. An
    /// empty page is the end.
    ///
    /// # Errors
    /// As [`Self::instance`].
    pub async fn list_users(&self, after: Option<&ClerkId>) -> Result<Vec<ClerkUser>, Error> {
        self.read_users(&wire::page_query(after)).await
    }

    /// Creates a user, by one request that is never repeated here: after a failure that leaves doubt, look first.
    ///
    /// # Errors
    /// [`Error`], whatever went wrong.
    pub async fn create_user(&self, turn: Turn, user: &ImportUser) -> Result<Created, Error> {
        kill_point::reach(Point::CreateGoesOut);
        let answer = self.send(turn, Method::POST, self.0.users_uri.clone(), Some(wire::create_body(user))).await;
        kill_point::reach(Point::CreateAnswered);
        let created: wire::CreatedAnswer = answer?;
        if created.external_id.as_deref() == Some(user.user_id.as_str()) {
            Ok(Created { id: created.id, password_at: created.password_last_updated_at })
        } else {
            Err(Error::mixed_up(200))
        }
    }

    /// Returns what the client and its clones have done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            requests: self.0.requests.load(Ordering::Relaxed),
            rate_limited: self.0.rate_limited.load(Ordering::Relaxed),
        }
    }

    /// Returns how long answers take, as a moving average; zero before the first one.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.0.latency.load(Ordering::Relaxed))
    }

    /// Returns how many requests should be on their way at one time: more where answers are slow, unless they are because of them.
    #[must_use]
    pub fn at_once(&self) -> usize {
        let pace = &self.0.pace;
        let room = if pace.windows.is_empty() { self.0.crowd().size() } else { usize::MAX };
        pace.at_once(self.latency()).min(room)
    }

    /// Returns how many requests may ever be on their way at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.0.pace.most_at_once.max(1)
    }

    /// Returns how many requests may go out in one window of the strictest limit; `None` without any.
    #[must_use]
    pub fn burst(&self) -> Option<u32> {
        self.0.pace.windows.iter().map(|window| window.requests).min()
    }

    /// Returns how long so many requests will take, as answers come by now; `None` without any limit, where it depends on how Clerk
    /// answers many at once, which nobody has seen yet.
    #[must_use]
    pub fn time_for(&self, requests: u64) -> Option<Duration> {
        self.burst().map(|_| self.0.pace.time_for(requests, self.latency()))
    }

    /// Returns how long Clerk still keeps all requests waiting after a 429.
    #[must_use]
    pub fn pause_left(&self) -> Option<Duration> {
        self.0.gate.pause_left()
    }

    /// Waits for the turn to send a request, at the pace that Clerk allows. Whoever stops waiting has used up nothing.
    pub async fn turn(&self) -> Turn {
        Turn(self.0.gate.pass().await)
    }

    /// Returns where an endpoint is that takes no query.
    ///
    /// # Errors
    /// If it is too long for an address.
    pub(super) fn endpoint(&self, path: &str) -> Result<Uri, Error> {
        self.0.api_url.endpoint(path, "").map_err(|_| Error::too_long())
    }

    async fn read_users(&self, query: &str) -> Result<Vec<ClerkUser>, Error> {
        let users: Vec<wire::User> = self.read("users", query).await?;
        Ok(users.into_iter().map(|wire::User(user)| user).collect())
    }

    /// Sends a request that changes nothing, and again while its failure may pass.
    async fn read<T: DeserializeOwned>(&self, path: &str, query: &str) -> Result<T, Error> {
        let uri = self.0.api_url.endpoint(path, query).map_err(|_| Error::too_long())?;
        let mut attempt = 0;
        loop {
            match self.send(self.turn().await, Method::GET, uri.clone(), None).await {
                // Clerk is at work, and the next turn comes when its pause is over: no sign that reading is in vain.
                Err(error) if error.is_rate_limit() && error.kind == Kind::Passing => {}
                Err(error) if error.kind == Kind::Passing && attempt + 1 < READ_ATTEMPTS => {
                    tracing::debug!(path, attempt, code = error.code, status = error.status, "reading again");
                    tokio::time::sleep(wait_before_next(attempt, &error)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Sends one request, whose turn it is, and reads the answer.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        Turn(passage): Turn,
        method: Method,
        uri: Uri,
        body: Option<Vec<u8>>,
    ) -> Result<T, Error> {
        let shared = &*self.0;
        let load = if method == Method::GET { Load::Read } else { Load::Write };
        shared.requests.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let sent = shared.http.send(method, uri, body).await;
        let response = sent.map_err(|error| Error::no_answer(&error, &shared.api_url, &shared.http.way()))?;
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            shared.gate.answered(passage, load);
        }
        let answer = self.receive(passage, response).await?;
        let took = started.elapsed();
        shared.note_latency(took);
        match answer.status {
            429 if shared.gate.is_shut() => return Err(Error::shut_out(&answer)),
            429 => {}
            _ => shared.gate.let_in(),
        }
        if !(200..=299).contains(&answer.status) {
            return Err(Error::refused(&answer));
        }
        if matches!(load, Load::Write) {
            shared.crowd().answered(took, shared.pace.most_at_once);
        }
        serde_json::from_slice(&answer.body).map_err(|error| Error::unreadable(&answer, &error))
    }

    /// Reads an answer to its end. The pause that a 429 asks for begins before its body is read.
    async fn receive(&self, passage: Passage, response: Answering) -> Result<Answer, Error> {
        let status = response.status().as_u16();
        let trace_id = response.header(&HeaderName::from_static("x-clerk-trace-id"));
        let trace_id = trace_id.and_then(safe).map(str::to_owned);
        let retry_after = response.header(&header::RETRY_AFTER).and_then(|value| retry_after(value, Utc::now()));
        if status == 429 {
            self.slow_down(passage, retry_after);
        }
        match response.read().await {
            Some(body) => Ok(Answer { status, trace_id, retry_after, body }),
            None => Err(Error { retry_after, ..Error::cut(status, trace_id) }),
        }
    }

    fn slow_down(&self, passage: Passage, retry_after: Option<Duration>) {
        self.0.rate_limited.fetch_add(1, Ordering::Relaxed);
        let pause = retry_after.unwrap_or(self.0.pace.retry_delay);
        if self.0.gate.refused(passage, pause) {
            tracing::warn!(seconds = pause.as_secs_f64(), "Clerk's rate limit is used up; all requests wait");
        }
    }
}

impl Shared {
    /// Takes an eighth of the newest answer time into the average.
    fn note_latency(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let blend = |average: u64| Some(if average == 0 { took } else { average - average / 8 + took / 8 });
        // The closure always gives a value, so there is no failure to look at.
        let _ = self.latency.fetch_update(Ordering::Relaxed, Ordering::Relaxed, blend);
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A 429 has its pause at the gate already; any other `Retry-After` is waited for here.
fn wait_before_next(attempt: u32, error: &Error) -> Duration {
    let asked = error.retry_after.filter(|_| !error.is_rate_limit()).unwrap_or_default();
    backoff::delay(attempt, fastrand::f64()).max(asked)
}

/// Reads a `Retry-After`: seconds, or a date, which is compared with our own clock. Never more than an hour.
fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = DateTime::parse_from_rfc2822(value).ok()?;
        date.signed_duration_since(now).to_std().unwrap_or_default()
    };
    Some(wait.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_from_seconds_and_dates_and_never_longer_than_an_hour() {
        let now = DateTime::parse_from_rfc2822("Wed, 21 Oct 2026 07:28:00 GMT").expect("is a date").to_utc();
        let table = [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("99999999", Some(3600)),
            ("Wed, 21 Oct 2026 07:28:09 GMT", Some(9)),
            ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
            ("Fri, 01 Jan 2100 00:00:00 GMT", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in table {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
