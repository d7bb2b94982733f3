//! How fast requests may follow each other, how many may be on their way at once, and how long so many will take.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::environment::Environment;

/// So many requests, and no more, in any stretch of time this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many; 0 counts as 1.
    pub requests: u32,
    /// How long.
    pub per: Duration,
}

impl Window {
    /// Returns what is left between a request that falls out of the window and the one that takes its place, for clocks that
    /// are not exact: a thousandth of the window, 10 ms of Clerk's 10 s.
    #[must_use]
    pub fn margin(&self) -> Duration {
        self.per / 1000
    }
}

/// Every limit that requests keep to; the slowest wins, because all of them apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// The limits.
    pub windows: Vec<Window>,
    /// How long to wait after a 429 that does not say.
    pub retry_delay: Duration,
    /// The most requests on their way at one time.
    pub most_at_once: usize,
}

/// How much of an instance's limit is used, as a person says it: `50%`, `80` requests a second, `none`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "RateText")]
pub enum Rate {
    /// This part of the instance's limit, as a factor; above 1 where Clerk has raised the limit.
    Share(f64),
    /// So many requests a second, if the instance's limit is not lower.
    PerSecond(f64),
    /// No limit of our own: as fast as answers come.
    None,
}

/// A rate that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a rate; it looks like `50%` (of the instance's limit), `80` (requests a second, from 0.001 to 100000) or `none`"
)]
pub struct RateError;

/// The most requests on their way at one time, where nobody says otherwise: below what systems commonly allow a process in open
/// files, 256 on macOS, where each has a connection of its own.
pub const MOST_AT_ONCE: usize = 200;

/// The fewest requests on their way at one time that are worth it.
pub(super) const FEWEST_AT_ONCE: usize = 8;

/// In how long a window's requests should be able to go out: that long a run of less than a window takes at least.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    /// Returns the whole limit of an instance: 1000 requests in 10 seconds for production and 100 for development, over all
    /// endpoints: <https://clerk.com/docs/guides/how-clerk-works/system-limits>.
    #[must_use]
    pub fn of_instance(environment: Environment) -> Self {
        let requests = match environment {
            Environment::Production => 1000,
            Environment::Development => 100,
        };
        let windows = vec![Window { requests, per: Duration::from_secs(10) }];
        Self { windows, retry_delay: Duration::from_secs(10), most_at_once: MOST_AT_ONCE }
    }

    /// Returns the pace that uses as much of it as `rate` says.
    #[must_use]
    pub fn at(mut self, rate: Rate) -> Self {
        match rate {
            Rate::Share(share) => {
                for window in &mut self.windows {
                    window.requests = whole(f64::from(window.requests) * share);
                }
            }
            Rate::PerSecond(per_second) => {
                let requests = whole(per_second);
                let per = Duration::from_secs_f64(f64::from(requests) / per_second);
                self.windows.push(Window { requests, per });
            }
            Rate::None => self.windows.clear(),
        }
        self
    }

    /// Adds a limit of one request per `delay`; zero adds none.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        if !delay.is_zero() {
            self.windows.push(Window { requests: 1, per: delay });
        }
        self
    }

    /// Returns how many requests should be on their way at one time where an answer takes `latency`: by Little's law as many as
    /// are sent in that time, so that a window's requests can go out in a second, whatever the latency.
    #[must_use]
    pub fn at_once(&self, latency: Duration) -> usize {
        let per_second = |window: &Window| f64::from(window.requests) / BURST.min(window.per).as_secs_f64();
        let wanted = self.windows.iter().map(|window| per_second(window) * latency.as_secs_f64());
        let wanted = wanted.min_by(f64::total_cmp).map_or(usize::MAX, |wanted| whole(wanted.ceil()) as usize);
        wanted.max(FEWEST_AT_ONCE).min(self.most_at_once.max(1))
    }

    /// Returns how long so many requests take, of which each follows when it may and none waits for another, if an answer takes
    /// `latency`.
    #[must_use]
    pub fn time_for(&self, requests: u64, latency: Duration) -> Duration {
        let Some(last) = requests.checked_sub(1) else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds_to_send = |requests: u64| requests as f64 * latency.as_secs_f64() / self.at_once(latency) as f64;
        let unlimited = seconds_to_send(last);
        let in_windows = self.windows.iter().map(|window| {
            let most = u64::from(window.requests.max(1));
            // The last window is like the first: its requests go out as fast as answers come.
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let full = (last / most) as f64 * (window.per + window.margin()).as_secs_f64();
            full + seconds_to_send(last % most)
        });
        let seconds = in_windows.fold(unlimited, f64::max);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).saturating_add(latency)
    }
}

/// Rounds down to a number of requests, at least one.
fn whole(requests: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is what is wanted")]
    let requests = requests.max(1.0) as u32;
    requests
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let number = |text: &str| text.trim().parse().map_err(|_| RateError);
        if text.eq_ignore_ascii_case("none") {
            Ok(Self::None)
        } else if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = number(percent)?;
            (0.1..=100_000.0).contains(&percent).then_some(Self::Share(percent / 100.0)).ok_or(RateError)
        } else {
            let per_second: f64 = number(text)?;
            (0.001..=100_000.0).contains(&per_second).then_some(Self::PerSecond(per_second)).ok_or(RateError)
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{}% of the instance's limit", share * 100.0),
            Self::PerSecond(per_second) => write!(f, "{per_second} requests a second at most"),
            Self::None => f.write_str("no limit of our own"),
        }
    }
}

/// A rate as a file may hold it.
#[derive(Deserialize)]
#[serde(untagged)]
enum RateText {
    Text(String),
    Number(f64),
}

impl TryFrom<RateText> for Rate {
    type Error = RateError;

    fn try_from(text: RateText) -> Result<Self, Self::Error> {
        match text {
            RateText::Text(text) => text.parse(),
            RateText::Number(number) => number.to_string().parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production() -> Pace {
        Pace::of_instance(Environment::Production)
    }

    #[test]
    fn a_rate_is_read_as_a_share_a_number_or_none() {
        let table = [
            ("50%", Some(Rate::Share(0.5))),
            (" 300 % ", Some(Rate::Share(3.0))),
            ("80", Some(Rate::PerSecond(80.0))),
            ("0.5", Some(Rate::PerSecond(0.5))),
            ("None", Some(Rate::None)),
        ];
        for (text, rate) in table {
            assert_eq!(text.parse().ok(), rate, "{text}");
        }
        for bad in ["", "0", "-1", "NaN", "inf", "1e9", "0%", "-5%", "fast", "%", "1/2"] {
            assert_eq!(bad.parse::<Rate>(), Err(RateError), "{bad}");
        }
    }

    #[test]
    fn a_rate_becomes_windows() {
        let windows = |rate| production().at(rate).windows;
        let of = |requests, millis| Window { requests, per: Duration::from_millis(millis) };
        let whole = of(1000, 10_000);
        assert_eq!(windows(Rate::Share(0.5)), [of(500, 10_000)]);
        assert_eq!(windows(Rate::Share(3.0)), [of(3000, 10_000)]);
        assert_eq!(windows(Rate::Share(0.000_01)), [of(1, 10_000)]);
        assert_eq!(windows(Rate::PerSecond(50.0)), [whole, of(50, 1000)]);
        assert_eq!(windows(Rate::PerSecond(2.5)), [whole, of(2, 800)]);
        assert_eq!(windows(Rate::PerSecond(0.5)), [whole, of(1, 2000)]);
        assert_eq!(windows(Rate::None), []);
    }

    #[test]
    fn no_delay_adds_no_limit() {
        assert_eq!(production().with_delay(Duration::ZERO), production());
    }

    #[test]
    fn more_requests_are_on_their_way_where_answers_are_slow_within_bounds() {
        let at_once = |pace: &Pace, millis| pace.at_once(Duration::from_millis(millis));
        let pace = production();
        assert_eq!([0, 20, 50, 100, 300, 1000].map(|millis| at_once(&pace, millis)), [8, 20, 50, 100, 200, 200]);
        let slow = Pace::of_instance(Environment::Development);
        assert_eq!([20, 300, 1000].map(|millis| at_once(&slow, millis)), [8, 30, 100]);
        assert_eq!(at_once(&production().at(Rate::PerSecond(20.0)), 1000), 20);
        assert_eq!(at_once(&production().at(Rate::None), 1), MOST_AT_ONCE);
        assert_eq!(at_once(&Pace { most_at_once: 3, ..production() }, 1000), 3);
    }

    #[test]
    fn time_is_what_windows_take_and_the_requests_of_the_last_one() {
        let check = |pace: &Pace, requests, millis, from: f64, to: f64| {
            let seconds = pace.time_for(requests, Duration::from_millis(millis)).as_secs_f64();
            assert!((from..=to).contains(&seconds), "{requests} at {millis} ms: {seconds}");
        };
        check(&production(), 0, 100, 0.0, 0.0);
        check(&production(), 1, 100, 0.1, 0.1);
        check(&production(), 500, 100, 0.5, 0.7);
        check(&production(), 1000, 100, 1.0, 1.2);
        check(&production(), 1001, 100, 10.0, 10.2);
        check(&production(), 12_524, 100, 120.5, 121.0);
        // Where answers take so long that the bound on requests at once is what counts.
        check(&production(), 10_000, 4_000, 200.0, 210.0);
        check(&production().at(Rate::Share(0.5)), 10_000, 100, 190.0, 191.5);
        check(&production().at(Rate::PerSecond(1.0)), 100, 20, 99.0, 99.5);
        check(&Pace::of_instance(Environment::Development), 1_010, 100, 100.0, 102.0);
    }
}
