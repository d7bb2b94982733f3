use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::*;

const BCRYPT: &str = "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";
const ARGON2ID: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U";
const MD5: &str = "0123456789abcdef0123456789abcdef";

/// `sent`: the hasher, the rewrite's name and the digest that is sent.
fn check(said: Option<&str>, experimental: bool, digest: &str, sent: (Hasher, Option<&'static str>, &str)) {
    let said = said.map(|word| Spelling::named(word).expect("the name is known"));
    let verdict = understand(digest, said, None, experimental);
    let Ok(Verdict::Digest { hasher, rewritten, rewrite }) = verdict else { panic!("{digest}: {verdict:?}") };
    assert_eq!((hasher, rewrite, rewritten.as_deref().unwrap_or(digest)), sent);
}

fn fault(said: Option<&str>, digest: &str) -> Fault {
    let said = said.map(|word| Spelling::named(word).expect("the name is known"));
    understand(digest, said, None, false).expect_err(digest)
}

fn hex_key(bytes: usize) -> String {
    "5a".repeat(bytes)
}

#[test]
fn a_digest_that_tells_its_hasher_is_sent_as_it_is() {
    let key = STANDARD.encode([7; 32]);
    let long = hex_key(64);
    for (digest, hasher) in [
        (BCRYPT.to_owned(), Hasher::Bcrypt),
        (BCRYPT.replace("$2b", "$2a"), Hasher::Bcrypt),
        (BCRYPT.replace("$2b", "$2y"), Hasher::Bcrypt),
        (format!("{BCRYPT}$pepper"), Hasher::BcryptPeppered),
        (format!("bcrypt_sha256${BCRYPT}"), Hasher::BcryptSha256Django),
        (ARGON2ID.to_owned(), Hasher::Argon2id),
        (ARGON2ID.replace("argon2id", "argon2i"), Hasher::Argon2i),
        (format!("pbkdf2_sha1$1000$73616c74${}", hex_key(32)), Hasher::Pbkdf2Sha1),
        (format!("pbkdf2_sha1$1000$73616c74${}$20", hex_key(20)), Hasher::Pbkdf2Sha1),
        (format!("pbkdf2_sha256$600000$a_salt!${key}"), Hasher::Pbkdf2Sha256Django),
        (format!("pbkdf2_sha512$1000$salt${long}"), Hasher::Pbkdf2Sha512),
        (format!("pbkdf2_sha512_hex$1000$73616c74${long}"), Hasher::Pbkdf2Sha512Hex),
        ("aGFzaA==$c2FsdA==$c2lnbmVy$Bw==$8$14".to_owned(), Hasher::ScryptFirebase),
        (format!("scrypt:32768:8:1$salt${long}"), Hasher::ScryptWerkzeug),
        ("$P$B12345678abcdefghijklmnopqrstuv".to_owned(), Hasher::Phpass),
        (format!("sha512_symfony$5000$salt${key}"), Hasher::Sha512Symfony),
        (format!("{{SSHA}}{}", STANDARD.encode([7; 28])), Hasher::LdapSsha),
        ("awscognito#pool#client#name".to_owned(), Hasher::Awscognito),
    ] {
        check(None, false, &digest, (hasher, None, &digest));
        check(Some(hasher.word()), false, &digest, (hasher, None, &digest));
    }
}

#[test]
fn a_digest_that_several_hashers_may_have_made_waits_for_a_word() {
    let key = STANDARD.encode([7; 32]);
    let either = format!("pbkdf2_sha256$600000$abcdefghijkl${key}");
    let two_parts = format!("{MD5}:{}", hex_key(64));
    let lucia = format!("abcdefghijklmnop:{}", hex_key(64));
    for (digest, candidates) in [
        (either.as_str(), &["pbkdf2_sha256", "pbkdf2_sha256_django"][..]),
        (&two_parts, &["better-auth", "lucia-v3", "lucia-v2"]),
        (&lucia, &["lucia-v3", "lucia-v2"]),
        (MD5, &["md5"]),
        (&hex_key(32), &["sha256"]),
        (&format!("salt${MD5}"), &["md5_salted"]),
        (&format!("salt${}", hex_key(32)), &["sha256_salted"]),
    ] {
        assert_eq!(fault(None, digest), Fault::Ambiguous(candidates.to_vec()), "{digest}");
    }
    check(Some("pbkdf2_sha256"), false, &either, (Hasher::Pbkdf2Sha256, None, &either));
    check(Some("django"), false, &either, (Hasher::Pbkdf2Sha256Django, None, &either));
    check(Some("md5"), false, MD5, (Hasher::Md5, None, MD5));
    check(Some("hmac_sha256_utf16_b64"), false, &key, (Hasher::HmacSha256Utf16B64, None, &key));
}

#[test]
fn scrypt_notations_are_rewritten_without_loss() {
    let long = hex_key(64);
    let r16 = |salt: &str| format!("scrypt:16384:16:1${salt}${long}");
    let r8 = |salt: &str| format!("scrypt:16384:8:1${salt}${long}");
    let word = "abcdefghijklmnop";
    for (said, name, stored, sent) in [
        (Some("better-auth"), "better-auth", format!("{MD5}:{long}"), r16(MD5)),
        (Some("lucia-v3"), "lucia-v3", format!("{MD5}:{long}"), r16(MD5)),
        (Some("Lucia_V2"), "lucia-v2", format!("{word}:{long}"), r8(word)),
        (None, "lucia-v2", format!("s2:{word}:{long}"), r16(word)),
        (Some("lucia-v2"), "lucia-v2", format!("s2:{word}:{long}"), r16(word)),
        (None, "node-scrypt", format!("{long}.{MD5}"), r8(MD5)),
    ] {
        check(said, false, &stored, (Hasher::ScryptWerkzeug, Some(name), &sent));
    }
    let stored = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=c2lnbmVy$c2FsdA==$aGFzaA==";
    let sent = "aGFzaA==$c2FsdA==$c2lnbmVy$Bw==$8$14";
    for said in [None, Some("fbscrypt"), Some("supabase"), Some("scrypt_firebase")] {
        check(said, false, stored, (Hasher::ScryptFirebase, Some("fbscrypt"), sent));
    }
}

#[test]
fn a_name_in_front_of_a_digest_goes() {
    let phpass = "B12345678abcdefghijklmnopqrstuv";
    for (said, name, stored, hasher, sent) in [
        (None, "django", format!("argon2{ARGON2ID}"), Hasher::Argon2id, ARGON2ID.to_owned()),
        (None, "django", format!("bcrypt${BCRYPT}"), Hasher::Bcrypt, BCRYPT.to_owned()),
        (Some("django"), "django", format!("bcrypt${BCRYPT}"), Hasher::Bcrypt, BCRYPT.to_owned()),
        (Some("bcrypt"), "django", format!("bcrypt${BCRYPT}"), Hasher::Bcrypt, BCRYPT.to_owned()),
        (None, "phpbb", format!("$H${phpass}"), Hasher::Phpass, format!("$P${phpass}")),
        (Some("wordpress"), "phpbb", format!("$H${phpass}"), Hasher::Phpass, format!("$P${phpass}")),
    ] {
        check(said, false, &stored, (hasher, Some(name), &sent));
    }
}

/// ASP.NET Identity's blob, version 3.
fn identity_v3(function: u8, key: usize) -> String {
    let mut blob = vec![1, 0, 0, 0, function, 0, 1, 0x86, 0xA0, 0, 0, 0, 16];
    blob.extend_from_slice(&[0xAB; 16]);
    blob.extend(std::iter::repeat_n(0x5a, key));
    STANDARD.encode(blob)
}

#[test]
fn pbkdf2_notations_are_rewritten_without_loss() {
    use Hasher::{Pbkdf2Sha1, Pbkdf2Sha256, Pbkdf2Sha256Django, Pbkdf2Sha512, Pbkdf2Sha512Hex};
    let (short, long) = (hex_key(32), hex_key(64));
    let short64 = STANDARD.encode([0x5a; 32]);
    let (salt, salt64) = ("ab".repeat(16), STANDARD.encode([0xAB; 16]));
    let raw = |byte: u8, length: usize| STANDARD_NO_PAD.encode(vec![byte; length]);
    let v2 = STANDARD.encode([vec![0], vec![0xAB; 16], vec![0x5a; 32]].concat());
    for (name, stored, hasher, sent) in [
        (
            "werkzeug",
            format!("pbkdf2:sha256:600000$abcd${short}"),
            Pbkdf2Sha256Django,
            format!("pbkdf2_sha256$600000$abcd${short64}"),
        ),
        (
            "werkzeug",
            format!("pbkdf2:sha512:1000$abcd${long}"),
            Pbkdf2Sha512,
            format!("pbkdf2_sha512$1000$abcd${long}"),
        ),
        ("aspnet-identity", v2, Pbkdf2Sha1, format!("pbkdf2_sha1$1000${salt}${short}$32")),
        ("aspnet-identity", identity_v3(0, 32), Pbkdf2Sha1, format!("pbkdf2_sha1$100000${salt}${short}$32")),
        ("aspnet-identity", identity_v3(1, 32), Pbkdf2Sha256, format!("pbkdf2_sha256$100000${salt64}${short64}")),
        ("aspnet-identity", identity_v3(2, 64), Pbkdf2Sha512Hex, format!("pbkdf2_sha512_hex$100000${salt}${long}")),
        (
            "payload",
            format!("{salt}$pbkdf2-sha256-v2-i100000-l32:{short}"),
            Pbkdf2Sha256Django,
            format!("pbkdf2_sha256$100000${salt}${short64}"),
        ),
        (
            "payload",
            format!("{salt}$pbkdf2-sha256-v1:{short}"),
            Pbkdf2Sha256Django,
            format!("pbkdf2_sha256$600000${salt}${short64}"),
        ),
        (
            "kratos",
            format!("$pbkdf2-sha256$i=100000,l=32${}${}", raw(0xAB, 16), raw(0x5a, 32)),
            Pbkdf2Sha256,
            format!("pbkdf2_sha256$100000${salt64}${short64}"),
        ),
    ] {
        check(None, false, &stored, (hasher, Some(name), &sent));
        check(Some(name), false, &stored, (hasher, Some(name), &sent));
    }
}

#[test]
fn keycloaks_two_columns_joined_are_rewritten_without_loss() {
    let (short64, long64) = (STANDARD.encode([0x5a; 32]), STANDARD.encode([0x5a; 64]));
    let (salt, salt64) = ("ab".repeat(16), STANDARD.encode([0xAB; 16]));
    let raw = |byte: u8, length: usize| STANDARD_NO_PAD.encode(vec![byte; length]);
    let credential = |algorithm: &str, key: &str, parameters: serde_json::Value| {
        serde_json::json!({
            "value": key, "salt": salt64, "hashIterations": 5, "algorithm": algorithm, "additionalParameters": parameters,
        })
        .to_string()
    };
    let costs = serde_json::json!({
        "hash": [], "type": ["id"], "version": ["1.3"], "memory": ["7168"], "parallelism": ["1"],
    });
    let none = serde_json::json!({});
    for (stored, hasher, sent) in [
        (
            credential("pbkdf2-sha256", &short64, none.clone()),
            Hasher::Pbkdf2Sha256,
            format!("pbkdf2_sha256$5${salt64}${short64}"),
        ),
        (
            credential("pbkdf2-sha512", &long64, none),
            Hasher::Pbkdf2Sha512Hex,
            format!("pbkdf2_sha512_hex$5${salt}${}", hex_key(64)),
        ),
        (
            credential("argon2", &short64, costs),
            Hasher::Argon2id,
            format!("$argon2id$v=19$m=7168,t=5,p=1${}${}", raw(0xAB, 16), raw(0x5a, 32)),
        ),
    ] {
        check(None, false, &stored, (hasher, Some("keycloak"), &sent));
    }
}

#[test]
fn a_rewrite_that_nobody_has_tried_waits_for_the_experimental_flag() {
    let long64 = STANDARD.encode([0x5a; 64]);
    let salt64 = STANDARD.encode([0xAB; 16]);
    let keycloak = format!(
        "{{\"value\":\"{long64}\",\"salt\":\"{salt64}\",\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\"}}"
    );
    for (name, stored, hasher, sent) in [
        (
            "django",
            format!("scrypt$16384$abcd$8$5${long64}"),
            Hasher::ScryptWerkzeug,
            format!("scrypt:16384:8:5$abcd${}", hex_key(64)),
        ),
        (
            "django",
            format!("pbkdf2_sha1$1000$abcd${}", STANDARD.encode([0x5a; 20])),
            Hasher::Pbkdf2Sha1,
            format!("pbkdf2_sha1$1000$61626364${}$20", hex_key(20)),
        ),
        (
            "aspnet-identity",
            identity_v3(2, 32),
            Hasher::Pbkdf2Sha512Hex,
            format!("pbkdf2_sha512_hex$100000${}${}", "ab".repeat(16), hex_key(32)),
        ),
        (
            "payload",
            format!("abcd${}", hex_key(512)),
            Hasher::Pbkdf2Sha256Django,
            format!("pbkdf2_sha256$25000$abcd${}", STANDARD.encode([0x5a; 512])),
        ),
        ("keycloak", keycloak, Hasher::Pbkdf2Sha256, format!("pbkdf2_sha256$27500${salt64}${long64}")),
    ] {
        assert_eq!(fault(None, &stored), Fault::Unproven(name), "{stored}");
        check(None, true, &stored, (hasher, Some(name), &sent));
    }
    let reason = Fault::Unproven("django").reason();
    assert!(reason.message.contains("--experimental-rewrites"), "{}", reason.message);
}

#[test]
fn the_old_names_of_argon2_are_told_from_the_digest() {
    let argon2i = ARGON2ID.replace("argon2id", "argon2i");
    for word in ["argon2", "argon", "Argon2"] {
        check(Some(word), false, ARGON2ID, (Hasher::Argon2id, None, ARGON2ID));
        check(Some(word), false, &argon2i, (Hasher::Argon2i, None, &argon2i));
    }
    check(
        Some("md5_phpass"),
        false,
        "$P$B12345678abcdefghijklmnopqrstuv",
        (Hasher::Phpass, None, "$P$B12345678abcdefghijklmnopqrstuv"),
    );
}

#[test]
fn a_hasher_that_is_said_must_fit() {
    for (said, digest) in
        [("bcrypt", ARGON2ID), ("argon2i", ARGON2ID), ("argon2", BCRYPT), ("sha256", MD5), ("better-auth", BCRYPT)]
    {
        assert!(matches!(fault(Some(said), digest), Fault::Mismatch(..)), "{said}");
    }
}

#[test]
fn what_no_hasher_verifies_is_unusable() {
    for digest in [
        "hunter2",
        "*",
        "$wp$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
        &ARGON2ID.replace("argon2id", "argon2d"),
        &BCRYPT.replace("$12$", "$16$"),
        &BCRYPT.replace("$12$", "$03$"),
        &BCRYPT[..59],
        "$1$abcdefgh$abcdefghijklmnopqrstuv",
        "pbkdf2:sha1:1000$abcd$5a5a",
        "ü",
        &"x".repeat(1 << 20),
    ] {
        assert!(matches!(fault(None, digest), Fault::Unusable(_)), "{}", &digest[..digest.len().min(60)]);
    }
    assert_eq!(fault(Some("bcrypt"), &BCRYPT.replace("$12$", "$16$")), Fault::Unusable(reading::TOO_DEAR));
}

#[test]
fn djangos_mark_for_no_password_is_no_password() {
    for said in [None, Some(Spelling::Clerk(Hasher::Bcrypt))] {
        assert_eq!(understand("!abcdefgh", said, None, false), Ok(Verdict::NoPassword));
    }
}

#[test]
fn the_default_hasher_decides_only_where_the_shape_does_not() {
    let default = |word| Some(Spelling::named(word).expect("the name is known"));
    let hasher = |digest: &str, word| match understand(digest, None, default(word), false) {
        Ok(Verdict::Digest { hasher, .. }) => Some(hasher),
        _ => None,
    };
    assert_eq!(hasher(MD5, "md5"), Some(Hasher::Md5));
    assert_eq!(hasher(BCRYPT, "md5"), Some(Hasher::Bcrypt));
    assert_eq!(hasher(ARGON2ID, "better-auth"), Some(Hasher::Argon2id));
    assert_eq!(hasher(&format!("{MD5}:{}", hex_key(64)), "better-auth"), Some(Hasher::ScryptWerkzeug));
    assert_eq!(hasher(MD5, "sha256"), None);
}

#[test]
fn no_reason_quotes_the_digest() {
    let secret = "hunter2hunter2";
    for fault in [fault(None, secret), fault(Some("bcrypt"), secret), fault(None, MD5)] {
        let reason = fault.reason();
        assert!(!reason.message.contains(secret) && !reason.message.contains(MD5), "{}", reason.message);
    }
}
