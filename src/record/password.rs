//! Password digests: which hasher made one, and how Clerk wants it spelled.

use serde::{Deserialize, Serialize};

/// A hasher that Clerk verifies, under Clerk's own name.
/// Source: the `password_hasher` property of Clerk's `POST /v1/users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is Clerk's own name; its digest's shape stands beside it in `shape`")]
pub enum Hasher {
    Bcrypt,
    BcryptSha256Django,
    BcryptPeppered,
    Argon2i,
    Argon2id,
    Pbkdf2Sha1,
    Pbkdf2Sha256,
    Pbkdf2Sha256Django,
    Pbkdf2Sha512,
    Pbkdf2Sha512Hex,
    ScryptFirebase,
    ScryptWerkzeug,
    Phpass,
    Md5,
    Md5Salted,
    Sha256,
    Sha256Salted,
    Sha512Symfony,
    LdapSsha,
    HmacSha256Utf16B64,
    Awscognito,
}
