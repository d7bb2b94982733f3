//! Passwords: a digest of every hasher verifies the password it was made from, and no other.
//!
//! The digests were made by Python's hashlib, Node's crypto, bcryptjs and hash-wasm, not by the crates that check them here.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Local, check_error, read};

const WORD: &str = "correct horse";

/// Hasher, digest, password.
const DIGESTS: [(&str, &str, &str); 26] = [
    ("bcrypt", "$2b$04$mHk9NyK2C4bxRqTMkgAEMOkeRetQDhPyp0er8puvwdhZcqubVqqSO", WORD),
    ("bcrypt", "$2a$04$mHk9NyK2C4bxRqTMkgAEMOkeRetQDhPyp0er8puvwdhZcqubVqqSO", WORD),
    ("bcrypt", "$2y$04$mHk9NyK2C4bxRqTMkgAEMOkeRetQDhPyp0er8puvwdhZcqubVqqSO", WORD),
    ("bcrypt_peppered", "$2b$04$6VUiMWcbvUb35SigykVVNeDYSp8VF8KmZIacnM3vpDHeAGNRAeiNG$pepper", WORD),
    ("bcrypt_sha256_django", "bcrypt_sha256$$2b$04$BZKA7bKJpkUZ8GnW3s0wXetZnLH7jEZuwI4FerRnXX9tQOIDUjWIe", WORD),
    (
        "argon2id",
        "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$5jdMIzWoFbzSOl6k3wai9uU3f8LD+HmGXQgo1uhHQPI",
        WORD,
    ),
    ("argon2i", "$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Z/f5HXchJUreVezozHfqmhnWE1tO5F47olNKb8N1VHE", WORD),
    ("pbkdf2_sha1", "pbkdf2_sha1$1000$73616c7473616c74$c10a0153b19730da360890beada8a3adfea47b2e$20", WORD),
    (
        "pbkdf2_sha1",
        "pbkdf2_sha1$1000$saltsalt!$0f2a1717a2a82991b1addf40f8a91d44772f201e618afc1a1bbf2859da150b02",
        WORD,
    ),
    ("pbkdf2_sha256", "pbkdf2_sha256$1000$c2FsdHNhbHRzYWx0c2FsdA==$BBs+1+PaslLtBPULUr8/lQicvVuHiEPMz0i8MjLCbzM=", WORD),
    ("pbkdf2_sha256_django", "pbkdf2_sha256$1000$saltsaltsalt$F7o7+5VTVzFAO998X6s3AHrDsJVdMiIlgndIMe19NvY=", WORD),
    (
        "pbkdf2_sha512",
        "pbkdf2_sha512$1000$saltsaltsalt$a1229c7b8486ad22ac25a6c25997e97b632654e3ed978a5a3a3a03d678cb763a3795ef6c301c2ad2aee2bc915cad7493310d078e53a7fc9e3c27d5997b8b91d2",
        WORD,
    ),
    (
        "pbkdf2_sha512_hex",
        "pbkdf2_sha512_hex$1000$73616c7473616c7473616c74$a1229c7b8486ad22ac25a6c25997e97b632654e3ed978a5a3a3a03d678cb763a3795ef6c301c2ad2aee2bc915cad7493310d078e53a7fc9e3c27d5997b8b91d2",
        WORD,
    ),
    (
        "scrypt_werkzeug",
        "scrypt:1024:8:1$abcdefgh$8ac86ad9864d8ff4de94346bd5dad5d3258d1caf6eaacbf32dc464a8d52977c1e56e62acad8e774309aa8c4f71bc03a8db4d99087e5cbd432b1648aac3ec0176",
        WORD,
    ),
    (
        "scrypt_werkzeug",
        "scrypt:1024:16:1$00112233445566778899aabbccddeeff$fb12b2b3260cc7d834bb0449df376e4eb21c64c5ce79eced788dbf760e80ee1fcb6c8970c20bdae53454f2373a9b39279a19a25d2071d1531171583b83bf50b5",
        WORD,
    ),
    (
        // The example in Firebase's own documentation of its scrypt.
        "scrypt_firebase",
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$8$14",
        "user1password",
    ),
    ("phpass", "$P$9IQRaTwmf0qTNCWXZ7Qvjb0IHx820s.", WORD),
    ("md5_phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
    ("md5", "3cb4e732631f47e6eb961f34554b7cde", WORD),
    ("md5_salted", "pepper$52f36768c11844771e5f7ff576e2dba2", WORD),
    ("md5_salted", "pepper$edf3863f78323b0ef4b0a008412eab5e", WORD),
    ("sha256", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", WORD),
    ("sha256_salted", "pepper$869a1fa0609a1d15a5c3eb891428b7a6c8395b2ee10c4762e97ffca0ebe8c0b5", WORD),
    ("sha256_salted", "pepper$8a20677826351fcddb2a88d0c11867b9791797798e648b89ac09630c1802cb90", WORD),
    (
        "sha512_symfony",
        "sha512_symfony$50$symfonysalt$GLHXMIEuR4kwFm33Qjh2DX/c1PYziLoGVlgMRf7xfxQAqqs0hfHqqYoD52BdmglSjQE+wEyYXhuGBbIXyU70Pw==",
        WORD,
    ),
    ("ldap_ssha", "{SSHA}VQysdTiIXUBoDr2TzYj0h8JUBdQxMjM0NTY3OA==", WORD),
];

async fn verify(local: &Local, user: &Value, password: &str) -> (u16, Value) {
    let path = format!("/users/{}/verify_password", user["id"].as_str().expect("text"));
    local.post(&path, &json!({"password": password})).await
}

async fn create(local: &Local, number: usize, password: &Value) -> Value {
    let mut body = json!({"username": format!("user-{number}")});
    for (field, value) in password.as_object().expect("an object") {
        body[field] = value.clone();
    }
    let (status, user) = local.post("/users", &body).await;
    assert_eq!(status, 200, "{user}");
    user
}

#[tokio::test]
async fn every_hasher_verifies_its_password_and_no_other() {
    let local = Local::new().await;
    for (number, (hasher, digest, word)) in DIGESTS.into_iter().enumerate() {
        let password = json!({"password_hasher": hasher, "password_digest": digest});
        let user = create(&local, number, &password).await;
        assert_eq!(user["password_enabled"], true);
        assert_eq!(verify(&local, &user, word).await, (200, json!({"verified": true})), "{hasher} {digest}");
        let wrong = verify(&local, &user, &format!("{word}!")).await;
        check_error(&wrong, 422, "incorrect_password", None);
    }
}

#[tokio::test]
async fn a_password_in_the_clear_verifies_and_is_not_kept() {
    let local = Local::new().await;
    let user = create(&local, 1, &json!({"password": WORD})).await;
    assert_eq!(verify(&local, &user, WORD).await, (200, json!({"verified": true})));
    check_error(&verify(&local, &user, "wrong horse").await, 422, "incorrect_password", None);
    let kept = local.simulator.users();
    assert_eq!(kept[0]["simulator"]["password_hasher"], "bcrypt");
    assert!(!kept[0].to_string().contains(WORD));
}

#[tokio::test]
async fn a_digest_nobody_can_check_is_not_called_a_wrong_password() {
    let local = Local::new().await;
    let cases = [("awscognito", "awscognito#pool#client#name"), ("hmac_sha256_utf16_b64", "c2FsdHNhbHQ=")];
    for (number, (hasher, digest)) in cases.into_iter().enumerate() {
        let user = create(&local, number, &json!({"password_hasher": hasher, "password_digest": digest})).await;
        check_error(&verify(&local, &user, WORD).await, 403, "feature_not_implemented", None);
    }
}

#[tokio::test]
async fn a_check_needs_a_user_with_a_password_and_a_password() {
    let local = Local::new().await;
    let without = local.create_numbered("1").await;
    check_error(&verify(&local, &without, WORD).await, 400, "no_password_set", None);
    check_error(&verify(&local, &json!({"id": "user_x"}), WORD).await, 404, "resource_not_found", None);
    let path = format!("/users/{}/verify_password", without["id"].as_str().expect("text"));
    check_error(&local.post(&path, &json!({})).await, 422, "form_param_missing", Some("password"));
    let empty = local.request(Method::POST, &path).send().await.expect("an answer");
    check_error(&read(empty).await, 415, "unsupported_content_type", None);
}
