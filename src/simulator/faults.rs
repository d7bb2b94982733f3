//! What can go wrong on purpose: by share, by number, or exactly where a test says.
//!
//! Requests are numbered from 1 in the order in which they pass the rate limit. What a share decides for a request depends
//! on the seed and that number alone, so a run repeats.

use std::str::FromStr;
use std::time::Duration;

use anyhow::ensure;

use super::hold::Hold;

/// One thing that goes wrong with one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 500, and nothing is done.
    ServerError,
    /// All is done, and the answer is 500 all the same.
    ServerErrorAfter,
    /// All is done, and the connection is closed without an answer.
    LoseAnswer,
    /// All is done, and the connection is closed in the middle of the answer.
    CutAnswer,
    /// The connection is closed, and nothing is done.
    Cut,
    /// All is done, and no answer ever comes: the connection stays open until the client goes away or the simulator stops.
    Silence,
    /// Nothing is done, and no answer ever comes.
    SilenceBefore,
    /// The connection is closed at once, and what was asked for is done this much later.
    DoLate(Duration),
    /// The connection is closed at once, and what was asked for is done when the hold is released.
    DoOnRelease(Hold),
    /// All is done, and the answer comes this much later.
    AnswerLate(Duration),
    /// All is done, and the answer comes later, by a time that is drawn anew for each request, and again alike for the same seed.
    AnswerWithin {
        /// The shortest time.
        least: Duration,
        /// The longest time.
        most: Duration,
    },
    /// It waits at the hold; when that is released, it is done and answered. It is done also where the client is gone by then.
    HoldBefore(Hold),
    /// All is done, and the answer waits at the hold until that is released.
    HoldAfter(Hold),
    /// 429, with or without a `Retry-After` of so many seconds.
    TooManyRequests {
        /// The value of the header; `None` leaves it out.
        retry_after: Option<u32>,
    },
    /// 502 and an HTML page, as a proxy in between would send; nothing is done.
    HtmlPage,
    /// 200 and something that is not JSON, after all is done.
    Garbage,
    /// 401: the key was revoked.
    KeyRevoked,
    /// 409 `resource_locked`; nothing is done.
    Locked,
    /// 422 `form_param_unknown` for `username`, as from an instance with usernames switched off.
    UsernameOff,
    /// 403 `user_quota_exceeded`, as from an instance that takes no further user; nothing is done.
    QuotaExceeded,
}

/// Faults that come by chance or by number. Shares are between 0 and 1, and together at most 1.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Share of all requests answered with 500, nothing done.
    pub fail_share: f64,
    /// Share of creates whose user is made and whose answer never comes.
    pub lose_answer_share: f64,
    /// Share of all requests whose connection is closed, nothing done.
    pub cut_share: f64,
    /// Share of all requests whose answer breaks off in the middle, all done.
    pub cut_answer_share: f64,
    /// Share of all requests answered by an HTML page, nothing done.
    pub html_share: f64,
    /// Requests that are all refused with 429.
    pub storm: Option<Storm>,
    /// The number of the first request whose key is refused; so are all after it.
    pub revoked_from: Option<u64>,
}

/// A run of requests that are all refused with 429, whatever the rate limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// The number of the first request refused.
    pub from: u64,
    /// The number of the last one.
    pub to: u64,
    /// The `Retry-After` header in seconds; `None` leaves it out.
    pub retry_after: Option<u32>,
}

impl FromStr for Storm {
    type Err = String;

    /// Reads `FROM-TO`, such as `100-250`, or one number.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not of the form FROM-TO, such as `100-250`");
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let from: u64 = from.trim().parse().map_err(|_| wrong())?;
        let to: u64 = to.trim().parse().map_err(|_| wrong())?;
        if from == 0 || to < from {
            return Err(wrong());
        }
        Ok(Self { from, to, retry_after: Some(1) })
    }
}

impl Faults {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let shares = [self.fail_share, self.lose_answer_share, self.cut_share, self.cut_answer_share, self.html_share];
        ensure!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "a share of faults is not between 0 and 1");
        ensure!(shares.iter().sum::<f64>() <= 1.0, "the shares of faults add up to more than 1");
        Ok(())
    }

    /// Decides what happens to the request of this number.
    pub(super) fn decide(&self, seed: u64, number: u64, is_create: bool) -> Option<Fault> {
        if self.revoked_from.is_some_and(|from| number >= from) {
            return Some(Fault::KeyRevoked);
        }
        if let Some(storm) = self.storm
            && (storm.from..=storm.to).contains(&number)
        {
            return Some(Fault::TooManyRequests { retry_after: storm.retry_after });
        }
        let lose_answer_share = if is_create { self.lose_answer_share } else { 0.0 };
        let bands = [
            (self.fail_share, Fault::ServerError),
            (self.cut_share, Fault::Cut),
            (self.cut_answer_share, Fault::CutAnswer),
            (self.html_share, Fault::HtmlPage),
            (lose_answer_share, Fault::LoseAnswer),
        ];
        let mut left = draw(seed, number);
        for (share, fault) in bands {
            if left < share {
                return Some(fault);
            }
            left -= share;
        }
        None
    }
}

/// Draws a number from 0 to 1 for the request of this number.
pub(super) fn draw(seed: u64, number: u64) -> f64 {
    // Neighbouring seeds of the generator give alike first draws: spread them by an odd constant (the golden ratio).
    fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).f64()
}

/// A scripted fault: which of the requests to one method and path get it.
#[derive(Debug, Clone)]
pub struct Rule {
    method: String,
    path: String,
    first: u64,
    last: u64,
    fault: Fault,
    seen: u64,
}

impl Rule {
    /// The first request to this method and path gets the fault. A `*` in the path stands for one segment
    /// (`/v1/users/*`), as method for any.
    #[must_use]
    pub fn new(method: &str, path: &str, fault: Fault) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), first: 1, last: 1, fault, seen: 0 }
    }

    /// The n-th such request from now on gets it, counted from 1, instead of the first.
    #[must_use]
    pub fn nth(self, number: u64) -> Self {
        self.between(number, number)
    }

    /// Such requests number `first` to `last` get it.
    #[must_use]
    pub fn between(self, first: u64, last: u64) -> Self {
        Self { first, last, ..self }
    }

    /// Such requests from number `first` on get it, for ever.
    #[must_use]
    pub fn onwards(self, first: u64) -> Self {
        self.between(first, u64::MAX)
    }

    /// Counts a request that matches, and returns the fault if it is its turn.
    pub(super) fn meet(&mut self, method: &str, path: &str) -> Option<Fault> {
        if !self.matches(method, path) {
            return None;
        }
        self.seen += 1;
        (self.first..=self.last).contains(&self.seen).then(|| self.fault.clone())
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        let same_method = self.method == "*" || self.method == method;
        let mut wanted = self.path.split('/');
        let mut given = path.split('/');
        let same_path = wanted.by_ref().zip(given.by_ref()).all(|(want, got)| want == "*" || want == got);
        same_method && same_path && self.path.split('/').count() == path.split('/').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_in_the_long_run_and_repeat_with_the_seed() {
        let faults = Faults { fail_share: 0.1, lose_answer_share: 0.2, ..Faults::default() };
        let run = |seed| (1..=10_000).map(|n| faults.decide(seed, n, true)).collect::<Vec<_>>();
        let seen = run(7);
        let count = |fault: &Fault| seen.iter().filter(|met| met.as_ref() == Some(fault)).count();
        assert!((900..1_100).contains(&count(&Fault::ServerError)));
        assert!((1_850..2_150).contains(&count(&Fault::LoseAnswer)));
        assert_eq!(seen, run(7));
        assert_ne!(seen, run(8));
    }

    #[test]
    fn only_creates_lose_their_answers() {
        let faults = Faults { lose_answer_share: 1.0, ..Faults::default() };
        assert_eq!(faults.decide(1, 1, true), Some(Fault::LoseAnswer));
        assert_eq!(faults.decide(1, 1, false), None);
    }

    #[test]
    fn a_rule_meets_only_its_own_requests() {
        let mut rule = Rule::new("POST", "/v1/users/*/verify_password", Fault::Cut).nth(2);
        assert_eq!(rule.meet("POST", "/v1/users/user_1/verify_password"), None);
        assert_eq!(rule.meet("GET", "/v1/users/user_1/verify_password"), None);
        assert_eq!(rule.meet("POST", "/v1/users"), None);
        assert_eq!(rule.meet("POST", "/v1/users/user_2/verify_password"), Some(Fault::Cut));
        assert_eq!(rule.meet("POST", "/v1/users/user_3/verify_password"), None);
    }

    #[test]
    fn a_storm_is_read_from_its_first_and_last_number() {
        let storm = |from, to| Some(Storm { from, to, retry_after: Some(1) });
        let cases = [("2-5", storm(2, 5)), ("7", storm(7, 7)), ("5-2", None), ("0-3", None), ("x", None)];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn shares_beyond_one_are_refused() {
        assert!(Faults { fail_share: 1.1, ..Faults::default() }.check().is_err());
        assert!(Faults { fail_share: 0.6, cut_share: 0.6, ..Faults::default() }.check().is_err());
        assert!(Faults { fail_share: f64::NAN, ..Faults::default() }.check().is_err());
        assert!(Faults { fail_share: 0.5, cut_share: 0.5, ..Faults::default() }.check().is_ok());
    }
}
