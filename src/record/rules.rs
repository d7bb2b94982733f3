//! What our own checks refuse, field by field, before Clerk would.
//!
//! Each function returns the value as Clerk keeps it, or a sentence fragment that says what is wrong without the value.

use email_address::{EmailAddress, Options};

/// The longest local part of an e-mail address, in bytes.
const LONGEST_LOCAL_PART: usize = 64;
/// The longest e-mail address, in bytes.
const LONGEST_EMAIL: usize = 254;
/// The longest name, in characters.
pub const LONGEST_NAME: usize = 256;
/// The shortest and the longest username, in characters.
const USERNAME_LENGTHS: std::ops::RangeInclusive<usize> = 4..=64;
/// The most that each kind of metadata may take, in bytes of JSON.
/// Source: <https://clerk.com/docs/users/metadata>
pub const LARGEST_METADATA: usize = 8 * 1024;

/// Last labels under which no mail is ever delivered, and which Clerk refuses. Placeholder addresses live here.
const UNROUTABLE: [&str; 14] = [
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Checks an e-mail address, and returns it trimmed and in lower case.
///
/// # Errors
/// A text that says what is wrong.
pub fn email(text: &str) -> Result<String, &'static str> {
    let email = text.trim();
    // Twice as fast as `to_lowercase`, for nearly all addresses.
    let email = if email.is_ascii() { email.to_ascii_lowercase() } else { email.to_lowercase() };
    let (local, domain) = email.rsplit_once('@').ok_or("is not an e-mail address: it has no `@`")?;
    if local.len() > LONGEST_LOCAL_PART {
        return Err("is not an e-mail address: what stands before the `@` is longer than 64 bytes");
    }
    if email.len() > LONGEST_EMAIL {
        return Err("is not an e-mail address: it is longer than 254 bytes");
    }
    let syntax = Options::default().with_required_tld().without_domain_literal().without_display_text();
    if !is_plain(local, domain) && EmailAddress::parse_with_options(&email, syntax).is_err() {
        return Err("is not an e-mail address");
    }
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_clerks_own = domain.ends_with(".clerk.test");
    if UNROUTABLE.contains(&last) && !is_clerks_own {
        return Err(
            "is a placeholder: Clerk refuses addresses whose domain can receive no mail (`.local`, `.test`, ...)",
        );
    }
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not an e-mail address: its domain has no public suffix");
    }
    Ok(email)
}

/// Returns whether an address is one of the many that need no close look: letters, digits and a few signs between single dots.
fn is_plain(local: &str, domain: &str) -> bool {
    let dotted = |text: &str, fits: fn(u8) -> bool| {
        let mut before = b'.';
        let fits = text.bytes().all(|byte| {
            let fits = if byte == b'.' { before != b'.' } else { byte.is_ascii_alphanumeric() || fits(byte) };
            before = byte;
            fits
        });
        fits && before != b'.'
    };
    // Labels that are too long, or begin or end with a hyphen, are left to the closer look.
    dotted(local, |byte| matches!(byte, b'_' | b'-' | b'+'))
        && domain.len() <= 63
        && dotted(domain, |_| false)
        && domain.contains('.')
}

/// Checks a phone number, and returns it as E.164.
///
/// # Errors
/// A text that says what is wrong.
pub fn phone(text: &str) -> Result<String, &'static str> {
    const NO_PLUS: &str = "is not a phone number in E.164: it must begin with `+` and the country's code";
    let digits = text.trim().strip_prefix('+').ok_or(NO_PLUS)?;
    let mut number = String::with_capacity(16);
    number.push('+');
    for letter in digits.chars() {
        match letter {
            '0'..='9' if number.len() > 15 => return Err("is not a phone number: it has more than 15 digits"),
            '0'..='9' => number.push(letter),
            ' ' | '-' | '(' | ')' | '[' | ']' | '.' | '/' | '\u{a0}' => {}
            _ => return Err("is not a phone number: it holds something other than digits, spaces and brackets"),
        }
    }
    if is_fictional(&number) {
        return Ok(number);
    }
    match phonenumber::parse(None, &number) {
        Ok(parsed) if parsed.is_valid() => Ok(number),
        _ => Err("is not a phone number: no country has such a number"),
    }
}

/// `+1`, any area, and `555-0100` to `555-0199`: never given to anybody, and Clerk's own numbers for tests.
fn is_fictional(number: &str) -> bool {
    number.len() == 12 && number.starts_with("+1") && number.get(5..10) == Some("55501")
}

/// Checks a username, and returns it in lower case. `extended`: the instance allows digits alone and special characters.
///
/// # Errors
/// A text that says what is wrong.
pub fn username(text: &str, extended: bool) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let special = |byte: u8| plain(byte) || b"!#$'+.^`~".contains(&byte);
    let text = text.trim();
    if !USERNAME_LENGTHS.contains(&text.chars().count()) {
        return Err("is not 4 to 64 characters long, as Clerk wants usernames");
    }
    if !text.bytes().all(special) {
        return Err("holds characters that Clerk takes in no username");
    }
    if !extended && !text.bytes().all(plain) {
        return Err(
            "holds other characters than letters, digits, `_` and `-`; if your Clerk instance allows them, say `--extended-usernames`",
        );
    }
    if !extended && !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Err("has no letter; if your Clerk instance allows that, say `--extended-usernames`");
    }
    if text.starts_with('+') && text.len() > 2 && text.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
        return Err("is a phone number, which Clerk takes for no username");
    }
    Ok(text.to_ascii_lowercase())
}

/// Returns whether Clerk refuses a name, because it could carry spam: a phone number, an e-mail address, a URL, HTML.
#[must_use]
pub fn is_refused_name(name: &str) -> bool {
    // Nearly all names are decided here: what follows finds nothing without one of these, or as many digits.
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if digits < FEWEST_DIGITS && !name.bytes().any(|byte| matches!(byte, b'@' | b'/' | b'?' | b'#' | b'<')) {
        return false;
    }
    holds_phone_number(name) || name.split_whitespace().any(|word| is_address(word) || is_url(word)) || holds_html(name)
}

/// The fewest digits that make a phone number.
const FEWEST_DIGITS: usize = 7;

/// Ten to fifteen digits with no more than spaces and brackets between them, or seven and more behind `+` or `00`.
fn holds_phone_number(name: &str) -> bool {
    let joins = |letter: char| letter.is_ascii_digit() || letter.is_whitespace() || "+().-".contains(letter);
    name.split(|letter| !joins(letter)).any(|run| {
        let run = run.trim_matches(|letter: char| letter.is_whitespace() || "().-".contains(letter));
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let international = run.starts_with('+') || run.starts_with("00");
        (10..=15).contains(&digits) || (international && (FEWEST_DIGITS..=15).contains(&digits))
    })
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && inner_dot(domain))
}

/// A scheme, or a host with something after it; `Dr.Who` is a name.
fn is_url(word: &str) -> bool {
    word.contains("://") || word.find(['/', '?', '#']).is_some_and(|end| inner_dot(&word[..end]))
}

fn inner_dot(host: &str) -> bool {
    host.split_once('.').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty())
}

fn holds_html(name: &str) -> bool {
    name.split('<').skip(1).any(|rest| {
        let tag = rest.strip_prefix('/').unwrap_or(rest);
        tag.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '!') && tag.contains('>')
    })
}

/// Checks a locale, and returns it with `-` between its parts (`en-US`).
///
/// # Errors
/// A text that says what is wrong.
pub fn locale(text: &str) -> Result<String, &'static str> {
    let locale = text.trim().replace('_', "-");
    let mut parts = locale.split('-');
    let language = parts.next().unwrap_or_default();
    let fits = (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if fits && locale.len() <= 35 { Ok(locale) } else { Err("is not a locale such as `en-US`") }
}

/// Checks the address of a web3 wallet.
///
/// # Errors
/// A text that says what is wrong.
pub fn wallet(text: &str) -> Result<String, &'static str> {
    let wallet = text.trim();
    let is_hex = |digits: &str| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = match wallet.strip_prefix("0x") {
        Some(digits) => is_hex(digits),
        // Other chains than Ethereum's: base58 of 32 bytes.
        None => (32..=44).contains(&wallet.len()) && wallet.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    };
    if fits { Ok(wallet.to_owned()) } else { Err("is not the address of a web3 wallet") }
}

/// Checks the secret of a TOTP authenticator, and returns it in upper case without spaces and padding.
///
/// # Errors
/// A text that says what is wrong.
pub fn totp_secret(text: &str) -> Result<String, &'static str> {
    let secret: String = text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_uppercase).collect();
    let secret = secret.trim_end_matches('=');
    let fits =
        (8..=256).contains(&secret.len()) && secret.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
    if fits { Ok(secret.to_owned()) } else { Err("is not a base32 secret of a TOTP authenticator") }
}

#[cfg(test)]
mod tests;
