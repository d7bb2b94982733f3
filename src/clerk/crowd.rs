//! How many requests are on their way at one time where no limit says how many may be.

use std::time::Duration;

use super::pace::FEWEST_AT_ONCE;

/// How many times as long as at its quickest an answer may take before the others on their way are what it waits for. Answers of a busy
/// server and of a busy network differ by less.
const TOLERATED: f64 = 8.0;

/// The requests on their way. Where answers take no longer though more are asked for, there is room for more; where they take many
/// times as long as the quickest did, requests only wait for each other at the other end.
#[derive(Debug)]
pub(super) struct Crowd {
    size: f64,
    /// The moving average of answer times in seconds; `None` before the first.
    average: Option<f64>,
    /// The least that it was.
    quickest: f64,
}

impl Default for Crowd {
    fn default() -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let size = FEWEST_AT_ONCE as f64;
        Self { size, average: None, quickest: f64::INFINITY }
    }
}

impl Crowd {
    /// Takes note of how long an answer took that says that something was done; others, and those that only tell, take their own time.
    /// `most` is the most requests at one time that there may be.
    ///
    /// The gradient of Netflix's adaptive concurrency limits, one answer at a time: in as long as one answer takes, the crowd grows by
    /// its square root, and shrinks by the part of an answer's time that is more than is tolerated.
    pub(super) fn answered(&mut self, took: Duration, most: usize) {
        // Never nothing, by which nothing can be divided.
        let took = took.as_secs_f64().max(1e-6);
        let average = self.average.map_or(took, |average| average + (took - average) / 8.0);
        self.average = Some(average);
        self.quickest = self.quickest.min(average);
        let due = (TOLERATED * self.quickest / average).min(1.0);
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let (fewest, most) = (FEWEST_AT_ONCE as f64, most.max(FEWEST_AT_ONCE) as f64);
        self.size = (self.size + due - 1.0 + self.size.sqrt().recip()).clamp(fewest, most);
    }

    /// Returns how many requests should be on their way at one time.
    pub(super) fn size(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between the fewest and the most")]
        let size = self.size as usize;
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the crowd comes to before a server that answers so many requests a second, each in `least` at least.
    fn before_a_server(per_second: f64, least: Duration) -> usize {
        let mut crowd = Crowd::default();
        for _ in 0..20_000 {
            // Little's law: whoever finds no room waits.
            let takes = least.as_secs_f64().max(crowd.size / per_second);
            crowd.answered(Duration::from_secs_f64(takes), 200);
        }
        crowd.size()
    }

    #[test]
    fn it_grows_to_the_most_where_answers_take_no_longer_for_it() {
        assert_eq!(before_a_server(1_000_000.0, Duration::from_millis(100)), 200);
    }

    #[test]
    fn it_grows_to_the_most_within_two_thousand_answers() {
        let mut crowd = Crowd::default();
        for _ in 0..2_000 {
            crowd.answered(Duration::from_millis(100), 200);
        }
        assert_eq!(crowd.size(), 200);
    }

    #[test]
    fn answers_that_differ_as_those_of_a_busy_server_do_keep_nobody_back() {
        let mut crowd = Crowd::default();
        for answer in 0..20_000 {
            let slower = if answer / 1_000 % 2 == 0 { 1 } else { 4 };
            crowd.answered(Duration::from_millis(80 * slower), 200);
        }
        assert_eq!(crowd.size(), 200);
    }

    #[test]
    fn it_stays_small_where_requests_would_only_wait_for_each_other() {
        for (per_second, least, from, to) in
            [(15_000.0, Duration::from_micros(500), 60, 75), (1_000.0, Duration::from_millis(10), 80, 100)]
        {
            let size = before_a_server(per_second, least);
            assert!((from..=to).contains(&size), "{per_second} a second, {least:?}: {size}");
        }
    }

    #[test]
    fn answers_in_no_time_are_no_trouble() {
        let mut crowd = Crowd::default();
        crowd.answered(Duration::ZERO, 1);
        assert_eq!(crowd.size(), FEWEST_AT_ONCE);
    }
}
