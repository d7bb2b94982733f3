//! The password fields of a create or an update, and the hashing of a password that came in the clear.

use super::digest::{Digest, HASHERS};
use super::error::Problem;
use super::fields::Fields;
use super::user::Password;

/// Cheap: what is hashed here guards nothing.
const BCRYPT_COST: u32 = 4;
const BCRYPT_BYTES: usize = 72;

/// A password as a request brought it.
#[derive(Debug)]
pub(super) enum NewPassword {
    /// In the clear.
    Plain(String),
    /// A digest in a shape that its hasher has.
    Hashed(Password),
}

impl NewPassword {
    /// Returns what is stored. Hashing is slow: not for an async thread. `None` if hashing fails.
    pub(super) fn store(self) -> Option<Password> {
        match self {
            Self::Hashed(password) => Some(password),
            Self::Plain(password) => {
                let digest = bcrypt::hash(password, BCRYPT_COST).ok()?;
                Some(Password { hasher: "bcrypt".to_owned(), digest })
            }
        }
    }
}

/// Reads `password`, or `password_digest` and `password_hasher`, which need each other.
pub(super) fn read(fields: &mut Fields) -> Option<NewPassword> {
    let unchecked = fields.flag("skip_password_checks").unwrap_or(false);
    let plain = fields.text("password").value();
    let digest = fields.text("password_digest").value();
    let hasher = fields.text("password_hasher").value();
    match (plain, digest, hasher) {
        (Some(_), Some(_), _) => refuse(fields, Problem::disallowed_beside("password_digest", "password")),
        (Some(_), None, Some(_)) => refuse(fields, Problem::disallowed_beside("password_hasher", "password")),
        (Some(plain), None, None) => {
            fields.check(long_enough(&plain, unchecked));
            Some(NewPassword::Plain(plain))
        }
        (None, Some(_), None) => refuse(fields, Problem::missing_beside("password_hasher", "password_digest")),
        (None, None, Some(_)) => refuse(fields, Problem::missing_beside("password_digest", "password_hasher")),
        (None, Some(_), Some(hasher)) if !HASHERS.contains(&hasher.as_str()) => {
            refuse(fields, Problem::not_among("password_hasher", &HASHERS.join(", ")))
        }
        (None, Some(digest), Some(hasher)) if Digest::parse(&hasher, &digest).is_none() => {
            refuse(fields, Problem::digest(&hasher))
        }
        (None, Some(digest), Some(hasher)) => Some(NewPassword::Hashed(Password { hasher, digest })),
        (None, None, None) => None,
    }
}

fn refuse(fields: &mut Fields, problem: Problem) -> Option<NewPassword> {
    fields.problem(problem);
    None
}

fn long_enough(password: &str, unchecked: bool) -> Result<(), Problem> {
    let refused = |code, words: &str| Err(Problem::of("password", code, words, words));
    if !unchecked && password.chars().count() < 8 {
        return refused("form_password_length_too_short", "Passwords must be 8 characters or more.");
    }
    if password.len() > BCRYPT_BYTES {
        let words = "Your password is too long. Please use a shorter one.";
        return refused("form_password_size_in_bytes_exceeded", words);
    }
    Ok(())
}
