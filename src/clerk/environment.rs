//! The two kinds of instances.

use std::fmt;

/// What an instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Real users; keys start with `sk_live_`.
    Production,
    /// Trying things out, capped in users and pace; keys start with `sk_test_`.
    Development,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Development => "development",
        })
    }
}
