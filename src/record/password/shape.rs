//! The shape of the digest that Clerk takes for each hasher. A digest in another shape is answered with 422
//! `form_password_digest_invalid_code`, or, worse, stored and never verified.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};

use super::Hasher;

/// The highest bcrypt cost that Clerk verifies.
pub const HIGHEST_BCRYPT_COST: u8 = 15;

/// The longest digest sent, in bytes: no hasher's digest comes near it.
const LONGEST_DIGEST: usize = 4096;

/// Standard base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a digest is not one of a hasher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The shape is another.
    #[error("does not have the shape of this hasher's digests")]
    Shape,
    /// bcrypt, but dearer than Clerk verifies.
    #[error("is bcrypt of a cost above {HIGHEST_BCRYPT_COST}, which Clerk does not verify")]
    Cost,
    /// Longer than any digest.
    #[error("is longer than any digest")]
    TooLong,
}

/// Checks a digest against the shape of a hasher.
pub(super) fn check(hasher: Hasher, digest: &str) -> Result<(), Misfit> {
    if digest.len() > LONGEST_DIGEST {
        return Err(Misfit::TooLong);
    }
    let fits = match hasher {
        Hasher::Bcrypt => return bcrypt(digest),
        Hasher::BcryptSha256Django => return bcrypt_sha256_django(digest),
        Hasher::BcryptPeppered => return bcrypt_peppered(digest),
        Hasher::Argon2i => argon2(digest, "$argon2i$"),
        Hasher::Argon2id => argon2(digest, "$argon2id$"),
        Hasher::Pbkdf2Sha1 => pbkdf2_sha1(digest),
        // Unpadded, the salt is text that happens to look like base64: one in sixteen of Django's does.
        Hasher::Pbkdf2Sha256 => {
            pbkdf2(digest, "pbkdf2_sha256$", |salt| salt.len() % 4 == 0 && is_base64(salt), is_base64)
        }
        Hasher::Pbkdf2Sha256Django => pbkdf2(digest, "pbkdf2_sha256$", is_salt, is_base64),
        Hasher::Pbkdf2Sha512 => pbkdf2(digest, "pbkdf2_sha512$", is_salt, is_hex_bytes),
        Hasher::Pbkdf2Sha512Hex => pbkdf2(digest, "pbkdf2_sha512_hex$", is_hex_bytes, is_hex_bytes),
        Hasher::ScryptFirebase => scrypt_firebase(digest),
        Hasher::ScryptWerkzeug => scrypt_werkzeug(digest),
        Hasher::Phpass => phpass(digest),
        Hasher::Md5 => is_hex_of(digest, 32),
        Hasher::Md5Salted => salted(digest, 32),
        Hasher::Sha256 => is_hex_of(digest, 64),
        Hasher::Sha256Salted => salted(digest, 64),
        Hasher::Sha512Symfony => pbkdf2(digest, "sha512_symfony$", is_salt, is_base64),
        Hasher::LdapSsha => ldap_ssha(digest),
        // Clerk's own tool knows the name; the format is documented nowhere.
        Hasher::HmacSha256Utf16B64 => is_base64(digest),
        Hasher::Awscognito => awscognito(digest),
    };
    if fits { Ok(()) } else { Err(Misfit::Shape) }
}

fn bcrypt(digest: &str) -> Result<(), Misfit> {
    let rest = strip_bcrypt_version(digest).ok_or(Misfit::Shape)?;
    let (cost, hash) = rest.split_once('$').ok_or(Misfit::Shape)?;
    bcrypt_cost_and_hash(cost, hash)
}

/// `bcrypt_sha256$$2b$12$...`: two dollar signs, as Django stores it.
fn bcrypt_sha256_django(digest: &str) -> Result<(), Misfit> {
    bcrypt(digest.strip_prefix("bcrypt_sha256$").ok_or(Misfit::Shape)?)
}

fn bcrypt_peppered(digest: &str) -> Result<(), Misfit> {
    let rest = strip_bcrypt_version(digest).ok_or(Misfit::Shape)?;
    let mut parts = rest.splitn(3, '$');
    let (cost, hash) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if parts.next().is_none_or(str::is_empty) {
        return Err(Misfit::Shape);
    }
    bcrypt_cost_and_hash(cost, hash)
}

fn strip_bcrypt_version(digest: &str) -> Option<&str> {
    ["$2b$", "$2a$", "$2y$"].iter().find_map(|version| digest.strip_prefix(version))
}

fn bcrypt_cost_and_hash(cost: &str, hash: &str) -> Result<(), Misfit> {
    let is_hash =
        hash.len() == 53 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'));
    let is_cost = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    match cost.parse::<u8>() {
        Ok(4..=HIGHEST_BCRYPT_COST) if is_hash && is_cost => Ok(()),
        Ok(16..=31) if is_hash && is_cost => Err(Misfit::Cost),
        _ => Err(Misfit::Shape),
    }
}

/// The PHC string format: `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`.
fn argon2(digest: &str, prefix: &str) -> bool {
    let Some(rest) = digest.strip_prefix(prefix) else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let [version, costs, salt, hash] = parts[..] else { return false };
    version.strip_prefix("v=").is_some_and(is_number) && argon2_costs(costs) && is_base64(salt) && is_base64(hash)
}

/// `m=..,t=..,p=..`, which writers put into this order and readers take in any.
fn argon2_costs(costs: &str) -> bool {
    let mut seen = [false; 3];
    let known = costs.split(',').all(|cost| {
        let Some((name, value)) = cost.split_once('=') else { return false };
        match ["m", "t", "p"].iter().position(|known| *known == name) {
            Some(at) => !std::mem::replace(&mut seen[at], true) && is_number(value),
            None => false,
        }
    });
    known && seen == [true; 3]
}

/// `<prefix><iterations>$<salt>$<hash>`.
fn pbkdf2(digest: &str, prefix: &str, salt_fits: fn(&str) -> bool, hash_fits: fn(&str) -> bool) -> bool {
    let Some(rest) = digest.strip_prefix(prefix) else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let [iterations, salt, hash] = parts[..] else { return false };
    is_count(iterations) && salt_fits(salt) && hash_fits(hash)
}

/// `pbkdf2_sha1$<iterations>$<salt>$<hash, hex>`, and a fifth part, the key's length, where that is not 32.
fn pbkdf2_sha1(digest: &str) -> bool {
    let Some(rest) = digest.strip_prefix("pbkdf2_sha1$") else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let (iterations, salt, hash, length) = match parts[..] {
        [iterations, salt, hash] => (iterations, salt, hash, "32"),
        [iterations, salt, hash, length] => (iterations, salt, hash, length),
        _ => return false,
    };
    is_count(iterations) && is_salt(salt) && is_hex_bytes(hash) && length.parse() == Ok(hash.len() / 2)
}

/// `<hash>$<salt>$<signer key>$<salt separator>$<rounds>$<memory cost>`.
fn scrypt_firebase(digest: &str) -> bool {
    let parts: Vec<&str> = digest.split('$').collect();
    let [hash, salt, signer, separator, rounds, memory] = parts[..] else { return false };
    [hash, salt, signer, separator].into_iter().all(is_any_base64) && is_count(rounds) && is_count(memory)
}

/// `scrypt:<N>:<r>:<p>$<salt>$<hash, hex>`.
fn scrypt_werkzeug(digest: &str) -> bool {
    let Some(rest) = digest.strip_prefix("scrypt:") else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let [costs, salt, hash] = parts[..] else { return false };
    costs.split(':').count() == 3 && costs.split(':').all(is_count) && is_salt(salt) && is_hex_bytes(hash)
}

fn phpass(digest: &str) -> bool {
    digest.strip_prefix("$P$").is_some_and(|rest| {
        rest.len() == 31 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
    })
}

fn salted(digest: &str, digits: usize) -> bool {
    digest.split_once('$').is_some_and(|(salt, hash)| is_salt(salt) && is_hex_of(hash, digits))
}

/// `{SSHA}` and the base64 of 20 bytes of SHA-1 and the salt.
fn ldap_ssha(digest: &str) -> bool {
    digest.strip_prefix("{SSHA}").and_then(|text| BASE64.decode(text).ok()).is_some_and(|bytes| bytes.len() > 20)
}

fn awscognito(digest: &str) -> bool {
    digest.strip_prefix("awscognito#").is_some_and(|rest| {
        let parts: Vec<&str> = rest.split('#').collect();
        parts.len() == 3 && !parts.contains(&"")
    })
}

fn is_salt(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && BASE64.decode(text).is_ok()
}

/// Firebase exports its hashes in either alphabet.
fn is_any_base64(text: &str) -> bool {
    is_base64(text) || (!text.is_empty() && general_purpose::URL_SAFE.decode(text).is_ok())
}

fn is_hex_bytes(text: &str) -> bool {
    !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_hex_of(text: &str, digits: usize) -> bool {
    text.len() == digits && is_hex_bytes(text)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

/// A number above zero.
fn is_count(text: &str) -> bool {
    is_number(text) && text.bytes().any(|byte| byte != b'0')
}
