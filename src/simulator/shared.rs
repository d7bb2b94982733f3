//! What all requests share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Settings;
use super::faults::Rule;
use super::limit::Limiter;
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
    /// How many requests passed the limiter.
    pub(super) admitted: u64,
    pub(super) rules: Vec<Rule>,
    pub(super) log: Log,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let limiter = Limiter::new(settings.rate_limit);
        Self {
            users: Mutex::new(Users::new(settings.max_users)),
            traffic: Mutex::new(Traffic { limiter, admitted: 0, rules: Vec::new(), log: Log::default() }),
            settings,
        }
    }

    pub(super) fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
