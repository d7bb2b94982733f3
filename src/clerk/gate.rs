//! The limiter as all workers share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::limit::{Limiter, Load, Passage};
use super::pace::Window;

/// Lets workers through one after the other, in the order they came, at the limiter's pace.
pub(super) struct Gate {
    /// Whose turn it is. Waiters are served first come, first served, and one that goes away just leaves the queue.
    turn: tokio::sync::Mutex<()>,
    /// Locked for moments only, so that a pause can be declared while somebody waits for the turn to end.
    limiter: Mutex<Limiter>,
    /// Told of each answer: it may let somebody go earlier than was known.
    answers: Notify,
    refusals: Mutex<Refusals>,
}

/// The pauses since a request was last let in.
#[derive(Debug, Default, Clone, Copy)]
struct Refusals {
    pauses: u32,
    asked: Duration,
    since: Option<Instant>,
}

impl Refusals {
    /// Returns whether this is no longer a busy moment of Clerk's: a quarter of an hour of the usual pauses, or three of the
    /// longest.
    fn never_end(self, now: Instant) -> bool {
        let lasts = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.pauses > 90 && lasts >= Duration::from_mins(10) || self.asked > Duration::from_hours(2)
    }
}

impl Gate {
    pub(super) fn new(windows: &[Window]) -> Self {
        Self {
            turn: tokio::sync::Mutex::new(()),
            limiter: Mutex::new(Limiter::new(windows)),
            answers: Notify::new(),
            refusals: Mutex::default(),
        }
    }

    /// Waits until a request may go. A future dropped while it waits has used up nothing.
    pub(super) async fn pass(&self) -> Passage {
        let _turn = self.turn.lock().await;
        loop {
            match self.try_pass() {
                Ok(passage) => return passage,
                Err(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.answers.notified() => {}
                },
            }
        }
    }

    /// Takes note of the answer to a request that has passed, other than a refusal for pace.
    pub(super) fn answered(&self, passage: Passage, load: Load) {
        self.limiter().answered(passage, load, Instant::now().into_std());
        self.answers.notify_one();
    }

    /// Takes note that a request was refused for pace: holds everybody back for so long, and returns whether that is news.
    pub(super) fn refused(&self, passage: Passage, length: Duration) -> bool {
        let now = Instant::now();
        let news = self.limiter().refused(passage, length, now.into_std());
        if news {
            let mut refusals = self.refusals();
            refusals.pauses += 1;
            refusals.asked += length;
            refusals.since.get_or_insert(now);
        }
        news
    }

    /// Takes note that a request was let in.
    pub(super) fn let_in(&self) {
        *self.refusals() = Refusals::default();
    }

    /// Returns whether Clerk has refused every request for pace for so long that waiting makes no sense any more.
    pub(super) fn is_shut(&self) -> bool {
        self.refusals().never_end(Instant::now())
    }

    /// Returns how long everybody is still held back.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        self.limiter().pause_left(Instant::now().into_std())
    }

    fn try_pass(&self) -> Result<Passage, Instant> {
        self.limiter().next(Instant::now().into_std()).map_err(Instant::from_std)
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps to Clerk's limit on changes to one and the same user: 10 in 10 seconds, by `PATCH /users/{id}` and its `/metadata`.
pub struct UserPace(Gate);

impl UserPace {
    /// Waits until one more change may go.
    pub async fn pass(&self) {
        self.0.pass().await;
    }
}

impl Default for UserPace {
    /// Returns the pace for a user who has not been changed yet.
    fn default() -> Self {
        Self(Gate::new(&[Window { requests: 10, per: Duration::from_secs(10) }]))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_request_waits_when_the_window_is_full() {
        let gate = Gate::new(&[Window { requests: 1, per: HOUR }]);
        assert!(poll!(pin!(gate.pass())).is_ready());
        assert!(poll!(pin!(gate.pass())).is_pending());
    }

    #[tokio::test]
    async fn a_waiter_that_goes_away_uses_up_nothing_and_leaves_the_queue() {
        let gate = Gate::new(&[Window { requests: 1, per: HOUR }]);
        {
            let turn = gate.turn.lock().await;
            let mut given_up = Box::pin(gate.pass());
            assert!(poll!(&mut given_up).is_pending());
            drop(turn);
        }
        assert!(poll!(pin!(gate.pass())).is_ready(), "the window's one request is still free");
    }

    #[tokio::test]
    async fn waiters_pass_in_the_order_they_came() {
        let gate = Gate::new(&[]);
        let turn = gate.turn.lock().await;
        let (mut first, mut second) = (pin!(gate.pass()), pin!(gate.pass()));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        drop(turn);
        assert!(poll!(&mut second).is_pending(), "the first one's turn is not over");
        assert!(poll!(&mut first).is_ready());
        assert!(poll!(&mut second).is_ready());
    }

    #[tokio::test]
    async fn a_pause_stops_everybody_and_is_news_once() {
        let gate = Gate::new(&[]);
        let passage = gate.pass().await;
        assert!(gate.refused(passage, HOUR));
        assert!(!gate.refused(passage, HOUR));
        assert!(poll!(pin!(gate.pass())).is_pending());
        assert!(gate.pause_left().is_some_and(|left| left > HOUR / 2));
    }

    #[tokio::test]
    async fn pauses_without_end_shut_the_gate_and_one_request_let_in_opens_it() {
        let gate = Gate::new(&[]);
        for _ in 0..3 {
            assert!(!gate.is_shut());
            // As if that pause were over.
            *gate.limiter() = Limiter::new(&[]);
            let passage = gate.pass().await;
            gate.refused(passage, HOUR);
        }
        assert!(gate.is_shut());
        gate.let_in();
        assert!(!gate.is_shut());
    }

    #[tokio::test]
    async fn many_short_pauses_shut_the_gate_only_if_they_last() {
        let start = Instant::now();
        let refusals = Refusals { pauses: 100, asked: Duration::from_secs(1), since: Some(start) };
        assert!(!refusals.never_end(start + Duration::from_secs(1)));
        assert!(refusals.never_end(start + Duration::from_mins(10)));
        assert!(!Refusals { pauses: 2, ..refusals }.never_end(start + HOUR));
    }
}
