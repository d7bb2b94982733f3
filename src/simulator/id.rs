//! The IDs that the simulator gives.

/// Returns an ID as Clerk's: a [KSUID](https://github.com/segmentio/ksuid), 27 digits in base 62 of the seconds since
/// 1,400,000,000 and 128 random bits. So IDs sort by the second in which they were made, which an index over them feels; and they
/// differ from run to run, as those of two Clerk instances do: one taken for another must show.
pub(super) fn new_id(prefix: &str) -> String {
    let seconds = u32::try_from(chrono::Utc::now().timestamp() - 1_400_000_000).unwrap_or(u32::MAX);
    format!("{prefix}{}", ksuid(seconds, fastrand::u128(..)))
}

fn ksuid(seconds: u32, random: u128) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // 160 bits, 32 at a time, divided as on paper; the digits come from the last to the first.
    let mut number = [u64::from(seconds), 0, 0, 0, 0];
    let random = random.to_be_bytes();
    for (part, bytes) in number[1..].iter_mut().zip(random.as_chunks().0) {
        *part = u64::from(u32::from_be_bytes(*bytes));
    }
    let mut digits = [0; 27];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for part in &mut number {
            let dividend = rest << 32 | *part;
            (*part, rest) = (dividend / 62, dividend % 62);
        }
        *digit = DIGITS[usize::try_from(rest).unwrap_or_default()];
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_ksuid() {
        // Examples of the KSUID's own description.
        let random = 0xB5A1_CD34_B5F9_9D11_54FB_6853_345C_9735;
        assert_eq!(ksuid(107_608_047, random), "0ujtsYcgvSTl8PAuAdqWYSMnLOv");
        assert_eq!(ksuid(0, 0), "000000000000000000000000000");
        assert_eq!(ksuid(u32::MAX, u128::MAX), "aWgEPTl1tmebfsQzFP4bxwgy80V");
    }

    #[test]
    fn ids_of_a_later_second_come_later_and_no_two_are_the_same() {
        assert!(ksuid(1, u128::MAX) < ksuid(2, 0));
        let (one, another) = (new_id("user_"), new_id("user_"));
        assert!(one.starts_with("user_") && one.len() == 32 && one != another, "{one} {another}");
    }
}
