//! A user as the simulator keeps it.

use super::fields::Metadata;

/// What makes a user findable, and must be unique across the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Identifier {
    ExternalId,
    Email,
    Phone,
    Wallet,
    Username,
}

impl Identifier {
    /// All of them, in the order in which refusals name them.
    pub(super) const ALL: [Self; 5] = [Self::ExternalId, Self::Email, Self::Phone, Self::Wallet, Self::Username];

    /// The name of its field, in bodies and in queries.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::ExternalId => "external_id",
            Self::Email => "email_address",
            Self::Phone => "phone_number",
            Self::Wallet => "web3_wallet",
            Self::Username => "username",
        }
    }

    /// The form in which two values are compared: without regard to case, where the API has none.
    pub(super) fn key(self, value: &str) -> String {
        match self {
            Self::ExternalId | Self::Phone => value.to_owned(),
            Self::Wallet if !value.starts_with("0x") => value.to_owned(),
            Self::Email | Self::Wallet | Self::Username => value.to_lowercase(),
        }
    }
}

/// An e-mail address, phone number or wallet of a user.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    pub(super) id: String,
    pub(super) value: String,
    /// Not verified, but nobody else may have it.
    pub(super) reserved: bool,
}

/// A digest and the name of what made it.
#[derive(Debug, Clone)]
pub(super) struct Password {
    pub(super) hasher: String,
    pub(super) digest: String,
}

/// A user. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a user of the Backend API has this many")]
pub(super) struct User {
    pub(super) id: String,
    pub(super) external_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) emails: Vec<Contact>,
    pub(super) phones: Vec<Contact>,
    pub(super) wallets: Vec<Contact>,
    pub(super) primary_email: Option<String>,
    pub(super) primary_phone: Option<String>,
    pub(super) primary_wallet: Option<String>,
    pub(super) password: Option<Password>,
    pub(super) password_changed_at: Option<i64>,
    pub(super) totp_secret: Option<String>,
    pub(super) backup_codes: Vec<String>,
    pub(super) mfa_enabled_at: Option<i64>,
    pub(super) public_metadata: Metadata,
    pub(super) private_metadata: Metadata,
    pub(super) unsafe_metadata: Metadata,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) legal_accepted_at: Option<i64>,
    pub(super) delete_self_enabled: bool,
    pub(super) create_organization_enabled: bool,
    pub(super) create_organizations_limit: Option<i64>,
    pub(super) bypass_client_trust: bool,
    pub(super) banned: bool,
    pub(super) locked: bool,
}

impl User {
    /// All values of one kind.
    pub(super) fn values(&self, identifier: Identifier) -> Vec<&str> {
        match identifier {
            Identifier::ExternalId => self.external_id.as_deref().into_iter().collect(),
            Identifier::Username => self.username.as_deref().into_iter().collect(),
            Identifier::Email => self.emails.iter().map(|contact| contact.value.as_str()).collect(),
            Identifier::Phone => self.phones.iter().map(|contact| contact.value.as_str()).collect(),
            Identifier::Wallet => self.wallets.iter().map(|contact| contact.value.as_str()).collect(),
        }
    }

    /// Everything that has to be unique.
    pub(super) fn keys(&self) -> Vec<(Identifier, String)> {
        let keys = |identifier: Identifier| {
            self.values(identifier).into_iter().map(move |value| (identifier, identifier.key(value)))
        };
        Identifier::ALL.into_iter().flat_map(keys).collect()
    }
}
