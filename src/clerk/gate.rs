//! The limiter as all workers share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::limit::{Limiter, Window};

/// Lets workers through one after the other, in the order they came, at the limiter's pace.
pub(super) struct Gate {
    /// Whose turn it is. Waiters are served first come, first served, and one that goes away just leaves the queue.
    turn: tokio::sync::Mutex<()>,
    /// Locked for moments only, so that a pause can be declared while somebody waits for the turn to end.
    limiter: Mutex<Limiter>,
}

impl Gate {
    pub(super) fn new(windows: &[Window]) -> Self {
        Self { turn: tokio::sync::Mutex::new(()), limiter: Mutex::new(Limiter::new(windows)) }
    }

    /// Waits until a request may go. A future dropped while it waits has used up nothing.
    pub(super) async fn pass(&self) {
        let _turn = self.turn.lock().await;
        while let Err(at) = self.try_pass() {
            sleep_until(at).await;
        }
    }

    /// Holds everybody back for so long, and returns whether that is news.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let now = Instant::now();
        let mut limiter = self.limiter();
        let news = limiter.pause_left(now.into_std()).is_none();
        limiter.pause_until((now + length).into_std());
        news
    }

    /// Returns how long everybody is still held back.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        self.limiter().pause_left(Instant::now().into_std())
    }

    fn try_pass(&self) -> Result<(), Instant> {
        self.limiter().next(Instant::now().into_std()).map_err(Instant::from_std)
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
