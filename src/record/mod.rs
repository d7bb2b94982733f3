//! The import user: one record of the import schema, and the words around it.

pub mod content;
pub mod duplicates;
pub mod id;
pub mod password;
pub mod reason;
pub mod rules;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use content::{Attribute, Content, Part};
pub use id::{ClerkId, UserId};
pub use password::Hasher;
pub use reason::Reason;

use crate::secret::Secret;

/// One user, mapped and checked: an element of `users.json`, the payload of a pending ledger entry, and all that is known when
/// the user is created in Clerk. Every field holds what Clerk takes: addresses lower-case where it matters, digests in the
/// spelling their hasher wants, timestamps RFC 3339 in UTC.
///
/// Its JSON form is what Clerk's current tools read: camelCase, absent keys left out, unverified addresses under
/// `unverifiedEmailAddresses`, `passwordHasher` always beside `password`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportUser {
    /// The ID in the old system; Clerk's `external_id`.
    pub user_id: UserId,
    /// The value to find the row by at write-back, where it is not `user_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The first verified e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Further verified e-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<String>,
    /// E-mail addresses nobody has proved; created `reserved`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified_email_addresses: Vec<String>,
    /// The first verified phone number, E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Further verified phone numbers, E.164.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<String>,
    /// Phone numbers nobody has proved, E.164; created `reserved`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified_phone_numbers: Vec<String>,
    /// The username, lower-case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The password's digest, in the shape `password_hasher` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The hasher of `password`; there exactly if `password` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hasher: Option<Hasher>,
    /// The secret of a TOTP authenticator, base32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_secret: Option<Secret>,
    /// Backup codes, plain or as bcrypt digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backup_codes: Vec<Secret>,
    /// Metadata visible to frontend and backend.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub public_metadata: Map<String, Json>,
    /// Metadata visible to the backend only.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub private_metadata: Map<String, Json>,
    /// Metadata that the frontend may change.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub unsafe_metadata: Map<String, Json>,
    /// When the user signed up, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When the user accepted the legal terms, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_accepted_at: Option<String>,
    /// Whether the user is created banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned: Option<bool>,
    /// Whether the user is created locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// The locale, a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Web3 wallet addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub web3_wallets: Vec<String>,
    /// Whether the user may create organizations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_organization_enabled: Option<bool>,
    /// How many organizations the user may create; 0 means unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_organizations_limit: Option<u32>,
    /// Whether the user may delete the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_self_enabled: Option<bool>,
    /// Whether the user bypasses Clerk's device trust checks at sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass_client_trust: Option<bool>,
    /// Whether Clerk skips its password checks for this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_password_checks: Option<bool>,
    /// Whether Clerk skips its legal checks for this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_legal_checks: Option<bool>,
    /// Whether Clerk skips the instance's required identifiers for this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_user_requirement: Option<bool>,
}

/// Something that belongs to one user alone across a Clerk instance.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier {
    /// What kind of identifier it is.
    pub kind: IdentifierKind,
    /// The value as Clerk compares it: e-mail addresses, usernames and wallets lower-case.
    pub value: String,
}

/// The kinds of identifiers Clerk keeps unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// An e-mail address, verified or reserved.
    Email,
    /// A phone number, E.164.
    Phone,
    /// A username.
    Username,
    /// A web3 wallet.
    Wallet,
}

impl IdentifierKind {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Email, Self::Phone, Self::Username, Self::Wallet];

    /// Returns the field of the import schema it comes from, for messages.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Username => "username",
            Self::Wallet => "web3Wallets",
        }
    }

    /// Returns what a person calls it.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "phone number",
            Self::Username => "username",
            Self::Wallet => "web3 wallet",
        }
    }
}

impl Identifier {
    /// Makes an identifier, folding the value as Clerk compares it.
    #[must_use]
    pub fn new(kind: IdentifierKind, value: &str) -> Self {
        let value = match kind {
            IdentifierKind::Phone => value.to_owned(),
            IdentifierKind::Email | IdentifierKind::Username | IdentifierKind::Wallet => value.to_lowercase(),
        };
        Self { kind, value }
    }
}

impl std::fmt::Debug for Identifier {
    /// Shows the kind only: the value is somebody's address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identifier({:?})", self.kind)
    }
}

impl ImportUser {
    /// Returns a user of whom nothing but the ID is known.
    #[must_use]
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            key: None,
            email: None,
            email_addresses: Vec::new(),
            unverified_email_addresses: Vec::new(),
            phone: None,
            phone_numbers: Vec::new(),
            unverified_phone_numbers: Vec::new(),
            username: None,
            first_name: None,
            last_name: None,
            password: None,
            password_hasher: None,
            totp_secret: None,
            backup_codes: Vec::new(),
            public_metadata: Map::new(),
            private_metadata: Map::new(),
            unsafe_metadata: Map::new(),
            created_at: None,
            legal_accepted_at: None,
            banned: None,
            locked: None,
            locale: None,
            web3_wallets: Vec::new(),
            create_organization_enabled: None,
            create_organizations_limit: None,
            delete_self_enabled: None,
            bypass_client_trust: None,
            skip_password_checks: None,
            skip_legal_checks: None,
            skip_user_requirement: None,
        }
    }

    /// Returns the verified e-mail addresses, the primary one first.
    pub fn verified_emails(&self) -> impl Iterator<Item = &str> {
        self.email.iter().chain(&self.email_addresses).map(String::as_str)
    }

    /// Returns the verified phone numbers, the primary one first.
    pub fn verified_phones(&self) -> impl Iterator<Item = &str> {
        self.phone.iter().chain(&self.phone_numbers).map(String::as_str)
    }

    /// Returns whether the user has any identifier.
    #[must_use]
    pub fn has_identifier(&self) -> bool {
        self.verified_emails().next().is_some()
            || self.verified_phones().next().is_some()
            || self.username.is_some()
            || [&self.unverified_email_addresses, &self.unverified_phone_numbers, &self.web3_wallets]
                .iter()
                .any(|list| !list.is_empty())
    }

    /// Returns every identifier, each once.
    #[must_use]
    pub fn identifiers(&self) -> Vec<Identifier> {
        let emails = self.verified_emails().chain(self.unverified_email_addresses.iter().map(String::as_str));
        let phones = self.verified_phones().chain(self.unverified_phone_numbers.iter().map(String::as_str));
        let mut all: Vec<Identifier> = emails
            .map(|email| Identifier::new(IdentifierKind::Email, email))
            .chain(phones.map(|phone| Identifier::new(IdentifierKind::Phone, phone)))
            .chain(self.username.iter().map(|name| Identifier::new(IdentifierKind::Username, name)))
            .chain(self.web3_wallets.iter().map(|wallet| Identifier::new(IdentifierKind::Wallet, wallet)))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the value that finds the user's row at write-back.
    #[must_use]
    pub fn row_key(&self) -> &str {
        self.key.as_deref().unwrap_or(self.user_id.as_str())
    }
}
