//! The rate limits: a sliding window over all endpoints, and one for the changes of each user.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How many requests are let through in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The most requests in one window.
    pub requests: u32,
    /// The length of the window.
    pub window: Duration,
}

impl FromStr for RateLimit {
    type Err = String;

    /// Reads `N/SECONDS`, such as `100/10`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not of the form N/SECONDS, such as `100/10`");
        let (requests, seconds) = text.split_once('/').ok_or_else(wrong)?;
        let requests = requests.trim().parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
        let seconds = seconds.trim().parse().ok().filter(|s| *s > 0.0 && *s <= 86_400.0).ok_or_else(wrong)?;
        Ok(Self { requests, window: Duration::from_secs_f64(seconds) })
    }
}

/// What was let through lately, and until when nothing is.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: Option<RateLimit>,
    admitted: VecDeque<Instant>,
    closed_until: Option<Instant>,
}

impl Limiter {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, admitted: VecDeque::new(), closed_until: None }
    }

    /// Admits one request, or returns the whole seconds to wait. Once refused, everything until then is refused too,
    /// as Clerk does it: a client that goes on knocking gains nothing.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), u64> {
        let Some(limit) = self.limit else { return Ok(()) };
        if let Some(until) = self.closed_until
            && now < until
        {
            return Err(whole_seconds(until - now));
        }
        self.closed_until = None;
        while self.admitted.front().is_some_and(|first| now.duration_since(*first) >= limit.window) {
            self.admitted.pop_front();
        }
        let spent = u32::try_from(self.admitted.len()).unwrap_or(u32::MAX) >= limit.requests;
        if let Some(first) = self.admitted.front()
            && spent
        {
            let wait = whole_seconds(limit.window.saturating_sub(now.duration_since(*first)));
            self.closed_until = Some(now + Duration::from_secs(wait));
            return Err(wait);
        }
        self.admitted.push_back(now);
        Ok(())
    }
}

/// The limit on changes to one and the same user: a window for each.
#[derive(Debug)]
pub(super) struct UserLimiter {
    limit: Option<RateLimit>,
    users: HashMap<String, Limiter>,
}

impl UserLimiter {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, users: HashMap::new() }
    }

    /// Admits one request, or returns the whole seconds to wait. Requests that change no user, or not by one of the limited
    /// endpoints, are not counted.
    pub(super) fn admit(&mut self, method: &str, path: &str, now: Instant) -> Result<(), u64> {
        let (Some(limit), Some(user)) = (self.limit, limited_user(method, path)) else { return Ok(()) };
        self.users.entry(user.to_owned()).or_insert_with(|| Limiter::new(Some(limit))).admit(now)
    }
}

/// The user whom `PATCH /users/{id}` or its metadata changes: both spend from one budget, which is the stricter reading.
fn limited_user<'a>(method: &str, path: &'a str) -> Option<&'a str> {
    let below = path.strip_prefix("/v1/users/").filter(|_| method == "PATCH")?;
    let user = below.strip_suffix("/metadata").unwrap_or(below);
    (!user.contains('/')).then_some(user)
}

fn whole_seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + up).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32) -> (Limiter, Instant) {
        (Limiter::new(Some(RateLimit { requests, window: Duration::from_secs(10) })), Instant::now())
    }

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_full_window_is_refused_until_retry_after_has_passed() {
        let (mut limiter, start) = limiter(2);
        assert_eq!(limiter.admit(start), Ok(()));
        assert_eq!(limiter.admit(at(start, 500)), Ok(()));
        assert_eq!(limiter.admit(at(start, 700)), Err(10));
        // The window has room again after 10 s, but the wait announced ends at 10.7 s.
        assert_eq!(limiter.admit(at(start, 10_100)), Err(1));
        assert_eq!(limiter.admit(at(start, 10_700)), Ok(()));
    }

    #[test]
    fn the_window_slides() {
        let (mut limiter, start) = limiter(2);
        assert_eq!(limiter.admit(start), Ok(()));
        assert_eq!(limiter.admit(at(start, 9_000)), Ok(()));
        assert_eq!(limiter.admit(at(start, 10_000)), Ok(()));
        assert_eq!(limiter.admit(at(start, 10_001)), Err(9));
    }

    #[test]
    fn each_user_has_a_window_which_changes_and_metadata_share() {
        let start = Instant::now();
        let mut limiter = UserLimiter::new(Some(RateLimit { requests: 2, window: Duration::from_secs(10) }));
        let mut admit = |method, path| limiter.admit(method, path, start);
        assert_eq!(admit("PATCH", "/v1/users/user_1"), Ok(()));
        assert_eq!(admit("PATCH", "/v1/users/user_1/metadata"), Ok(()));
        assert_eq!(admit("PATCH", "/v1/users/user_1"), Err(10));
        assert_eq!(admit("PATCH", "/v1/users/user_1/metadata"), Err(10));
        assert_eq!(admit("PATCH", "/v1/users/user_2"), Ok(()));
        for (method, path) in [
            ("GET", "/v1/users/user_1"),
            ("DELETE", "/v1/users/user_1"),
            ("POST", "/v1/users/user_1/ban"),
            ("PATCH", "/v1/email_addresses/idn_1"),
        ] {
            assert!((0..5).all(|_| admit(method, path).is_ok()), "{method} {path}");
        }
    }

    #[test]
    fn without_a_limit_everything_is_admitted() {
        let mut limiter = Limiter::new(None);
        let now = Instant::now();
        assert!((0..10_000).all(|_| limiter.admit(now).is_ok()));
    }

    #[test]
    fn only_n_per_seconds_is_read_as_a_limit() {
        let cases = [
            ("100/10", Some((100, 10_000))),
            ("5/0.5", Some((5, 500))),
            ("0/10", None),
            ("10/0", None),
            ("10/-1", None),
            ("10/NaN", None),
            ("10", None),
            ("a/b", None),
        ];
        for (text, expected) in cases {
            let read = text.parse::<RateLimit>().ok().map(|limit| (limit.requests, limit.window.as_millis()));
            assert_eq!(read, expected, "{text}");
        }
    }
}
