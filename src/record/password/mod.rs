//! Password digests: which hasher made one, and how Clerk wants it spelled.

mod shape;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use shape::{HIGHEST_BCRYPT_COST, Misfit};

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

impl Hasher {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 21] = [
        Self::Bcrypt,
        Self::BcryptSha256Django,
        Self::BcryptPeppered,
        Self::Argon2i,
        Self::Argon2id,
        Self::Pbkdf2Sha1,
        Self::Pbkdf2Sha256,
        Self::Pbkdf2Sha256Django,
        Self::Pbkdf2Sha512,
        Self::Pbkdf2Sha512Hex,
        Self::ScryptFirebase,
        Self::ScryptWerkzeug,
        Self::Phpass,
        Self::Md5,
        Self::Md5Salted,
        Self::Sha256,
        Self::Sha256Salted,
        Self::Sha512Symfony,
        Self::LdapSsha,
        Self::HmacSha256Utf16B64,
        Self::Awscognito,
    ];

    /// Returns Clerk's name for it, as `password_hasher` takes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bcrypt => "bcrypt",
            Self::BcryptSha256Django => "bcrypt_sha256_django",
            Self::BcryptPeppered => "bcrypt_peppered",
            Self::Argon2i => "argon2i",
            Self::Argon2id => "argon2id",
            Self::Pbkdf2Sha1 => "pbkdf2_sha1",
            Self::Pbkdf2Sha256 => "pbkdf2_sha256",
            Self::Pbkdf2Sha256Django => "pbkdf2_sha256_django",
            Self::Pbkdf2Sha512 => "pbkdf2_sha512",
            Self::Pbkdf2Sha512Hex => "pbkdf2_sha512_hex",
            Self::ScryptFirebase => "scrypt_firebase",
            Self::ScryptWerkzeug => "scrypt_werkzeug",
            Self::Phpass => "phpass",
            Self::Md5 => "md5",
            Self::Md5Salted => "md5_salted",
            Self::Sha256 => "sha256",
            Self::Sha256Salted => "sha256_salted",
            Self::Sha512Symfony => "sha512_symfony",
            Self::LdapSsha => "ldap_ssha",
            Self::HmacSha256Utf16B64 => "hmac_sha256_utf16_b64",
            Self::Awscognito => "awscognito",
        }
    }

    /// Checks that a digest has the shape that Clerk takes for this hasher.
    ///
    /// # Errors
    /// [`Misfit`], which says what is wrong without the digest.
    pub fn check(self, digest: &str) -> Result<(), Misfit> {
        shape::check(self, digest)
    }

    /// Returns whether the shape of a digest that fits this hasher proves that it is this hasher's: 32 hex digits may be
    /// anything, `$2b$` is bcrypt.
    #[must_use]
    pub fn is_told_by_shape(self) -> bool {
        !matches!(
            self,
            Self::Pbkdf2Sha256
                | Self::Pbkdf2Sha256Django
                | Self::Md5
                | Self::Md5Salted
                | Self::Sha256
                | Self::Sha256Salted
                | Self::HmacSha256Utf16B64
        )
    }
}

impl fmt::Display for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hasher_is_written_as_clerk_names_it() {
        for hasher in Hasher::ALL {
            let json = serde_json::to_value(hasher).expect("a hasher serializes");
            assert_eq!(json, hasher.word());
        }
    }
}
