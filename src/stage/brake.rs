//! What ends a stage early: a wish to stop, an error that concerns everybody alike, an outage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clerk::{Client, Error, Kind, Turn, backoff};
use crate::shutdown::{Shutdown, Urgency};

/// Failures in a row, over all users, after which this is taken for an outage and the run ends; and for how long at least nothing
/// has succeeded then: when connections are cut, all requests on their way fail at once, and that may be over in a moment.
const OUTAGE: u32 = 60;
const OUTAGE_LASTS: Duration = Duration::from_secs(20);
/// How often one request, or one user, may fail in one run.
pub(super) const FAILURES_A_RUN: u32 = 8;
/// Failures that a run may take on top of one for every other user, before it is ended rather than dragged through the night.
const FAILURES_ANYWAY: u64 = 500;

/// Shared by all workers of a stage: says whether to go on, and is told how requests fare.
pub(super) struct Brake {
    /// Set once, by whoever meets an error that concerns every further user alike.
    stop: watch::Sender<Option<Error>>,
    shutdown: Shutdown,
    row: Mutex<Row>,
    failures: AtomicU64,
    most_failures: u64,
}

impl Brake {
    /// Makes a brake for a stage with so many users before it.
    pub(super) fn new(users: u64, shutdown: Shutdown) -> Self {
        Self {
            stop: watch::Sender::new(None),
            shutdown,
            row: Mutex::default(),
            failures: AtomicU64::new(0),
            most_failures: FAILURES_ANYWAY + users / 2,
        }
    }

    /// Ends the stage: every further user would fail alike. The first error given is the one that is told.
    pub(super) fn stop_for(&self, error: &Error) {
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(error.clone());
            }
            first
        });
    }

    /// Returns the error that ended the stage, if one did.
    pub(super) fn error(&self) -> Option<Error> {
        self.stop.borrow().clone()
    }

    /// Returns whether nothing new is to be begun.
    pub(super) fn is_on(&self) -> bool {
        self.stop.borrow().is_some() || self.shutdown.requested()
    }

    /// Resolves once nothing new is to be begun.
    pub(super) async fn on(&self) {
        let (mut stopped, mut shutdown) = (self.stop.subscribe(), self.shutdown.clone());
        tokio::select! {
            _ = stopped.wait_for(Option::is_some) => {}
            () = shutdown.wait_for(Urgency::Graceful) => {}
        }
    }

    /// Resolves once a stop of this urgency is asked for by a person.
    pub(super) async fn asked(&self, urgency: Urgency) {
        self.shutdown.clone().wait_for(urgency).await;
    }

    /// Awaits something, unless nothing new is to be begun: then it is dropped, and there is `None`.
    pub(super) async fn unless_on<T>(&self, awaited: impl Future<Output = T>) -> Option<T> {
        if self.is_on() {
            return None;
        }
        tokio::select! {
            biased;
            done = awaited => Some(done),
            // Costs something only where there is something to wait for.
            () = self.on() => None,
        }
    }

    /// Waits for the turn to send a request; `None` once nothing new is to be begun.
    pub(super) async fn turn(&self, client: &Client) -> Option<Turn> {
        // The turn may have come in the same moment as the wish to stop.
        self.unless_on(client.turn()).await.filter(|_| !self.is_on())
    }

    /// Waits before the attempt after so many failures; false once nothing new is to be begun.
    pub(super) async fn wait_after(&self, failures: u32) -> bool {
        self.unless_on(tokio::time::sleep(backoff::delay(failures, fastrand::f64()))).await.is_some()
    }

    /// Sends a request that may be sent again after a doubt, as often as it takes and makes sense; `None` if nothing new is to be
    /// begun.
    ///
    /// # Errors
    /// [`Error`], if Clerk refuses it for good, or it failed too often.
    pub(super) async fn persist<T, F>(&self, client: &Client, send: impl Fn(Turn) -> F) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut failures = 0;
        loop {
            let Some(turn) = self.turn(client).await else { return Ok(None) };
            let error = match send(turn).await {
                Ok(done) => {
                    self.succeeded();
                    return Ok(Some(done));
                }
                Err(error) => error,
            };
            match error.kind {
                Kind::Passing => self.failed(&error),
                Kind::StopsRun if !error.is_gone() => {
                    self.stop_for(&error);
                    return Err(error);
                }
                _ => {
                    self.succeeded();
                    return Err(error);
                }
            }
            failures += u32::from(!error.is_rate_limit());
            if failures >= FAILURES_A_RUN || !self.wait_after(failures).await {
                return Err(error);
            }
        }
    }

    /// Takes note of a failure that may pass. Too many in a row are an outage, and so are too many in all.
    pub(super) fn failed(&self, error: &Error) {
        // A refusal for pace is Clerk at work, not out of work; the client itself ends what never ends.
        if error.is_rate_limit() {
            return;
        }
        let (in_a_row, is_outage) = self.row().failed(Instant::now());
        let in_all = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let told = if is_outage {
            format!("Clerk has not answered well {in_a_row} times in a row")
        } else if in_all > self.most_failures {
            format!("{in_all} requests of this run have failed, which is more than passing trouble")
        } else {
            return;
        };
        let message = format!("{told}; the last time: {}", error.message);
        self.stop_for(&Error { message, ..error.clone() });
    }

    /// Takes note of an answer that makes sense.
    pub(super) fn succeeded(&self) {
        *self.row() = Row::default();
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Failures without a success between them.
#[derive(Debug, Default)]
struct Row {
    failures: u32,
    since: Option<Instant>,
}

impl Row {
    /// Takes note of one more, and returns how many there are, and whether that is an outage.
    fn failed(&mut self, now: Instant) -> (u32, bool) {
        self.failures += 1;
        let lasts = now.saturating_duration_since(*self.since.get_or_insert(now));
        (self.failures, self.failures >= OUTAGE && lasts >= OUTAGE_LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16) -> Error {
        Error {
            kind: Kind::Passing,
            status: Some(status),
            code: "internal_clerk_error".to_owned(),
            message: "Clerk had a problem of its own".to_owned(),
            field: None,
            trace_id: None,
            retry_after: None,
            in_doubt: true,
        }
    }

    #[test]
    fn an_outage_is_many_failures_in_a_row_that_last_and_no_burst() {
        let (start, mut row) = (Instant::now(), Row::default());
        for _ in 0..200 {
            assert!(!row.failed(start).1, "all requests on their way fail at once");
        }
        assert!(row.failed(start + OUTAGE_LASTS).1);
        let mut few = Row::default();
        few.failed(start);
        assert!(!few.failed(start + OUTAGE_LASTS * 2).1);
    }

    #[test]
    fn failures_that_never_end_end_the_run_although_some_requests_succeed() {
        let brake = Brake::new(1_000, Shutdown::never());
        let mut failures = 0;
        while !brake.is_on() && failures < 10_000 {
            brake.failed(&failure(500));
            brake.succeeded();
            failures += 1;
        }
        assert_eq!(failures, 1_001);
    }

    #[test]
    fn refusals_for_pace_are_no_failures() {
        let brake = Brake::new(1, Shutdown::never());
        for _ in 0..10_000 {
            brake.failed(&failure(429));
        }
        assert!(!brake.is_on());
    }
}
