//! Why a user did not get in.

use serde::{Deserialize, Serialize};

/// One reason, in words a person can act on. It never quotes the value it is about: addresses and digests stay out of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The field of the import schema, such as `email`; empty if it concerns the user as a whole.
    pub field: String,
    /// A stable word for programs, such as `email_invalid`; Clerk's own code where Clerk refused.
    pub code: String,
    /// What is wrong, and what can be done: a sentence fragment in our own words.
    pub message: String,
}

impl Reason {
    /// Makes a reason.
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into() }
    }
}
