//! From a stored password digest to a hasher of Clerk's and the digest in the spelling it takes.
//!
//! Nothing here needs the password: a digest is either sent as it is stored, or rewritten without loss, the same salt, costs
//! and hash in another notation.

mod keycloak;
mod reading;
mod rewrite;
mod spelling;

use crate::record::password::Misfit;
use crate::record::{Hasher, Reason};
use reading::{Read, all_readings};

pub(super) use spelling::Spelling;
pub use spelling::{UnknownHasher, check_hasher_word, hasher_words};

/// What a stored digest turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A digest that Clerk verifies.
    Digest {
        /// Who verifies it.
        hasher: Hasher,
        /// The digest in Clerk's spelling; `None`: as it is stored.
        rewritten: Option<String>,
        /// The rewrite's name, if there was one.
        rewrite: Option<&'static str>,
    },
    /// The source's own mark for "no password was ever set".
    NoPassword,
}

/// Why a stored digest is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Several hashers may have made it.
    Ambiguous(Vec<&'static str>),
    /// It is not what `passwordHasher` says.
    Mismatch(&'static str, Misfit),
    /// It fits nothing that Clerk verifies; the text says what it is, where that can be told.
    Unusable(&'static str),
    /// It can be rewritten, but nobody has shown that Clerk verifies the outcome.
    Unproven(&'static str),
}

impl Fault {
    /// Says it to people, without the digest.
    pub(super) fn reason(&self) -> Reason {
        let (code, message) = match self {
            Self::Ambiguous(names) => (
                "password_ambiguous",
                format!(
                    "has a shape that does not tell its hasher ({}, or something else); say which in `passwordHasher` or with \
                     `--password-hasher`",
                    names.join(", ")
                ),
            ),
            Self::Mismatch(name, misfit) => {
                ("password_hasher_mismatch", format!("is said to be `{name}`, but {misfit}"))
            }
            Self::Unusable(what) => (
                "password_unusable",
                format!("{what}; `--unusable-passwords drop` imports the user without a password"),
            ),
            Self::Unproven(name) => (
                "password_unproven",
                format!(
                    "is in the notation of `{name}`, and nobody has shown that Clerk verifies it rewritten; `--experimental-rewrites` \
                     sends it, `--unusable-passwords drop` imports the user without a password"
                ),
            ),
        };
        Reason::new("password", code, message)
    }
}

/// Understands a digest. `said` is the row's own `passwordHasher`, which must fit; `default` is `--password-hasher`, which decides
/// only where the shape alone does not.
pub(super) fn understand(
    digest: &str,
    said: Option<Spelling>,
    default: Option<Spelling>,
    experimental: bool,
) -> Result<Verdict, Fault> {
    // Django writes `!` and random letters where no password was ever set.
    if digest.starts_with('!') {
        return Ok(Verdict::NoPassword);
    }
    if let Some(said) = said {
        return accept(read_as(digest, said)?, experimental);
    }
    if Hasher::Bcrypt.check(digest).is_ok() {
        return Ok(Verdict::Digest { hasher: Hasher::Bcrypt, rewritten: None, rewrite: None });
    }
    let mut readings: Vec<(Read, bool)> = all_readings(digest);
    if let Some(told) = readings.iter().position(|(_, told_by_shape)| *told_by_shape) {
        return accept(readings.swap_remove(told).0, experimental);
    }
    if let Some(default) = default
        && let Ok(read) = read_as(digest, default)
    {
        return accept(read, experimental);
    }
    if readings.is_empty() {
        return Err(Fault::Unusable(reading::what_it_is(digest)));
    }
    Err(Fault::Ambiguous(readings.iter().map(|(read, _)| read.name).collect()))
}

fn read_as(digest: &str, spelling: Spelling) -> Result<Read, Fault> {
    reading::readings_of(digest, spelling).ok_or_else(|| {
        if let Spelling::Clerk(hasher) = spelling
            && let Err(misfit @ (Misfit::Cost | Misfit::TooLong)) = hasher.check(digest)
        {
            return Fault::Unusable(match misfit {
                Misfit::Cost => reading::TOO_DEAR,
                Misfit::TooLong | Misfit::Shape => reading::TOO_LONG,
            });
        }
        match reading::what_it_is(digest) {
            reading::UNKNOWN => Fault::Mismatch(spelling.word(), Misfit::Shape),
            known => Fault::Unusable(known),
        }
    })
}

fn accept(read: Read, experimental: bool) -> Result<Verdict, Fault> {
    if !read.proven && !experimental {
        return Err(Fault::Unproven(read.name));
    }
    let rewrite = read.rewritten.is_some().then_some(read.name);
    Ok(Verdict::Digest { hasher: read.hasher, rewritten: read.rewritten, rewrite })
}

#[cfg(test)]
mod tests;
