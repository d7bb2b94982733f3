//! When the next request may go: a sliding-window limiter that takes the time as an argument.
//!
//! Clerk counts a request at a moment between its departure and its answer that is not told here. But the way there and back
//! takes at least as long as the quickest answer lately. Of a request whose answer came quicker or slower than that, no more
//! than the difference can have been lost on the way there; so it is counted, at the latest, by that much after it would be
//! counted if it were the quickest. All times here are those at which a request *of the quickest kind* would have to leave:
//! then only the differences matter, and neither latency nor where Clerk counts. Such a time is that of the answer less what the
//! quickest takes, and what that is may come to light later.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pace::Window;

/// Lets requests through so that no window ever holds more than it may, and holds as many while there is work.
///
/// Refused all the same, it gives way to whoever else uses the instance, and comes back bit by bit.
#[derive(Debug)]
pub struct Limiter {
    logs: Vec<Log>,
    quickest: Quickest,
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
        Self { logs: windows.iter().map(Log::new).collect(), quickest: Quickest::default(), paused_until: None }
    }

    /// Lets a request through now, or says when to ask again.
    ///
    /// # Errors
    /// The earliest time at which a request may go, if that is not `now`. An answer that comes first may make it earlier.
    pub fn next(&mut self, now: Instant) -> Result<Passage, Instant> {
        let free =
            self.logs.iter_mut().filter_map(|log| log.free_at(now, &self.quickest)).chain(self.paused_until).max();
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
        self.quickest.note(now.saturating_duration_since(passage.at), load, now);
        for log in &mut self.logs {
            log.answered(passage, load, now, self.quickest.of(load));
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

/// How long the quickest answers took lately, to what reads and to what writes.
#[derive(Debug, Default)]
struct Quickest {
    reads: Least,
    writes: Least,
}

impl Quickest {
    fn note(&mut self, took: Duration, load: Load, now: Instant) {
        match load {
            Load::Read => self.reads.note(took, now),
            Load::Write => self.writes.note(took, now),
        }
    }

    /// Returns how long the quickest answer took. Few requests read, and the first of them wait for a connection; but none has to
    /// take longer than one that writes.
    fn of(&self, load: Load) -> Duration {
        let writes = self.writes.least();
        let least = match load {
            Load::Read => self.reads.least().into_iter().chain(writes).min(),
            Load::Write => writes,
        };
        least.unwrap_or_default()
    }
}

/// The least of what came lately.
#[derive(Debug, Default)]
struct Least {
    since: Option<Instant>,
    now: Option<Duration>,
    before: Option<Duration>,
}

/// How long a quick answer is remembered, at least; twice that at most. Even at 10 requests a second that is answers enough to
/// have a quick one among them.
const LATELY: Duration = Duration::from_mins(1);

impl Least {
    fn note(&mut self, took: Duration, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LATELY {
            self.since = Some(now);
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(took, |least| least.min(took)));
    }

    fn least(&self) -> Option<Duration> {
        self.now.into_iter().chain(self.before).min()
    }
}

/// The requests that one window holds.
#[derive(Debug)]
struct Log {
    window: Window,
    /// When those left that have no answer yet, in their order.
    under_way: VecDeque<Instant>,
    /// When the answers came to those that read, and to those that write, in their order.
    answered: [VecDeque<Instant>; 2],
    allowance: Allowance,
}

impl Log {
    fn new(window: &Window) -> Self {
        let window = Window { requests: window.requests.max(1), ..*window };
        Self { window, under_way: VecDeque::new(), answered: Default::default(), allowance: Allowance::new(window) }
    }

    /// Returns when a request may go; `None`: at any time.
    fn free_at(&mut self, now: Instant, quickest: &Quickest) -> Option<Instant> {
        let span = self.window.per + self.window.margin();
        let (until, slack) = (|load| span.saturating_sub(quickest.of(load)), self.slack());
        let [reads, writes] = &mut self.answered;
        let mut requests =
            [(&mut self.under_way, span + slack), (reads, until(Load::Read)), (writes, until(Load::Write))];
        for (times, stay) in &mut requests {
            while times.pop_front_if(|at| *at + *stay <= now).is_some() {}
        }
        let held: usize = requests.iter().map(|(times, _)| times.len()).sum();
        let beyond = held.checked_sub(self.allowance.at(now))?;
        let leaving = requests.iter().flat_map(|(times, stay)| times.iter().take(beyond + 1).map(|at| *at + *stay));
        let mut leaving: Vec<Instant> = leaving.collect();
        Some(*leaving.select_nth_unstable(beyond).1)
    }

    fn push(&mut self, now: Instant) {
        self.under_way.push_back(now);
    }

    /// The request has its answer.
    fn answered(&mut self, passage: Passage, load: Load, now: Instant, quickest: Duration) {
        if self.remove(passage) {
            let at = now.min(passage.at + quickest + self.slack());
            let answered = &mut self.answered[load as usize];
            let place = answered.partition_point(|other| *other <= at);
            answered.insert(place, at);
        }
    }

    /// The request was refused, and not counted. What the window holds is what Clerk has left us.
    fn refused(&mut self, passage: Passage, news: bool, until: Instant) {
        self.remove(passage);
        let held = self.under_way.len() + self.answered.iter().map(VecDeque::len).sum::<usize>();
        self.allowance.give_way(held, news, until);
    }

    /// Forgets a request that has no answer yet, and returns whether the window still held it.
    fn remove(&mut self, passage: Passage) -> bool {
        let place = self.under_way.binary_search(&passage.at);
        place.is_ok_and(|place| self.under_way.remove(place).is_some())
    }

    /// Returns how long after its departure a request without an answer is taken to be counted at the latest, and how much later than
    /// the quickest one with an answer: 3 s of Clerk's 10 s. More would wait for answers that never come. Shorter windows are a
    /// person's own wish; nobody counts them on the other side, and a fortieth is enough.
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
