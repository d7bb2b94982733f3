//! Row keys: given as text by whoever names a row, and read in the key column's own type.

use std::ops::Range;

use super::inspect::{KeyKind, Target};

/// A row's key in its column's own type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(String),
    Integer(i128),
    Binary(Vec<u8>),
}

impl Target {
    /// Returns the one spelling of a row's key that all its spellings share: a UUID in capitals, or a `binary(16)` shown as a
    /// UUID, comes out as [`super::Database::clerk_ids`] gives it. `None` if no row of such a key can be meant.
    #[must_use]
    pub fn canonical_key(&self, text: &str) -> Option<String> {
        let key = read(&self.key_kind, text)?.text();
        let folds = matches!(self.key_kind, KeyKind::Text { ignores_case: true, .. });
        // ASCII alone: engines differ in what else they take for the same letter.
        Some(if folds { key.to_ascii_lowercase() } else { key })
    }
}

/// Reads a key given as text; `None` if no row of such a column can have it.
pub(super) fn read(kind: &KeyKind, text: &str) -> Option<Key> {
    if text.contains('\0') {
        return None;
    }
    match kind {
        KeyKind::Text { longest, padded, .. } => {
            let text = if *padded { text.trim_end_matches(' ') } else { text };
            // Longer than the type: a lenient MySQL would cut it, and find another row.
            let fits = longest.is_none_or(|longest| text.chars().count() as u64 <= longest);
            fits.then(|| Key::Text(text.to_owned()))
        }
        KeyKind::Uuid => uuid(text).map(Key::Text),
        KeyKind::Integer { min, max, .. } => {
            let number: i128 = text.parse().ok()?;
            (number.to_string() == text && (min..=max).contains(&&number)).then_some(Key::Integer(number))
        }
        KeyKind::Binary => bytes(text).map(Key::Binary),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().or_else(|| hex::decode(uuid(text)?.replace('-', "")).ok())
}

/// Reads a UUID, with or without dashes, and returns it as databases write it.
fn uuid(text: &str) -> Option<String> {
    let digits = text.replace('-', "").to_lowercase();
    let fits = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| [0..8, 8..12, 12..16, 16..20, 20..32].map(|part: Range<usize>| digits[part].to_owned()).join("-"))
}

impl Key {
    /// Returns the key as text; bytes as hexadecimal digits.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Binary(bytes) => hex::encode(bytes),
        }
    }

    /// Returns the key as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Binary(bytes) => bytes.clone(),
            other => other.text().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    const DIGITS: &str = "a0eebc999c0b4ef8bb6d6bb9bd380a11";

    fn check(kind: &KeyKind, text: &str, expected: Option<&str>) {
        assert_eq!(read(kind, text).map(|key| key.text()).as_deref(), expected, "{kind:?} {text:?}");
    }

    #[test]
    fn a_key_is_read_in_every_spelling_of_its_type_and_in_no_other() {
        let kind = KeyKind::Uuid;
        for spelling in [UUID, DIGITS, &UUID.to_uppercase(), &DIGITS.to_uppercase()] {
            check(&kind, spelling, Some(UUID));
            check(&KeyKind::Binary, spelling, Some(DIGITS));
        }
        for other in ["", "a", &UUID[1..], &format!("{UUID}0"), &UUID.replace('a', "g"), &UUID.replace('a', "ａ")] {
            check(&kind, other, None);
        }
        check(&KeyKind::Binary, "00FF", Some("00ff"));
        check(&KeyKind::Binary, "", Some(""));
        for other in ["0", "0x00", "zz", "\\x00"] {
            check(&KeyKind::Binary, other, None);
        }
        let kind = KeyKind::Integer { min: -128, max: 127, cast: String::new() };
        for number in ["0", "-128", "127"] {
            check(&kind, number, Some(number));
        }
        for other in
            ["", "128", "-129", "007", "+7", "7.0", "7 ", "-0", "1e2", "٧", "170141183460469231731687303715884105728"]
        {
            check(&kind, other, None);
        }
        let text = |longest, padded| KeyKind::Text { longest, padded, cast: String::new(), ignores_case: false };
        for same in ["", " ", "a ", "it's", "Ä", "\u{1F600}", "a\nb"] {
            check(&text(None, false), same, Some(same));
        }
        check(&text(None, false), "a\0b", None);
        check(&text(Some(2), false), "ÄÄ", Some("ÄÄ"));
        check(&text(Some(2), false), "aaa", None);
        check(&text(Some(2), true), "a   ", Some("a"));
        check(&text(Some(2), true), "aaa", None);
    }
}
