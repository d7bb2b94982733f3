//! What was asked and answered: counts of everything, and the last requests one by one.

use std::collections::VecDeque;
use std::time::Instant;

use axum::http::StatusCode;

/// How many requests are remembered; older ones are forgotten.
const REMEMBERED: usize = 10_000;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The method, such as `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer; `None` where no whole one comes.
    pub status: Option<u16>,
    /// When it was counted against the rate limit.
    pub at: Instant,
}

/// Counts of everything since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All requests, refused ones included.
    pub requests: u64,
    /// Users made, also where the answer was lost.
    pub creates: u64,
    /// Creates whose `external_id` a user already had: what a careful client never sends, but where somebody else makes the same users meanwhile.
    pub repeated_creates: u64,
    /// Requests answered with 429.
    pub rate_limited: u64,
    /// Those of them that were refused because one user was changed too often.
    pub user_rate_limited: u64,
    /// Requests that met a fault on purpose.
    pub faults: u64,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    recent: VecDeque<RequestRecord>,
    counts: Counts,
}

impl Log {
    pub(super) fn record(&mut self, record: RequestRecord, faulty: bool) {
        self.counts.requests += 1;
        self.counts.faults += u64::from(faulty);
        self.counts.rate_limited += u64::from(record.status == Some(StatusCode::TOO_MANY_REQUESTS.as_u16()));
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
    }

    /// Counts a request that the limit for one user refuses; it is recorded like any other besides.
    pub(super) fn refused_for_user(&mut self) {
        self.counts.user_rate_limited += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn recent(&self) -> Vec<RequestRecord> {
        self.recent.iter().cloned().collect()
    }
}
