//! The lossless rewrites: the same salt, costs and hash, in the notation that Clerk takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, general_purpose};

use crate::record::Hasher;

/// A digest in Clerk's notation.
pub(super) struct Rewritten {
    pub(super) hasher: Hasher,
    pub(super) digest: String,
    /// Whether somebody has shown that Clerk verifies such a digest.
    pub(super) proven: bool,
}

/// Standard base64, with or without its padding.
pub(super) const BASE64: general_purpose::GeneralPurpose = general_purpose::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    general_purpose::GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn proven(hasher: Hasher, digest: String) -> Rewritten {
    Rewritten { hasher, digest, proven: true }
}

/// Better Auth: `<salt, 32 hex>:<key, 128 hex>`; the salt goes in as text, N=16384 r=16 p=1.
pub(super) fn better_auth(digest: &str) -> Option<Rewritten> {
    let (salt, key) = digest.split_once(':')?;
    if is_hex(salt, 32) { scrypt(16, salt, key) } else { None }
}

/// Lucia 3: `<salt>:<key, 128 hex>`, with Better Auth's parameters.
pub(super) fn lucia_v3(digest: &str) -> Option<Rewritten> {
    let (salt, key) = digest.split_once(':')?;
    scrypt(16, salt, key)
}

/// Lucia 2 before it had a version mark: `<salt>:<key, 128 hex>`, r=8.
pub(super) fn lucia_v2(digest: &str) -> Option<Rewritten> {
    let (salt, key) = digest.split_once(':')?;
    scrypt(8, salt, key)
}

/// Lucia 2: `s2:<salt>:<key, 128 hex>`, r=16.
pub(super) fn lucia_v2_s2(digest: &str) -> Option<Rewritten> {
    let (salt, key) = digest.strip_prefix("s2:")?.split_once(':')?;
    scrypt(16, salt, key)
}

/// Hand-made in many Node applications: `<key, 128 hex>.<salt>`, with Node's default costs N=16384 r=8 p=1.
pub(super) fn node_scrypt(digest: &str) -> Option<Rewritten> {
    let (key, salt) = digest.split_once('.')?;
    scrypt(8, salt, key)
}

fn scrypt(block_size: u8, salt: &str, key: &str) -> Option<Rewritten> {
    let fits = is_hex(key, 128) && !salt.is_empty() && !salt.contains([':', '$', '.']);
    fits.then(|| proven(Hasher::ScryptWerkzeug, format!("scrypt:16384:{block_size}:1${salt}${key}")))
}

/// Supabase's copy of Firebase's: `$fbscrypt$v=1,n=14,r=8,p=1,ss=<separator>,sk=<signer key>$<salt>$<hash>`.
pub(super) fn fbscrypt(digest: &str) -> Option<Rewritten> {
    let rest = digest.strip_prefix("$fbscrypt$")?;
    let mut parts = rest.splitn(3, '$');
    let (parameters, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let parameter = |name: &str| {
        parameters.split(',').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            (key == name).then_some(value)
        })
    };
    // Firebase's scrypt has no other version and no other parallelization.
    if parameter("v")? != "1" || parameter("p")? != "1" {
        return None;
    }
    let (memory, rounds) = (parameter("n")?, parameter("r")?);
    let (separator, signer) = (parameter("ss")?, parameter("sk")?);
    Some(proven(Hasher::ScryptFirebase, format!("{hash}${salt}${signer}${separator}${rounds}${memory}")))
}

/// Django's `argon2$argon2id$...` and `bcrypt$$2b$...`: a name in front of a digest that is complete without it.
pub(super) fn django_prefixed(digest: &str) -> Option<Rewritten> {
    if let Some(phc) = digest.strip_prefix("argon2").filter(|rest| rest.starts_with("$argon2")) {
        let hasher = if phc.starts_with("$argon2i$") { Hasher::Argon2i } else { Hasher::Argon2id };
        return Some(proven(hasher, phc.to_owned()));
    }
    let bcrypt = digest.strip_prefix("bcrypt$").filter(|rest| rest.starts_with("$2"))?;
    Some(proven(Hasher::Bcrypt, bcrypt.to_owned()))
}

/// Django's `scrypt$<N>$<salt>$<r>$<p>$<hash, base64>`.
pub(super) fn django_scrypt(digest: &str) -> Option<Rewritten> {
    let parts: Vec<&str> = digest.strip_prefix("scrypt$")?.split('$').collect();
    let [cost, salt, block_size, parallelism, hash] = parts[..] else { return None };
    let hash = hex::encode(BASE64.decode(hash).ok()?);
    let digest = format!("scrypt:{cost}:{block_size}:{parallelism}${salt}${hash}");
    Some(Rewritten { hasher: Hasher::ScryptWerkzeug, digest, proven: false })
}

/// Django's `pbkdf2_sha1$<iterations>$<salt>$<hash, base64 of 20 bytes>`; Clerk's own has the hash in hex.
pub(super) fn django_pbkdf2_sha1(digest: &str) -> Option<Rewritten> {
    let parts: Vec<&str> = digest.strip_prefix("pbkdf2_sha1$")?.split('$').collect();
    let [iterations, salt, hash] = parts[..] else { return None };
    let hash = STANDARD.decode(hash).ok().filter(|hash| hash.len() == 20)?;
    let (salt, hash) = (hex::encode(salt), hex::encode(hash));
    let digest = format!("pbkdf2_sha1${iterations}${salt}${hash}$20");
    Some(Rewritten { hasher: Hasher::Pbkdf2Sha1, digest, proven: false })
}

/// Werkzeug's `pbkdf2:sha256:<iterations>$<salt>$<hash, hex>`, and the same of SHA-512.
pub(super) fn werkzeug_pbkdf2(digest: &str) -> Option<Rewritten> {
    let parts: Vec<&str> = digest.strip_prefix("pbkdf2:")?.split('$').collect();
    let [method, salt, hash] = parts[..] else { return None };
    let (function, iterations) = method.split_once(':')?;
    match function {
        "sha256" => {
            let hash = STANDARD.encode(hex::decode(hash).ok()?);
            Some(proven(Hasher::Pbkdf2Sha256Django, format!("pbkdf2_sha256${iterations}${salt}${hash}")))
        }
        "sha512" => Some(proven(Hasher::Pbkdf2Sha512, format!("pbkdf2_sha512${iterations}${salt}${hash}"))),
        _ => None,
    }
}

/// ASP.NET Identity: base64 of a version byte, for version 3 a header, then salt and key.
/// Format: <https://github.com/dotnet/aspnetcore/blob/main/src/Identity/Extensions.Core/src/PasswordHasher.cs>
pub(super) fn aspnet_identity(digest: &str) -> Option<Rewritten> {
    let blob = STANDARD.decode(digest).ok()?;
    match blob.split_first()? {
        (0, rest) if rest.len() == 48 => {
            let (salt, key) = rest.split_at(16);
            let digest = format!("pbkdf2_sha1$1000${}${}$32", hex::encode(salt), hex::encode(key));
            Some(proven(Hasher::Pbkdf2Sha1, digest))
        }
        (1, rest) => aspnet_identity_v3(rest),
        _ => None,
    }
}

fn aspnet_identity_v3(blob: &[u8]) -> Option<Rewritten> {
    let (function, rest) = big_endian(blob)?;
    let (iterations, rest) = big_endian(rest)?;
    let (salt_length, rest) = big_endian(rest)?;
    let (salt, key) = rest.split_at_checked(usize::try_from(salt_length).ok()?)?;
    // The framework writes 16 and 32 bytes, and refuses less than 16 of either.
    if salt.len() < 16 || key.len() < 16 {
        return None;
    }
    match function {
        0 => {
            let digest = format!("pbkdf2_sha1${iterations}${}${}${}", hex::encode(salt), hex::encode(key), key.len());
            Some(proven(Hasher::Pbkdf2Sha1, digest))
        }
        1 => Some(pbkdf2_sha256(iterations, salt, key)),
        2 => Some(pbkdf2_sha512(iterations, salt, key)),
        _ => None,
    }
}

fn big_endian(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// Clerk's own `pbkdf2_sha256`, of binary salts. Keys of other lengths than SHA-256's own are untried.
pub(super) fn pbkdf2_sha256(iterations: u32, salt: &[u8], key: &[u8]) -> Rewritten {
    let digest = format!("pbkdf2_sha256${iterations}${}${}", STANDARD.encode(salt), STANDARD.encode(key));
    Rewritten { hasher: Hasher::Pbkdf2Sha256, digest, proven: key.len() == 32 }
}

/// Clerk's own `pbkdf2_sha512_hex`, of binary salts. Keys of other lengths than SHA-512's own are untried.
pub(super) fn pbkdf2_sha512(iterations: u32, salt: &[u8], key: &[u8]) -> Rewritten {
    let digest = format!("pbkdf2_sha512_hex${iterations}${}${}", hex::encode(salt), hex::encode(key));
    Rewritten { hasher: Hasher::Pbkdf2Sha512Hex, digest, proven: key.len() == 64 }
}

/// Payload keeps salt and hash in two columns; the query joins them as `salt || '$' || hash`. The hash is
/// `pbkdf2-sha256-v2-i<iterations>-l<length>:<hex>`, before that `pbkdf2-sha256-v1:<hex>` of 600,000 iterations, before that plain hex of 512
/// bytes and 25,000. The salt goes in as text.
pub(super) fn payload(digest: &str) -> Option<Rewritten> {
    let (salt, hash) = digest.split_once('$')?;
    let (iterations, key) = payload_hash(hash)?;
    let mut digest = format!("pbkdf2_sha256${iterations}${salt}$");
    STANDARD.encode_string(&key, &mut digest);
    Some(Rewritten { hasher: Hasher::Pbkdf2Sha256Django, digest, proven: key.len() == 32 })
}

fn payload_hash(hash: &str) -> Option<(u32, Vec<u8>)> {
    if let Some(rest) = hash.strip_prefix("pbkdf2-sha256-v2-i") {
        let (parameters, key) = rest.split_once(':')?;
        let (iterations, length) = parameters.split_once("-l")?;
        let key = hex::decode(key).ok()?;
        return (length.parse() == Ok(key.len())).then_some((iterations.parse().ok()?, key));
    }
    if let Some(key) = hash.strip_prefix("pbkdf2-sha256-v1:") {
        return hex::decode(key).ok().filter(|key| key.len() == 32).map(|key| (600_000, key));
    }
    hex::decode(hash).ok().filter(|key| key.len() == 512).map(|key| (25_000, key))
}

/// Ory Kratos: `$pbkdf2-sha256$i=<iterations>,l=<length>$<salt>$<key>`, base64 without padding.
pub(super) fn kratos(digest: &str) -> Option<Rewritten> {
    let parts: Vec<&str> = digest.strip_prefix("$pbkdf2-")?.split('$').collect();
    let [function, parameters, salt, key] = parts[..] else { return None };
    let (iterations, length) = parameters.split_once(',')?;
    let iterations = iterations.strip_prefix("i=")?.parse().ok()?;
    let (salt, key) = (BASE64.decode(salt).ok()?, BASE64.decode(key).ok()?);
    if length.strip_prefix("l=")?.parse() != Ok(key.len()) {
        return None;
    }
    match function {
        "sha256" => Some(pbkdf2_sha256(iterations, &salt, &key)),
        "sha512" => Some(pbkdf2_sha512(iterations, &salt, &key)),
        _ => None,
    }
}

/// phpBB marks phpass with `$H$` where everyone else writes `$P$`.
pub(super) fn phpbb(digest: &str) -> Option<Rewritten> {
    Some(proven(Hasher::Phpass, format!("$P${}", digest.strip_prefix("$H$")?)))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
