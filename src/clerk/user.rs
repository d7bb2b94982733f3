//! A user as Clerk shows it.

use serde_json::{Map, Value as Json};

use crate::record::{ClerkId, Identifier, IdentifierKind};

/// A user that is in Clerk. Times are milliseconds since 1970, by Clerk's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ClerkUser {
    /// The ID that Clerk gave.
    pub id: ClerkId,
    /// The ID in the old system, if the user has one.
    pub external_id: Option<String>,
    /// E-mail addresses, the primary one marked.
    pub emails: Vec<Contact>,
    /// Phone numbers, the primary one marked.
    pub phones: Vec<Contact>,
    /// Web3 wallets.
    pub wallets: Vec<String>,
    /// The username.
    pub username: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// Whether the user has a password.
    pub has_password: bool,
    /// When the password was last set, by an import or by the user.
    pub password_at: Option<i64>,
    /// When the user last signed in; `None` for never.
    pub last_sign_in_at: Option<i64>,
    /// When the user signed up.
    pub created_at: Option<i64>,
    /// Whether the user may not sign in.
    pub banned: bool,
    /// Whether the user is locked.
    pub locked: bool,
    /// Metadata for backend and frontend.
    pub public_metadata: Map<String, Json>,
    /// Metadata for the backend.
    pub private_metadata: Map<String, Json>,
    /// Metadata that the frontend may change.
    pub unsafe_metadata: Map<String, Json>,
}

/// An e-mail address or phone number of a Clerk user.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Clerk's ID of it.
    pub id: String,
    /// The address or number.
    pub value: String,
    /// Whether the user is known to own it.
    pub status: ContactStatus,
    /// Whether it is the primary one.
    pub primary: bool,
}

/// Whether a user is known to own an address or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactStatus {
    /// Proved, or vouched for by whoever imported the user.
    Verified,
    /// Not proved, but nobody else can claim it.
    Reserved,
    /// Not proved.
    Unverified,
}

impl ClerkUser {
    /// Returns a user of whom nothing but the ID is known.
    #[must_use]
    pub fn new(id: ClerkId) -> Self {
        Self {
            id,
            external_id: None,
            emails: Vec::new(),
            phones: Vec::new(),
            wallets: Vec::new(),
            username: None,
            first_name: None,
            last_name: None,
            has_password: false,
            password_at: None,
            last_sign_in_at: None,
            created_at: None,
            banned: false,
            locked: false,
            public_metadata: Map::new(),
            private_metadata: Map::new(),
            unsafe_metadata: Map::new(),
        }
    }

    /// Returns every e-mail address, phone number, username and wallet, verified or not.
    #[must_use]
    pub fn identifiers(&self) -> Vec<Identifier> {
        let emails = self.emails.iter().map(|email| Identifier::new(IdentifierKind::Email, &email.value));
        let phones = self.phones.iter().map(|phone| Identifier::new(IdentifierKind::Phone, &phone.value));
        let names = self.username.iter().map(|name| Identifier::new(IdentifierKind::Username, name));
        let wallets = self.wallets.iter().map(|wallet| Identifier::new(IdentifierKind::Wallet, wallet));
        emails.chain(phones).chain(names).chain(wallets).filter(|identifier| !identifier.value.is_empty()).collect()
    }

    /// Returns the e-mail addresses and phone numbers that are verified.
    #[must_use]
    pub fn verified_contacts(&self) -> Vec<Identifier> {
        let of = |kind, contacts: &[Contact]| {
            let verified = contacts.iter().filter(|contact| contact.status == ContactStatus::Verified);
            verified.map(|contact| Identifier::new(kind, &contact.value)).collect::<Vec<_>>()
        };
        [of(IdentifierKind::Email, &self.emails), of(IdentifierKind::Phone, &self.phones)].concat()
    }
}

impl std::fmt::Debug for Contact {
    /// Shows everything but the value, which is somebody's address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contact({}, {:?})", self.id, self.status)
    }
}
