//! What all requests share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Settings;
use super::faults::Rule;
use super::limit::{Limiter, UserLimiter};
use super::log::Log;
use super::state::Users;

pub(super) struct Shared {
    pub(super) settings: Settings,
    users: Mutex<Users>,
    traffic: Mutex<Traffic>,
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
    pub(super) fn new(settings: Settings) -> Self {
        let traffic = Traffic {
            limiter: Limiter::new(settings.rate_limit),
            user_limiter: UserLimiter::new(settings.user_rate_limit),
            admitted: 0,
            rules: Vec::new(),
            log: Log::default(),
        };
        Self { users: Mutex::new(Users::new(settings.max_users)), traffic: Mutex::new(traffic), settings }
    }

    pub(super) fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
