//! What all requests share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Settings;
use super::faults::Rule;
use super::limit::{Limiter, UserLimiter};
use super::log::{Log, RequestRecord};
use super::state::Users;

pub(super) struct Shared {
    pub(super) settings: Settings,
    users: Mutex<Users>,
    traffic: Mutex<Traffic>,
    /// Hears of everything that changes a count.
    pub(super) news: watch::Sender<()>,
    /// Closed when the simulator stops.
    running: watch::Receiver<()>,
}

/// What each request passes before it reaches the users.
pub(super) struct Traffic {
    pub(super) limiter: Limiter,
    pub(super) user_limiter: UserLimiter,
    /// How many requests passed the limiters.
    pub(super) admitted: u64,
    pub(super) rules: Vec<Rule>,
    pub(super) log: Log,
}

impl Shared {
    pub(super) fn new(settings: Settings, running: watch::Receiver<()>) -> Self {
        let traffic = Traffic {
            limiter: Limiter::new(settings.rate_limit),
            user_limiter: UserLimiter::new(settings.user_rate_limit),
            admitted: 0,
            rules: Vec::new(),
            log: Log::default(),
        };
        Self {
            users: Mutex::new(Users::new(settings.max_users)),
            traffic: Mutex::new(traffic),
            settings,
            news: watch::Sender::new(()),
            running,
        }
    }

    /// Remembers a request, and tells whoever waits for it.
    pub(super) fn record(&self, record: RequestRecord, faulty: bool) {
        self.traffic().log.record(record, faulty);
        self.tell();
    }

    /// Tells whoever waits that a count may have changed.
    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }

    /// Returns when the simulator stops.
    pub(super) async fn stopped(&self) {
        // Nothing is ever sent: what is heard is the end.
        let _ = self.running.clone().changed().await;
    }

    pub(super) fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
