//! The two IDs of a user: the old system's and Clerk's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest user ID taken, in bytes. Look-ups carry a hundred of them in one URL.
pub const LONGEST_USER_ID: usize = 256;

/// A user's ID in the old system, as text; Clerk's `external_id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

/// Why a text cannot be a user ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// More than [`LONGEST_USER_ID`] bytes.
    #[error("is longer than {LONGEST_USER_ID} bytes")]
    TooLong,
    /// NUL or another control character.
    #[error("holds a control character")]
    Control,
}

impl UserId {
    /// Checks a text and makes it a user ID.
    ///
    /// # Errors
    /// [`UserIdError`], if the text is empty, too long, or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, UserIdError> {
        let text = text.into();
        if text.is_empty() {
            Err(UserIdError::Empty)
        } else if text.len() > LONGEST_USER_ID {
            Err(UserIdError::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(UserIdError::Control)
        } else {
            Ok(Self(text))
        }
    }

    /// Returns the ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = UserIdError;

    fn try_from(text: String) -> Result<Self, UserIdError> {
        Self::new(text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user's ID in Clerk: `user_` and letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClerkId(String);

/// A text that is not a Clerk ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a Clerk user ID (`user_...`)")]
pub struct ClerkIdError;

impl ClerkId {
    /// Checks a text and makes it a Clerk ID.
    ///
    /// # Errors
    /// [`ClerkIdError`], if the text is not `user_` and 1 to 64 letters, digits or `_`.
    pub fn new(text: impl Into<String>) -> Result<Self, ClerkIdError> {
        let text = text.into();
        let fits = text.strip_prefix("user_").is_some_and(|rest| {
            (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if fits { Ok(Self(text)) } else { Err(ClerkIdError) }
    }

    /// Returns the ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClerkId {
    type Error = ClerkIdError;

    fn try_from(text: String) -> Result<Self, ClerkIdError> {
        Self::new(text)
    }
}

impl From<ClerkId> for String {
    fn from(id: ClerkId) -> Self {
        id.0
    }
}

impl fmt::Display for ClerkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_any_short_text_without_control_characters() {
        for good in ["1", "cmwqyy4g60000077dm4mkb0ad", "-5", "+x", "a b", "ü"] {
            assert_eq!(UserId::new(good).map(|id| id.to_string()).as_deref(), Ok(good));
        }
        assert_eq!(UserId::new(""), Err(UserIdError::Empty));
        assert_eq!(UserId::new("a\0b"), Err(UserIdError::Control));
        assert_eq!(UserId::new("x".repeat(257)), Err(UserIdError::TooLong));
    }

    #[test]
    fn a_clerk_id_starts_with_user() {
        assert!(ClerkId::new("user_2abcDEF").is_ok());
        for bad in ["", "user_", "org_2abc", "user_a-b", "user_a'b", "xuser_1"] {
            assert_eq!(ClerkId::new(bad), Err(ClerkIdError), "{bad}");
        }
    }
}
