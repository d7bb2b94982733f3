//! How fast requests may follow each other: a sliding-window limiter that takes the time as an argument.
//!
//! Clerk allows 1000 requests in 10 seconds to a production instance and 100 to a development one, over all endpoints:
//! <https://clerk.com/docs/guides/how-clerk-works/system-limits>.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::environment::Environment;

/// So many requests, and no more, in any stretch of time this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many; 0 counts as 1.
    pub requests: u32,
    /// How long.
    pub per: Duration,
}

/// Every limit that requests keep to; the slowest wins, because all of them apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// The limits.
    pub windows: Vec<Window>,
    /// How long to wait after a 429 that does not say.
    pub retry_delay: Duration,
}

/// A number of requests a second that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a number of requests a second; give one between 0.001 and 100000")]
pub struct PaceError;

impl Pace {
    /// Returns the whole limit of an instance.
    #[must_use]
    pub fn of_instance(environment: Environment) -> Self {
        let requests = match environment {
            Environment::Production => 1000,
            Environment::Development => 100,
        };
        Self { windows: vec![Window { requests, per: Duration::from_secs(10) }], retry_delay: Duration::from_secs(10) }
    }

    /// Adds a limit of so many requests a second.
    ///
    /// # Errors
    /// [`PaceError`], if the number is not between 0.001 and 100000.
    pub fn with_rate_limit(mut self, per_second: f64) -> Result<Self, PaceError> {
        if !(0.001..=100_000.0).contains(&per_second) {
            return Err(PaceError);
        }
        let whole = per_second.floor().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is between 1 and 100000")]
        let requests = whole as u32;
        self.windows.push(Window { requests, per: Duration::from_secs_f64(whole / per_second) });
        Ok(self)
    }

    /// Adds a limit of one request per `delay`; zero adds none.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        if !delay.is_zero() {
            self.windows.push(Window { requests: 1, per: delay });
        }
        self
    }
}

/// Lets requests through so that no window ever holds more than it may, and holds as many while there is work.
///
/// Clerk counts a request at a moment between its departure and its answer that is not told here. So a request stays in its
/// window until a window's length after its answer: then it is out of Clerk's too, whatever the way took. Where answers are
/// slow for other reasons than the way, a part of the window after the departure is enough.
#[derive(Debug)]
pub struct Limiter {
    logs: Vec<Log>,
    passed: u64,
    paused_until: Option<Instant>,
}

/// A request that was let through, to be told of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage(u64);

impl Limiter {
    /// Makes a limiter that has let nothing through yet.
    #[must_use]
    pub fn new(windows: &[Window]) -> Self {
        Self { logs: windows.iter().map(Log::new).collect(), passed: 0, paused_until: None }
    }

    /// Lets a request through now, or says when to ask again.
    ///
    /// # Errors
    /// The earliest time at which a request may go, if that is not `now`. An answer that comes first may make it earlier.
    pub fn next(&mut self, now: Instant) -> Result<Passage, Instant> {
        let free = self.logs.iter().filter_map(Log::free_at).chain(self.paused_until).max();
        if let Some(at) = free
            && at > now
        {
            return Err(at);
        }
        for log in &mut self.logs {
            log.push(now);
        }
        self.passed += 1;
        Ok(Passage(self.passed))
    }

    /// Takes note of an answer: Clerk has counted the request by now.
    pub fn answered(&mut self, passage: Passage, now: Instant) {
        let back = self.passed.checked_sub(passage.0).and_then(|back| usize::try_from(back).ok()).unwrap_or(usize::MAX);
        for log in &mut self.logs {
            log.answered(back, now);
        }
    }

    /// Lets nothing through before `at`; a longer pause stands.
    pub fn pause_until(&mut self, at: Instant) {
        self.paused_until = self.paused_until.max(Some(at));
    }

    /// Returns how long the pause still lasts, if there is one.
    #[must_use]
    pub fn pause_left(&self, now: Instant) -> Option<Duration> {
        self.paused_until.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

/// The latest requests of one window, as many as it may hold; of each, the latest time at which Clerk may have counted it.
#[derive(Debug)]
struct Log {
    requests: usize,
    per: Duration,
    counted_by: VecDeque<Instant>,
}

impl Log {
    fn new(window: &Window) -> Self {
        Self { requests: window.requests.max(1) as usize, per: window.per, counted_by: VecDeque::new() }
    }

    fn free_at(&self) -> Option<Instant> {
        if self.counted_by.len() < self.requests { None } else { self.counted_by.front().map(|at| *at + self.per) }
    }

    fn push(&mut self, now: Instant) {
        if self.counted_by.len() == self.requests {
            self.counted_by.pop_front();
        }
        self.counted_by.push_back(now + slack(self.per));
    }

    /// The request that was let through `back` requests before the latest has its answer.
    fn answered(&mut self, back: usize, now: Instant) {
        let place = self.counted_by.len().checked_sub(back.saturating_add(1));
        if let Some(at) = place.and_then(|place| self.counted_by.get_mut(place)) {
            *at = now.min(*at);
        }
    }
}

/// Returns how long after its departure a request is taken to be counted at the latest: 1 s of Clerk's 10 s. Less would fill
/// the window better where answers are slow, and more would wait for answers that never come. Shorter windows are a person's
/// own wish; nobody counts them on the other side, and a fortieth is enough.
fn slack(per: Duration) -> Duration {
    if per < Duration::from_secs(10) { per / 40 } else { per / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    /// How long an answer takes in these tests, if nothing else is said.
    const ANSWER: Duration = Duration::from_millis(40);

    /// Sends as fast as the limiter lets, by a clock that only the limiter moves; each answer takes `answer`.
    fn send_answered(limiter: &mut Limiter, start: Instant, length: Duration, answer: Duration) -> Vec<Instant> {
        let (mut sent, mut under_way) = (Vec::new(), VecDeque::new());
        let mut now = start;
        while now < start + length {
            while let Some((passage, _)) =
                under_way.pop_front_if(|(_, at): &mut (Passage, Instant)| *at + answer <= now)
            {
                limiter.answered(passage, now);
            }
            match limiter.next(now) {
                Ok(passage) => {
                    sent.push(now);
                    under_way.push_back((passage, now));
                }
                Err(at) => {
                    assert!(at > now, "a wait must lie ahead");
                    let next_answer = under_way.front().map_or(at, |(_, sent)| *sent + answer);
                    now = at.min(next_answer.max(now + Duration::from_nanos(1)));
                }
            }
        }
        sent
    }

    fn send_for(limiter: &mut Limiter, start: Instant, length: Duration) -> Vec<Instant> {
        send_answered(limiter, start, length, ANSWER)
    }

    /// Fails if any stretch of `window.per`, wherever it begins, holds more than `window.requests`.
    fn check_sliding(mut times: Vec<Instant>, window: Window) {
        times.sort_unstable();
        let requests = window.requests as usize;
        for (first, beyond) in times.iter().zip(times.iter().skip(requests)) {
            assert!(*beyond - *first >= window.per, "{requests} and one more came within {:?}", *beyond - *first);
        }
    }

    /// Fails if any of the windows that a clock cuts time into, beginning at `offset`, holds more than it may.
    fn check_fixed(times: &[Instant], start: Instant, offset: Duration, window: Window) {
        let mut counts = std::collections::HashMap::new();
        for time in times {
            let count = counts.entry((*time - start + offset).as_nanos() / window.per.as_nanos()).or_insert(0);
            *count += 1;
            assert!(*count <= window.requests);
        }
    }

    #[test]
    fn hours_of_sending_never_pass_the_limit_and_keep_it_full() {
        for environment in [Environment::Production, Environment::Development] {
            let window = Pace::of_instance(environment).windows[0];
            let (start, length) = (Instant::now(), Duration::from_hours(3));
            let sent = send_for(&mut Limiter::new(&[window]), start, length);
            let whole = f64::from(window.requests) * length.as_secs_f64() / window.per.as_secs_f64();
            let share = f64::from(u32::try_from(sent.len()).expect("fits")) / whole;
            assert!(share >= 0.99, "{environment}: {share}");
            for offset in [0, 1, 5_000, 9_999] {
                check_fixed(&sent, start, Duration::from_millis(offset), window);
            }
            check_sliding(sent, window);
        }
    }

    #[test]
    fn slow_answers_cost_little_and_late_ones_count_where_clerk_counted_them() {
        let window = Pace::of_instance(Environment::Production).windows[0];
        let (start, length) = (Instant::now(), Duration::from_hours(1));
        let sent = send_answered(&mut Limiter::new(&[window]), start, length, Duration::from_secs(1));
        assert!(sent.len() >= 325_000, "{}", sent.len());
        let counted: Vec<Instant> = sent.iter().map(|at| *at + slack(window.per)).collect();
        check_sliding(counted, window);
    }

    #[test]
    fn requests_that_overtake_each_other_still_keep_to_the_limit_where_they_arrive() {
        let window = Window { requests: 100, per: TEN_SECONDS };
        let (start, mut random) = (Instant::now(), fastrand::Rng::with_seed(7));
        let sent = send_for(&mut Limiter::new(&[window]), start, Duration::from_hours(1));
        let arrived: Vec<Instant> = sent.iter().map(|at| *at + Duration::from_millis(random.u64(0..=40))).collect();
        check_fixed(&arrived, start, Duration::ZERO, window);
        check_sliding(arrived, window);
    }

    #[test]
    fn a_trickle_with_bursts_in_it_keeps_to_the_limit() {
        let window = Window { requests: 100, per: TEN_SECONDS };
        let (start, mut random) = (Instant::now(), fastrand::Rng::with_seed(11));
        let (mut limiter, mut now, mut sent) = (Limiter::new(&[window]), start, Vec::new());
        while now < start + Duration::from_hours(1) {
            now += Duration::from_millis(random.u64(0..4_000));
            for _ in 0..random.u32(0..120) {
                match limiter.next(now) {
                    Ok(_) => sent.push(now),
                    Err(at) => now = at,
                }
            }
        }
        assert!(sent.len() > 10_000);
        check_sliding(sent, window);
    }

    #[test]
    fn the_slowest_of_several_limits_wins() {
        let pace = Pace::of_instance(Environment::Production)
            .with_rate_limit(50.0)
            .expect("is a rate")
            .with_delay(Duration::from_millis(100));
        let sent = send_for(&mut Limiter::new(&pace.windows), Instant::now(), Duration::from_mins(10));
        assert!((5_850..=6_000).contains(&sent.len()), "{}", sent.len());
        for window in pace.windows {
            check_sliding(sent.clone(), window);
        }
    }

    #[test]
    fn a_rate_becomes_a_window() {
        let window =
            |rate: f64| Pace::of_instance(Environment::Production).with_rate_limit(rate).map(|pace| pace.windows[1]);
        let of = |requests, millis| Ok(Window { requests, per: Duration::from_millis(millis) });
        assert_eq!(window(50.0), of(50, 1000));
        assert_eq!(window(2.5), of(2, 800));
        assert_eq!(window(0.5), of(1, 2000));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(window(bad), Err(PaceError), "{bad}");
        }
    }

    #[test]
    fn no_delay_adds_no_limit() {
        let pace = Pace::of_instance(Environment::Development);
        assert_eq!(pace.clone().with_delay(Duration::ZERO), pace);
    }

    #[test]
    fn nothing_passes_during_a_pause_and_a_shorter_one_does_not_end_it() {
        let (start, mut limiter) = (Instant::now(), Limiter::new(&[]));
        limiter.pause_until(start + TEN_SECONDS);
        limiter.pause_until(start + Duration::from_secs(1));
        assert_eq!(limiter.next(start), Err(start + TEN_SECONDS));
        assert_eq!(limiter.pause_left(start), Some(TEN_SECONDS));
        assert!(limiter.next(start + TEN_SECONDS).is_ok());
        assert_eq!(limiter.pause_left(start + TEN_SECONDS), None);
    }
}
