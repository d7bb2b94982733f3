//! One user of the source against what was kept of its Clerk user: everything in which the two are not alike.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat};

use super::difference::Kind;
use super::facts::{Comparable, Facts, Held};
use crate::mapping::Field;
use crate::record::duplicates::{HashKey, IdentifierHash};
use crate::record::{Attribute, Identifier, IdentifierKind, ImportUser};
use crate::stage::source::Source;

/// One thing in which the two are not alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unlike {
    pub(super) kind: Kind,
    pub(super) field: String,
    pub(super) message: String,
}

/// The fields that the source has: of another one it says nothing, whatever Clerk has there.
#[derive(Debug)]
pub(super) struct Given(HashSet<Field>);

impl Given {
    pub(super) fn of(source: &Source) -> Self {
        Self(Field::all().filter(|field| source.selects(*field)).collect())
    }

    fn any(&self, fields: &[Field]) -> bool {
        fields.iter().any(|field| self.0.contains(field))
    }
}

/// Returns everything in which the Clerk user is not what the row makes.
pub(super) fn unlike(user: &ImportUser, clerk: &Facts, given: &Given, key: &HashKey) -> Vec<Unlike> {
    let mut sides = Sides { user, clerk, given, key, unlike: Vec::new() };
    sides.emails();
    sides.phones();
    sides.username();
    sides.wallets();
    sides.password();
    sides.created_at();
    sides.names_and_the_rest();
    sides.unlike
}

struct Sides<'a> {
    user: &'a ImportUser,
    clerk: &'a Facts,
    given: &'a Given,
    key: &'a HashKey,
    unlike: Vec<Unlike>,
}

/// The kinds of differences between addresses, or between numbers.
struct ContactKinds {
    missing: Kind,
    only_in_clerk: Kind,
    not_verified: Kind,
    verified_only_in_clerk: Kind,
}

/// An address or number of the row: its field, whether it counts as verified, and the value.
type OfRow<'a> = (&'static str, bool, &'a String);

impl<'a> Sides<'a> {
    fn add(&mut self, kind: Kind, field: impl Into<String>, message: impl Into<String>) {
        self.unlike.push(Unlike { kind, field: field.into(), message: message.into() });
    }

    fn hash(&self, kind: IdentifierKind, value: &str) -> IdentifierHash {
        self.key.identifier(&Identifier::new(kind, value))
    }

    fn in_clerk(&self, kind: IdentifierKind) -> impl Iterator<Item = &'a Held> + use<'a> {
        self.clerk.identifiers.iter().filter(move |held| held.kind == kind)
    }

    fn emails(&mut self) {
        let user = self.user;
        let row = user.email.iter().map(|email| ("email", true, email));
        let row = row.chain(user.email_addresses.iter().map(|email| ("emailAddresses", true, email)));
        let unverified = user.unverified_email_addresses.iter();
        let row = row.chain(unverified.map(|email| ("unverifiedEmailAddresses", false, email)));
        let kinds = ContactKinds {
            missing: Kind::EmailMissing,
            only_in_clerk: Kind::EmailOnlyInClerk,
            not_verified: Kind::EmailNotVerified,
            verified_only_in_clerk: Kind::EmailVerifiedOnlyInClerk,
        };
        let given = self.given.any(&[Field::Email, Field::EmailAddresses, Field::UnverifiedEmailAddresses]);
        self.contacts(IdentifierKind::Email, &kinds, row, given);
    }

    fn phones(&mut self) {
        let user = self.user;
        let row = user.phone.iter().map(|phone| ("phone", true, phone));
        let row = row.chain(user.phone_numbers.iter().map(|phone| ("phoneNumbers", true, phone)));
        let unverified = user.unverified_phone_numbers.iter();
        let row = row.chain(unverified.map(|phone| ("unverifiedPhoneNumbers", false, phone)));
        let kinds = ContactKinds {
            missing: Kind::PhoneMissing,
            only_in_clerk: Kind::PhoneOnlyInClerk,
            not_verified: Kind::PhoneNotVerified,
            verified_only_in_clerk: Kind::PhoneVerifiedOnlyInClerk,
        };
        let given = self.given.any(&[Field::Phone, Field::PhoneNumbers, Field::UnverifiedPhoneNumbers]);
        self.contacts(IdentifierKind::Phone, &kinds, row, given);
    }

    fn contacts(
        &mut self,
        identifier: IdentifierKind,
        kinds: &ContactKinds,
        row: impl Iterator<Item = OfRow<'a>>,
        given: bool,
    ) {
        let noun = identifier.noun();
        let mut of_row = HashSet::new();
        for (field, verified, value) in row {
            let hash = self.hash(identifier, value);
            of_row.insert(hash);
            let (kind, message) = match self.clerk.held(hash).map(|held| held.verified) {
                None => (kinds.missing, format!("the Clerk user does not have this {noun} of the row")),
                Some(false) if verified => {
                    (kinds.not_verified, format!("the {noun} counts as verified by the source, and not in Clerk"))
                }
                Some(true) if !verified => (
                    kinds.verified_only_in_clerk,
                    format!(
                        "Clerk holds the {noun} as verified, and by the source nobody has proved it: fine only if its owner has \
                         proved it in Clerk since"
                    ),
                ),
                Some(_) => continue,
            };
            self.add(kind, field, message);
        }
        for held in self.in_clerk(identifier).filter(|held| given && !of_row.contains(&held.hash)) {
            let how = if held.verified { "verified" } else { "not verified" };
            let message = format!("the Clerk user has another {noun} ({how}) that the row does not have");
            self.add(kinds.only_in_clerk, identifier.field(), message);
        }
    }

    fn username(&mut self) {
        let kind = IdentifierKind::Username;
        let in_clerk = self.in_clerk(kind).next();
        let message = match (&self.user.username, in_clerk) {
            (Some(username), Some(held)) if held.hash == self.hash(kind, username) => return,
            (Some(_), Some(_)) => "the Clerk user has another username than the row",
            (Some(_), None) => "the row has a username, and the Clerk user has none",
            (None, Some(_)) if self.given.any(&[Field::Username]) => {
                "the Clerk user has a username, and the row has none"
            }
            (None, _) => return,
        };
        self.add(Kind::Username, kind.field(), message);
    }

    fn wallets(&mut self) {
        let kind = IdentifierKind::Wallet;
        let row: HashSet<IdentifierHash> = self.user.web3_wallets.iter().map(|value| self.hash(kind, value)).collect();
        for _ in row.iter().filter(|hash| self.clerk.held(**hash).is_none()) {
            self.add(Kind::WalletMissing, kind.field(), "the Clerk user does not have this web3 wallet of the row");
        }
        let given = self.given.any(&[Field::Web3Wallets]);
        for _ in self.in_clerk(kind).filter(|held| given && !row.contains(&held.hash)) {
            let message = "the Clerk user has another web3 wallet that the row does not have";
            self.add(Kind::WalletOnlyInClerk, kind.field(), message);
        }
    }

    fn password(&mut self) {
        let (kind, message) = match (self.user.password.is_some(), self.clerk.has_password) {
            (true, false) => (Kind::PasswordMissing, "the row has a password, and the Clerk user has none"),
            (false, true) if self.given.any(&[Field::Password]) => {
                (Kind::PasswordOnlyInClerk, "the Clerk user has a password, and the row gives none")
            }
            _ => return,
        };
        self.add(kind, Field::Password.key(), message);
    }

    fn created_at(&mut self) {
        let Some(row) = self.user.created_at.as_deref() else { return };
        let milliseconds = DateTime::parse_from_rfc3339(row).ok().map(|time| time.timestamp_millis());
        if milliseconds == self.clerk.created_at {
            return;
        }
        let in_clerk = self.clerk.created_at.and_then(DateTime::from_timestamp_millis);
        let in_clerk = in_clerk.map_or("nothing".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        self.add(Kind::CreatedAt, Field::CreatedAt.key(), format!("the row says {row}, and Clerk {in_clerk}"));
    }

    fn names_and_the_rest(&mut self) {
        let user = self.user;
        let row = Comparable {
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            banned: user.banned == Some(true),
            metadata: [&user.public_metadata, &user.private_metadata, &user.unsafe_metadata],
        };
        for part in row.content(self.key).differences(&self.clerk.content) {
            let (kind, message) = match part.attribute {
                Attribute::FirstName if row.first_name.is_some() => NAME_OF_ROW,
                Attribute::LastName if row.last_name.is_some() => NAME_OF_ROW,
                Attribute::FirstName | Attribute::LastName
                    if self.given.any(&[Field::FirstName, Field::LastName, Field::Name]) =>
                {
                    (Kind::Name, "the Clerk user has a name here, and the row gives none")
                }
                Attribute::Banned if row.banned => (Kind::Banned, "the row is banned, and the Clerk user is not"),
                Attribute::Banned if self.given.any(&[Field::Banned]) => {
                    (Kind::Banned, "the Clerk user is banned, and the row is not")
                }
                attribute if row.gives(attribute, &part.path) => (Kind::Metadata, "is not in Clerk as the row has it"),
                // What the source does not select, and further keys in Clerk, are the application's own.
                _ => continue,
            };
            self.add(kind, part.to_string(), message);
        }
    }
}

const NAME_OF_ROW: (Kind, &str) = (Kind::Name, "the Clerk user does not have this name of the row");
