//! How long to wait before trying again.

use std::time::Duration;

/// The most that the first wait may take.
const FIRST: Duration = Duration::from_millis(250);

/// The most that any wait may take.
const LONGEST: Duration = Duration::from_secs(30);

/// Returns the wait before the attempt after `attempt` (counted from 0): up to 250 ms, 500 ms, 1 s and so on to 30 s, of
/// which `random`, between 0 and 1, says how much. Taking any part of it, and not just its last stretch, keeps workers that
/// failed together from coming back together.
#[must_use]
pub fn delay(attempt: u32, random: f64) -> Duration {
    let most = FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST);
    let share = if random.is_nan() { 1.0 } else { random.clamp(0.0, 1.0) };
    most.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let table = [(0, 250), (1, 500), (2, 1_000), (6, 16_000), (7, 30_000), (8, 30_000), (u32::MAX, 30_000)];
        for (attempt, millis) in table {
            assert_eq!(delay(attempt, 1.0), Duration::from_millis(millis), "attempt {attempt}");
        }
    }

    #[test]
    fn chance_takes_any_part_of_the_wait() {
        assert_eq!(delay(3, 0.0), Duration::ZERO);
        assert_eq!(delay(3, 0.5), Duration::from_secs(1));
        for (wild, millis) in [(-1.0, 0), (7.0, 2_000), (f64::NAN, 2_000)] {
            assert_eq!(delay(3, wild), Duration::from_millis(millis));
        }
    }
}
