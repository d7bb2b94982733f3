//! The shapes of password digests, hasher by hasher, as Clerk documents them
//! (<https://clerk.com/docs/reference/backend/user/create-user>).

use argon2::password_hash::phc::PasswordHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A digest taken apart, ready to be verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// The password is pre-processed, then compared with a bcrypt string.
    Bcrypt { hash: String, pepper: String, sha256_first: bool },
    /// A PHC string.
    Argon2(String),
    /// Any of several salts may have been meant; one that fits is enough.
    Pbkdf2 { function: Function, iterations: u32, salts: Vec<Vec<u8>>, hash: Vec<u8> },
    /// Python's and Node's scrypt.
    Scrypt { cost: Cost, salt: Vec<u8>, hash: Vec<u8> },
    /// Firebase's: the signer key encrypted with a key that scrypt derives.
    ScryptFirebase { cost: Cost, salt: Vec<u8>, signer_key: Vec<u8>, hash: Vec<u8> },
    /// Portable PHP hash: MD5, `2^rounds_log2` times.
    Phpass { rounds_log2: u8, salt: Vec<u8>, checksum: String },
    /// One round; whether the salt stands before or after the password is not documented: both are taken.
    Plain { function: Function, salt: Vec<u8>, hash: Vec<u8> },
    /// Symfony's legacy hasher.
    Symfony { iterations: u32, salt: String, hash: Vec<u8> },
    /// Known to Clerk, its inside not documented.
    Undocumented,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// The parameters of scrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) log_n: u8,
    pub(super) r: u32,
    pub(super) p: u32,
}

/// The words that `password_hasher` may be.
pub(super) const HASHERS: [&str; 22] = [
    "argon2i",
    "argon2id",
    "awscognito",
    "bcrypt",
    "bcrypt_peppered",
    "bcrypt_sha256_django",
    "hmac_sha256_utf16_b64",
    "ldap_ssha",
    "md5",
    "md5_phpass",
    "md5_salted",
    "pbkdf2_sha1",
    "pbkdf2_sha256",
    "pbkdf2_sha256_django",
    "pbkdf2_sha512",
    "pbkdf2_sha512_hex",
    "phpass",
    "scrypt_firebase",
    "scrypt_werkzeug",
    "sha256",
    "sha256_salted",
    "sha512_symfony",
];

impl Digest {
    /// Reads a digest as this hasher writes it; `None` where the shape is another.
    pub(super) fn parse(hasher: &str, digest: &str) -> Option<Self> {
        match hasher {
            "bcrypt" => bcrypt(digest, "", false),
            "bcrypt_sha256_django" => bcrypt(digest.strip_prefix("bcrypt_sha256$")?, "", true),
            "bcrypt_peppered" => {
                let pepper = digest.get(60..)?.strip_prefix('$').filter(|pepper| !pepper.is_empty())?;
                bcrypt(digest.get(..60)?, pepper, false)
            }
            "argon2i" | "argon2id" => argon2(hasher, digest),
            "pbkdf2_sha1" => pbkdf2_sha1(digest),
            "pbkdf2_sha256" => pbkdf2(digest, "pbkdf2_sha256", Function::Sha256, base64, base64),
            "pbkdf2_sha256_django" => pbkdf2(digest, "pbkdf2_sha256", Function::Sha256, literal, base64),
            "pbkdf2_sha512" => pbkdf2(digest, "pbkdf2_sha512", Function::Sha512, literal, hexadecimal),
            "pbkdf2_sha512_hex" => pbkdf2(digest, "pbkdf2_sha512_hex", Function::Sha512, hexadecimal, hexadecimal),
            "scrypt_werkzeug" => scrypt_werkzeug(digest),
            "scrypt_firebase" => scrypt_firebase(digest),
            "phpass" | "md5_phpass" => phpass(digest),
            "md5" => plain(Function::Md5, "", digest),
            "sha256" => plain(Function::Sha256, "", digest),
            "md5_salted" => digest.rsplit_once('$').and_then(|(salt, hash)| salted(Function::Md5, salt, hash)),
            "sha256_salted" => digest.rsplit_once('$').and_then(|(salt, hash)| salted(Function::Sha256, salt, hash)),
            "sha512_symfony" => symfony(digest),
            "ldap_ssha" => ssha(digest),
            "hmac_sha256_utf16_b64" => base64(digest).map(|_| Self::Undocumented),
            "awscognito" => cognito(digest),
            _ => None,
        }
    }
}

fn bcrypt(hash: &str, pepper: &str, sha256_first: bool) -> Option<Digest> {
    let version = ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version));
    let (cost, rest) = hash.get(4..)?.split_once('$')?;
    let cost = number::<u32>(cost).filter(|_| cost.len() == 2)?;
    let alphabet = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
    let right = version && (4..=15).contains(&cost) && rest.len() == 53 && alphabet;
    right.then(|| Digest::Bcrypt { hash: hash.to_owned(), pepper: pepper.to_owned(), sha256_first })
}

fn argon2(hasher: &str, digest: &str) -> Option<Digest> {
    let phc = PasswordHash::new(digest).ok()?;
    let params = ["m", "t", "p"].iter().all(|name| phc.params.get_decimal(*name).is_some_and(|value| value > 0));
    let whole = phc.algorithm.as_str() == hasher && params && phc.salt.is_some() && phc.hash.is_some();
    whole.then(|| Digest::Argon2(digest.to_owned()))
}

fn pbkdf2_sha1(digest: &str) -> Option<Digest> {
    let mut parts = digest.strip_prefix("pbkdf2_sha1$")?.split('$');
    let iterations = number(parts.next()?)?;
    let salt = literal(parts.next()?)?;
    let hash = hexadecimal(parts.next()?)?;
    let length = parts.next().map_or(Some(32), number::<usize>)?;
    // The salt is hex or raw, and nothing in the digest says which.
    let salts = hex::decode(&salt).ok().into_iter().chain([salt.clone()]).collect();
    let whole = hash.len() == length && parts.next().is_none();
    whole.then_some(Digest::Pbkdf2 { function: Function::Sha1, iterations, salts, hash })
}

fn pbkdf2(
    digest: &str,
    name: &str,
    function: Function,
    read_salt: fn(&str) -> Option<Vec<u8>>,
    read_hash: fn(&str) -> Option<Vec<u8>>,
) -> Option<Digest> {
    let mut parts = digest.strip_prefix(name)?.strip_prefix('$')?.split('$');
    let iterations = number(parts.next()?)?;
    let salt = read_salt(parts.next()?)?;
    let hash = read_hash(parts.next()?)?;
    parts.next().is_none().then(|| Digest::Pbkdf2 { function, iterations, salts: vec![salt], hash })
}

fn scrypt_werkzeug(digest: &str) -> Option<Digest> {
    let (arguments, rest) = digest.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let mut numbers = arguments.strip_prefix("scrypt:")?.split(':');
    let n = number::<u64>(numbers.next()?).filter(|n| n.is_power_of_two() && *n > 1)?;
    let cost = Cost {
        log_n: u8::try_from(n.trailing_zeros()).ok()?,
        r: number(numbers.next()?)?,
        p: number(numbers.next()?)?,
    };
    let whole = numbers.next().is_none() && is_bearable(cost);
    Some(Digest::Scrypt { cost, salt: literal(salt)?, hash: hexadecimal(hash)? }).filter(|_| whole)
}

fn scrypt_firebase(digest: &str) -> Option<Digest> {
    let parts: Vec<&str> = digest.split('$').collect();
    let [hash, salt, signer_key, separator, rounds, memory] = parts.as_slice() else { return None };
    let cost = Cost { log_n: number(memory)?, r: number(rounds)?, p: 1 };
    let salt = [base64(salt)?, base64(separator)?].concat();
    let parsed = Digest::ScryptFirebase { cost, salt, signer_key: base64(signer_key)?, hash: base64(hash)? };
    Some(parsed).filter(|_| is_bearable(cost))
}

/// Keeps a digest from asking for more than 1 GiB of memory.
fn is_bearable(cost: Cost) -> bool {
    let bytes = 128_u64.checked_mul(u64::from(cost.r)).and_then(|block| block.checked_shl(u32::from(cost.log_n)));
    cost.log_n < 24 && cost.r <= 4_096 && cost.p <= 64 && bytes.is_some_and(|bytes| bytes <= 1 << 30)
}

fn phpass(digest: &str) -> Option<Digest> {
    let body = digest.strip_prefix("$P$").filter(|body| body.len() == 31 && body.is_ascii())?;
    let alphabet = body.bytes().all(|b| PHPASS.contains(&b));
    let rounds_log2 = PHPASS.iter().position(|c| body.as_bytes().first() == Some(c))?;
    let parsed = Digest::Phpass {
        rounds_log2: u8::try_from(rounds_log2).ok()?,
        salt: body.get(1..9)?.as_bytes().to_vec(),
        checksum: body.get(9..)?.to_owned(),
    };
    (alphabet && (7..=30).contains(&rounds_log2)).then_some(parsed)
}

/// The alphabet of portable PHP hashes.
pub(super) const PHPASS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn plain(function: Function, salt: &str, digest: &str) -> Option<Digest> {
    let length = if function == Function::Md5 { 16 } else { 32 };
    let hash = hexadecimal(digest).filter(|hash| hash.len() == length)?;
    Some(Digest::Plain { function, salt: salt.as_bytes().to_vec(), hash })
}

fn salted(function: Function, salt: &str, digest: &str) -> Option<Digest> {
    if salt.is_empty() { None } else { plain(function, salt, digest) }
}

fn symfony(digest: &str) -> Option<Digest> {
    let parts: Vec<&str> = digest.strip_prefix("sha512_symfony$")?.split('$').collect();
    let [iterations, salt, hash] = parts.as_slice() else { return None };
    let hash = base64(hash).filter(|hash| hash.len() == 64)?;
    Some(Digest::Symfony { iterations: number(iterations)?, salt: (*salt).to_owned(), hash })
}

fn ssha(digest: &str) -> Option<Digest> {
    let bytes = base64(digest.strip_prefix("{SSHA}")?)?;
    let (hash, salt) = bytes.split_at_checked(20).filter(|(_, salt)| !salt.is_empty())?;
    Some(Digest::Plain { function: Function::Sha1, salt: salt.to_vec(), hash: hash.to_vec() })
}

fn cognito(digest: &str) -> Option<Digest> {
    let parts: Vec<&str> = digest.strip_prefix("awscognito#")?.split('#').collect();
    (parts.len() == 3 && parts.iter().all(|part| !part.is_empty())).then_some(Digest::Undocumented)
}

/// A number above zero, in digits alone.
fn number<T: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > T::from(0))
}

fn literal(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| text.as_bytes().to_vec())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_in_another_shape_are_refused() {
        let body53 = "R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        let cases = [
            ("bcrypt", format!("$2b$15${body53}"), true),
            ("bcrypt", format!("$2y$04${body53}"), true),
            ("bcrypt", format!("$2b$16${body53}"), false),
            ("bcrypt", format!("$2x$12${body53}"), false),
            ("bcrypt", format!("$2b$9${body53}"), false),
            ("bcrypt", format!("$2b$12${body53}x"), false),
            ("bcrypt_peppered", format!("$2b$12${body53}$pepper"), true),
            ("bcrypt_peppered", format!("$2b$12${body53}"), false),
            ("bcrypt_sha256_django", format!("bcrypt_sha256$$2b$12${body53}"), true),
            ("bcrypt_sha256_django", format!("$2b$12${body53}"), false),
            ("argon2id", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$8ZqCfVgAQUB8dYWS7tfn1A".to_owned(), true),
            ("argon2i", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$8ZqCfVgAQUB8dYWS7tfn1A".to_owned(), false),
            ("argon2id", "$argon2id$v=19$m=64,t=1$c2FsdHNhbHQ$8ZqCfVgAQUB8dYWS7tfn1A".to_owned(), false),
            ("argon2id", "argon2id".to_owned(), false),
            ("pbkdf2_sha1", format!("pbkdf2_sha1$1000$73616c74${}", "ab".repeat(32)), true),
            ("pbkdf2_sha1", format!("pbkdf2_sha1$1000$73616c74${}$20", "ab".repeat(20)), true),
            ("pbkdf2_sha1", format!("pbkdf2_sha1$1000$73616c74${}", "ab".repeat(20)), false),
            ("pbkdf2_sha256", "pbkdf2_sha256$1000$c2FsdA==$c2FsdA==".to_owned(), true),
            ("pbkdf2_sha256", "pbkdf2_sha256$1000$salt!$c2FsdA==".to_owned(), false),
            ("pbkdf2_sha256_django", "pbkdf2_sha256$1000$salt!$c2FsdA==".to_owned(), true),
            ("pbkdf2_sha256_django", "pbkdf2_sha256$0$salt!$c2FsdA==".to_owned(), false),
            ("pbkdf2_sha256_django", "pbkdf2_sha256$1000$salt!$c2FsdA".to_owned(), false),
            ("pbkdf2_sha512", "pbkdf2_sha512$1000$salt$abcd".to_owned(), true),
            ("pbkdf2_sha512_hex", "pbkdf2_sha512_hex$1000$salt$abcd".to_owned(), false),
            ("pbkdf2_sha512_hex", "pbkdf2_sha512_hex$1000$abcd$abcd".to_owned(), true),
            ("scrypt_werkzeug", "scrypt:32768:8:1$salt$abcd".to_owned(), true),
            ("scrypt_werkzeug", "scrypt:32767:8:1$salt$abcd".to_owned(), false),
            ("scrypt_werkzeug", "scrypt:1073741824:8:1$salt$abcd".to_owned(), false),
            ("scrypt_werkzeug", "pbkdf2:sha256:1000$salt$abcd".to_owned(), false),
            ("scrypt_firebase", "c2FsdA==$c2FsdA==$c2FsdA==$Bw==$8$14".to_owned(), true),
            ("scrypt_firebase", "c2FsdA==$c2FsdA==$c2FsdA==$8$14".to_owned(), false),
            ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0".to_owned(), true),
            ("md5_phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0".to_owned(), true),
            ("phpass", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0".to_owned(), false),
            ("md5", "a".repeat(32), true),
            ("md5", "a".repeat(64), false),
            ("md5_salted", format!("salt${}", "a".repeat(32)), true),
            ("md5_salted", "a".repeat(32), false),
            ("sha256", "a".repeat(64), true),
            ("sha256", "g".repeat(64), false),
            ("sha256_salted", format!("salt${}", "a".repeat(64)), true),
            ("sha512_symfony", format!("sha512_symfony$5000$salt${}", STANDARD.encode([0; 64])), true),
            ("sha512_symfony", format!("sha512_symfony$5000$salt${}", STANDARD.encode([0; 32])), false),
            ("ldap_ssha", format!("{{SSHA}}{}", STANDARD.encode([0; 24])), true),
            ("ldap_ssha", format!("{{SSHA}}{}", STANDARD.encode([0; 20])), false),
            ("awscognito", "awscognito#pool#client#name".to_owned(), true),
            ("awscognito", "awscognito#pool#client".to_owned(), false),
            ("hmac_sha256_utf16_b64", "c2FsdA==".to_owned(), true),
            ("argon2", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$8ZqCfVgAQUB8dYWS7tfn1A".to_owned(), false),
            ("bcrypt", "é".repeat(30), false),
            ("bcrypt_peppered", "é".repeat(40), false),
        ];
        for (hasher, digest, expected) in cases {
            assert_eq!(Digest::parse(hasher, &digest).is_some(), expected, "{hasher} {digest}");
        }
    }

    #[test]
    fn every_hasher_is_known_to_the_reader_of_digests() {
        assert!(HASHERS.is_sorted());
        assert!(HASHERS.iter().all(|hasher| Digest::parse(hasher, "").is_none()));
    }
}
