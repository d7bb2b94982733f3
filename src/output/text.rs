//! Numbers and durations in words.

use std::time::Duration;

/// Writes a number with a comma between thousands.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number and a noun that agrees with it, by adding an `s`.
#[must_use]
pub fn count(how_many: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(how_many), if how_many == 1 { "" } else { "s" })
}

/// Writes a duration as a person would say it: `0.4 s`, `35 s`, `2 min 4 s`, `2 h 47 min`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_thousands_and_nouns_agree() {
        for (given, expected) in [(0, "0 users"), (1, "1 user"), (999, "999 users"), (1_234_567, "1,234,567 users")] {
            assert_eq!(count(given, "user"), expected);
        }
    }

    #[test]
    fn durations_are_told_as_a_person_would() {
        for (seconds, expected) in [(0.42, "0.4 s"), (35.0, "35 s"), (124.0, "2 min 4 s"), (10_020.0, "2 h 47 min")] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), expected);
        }
    }
}
