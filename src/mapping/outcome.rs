//! What becomes of a row: a user, or a refusal that says why.

use crate::record::{Identifier, ImportUser, Reason, UserId};

/// A user made of a row or an element, and what was decided on the way.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each notes one thing that was decided, apart from the others")]
pub struct Mapped {
    /// The user, mapped and checked.
    pub user: ImportUser,
    /// By which rule the primary e-mail address counts as verified, or not.
    pub email: EmailBasis,
    /// The name of the rewrite that brought the digest into the spelling Clerk takes; `None` if it is sent as stored.
    pub rewrite: Option<&'static str>,
    /// Whether a digest was left behind, because no hasher of Clerk's verifies it and `--unusable-passwords drop` is given.
    pub password_dropped: bool,
    /// Whether unverified addresses were left behind, because `--unverified skip` is given.
    pub unverified_dropped: bool,
    /// Whether a name was left behind, because Clerk takes it for a phone number, an address, a URL or HTML.
    pub name_dropped: bool,
    /// Whether the source gave an identifier at all: an e-mail address, phone number, username or wallet that is not empty,
    /// before `--unverified skip` left any out.
    pub gave_identifier: bool,
}

/// By which rule a user's primary e-mail address is verified, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EmailBasis {
    /// There is no address.
    None,
    /// The source says that it is verified.
    Stated,
    /// The source says no, but the user has no password, and all linked providers are trusted.
    Providers,
    /// The source says nothing, and Clerk's default (verified) stands.
    Unstated,
    /// Nobody has proved it, and `--unverified verify` is given.
    Override,
    /// Nobody has proved it: created reserved.
    Reserved,
}

impl EmailBasis {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Stated, Self::Providers, Self::Unstated, Self::Override, Self::Reserved];

    /// Returns the word it is stored as.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stated => "stated",
            Self::Providers => "providers",
            Self::Unstated => "unstated",
            Self::Override => "override",
            Self::Reserved => "reserved",
        }
    }

    /// Returns whether Clerk will hold the primary address as verified.
    #[must_use]
    pub fn is_verified(self) -> bool {
        !matches!(self, Self::None | Self::Reserved)
    }
}

/// A text that names no [`EmailBasis`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known rule for verified e-mail addresses")]
pub struct EmailBasisError;

impl std::str::FromStr for EmailBasis {
    type Err = EmailBasisError;

    fn from_str(word: &str) -> Result<Self, EmailBasisError> {
        Self::ALL.into_iter().find(|basis| basis.as_str() == word).ok_or(EmailBasisError)
    }
}

/// A row or element that made no user.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Its number in the source, from 1: all there is to name it by where it has no user ID.
    pub number: u64,
    /// The user ID, if there is one.
    pub user_id: Option<UserId>,
    /// The value to find the row by at write-back, where it is not the user ID.
    pub key: Option<String>,
    /// Everything that is wrong with it.
    pub reasons: Vec<Reason>,
    /// Whether `--unverified skip` left it out, and no error.
    pub skipped: bool,
    /// The identifiers that could be read.
    pub identifiers: Vec<Identifier>,
    /// Whether the source gave an identifier at all, readable or not, and before `--unverified skip` left any out.
    pub gave_identifier: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_word_becomes_the_rule_it_came_from() {
        for basis in EmailBasis::ALL {
            assert_eq!(basis.as_str().parse(), Ok(basis));
        }
        assert_eq!("verified".parse::<EmailBasis>(), Err(EmailBasisError));
    }
}
