//! Clerk's Backend API, as far as an import needs it.
//!
//! One client with one private `send`, which does authentication, pace and reading of answers. It knows no ledger, no
//! database and no mapping: it takes import users and gives back Clerk users, or an [`Error`] that says what may happen next.

pub mod backoff;
mod changes;
mod client;
mod codes;
mod crowd;
mod environment;
mod error;
mod gate;
mod http;
pub mod limit;
mod pace;
mod settings;
mod user;
mod wire;

pub use changes::{ContactKind, NewContact, PasswordCheck, Standing};
pub use client::{Client, Created, Stats, Turn};
pub use environment::Environment;
pub use error::{Error, Kind, Taken};
pub use gate::UserPace;
pub use http::ClientError;
pub use pace::{MOST_AT_ONCE, Pace, Rate, RateError, Window};
pub use rustls::pki_types::CertificateDer;
pub use settings::{ApiUrl, ApiUrlError, SecretKey, SecretKeyError, Settings};
pub use user::{ClerkUser, Contact, ContactStatus};

/// A Clerk instance, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its ID, `ins_...`.
    pub id: String,
    /// What it is for.
    pub environment: Environment,
}
