//! What `passwordHasher` and `--password-hasher` may say.

use crate::mapping::field::fold;
use crate::record::Hasher;

/// A hasher's name as people write it: Clerk's own, an old script's, or that of the system the digests come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Clerk's own name.
    Clerk(Hasher),
    /// The old script's `argon2` and `argon`: the digest tells which.
    Argon2,
    /// Another system, by its place in [`SOURCES`].
    Source(&'static Source),
}

/// A system that stores digests in one or several notations of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name.
    pub(crate) word: &'static str,
    /// The hashers of Clerk's whose digests it stores just as Clerk takes them.
    pub(crate) as_is: &'static [Hasher],
}

/// Every other system whose name is understood. Those with a notation of their own have a rewrite of the same name.
pub(crate) const SOURCES: [Source; 18] = [
    Source { word: "better-auth", as_is: &[] },
    Source { word: "lucia-v3", as_is: &[Hasher::Argon2id] },
    Source { word: "lucia-v2", as_is: &[Hasher::Bcrypt] },
    Source { word: "node-scrypt", as_is: &[] },
    Source { word: "node-pbkdf2", as_is: &[Hasher::Pbkdf2Sha512] },
    Source { word: "fbscrypt", as_is: &[Hasher::ScryptFirebase] },
    Source { word: "supabase", as_is: &[Hasher::Bcrypt, Hasher::Argon2id, Hasher::Argon2i] },
    Source { word: "django", as_is: &[Hasher::Pbkdf2Sha256Django, Hasher::BcryptSha256Django] },
    Source { word: "werkzeug", as_is: &[Hasher::ScryptWerkzeug] },
    Source { word: "aspnet-identity", as_is: &[] },
    Source { word: "keycloak", as_is: &[] },
    Source { word: "payload", as_is: &[] },
    Source { word: "kratos", as_is: &[Hasher::Bcrypt, Hasher::Argon2id, Hasher::Argon2i, Hasher::LdapSsha] },
    Source { word: "devise", as_is: &[Hasher::Bcrypt, Hasher::BcryptPeppered] },
    Source { word: "laravel", as_is: &[Hasher::Bcrypt, Hasher::Argon2id, Hasher::Argon2i] },
    Source { word: "symfony", as_is: &[Hasher::Bcrypt, Hasher::Argon2id, Hasher::Argon2i, Hasher::Sha512Symfony] },
    Source { word: "wordpress", as_is: &[Hasher::Phpass, Hasher::Bcrypt, Hasher::Md5] },
    Source { word: "phpbb", as_is: &[Hasher::Phpass, Hasher::Bcrypt] },
];

/// A name that is no hasher's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no password hasher that is known here; the nearest name is `{nearest}`")]
pub struct UnknownHasher {
    /// What was said.
    pub word: String,
    /// The nearest known name.
    pub nearest: &'static str,
}

/// Checks what `--password-hasher` says.
///
/// # Errors
/// [`UnknownHasher`], which names the nearest name there is.
pub fn check_hasher_word(word: &str) -> Result<(), UnknownHasher> {
    Spelling::named(word).map(drop)
}

/// Returns every name that `passwordHasher` and `--password-hasher` may say.
pub fn hasher_words() -> impl Iterator<Item = &'static str> {
    let others = ["md5_phpass", "argon2", "argon"];
    Hasher::ALL.into_iter().map(Hasher::word).chain(others).chain(SOURCES.iter().map(|source| source.word))
}

impl Spelling {
    /// Understands a name, without regard to case, `_` and `-`.
    pub(crate) fn named(word: &str) -> Result<Self, UnknownHasher> {
        let folded = fold(word);
        let is = |known: &str| fold(known) == folded;
        if let Some(hasher) = Hasher::ALL.into_iter().find(|hasher| is(hasher.word())) {
            return Ok(Self::Clerk(hasher));
        }
        if is("md5_phpass") {
            return Ok(Self::Clerk(Hasher::Phpass));
        }
        if is("argon2") || is("argon") {
            return Ok(Self::Argon2);
        }
        let nearest = || {
            let distance = |known: &&str| strsim::osa_distance(&folded, &fold(known));
            hasher_words().min_by_key(distance).unwrap_or("bcrypt")
        };
        SOURCES
            .iter()
            .find(|source| is(source.word))
            .map(Self::Source)
            .ok_or_else(|| UnknownHasher { word: word.chars().take(64).collect(), nearest: nearest() })
    }

    /// Returns the name as it is listed to people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Clerk(hasher) => hasher.word(),
            Self::Argon2 => "argon2",
            Self::Source(source) => source.word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_understood() {
        for word in hasher_words() {
            assert_eq!(check_hasher_word(word), Ok(()), "{word}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        for (word, nearest) in [("bcript", "bcrypt"), ("luciav4", "lucia-v3"), ("djang", "django")] {
            let unknown = check_hasher_word(word).expect_err("the name is unknown");
            assert_eq!(unknown.nearest, nearest);
        }
    }
}
