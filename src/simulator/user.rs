//! A user as the simulator keeps it.

use super::fields::Metadata;
use super::id::new_id;

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

/// What an e-mail address, phone number or wallet is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Proven: good for sign-in, and nobody else may have it.
    Verified,
    /// Not proven, but good for sign-in, and nobody else may have it.
    Reserved,
    /// Neither proven nor good for sign-in. Several users may have it, until one of them claims it.
    Unverified,
}

impl Standing {
    /// Whether nobody else may have it.
    pub(super) fn claims(self) -> bool {
        self != Self::Unverified
    }
}

/// An e-mail address, phone number or wallet of a user. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) standing: Standing,
    /// A phone number that is asked for after the first factor, and no longer instead of it.
    pub(super) second_factor: bool,
    pub(super) default_second_factor: bool,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Contact {
    pub(super) fn new(value: String, standing: Standing, now: i64) -> Self {
        Self {
            id: new_id("idn_"),
            value,
            standing,
            second_factor: false,
            default_second_factor: false,
            created_at: now,
            updated_at: now,
        }
    }

    fn is_good_for_sign_in(&self) -> bool {
        self.standing.claims() && !self.second_factor
    }
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
    pub(super) mfa_disabled_at: Option<i64>,
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
    pub(super) last_sign_in_at: Option<i64>,
    pub(super) last_active_at: Option<i64>,
}

impl User {
    /// The e-mail addresses, phone numbers or wallets; nothing of the other kinds, which are no contacts.
    pub(super) fn contacts(&self, kind: Identifier) -> &[Contact] {
        match kind {
            Identifier::Email => &self.emails,
            Identifier::Phone => &self.phones,
            Identifier::Wallet => &self.wallets,
            Identifier::ExternalId | Identifier::Username => &[],
        }
    }

    /// All contacts, and of which kind each is.
    pub(super) fn all_contacts(&self) -> impl Iterator<Item = (Identifier, &Contact)> {
        let kinds = [Identifier::Email, Identifier::Phone, Identifier::Wallet];
        kinds.into_iter().flat_map(|kind| self.contacts(kind).iter().map(move |contact| (kind, contact)))
    }

    /// Whether there is anything left to sign in with.
    pub(super) fn can_sign_in(&self) -> bool {
        self.username.is_some() || self.all_contacts().any(|(_, contact)| contact.is_good_for_sign_in())
    }

    /// Whether a second factor is asked for.
    pub(super) fn has_two_factors(&self) -> bool {
        self.totp_secret.is_some() || self.phones.iter().any(|phone| phone.second_factor)
    }

    /// Notes that somebody signed in as this user. Clerk tells the last activity by the day.
    pub(super) fn sign_in(&mut self, now: i64) {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        self.last_sign_in_at = Some(now);
        self.last_active_at = Some(now - now.rem_euclid(DAY));
        self.updated_at = now;
    }

    /// All values of one kind.
    pub(super) fn values(&self, identifier: Identifier) -> Vec<&str> {
        match identifier {
            Identifier::ExternalId => self.external_id.as_deref().into_iter().collect(),
            Identifier::Username => self.username.as_deref().into_iter().collect(),
            Identifier::Email | Identifier::Phone | Identifier::Wallet => {
                self.contacts(identifier).iter().map(|contact| contact.value.as_str()).collect()
            }
        }
    }

    /// Everything that nobody else may have.
    pub(super) fn claims(&self) -> Vec<(Identifier, String)> {
        let named = |name: Identifier| self.values(name).into_iter().map(move |value| (name, name.key(value)));
        named(Identifier::ExternalId).chain(self.contact_keys(true)).chain(named(Identifier::Username)).collect()
    }

    /// The addresses and numbers that others may have as well.
    pub(super) fn unclaimed(&self) -> Vec<(Identifier, String)> {
        self.contact_keys(false).collect()
    }

    fn contact_keys(&self, claimed: bool) -> impl Iterator<Item = (Identifier, String)> {
        let wanted = self.all_contacts().filter(move |(_, contact)| contact.standing.claims() == claimed);
        wanted.map(|(kind, contact)| (kind, kind.key(&contact.value)))
    }
}
