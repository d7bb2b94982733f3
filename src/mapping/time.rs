//! Timestamps in every notation the engines and adapters use, to RFC 3339 in UTC with milliseconds.

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::values::{self, Fault};
use crate::row::Value;

/// Numbers below this are no timestamps: as seconds they lie before 1973-03-03, when nobody signed up.
const FIRST_IN_SECONDS: i128 = 100_000_000;
/// Numbers from here on are milliseconds (1973-03-03 too); as seconds they would lie beyond the year 5138.
const FIRST_IN_MILLISECONDS: i128 = 100_000_000_000;

const NOT_A_TIME: &str = "is not a timestamp";
const OUT_OF_RANGE: &str = "is a timestamp outside the years 1 to 9999";
const ZERO_DATE: &str = "is a zero date (`0000-00-00`); select NULLIF or a real timestamp";
const INFINITE: &str = "is an infinite timestamp";
const NOT_AN_EPOCH: &str = "is a number that is no timestamp in seconds or milliseconds since 1970";

/// Reads a timestamp; text without a zone is in `zone`.
pub(super) fn timestamp(value: Value, zone: Tz) -> Result<Option<String>, Fault> {
    Ok(moment(value, zone)?.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

/// Reads a timestamp as a moment.
pub(super) fn moment(value: Value, zone: Tz) -> Result<Option<DateTime<Utc>>, Fault> {
    let fault = |message: &'static str| Fault::invalid(message);
    match value {
        Value::Integer(number) => of_number(number).map(Some).map_err(fault),
        Value::Real(number) => of_real(number).map(Some).map_err(fault),
        Value::Bool(_) => Err(fault(NOT_A_TIME)),
        other => match values::text(other)? {
            None => Ok(None),
            Some(text) => of_text(text.trim(), zone).map(Some).map_err(fault),
        },
    }
}

/// Reads seconds or milliseconds since 1970, told apart by their size.
fn of_number(number: i128) -> Result<DateTime<Utc>, &'static str> {
    let milliseconds = match number {
        FIRST_IN_SECONDS..FIRST_IN_MILLISECONDS => number * 1000,
        FIRST_IN_MILLISECONDS.. => number,
        _ => return Err(NOT_AN_EPOCH),
    };
    let milliseconds = i64::try_from(milliseconds).map_err(|_| NOT_AN_EPOCH)?;
    DateTime::from_timestamp_millis(milliseconds).ok_or(NOT_AN_EPOCH).and_then(in_range).map_err(|_| NOT_AN_EPOCH)
}

fn of_real(number: f64) -> Result<DateTime<Utc>, &'static str> {
    const LARGEST: f64 = 1e15;
    if !(number.is_finite() && number.abs() < LARGEST) {
        return Err(NOT_AN_EPOCH);
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked: far below the largest integer; parts of a unit go")]
    of_number(number as i128)
}

fn of_text(text: &str, zone: Tz) -> Result<DateTime<Utc>, &'static str> {
    in_utc(text, zone).map_or_else(|| of_any_text(text, zone), Ok)
}

fn of_any_text(text: &str, zone: Tz) -> Result<DateTime<Utc>, &'static str> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| NOT_AN_EPOCH).and_then(of_number);
    }
    if text.trim_start_matches(['-', '+']).eq_ignore_ascii_case("infinity") {
        return Err(INFINITE);
    }
    if text.ends_with("BC") || text.starts_with('-') {
        return Err(OUT_OF_RANGE);
    }
    let (date, rest) = text.split_at(text.find([' ', 'T', 't']).unwrap_or(text.len()));
    let date = date_of(date)?;
    let rest = rest.trim_start_matches([' ', 'T', 't']);
    let (clock, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len()));
    let local = date.and_time(clock_of(clock)?);
    let moment = match offset_of(offset.trim())? {
        Some(offset) => offset.from_local_datetime(&local).single().ok_or(OUT_OF_RANGE)?.to_utc(),
        None => in_zone(local, zone).ok_or(OUT_OF_RANGE)?,
    };
    in_range(moment)
}

/// Reads the notation that most timestamps come in, without looking for others: `2024-03-01 10:00:00.123`, and `Z` or `+00`
/// behind it, where that is not `zone` anyway.
fn in_utc(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let (start, rest) = text.split_at_checked(19)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b' ' | b'T', h1, h2, b':', n1, n2, b':', s1, s2] =
        *start.as_bytes()
    else {
        return None;
    };
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("0", rest),
    };
    if !(matches!(offset, "Z" | "+00") || (offset.is_empty() && zone == Tz::UTC)) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
    };
    let year = number(&[y1, y2, y3, y4]).filter(|year| *year > 0)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let [hour, minute, second] = [[h1, h2], [n1, n2], [s1, s2]].map(|digits| number(&digits));
    Some(date.and_hms_milli_opt(hour?, minute?, second?, milliseconds(fraction).ok()?)?.and_utc())
}

fn in_range(moment: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    use chrono::Datelike;
    if (1..=9999).contains(&moment.year()) { Ok(moment) } else { Err(OUT_OF_RANGE) }
}

/// `2024-03-01`; Postgres writes years past 9999 with more digits.
fn date_of(text: &str) -> Result<NaiveDate, &'static str> {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(NOT_A_TIME);
    };
    if year.len() < 4 {
        return Err(NOT_A_TIME);
    }
    match (digits(year, 9)?, digits(month, 2)?, digits(day, 2)?) {
        (0, 0, 0) => Err(ZERO_DATE),
        (0 | 10_000.., _, _) => Err(OUT_OF_RANGE),
        (_, 0, _) | (_, _, 0) => Err(ZERO_DATE),
        (year, month, day) => {
            let year = i32::try_from(year).map_err(|_| OUT_OF_RANGE)?;
            NaiveDate::from_ymd_opt(year, month, day).ok_or(NOT_A_TIME)
        }
    }
}

/// `10:00`, `10:00:00`, `10:00:00.123456`; nothing at all is midnight.
fn clock_of(text: &str) -> Result<NaiveTime, &'static str> {
    if text.is_empty() {
        return Ok(NaiveTime::MIN);
    }
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let hour = digits(parts.next().unwrap_or_default(), 2)?;
    let minute = digits(parts.next().ok_or(NOT_A_TIME)?, 2)?;
    let second = parts.next().map_or(Ok(0), |second| digits(second, 2))?;
    if parts.next().is_some() {
        return Err(NOT_A_TIME);
    }
    NaiveTime::from_hms_milli_opt(hour, minute, second, milliseconds(fraction)?).ok_or(NOT_A_TIME)
}

fn milliseconds(fraction: &str) -> Result<u32, &'static str> {
    if fraction.is_empty() || fraction.len() > 12 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NOT_A_TIME);
    }
    let thousandths = fraction.bytes().chain(*b"00").take(3);
    Ok(thousandths.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// `Z`, `UTC`, `+00`, `+05:30`, `-0800`, `+05:53:28`; `None`: there is none.
fn offset_of(text: &str) -> Result<Option<FixedOffset>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ if ["z", "utc", "gmt"].iter().any(|utc| text.eq_ignore_ascii_case(utc)) => (1, "00"),
        _ => return Err(NOT_A_TIME),
    };
    let mut seconds = 0;
    for (pair, unit) in pairs(rest)?.into_iter().zip([3600, 60, 1]) {
        seconds += pair * unit;
    }
    let seconds = i32::try_from(seconds).map_err(|_| NOT_A_TIME)?;
    FixedOffset::east_opt(sign * seconds).map(Some).ok_or(NOT_A_TIME)
}

/// Hours, minutes and seconds of an offset, with or without colons.
fn pairs(text: &str) -> Result<Vec<u32>, &'static str> {
    if text.contains(':') {
        return text.split(':').map(|pair| digits(pair, 2)).collect();
    }
    let whole = matches!(text.len(), 1 | 2 | 4 | 6) && text.is_ascii();
    if !whole {
        return Err(NOT_A_TIME);
    }
    (0..text.len()).step_by(2).map(|at| digits(&text[at..text.len().min(at + 2)], 2)).collect()
}

fn digits(text: &str, most: usize) -> Result<u32, &'static str> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().map_err(|_| NOT_A_TIME) } else { Err(NOT_A_TIME) }
}

/// Puts a local time into its zone. A time that the clocks showed twice is the earlier one; a time that they skipped is moved
/// on by as much as they were.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if zone == Tz::UTC {
        return Some(local.and_utc());
    }
    // The widest gap there ever was is a whole day (Samoa, 2011).
    (0..=25).find_map(|hours| {
        let skipped = TimeDelta::hours(hours);
        match zone.from_local_datetime(&local.checked_sub_signed(skipped)?) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
                moment.to_utc().checked_add_signed(skipped)
            }
            LocalResult::None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value, zone: &str) -> Result<Option<String>, String> {
        let zone = zone.parse().expect("the zone exists");
        timestamp(value, zone).map_err(|fault| fault.message.into_owned())
    }

    fn check(zone: &str, table: &[(&str, &str)]) {
        for (text, utc) in table {
            assert_eq!(read(Value::Text((*text).to_owned()), zone), Ok(Some((*utc).to_owned())), "{text}");
        }
    }

    #[test]
    fn every_notation_that_an_adapter_stores_becomes_rfc_3339_in_utc() {
        check(
            "UTC",
            &[
                ("2024-03-01 10:00:00+00", "2024-03-01T10:00:00.000Z"),
                ("2024-07-09 22:30:45.678+00", "2024-07-09T22:30:45.678Z"),
                ("2024-03-01 10:00:00+05:30", "2024-03-01T04:30:00.000Z"),
                ("2024-03-01 10:00:00-08", "2024-03-01T18:00:00.000Z"),
                ("2024-03-01 10:00:00-0330", "2024-03-01T13:30:00.000Z"),
                ("1890-03-01 10:00:00+00:53:28", "1890-03-01T09:06:32.000Z"),
                ("2024-07-09 22:30:45.678", "2024-07-09T22:30:45.678Z"),
                ("2024-07-09 22:30:45.678901", "2024-07-09T22:30:45.678Z"),
                ("2024-07-09 22:30:45.6", "2024-07-09T22:30:45.600Z"),
                ("2024-03-01T10:00:00.000Z", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01T10:00:00.000+00:00", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01 10:00:00.000 +00:00", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01 10:00:00 UTC", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01T10:00", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01", "2024-03-01T00:00:00.000Z"),
                ("0001-01-01 00:00:00", "0001-01-01T00:00:00.000Z"),
                ("1709287200000", "2024-03-01T10:00:00.000Z"),
                ("1709287200", "2024-03-01T10:00:00.000Z"),
            ],
        );
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds_by_their_size() {
        for number in [1_709_287_200, 1_709_287_200_000] {
            let read = read(Value::Integer(number), "UTC");
            assert_eq!(read, Ok(Some("2024-03-01T10:00:00.000Z".to_owned())), "{number}");
        }
        let real = read(Value::Real(1_709_287_200_000.0), "UTC");
        assert_eq!(real, Ok(Some("2024-03-01T10:00:00.000Z".to_owned())));
        for number in [-1, 0, 1, 2024, 20_240_301, i128::MAX, i128::MIN, 1_709_287_200_000_000] {
            assert_eq!(read(Value::Integer(number), "UTC"), Err(NOT_AN_EPOCH.to_owned()), "{number}");
        }
        for number in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(read(Value::Real(number), "UTC"), Err(NOT_AN_EPOCH.to_owned()), "{number}");
        }
    }

    #[test]
    fn a_timestamp_without_a_zone_is_in_the_given_one() {
        check(
            "America/New_York",
            &[
                ("2024-03-01 05:00:00", "2024-03-01T10:00:00.000Z"),
                ("2024-03-01 05:00:00+00", "2024-03-01T05:00:00.000Z"),
                // Skipped: the clocks went from 02:00 to 03:00.
                ("2024-03-10 02:30:00", "2024-03-10T07:30:00.000Z"),
                // Shown twice: the clocks went from 02:00 back to 01:00.
                ("2024-11-03 01:30:00", "2024-11-03T05:30:00.000Z"),
            ],
        );
        check("Pacific/Apia", &[("2011-12-30 12:00:00", "2011-12-30T22:00:00.000Z")]);
    }

    #[test]
    fn what_is_no_timestamp_is_named_and_never_panics() {
        for (text, message) in [
            ("infinity", INFINITE),
            ("-infinity", INFINITE),
            ("0000-00-00 00:00:00", ZERO_DATE),
            ("0000-00-00", ZERO_DATE),
            ("2024-00-00 00:00:00", ZERO_DATE),
            ("0000-01-01 00:00:00", OUT_OF_RANGE),
            ("294276-12-31 23:59:59.999999+00", OUT_OF_RANGE),
            ("4713-01-01 00:00:00+00 BC", OUT_OF_RANGE),
            ("-0001-01-01", OUT_OF_RANGE),
            ("9999-12-31 23:59:59-08", OUT_OF_RANGE),
            ("0001-01-01 00:00:00+08", OUT_OF_RANGE),
            ("99999999999999999999999999999999999999999999", NOT_AN_EPOCH),
            ("2024-02-30", NOT_A_TIME),
            ("2024-13-01", NOT_A_TIME),
            ("2024-03-01 24:00:00", NOT_A_TIME),
            ("2024-03-01 10:60:00", NOT_A_TIME),
            ("2024-03-01 10:00:00+99", NOT_A_TIME),
            ("2024-03-01 10:00:00 CEST", NOT_A_TIME),
            ("2024-03-01 10:00:00.", NOT_A_TIME),
            ("01/03/2024", NOT_A_TIME),
            ("yesterday", NOT_A_TIME),
            ("ü", NOT_A_TIME),
            ("2024-03-01 1ü:00", NOT_A_TIME),
            ("2024-03-01 10:00:00+ü", NOT_A_TIME),
        ] {
            assert_eq!(read(Value::Text(text.to_owned()), "America/New_York"), Err(message.to_owned()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_reads_nothing_that_the_long_one_does_not_read_alike(
            text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9][ T:][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,13})?(Z|[+]00|[+]0|x)?",
            abroad in proptest::bool::ANY,
        ) {
            let zone = if abroad { Tz::America__New_York } else { Tz::UTC };
            if let Some(moment) = in_utc(&text, zone) {
                proptest::prop_assert_eq!(of_any_text(&text, zone), Ok(moment), "{}", text);
            }
        }
    }

    #[test]
    fn null_and_the_empty_string_are_absent() {
        assert_eq!(read(Value::Null, "UTC"), Ok(None));
        assert_eq!(read(Value::Text(String::new()), "UTC"), Ok(None));
    }
}
