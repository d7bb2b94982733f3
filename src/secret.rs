//! A string that must not be shown: an API key, a password digest, a database password.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret string. `Debug` prints a placeholder and there is no `Display`, so that it cannot reach a log, an error or a
/// panic by accident; it serializes as itself, for the one file and the one request it is meant for.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Returns the secret itself. Each call is a place to ask where the text goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_the_secret() {
        let shown = format!("{:?}", Some(Secret::new("sk_test_abc")));
        assert_eq!(shown, "Some([secret])");
    }
}
