//! What Clerk accepts as an e-mail address, phone number, username, name, wallet, secret or metadata.
//!
//! These mirror the checks that Clerk's own command line makes before it sends a user, which say of themselves that they
//! mirror the server (<https://github.com/clerk/cli>, `migrate/lib/checks.ts`). Phone numbers are checked by shape alone.

use super::error::Problem;
use super::fields::Metadata;

const METADATA_BYTES: usize = 8 * 1024;
const NO_PUBLIC_SUFFIX: [&str; 7] = ["local", "invalid", "test", "example", "internal", "lan", "corp"];

pub(super) fn email(address: &str) -> Result<(), Problem> {
    let local_too_long = |local: &str| local.len() > 64;
    match address.rsplit_once('@') {
        Some((local, _)) if local_too_long(local) => Err(Problem::format("email_address", "email address local part")),
        Some((local, host)) if is_local_part(local) && is_public_host(host) && address.len() <= 254 => Ok(()),
        _ => Err(Problem::format("email_address", "email address")),
    }
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

fn is_public_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let inner = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let Some((_, top)) = host.rsplit_once('.') else { return false };
    let top = top.to_ascii_lowercase();
    let is_top = !top.chars().all(|c| c.is_ascii_digit()) && !NO_PUBLIC_SUFFIX.contains(&top.as_str());
    is_top && host.split('.').all(is_label)
}

pub(super) fn phone(number: &str) -> Result<(), Problem> {
    let digits = number.strip_prefix('+').unwrap_or_default();
    let right =
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if right {
        Ok(())
    } else {
        Err(Problem::format("phone_number", "phone number according to E.164 international standard"))
    }
}

/// An Ethereum address, or a Solana one (32 bytes in base58).
pub(super) fn wallet(address: &str) -> Result<(), Problem> {
    let ethereum = address
        .strip_prefix("0x")
        .is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let base58 = |b: u8| b.is_ascii_alphanumeric() && !b"0OIl".contains(&b);
    let solana = (32..=44).contains(&address.len()) && address.bytes().all(base58);
    if ethereum || solana { Ok(()) } else { Err(Problem::format("web3_wallet", "web3 wallet address")) }
}

pub(super) fn username(name: &str) -> Result<(), Problem> {
    let wrong = |code, words: &str| Err(Problem::of("username", code, words, words));
    if !(4..=64).contains(&name.chars().count()) {
        return wrong("form_username_invalid_length", "Username must be between 4 and 64 characters long.");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        let words = "Username can only contain letters, numbers and '_' or '-'.";
        return wrong("form_username_invalid_character", words);
    }
    if !name.chars().any(|c| c.is_ascii_alphabetic()) {
        let words = "Username must contain one non-number character.";
        return wrong("form_username_needs_non_number_char", words);
    }
    Ok(())
}

pub(super) fn person_name(field: &str, name: &str) -> Result<(), Problem> {
    if is_phone_like(name) || is_url_like(name) || is_html_like(name) { Err(Problem::value(field)) } else { Ok(()) }
}

fn is_phone_like(name: &str) -> bool {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    digits >= 7 && name.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-().".contains(c))
}

fn is_url_like(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.contains("://") || lower.split_whitespace().any(|word| word.starts_with("www."))
}

fn is_html_like(name: &str) -> bool {
    name.split_once('<').is_some_and(|(_, rest)| {
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') && rest.contains('>')
    })
}

pub(super) fn locale(tag: &str) -> Result<(), Problem> {
    let mut parts = tag.split('-');
    let language =
        parts.next().is_some_and(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if language && rest { Ok(()) } else { Err(Problem::format("locale", "BCP-47 language tag")) }
}

/// Base32 as in RFC 4648, with or without its padding.
pub(super) fn totp(secret: &str) -> Result<(), Problem> {
    let digits = secret.trim_end_matches('=');
    let alphabet = digits.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    let whole_bytes = !digits.is_empty() && !matches!(digits.len() % 8, 1 | 3 | 6);
    let padded = secret.len() == digits.len() || secret.len().is_multiple_of(8);
    if alphabet && whole_bytes && padded { Ok(()) } else { Err(Problem::totp()) }
}

pub(super) fn metadata(field: &str, metadata: &Metadata) -> Result<(), Problem> {
    let size = serde_json::to_vec(metadata).map_or(usize::MAX, |text| text.len());
    if size <= METADATA_BYTES { Ok(()) } else { Err(Problem::too_large(field, METADATA_BYTES)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: impl Fn(&str) -> Result<(), Problem>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule(text).is_ok(), "{text} is refused");
        }
        for text in bad {
            assert!(rule(text).is_err(), "{text} is accepted");
        }
    }

    #[test]
    fn emails_need_a_local_part_and_a_public_host() {
        let long = format!("{}@example.com", "a".repeat(65));
        let bad = [
            "",
            "a",
            "a@",
            "@example.com",
            "a@localhost",
            "a@host.local",
            "a@x.invalid",
            "a@x.test",
            "a@x.EXAMPLE",
            "a@x.internal",
            "a@x.lan",
            "a@x.corp",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@-x.com",
            "a@x..com",
            "a@10.0.0.1",
            "a@b@example.com",
            &long,
        ];
        check(email, &["a@example.com", "A.b+c@mail.example.co.uk", "o'neil@example.org", "ü@bücher.de"], &bad);
    }

    #[test]
    fn phones_are_e164() {
        check(phone, &["+15555550100", "+3934712345678"], &["15555550100", "+0155555501", "+1 555", "+123", "+", ""]);
    }

    #[test]
    fn usernames_are_4_to_64_of_few_characters_with_a_letter() {
        let long = "a".repeat(65);
        check(username, &["anna", "Anna_1-2", "1234a"], &["ann", &long, "an na", "änna", "1234", "a.b.c"]);
    }

    #[test]
    fn names_are_no_phone_numbers_urls_or_html() {
        let bad = ["+1 555 555 0100", "https://a.example", "see www.example.com", "<b>Anna</b>", "x</script>"];
        check(|name| person_name("first_name", name), &["Anna", "R2 D2", "a < b", "Agent 007", "J. R."], &bad);
    }

    #[test]
    fn wallets_locales_and_totp_secrets_have_their_shapes() {
        let ethereum = format!("0x{}", "aB1".repeat(14).get(..40).expect("it is longer"));
        let solana = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV";
        check(wallet, &[&ethereum, solana], &["0x12", "", "not a wallet at all, is it? oh no"]);
        check(locale, &["en", "en-US", "zh-Hant-TW"], &["", "e", "en_US", "en-"]);
        check(totp, &["JBSWY3DPEHPK3PXP", "JBSWY3DP", "MZXW6==="], &["", "jbswy3dp", "JBSWY3D1", "A", "MZXW6="]);
    }

    #[test]
    fn metadata_beyond_8_kb_is_refused() {
        let of = |size: usize| [("k".to_owned(), "x".repeat(size).into())].into_iter().collect::<Metadata>();
        assert!(metadata("public_metadata", &of(8_000)).is_ok());
        assert!(metadata("public_metadata", &of(8_192)).is_err());
    }
}
