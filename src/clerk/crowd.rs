//! How many requests are on their way at one time where no limit says how many may be.

use std::time::Duration;

use super::pace::FEWEST_AT_ONCE;

/// The requests on their way. Where answers take no longer though more are asked for, there is room for more; where they take twice as
/// long as the quickest did, requests only wait for each other at the other end.
#[derive(Debug)]
pub(super) struct Crowd {
    size: f64,
    quickest: Duration,
}

impl Default for Crowd {
    fn default() -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let size = FEWEST_AT_ONCE as f64;
        Self { size, quickest: Duration::MAX }
    }
}

impl Crowd {
    /// Takes note of an answer, by how long answers take on average by now; `most` is the most requests at one time that there may be.
    ///
    /// The gradient of Netflix's adaptive concurrency limits, one answer at a time: in as long as one answer takes, the crowd grows by
    /// its square root, and shrinks by the part of an answer's time that is more than twice the quickest.
    pub(super) fn answered(&mut self, average: Duration, most: usize) {
        self.quickest = self.quickest.min(average);
        let due = (2.0 * self.quickest.as_secs_f64() / average.as_secs_f64()).min(1.0);
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
        let mut average = least.as_secs_f64();
        for _ in 0..20_000 {
            // Little's law: whoever finds no room waits.
            let takes = least.as_secs_f64().max(crowd.size / per_second);
            average += (takes - average) / 8.0;
            crowd.answered(Duration::from_secs_f64(average), 200);
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
    fn it_stays_small_where_requests_would_only_wait_for_each_other() {
        for (per_second, least, from, to) in [
            (15_000.0, Duration::from_micros(500), 15, 30),
            (200.0, Duration::from_millis(100), 40, 70),
            (50.0, Duration::from_millis(20), 8, 8),
        ] {
            let size = before_a_server(per_second, least);
            assert!((from..=to).contains(&size), "{per_second} a second, {least:?}: {size}");
        }
    }
}
