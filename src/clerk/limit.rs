//! When the next request may go: a sliding-window limiter that takes the time as an argument.
//!
//! Clerk counts a request at a moment between its departure and its answer that is not told here. But the way there and back
//! takes at least as long as the quickest answer lately. Of a request whose answer came quicker or slower than that, no more
//! than the difference can have been lost on the way there; so it is counted, at the latest, by that much after it would be
//! counted if it were the quickest. All times here are those at which a request *of the quickest kind* would have to leave:
//! then only the differences matter, and neither latency nor where Clerk counts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pace::Window;

/// Lets requests through so that no window ever holds more than it may, and holds as many while there is work.
///
/// Refused all the same, it gives way to whoever else uses the instance, and comes back bit by bit.
#[derive(Debug)]
pub struct Limiter {
    logs: Vec<Log>,
    quickest: [Quickest; 2],
    paused_until: Option<Instant>,
}

/// What a request does, as far as its answer takes longer for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It reads.
    Read,
    /// It changes something.
    Write,
}

/// A request that was let through, to be told of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    at: Instant,
}

impl Limiter {
    /// Makes a limiter that has let nothing through yet.
    #[must_use]
    pub fn new(windows: &[Window]) -> Self {
        Self { logs: windows.iter().map(Log::new).collect(), quickest: Default::default(), paused_until: None }
    }

    /// Lets a request through now, or says when to ask again.
    ///
    /// # Errors
    /// The earliest time at which a request may go, if that is not `now`. An answer that comes first may make it earlier.
    pub fn next(&mut self, now: Instant) -> Result<Passage, Instant> {
        let free = self.logs.iter_mut().filter_map(|log| log.free_at(now)).chain(self.paused_until).max();
        if let Some(at) = free
            && at > now
        {
            return Err(at);
        }
        for log in &mut self.logs {
            log.push(now);
        }
        Ok(Passage { at: now })
    }

    /// Takes note of an answer other than a refusal for pace: Clerk has counted the request by now.
    pub fn answered(&mut self, passage: Passage, load: Load, now: Instant) {
        let took = now.saturating_duration_since(passage.at);
        // The first answer has nothing to be compared with; and it took long, for a connection had to be made.
        let Some(quickest) = self.quickest[load as usize].with(took, now) else { return };
        for log in &mut self.logs {
            log.answered(passage, took.saturating_sub(quickest));
        }
    }

    /// Takes note of a request refused for pace, and lets nothing through for so long; a longer pause stands. Returns whether
    /// that is news: whether there was no pause yet.
    pub fn refused(&mut self, passage: Passage, pause: Duration, now: Instant) -> bool {
        let news = self.pause_left(now).is_none();
        for log in &mut self.logs {
            log.refused(passage, news, now + pause);
        }
        self.paused_until = self.paused_until.max(Some(now + pause));
        news
    }

    /// Returns how long the pause still lasts, if there is one.
    #[must_use]
    pub fn pause_left(&self, now: Instant) -> Option<Duration> {
        self.paused_until.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

/// The shortest time between a request and its answer, lately.
#[derive(Debug, Default)]
struct Quickest {
    since: Option<Instant>,
    now: Option<Duration>,
    before: Option<Duration>,
}

/// How long a quick answer is remembered, at least; twice that at most. Even at 10 requests a second that is answers enough to
/// have a quick one among them.
const LATELY: Duration = Duration::from_mins(1);

impl Quickest {
    /// Takes an answer into account, and returns the shortest time; `None` for the first answer.
    fn with(&mut self, took: Duration, now: Instant) -> Option<Duration> {
        let is_first = self.since.is_none();
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LATELY {
            self.since = Some(now);
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(took, |quickest| quickest.min(took)));
        let quickest = self.now.into_iter().chain(self.before).min();
        quickest.filter(|_| !is_first)
    }
}

/// The requests that one window holds; of each, the latest time at which it is counted.
#[derive(Debug)]
struct Log {
    window: Window,
    counted_by: VecDeque<Instant>,
    allowance: Allowance,
}

impl Log {
    fn new(window: &Window) -> Self {
        let window = Window { requests: window.requests.max(1), ..*window };
        Self { window, counted_by: VecDeque::new(), allowance: Allowance::new(window) }
    }

    /// Returns when a request may go; `None`: at any time.
    fn free_at(&mut self, now: Instant) -> Option<Instant> {
        let span = self.window.per + self.window.margin();
        while self.counted_by.pop_front_if(|at| *at + span <= now).is_some() {}
        let beyond = self.counted_by.len().checked_sub(self.allowance.at(now))?;
        self.counted_by.get(beyond).map(|at| *at + span)
    }

    fn push(&mut self, now: Instant) {
        self.insert(now + self.slack());
    }

    /// The request has its answer, so much later than the quickest.
    fn answered(&mut self, passage: Passage, late: Duration) {
        if self.remove(passage) {
            self.insert(passage.at + late.min(self.slack()));
        }
    }

    /// The request was refused, and not counted. What the window holds is what Clerk has left us.
    fn refused(&mut self, passage: Passage, news: bool, until: Instant) {
        self.remove(passage);
        self.allowance.give_way(self.counted_by.len(), news, until);
    }

    /// Forgets a request that has no answer yet, and returns whether the window still held it.
    fn remove(&mut self, passage: Passage) -> bool {
        let place = self.counted_by.binary_search(&(passage.at + self.slack()));
        place.is_ok_and(|place| self.counted_by.remove(place).is_some())
    }

    fn insert(&mut self, counted_by: Instant) {
        let place = self.counted_by.partition_point(|at| *at <= counted_by);
        self.counted_by.insert(place, counted_by);
    }

    /// Returns how long after its departure a request without an answer is taken to be counted at the latest: 3 s of Clerk's
    /// 10 s. More would wait for answers that never come. Shorter windows are a person's own wish; nobody counts them on the
    /// other side, and a fortieth is enough.
    fn slack(&self) -> Duration {
        let per = self.window.per;
        if per < Duration::from_secs(10) { per / 40 } else { per * 3 / 10 }
    }
}

/// How many requests of a window are ours: all of them, until Clerk refuses one, because others use the instance too.
///
/// Then it is nine tenths of what Clerk has let in, but no less than half of what it was; and for each window's length without
/// a refusal it grows by a hundredth, two, four... of the whole. So most of what others leave is used, at few refusals, and
/// what they no longer need is ours again within a minute or so.
#[derive(Debug)]
struct Allowance {
    window: Window,
    requests: f64,
    /// As low as refusals that belong together may bring it.
    least: f64,
    step: f64,
    /// When it last changed.
    since: Option<Instant>,
}

impl Allowance {
    fn new(window: Window) -> Self {
        Self { window, requests: f64::from(window.requests), least: 1.0, step: 0.0, since: None }
    }

    fn at(&mut self, now: Instant) -> usize {
        let whole = f64::from(self.window.requests);
        while self.requests < whole
            && let Some(since) = self.since
            && since + self.window.per <= now
        {
            self.requests = (self.requests + self.step).min(whole);
            self.step *= 2.0;
            self.since = Some(since + self.window.per);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "is between 1 and a number of requests"
        )]
        let requests = self.requests as usize;
        requests
    }

    fn give_way(&mut self, let_in: usize, news: bool, until: Instant) {
        let whole = f64::from(self.window.requests);
        if news {
            self.least = (self.requests / 2.0).max(whole / 10.0).max(1.0).min(self.requests);
        }
        #[expect(clippy::cast_precision_loss, reason = "a window holds no such number")]
        let left = let_in as f64 * 0.9;
        self.requests = left.clamp(self.least, self.requests);
        self.step = whole / 100.0;
        self.since = self.since.max(Some(until));
    }
}

#[cfg(test)]
mod tests;
