//! What must be asked of Clerk to bring one user up to date: decided from what changed in the source and how the user is in Clerk,
//! without asking anything.

use serde_json::{Map, Value as Json};

use crate::clerk::{ClerkUser, Contact, ContactKind, ContactStatus, NewContact, Standing};
use crate::ledger::Change;
use crate::record::duplicates::HashKey;
use crate::record::{Attribute, Identifier, IdentifierKind, Part, Reason};

/// The requests that one user needs, in the order in which they are sent, and what none of them carries.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Steps<'a> {
    /// Attributes that `PATCH /users/{id}` sets.
    pub attributes: Vec<Attribute>,
    /// Keys of metadata, each with what to merge into it.
    pub metadata: Vec<(Attribute, String, Json)>,
    /// Everything about addresses, numbers and standing; additions before removals, so that nobody is without a way in.
    pub others: Vec<Step<'a>>,
    /// What is not sent, each with the reason.
    pub left: Vec<(Part, Reason)>,
}

/// One request about an address, a number, or whether the user may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Adds an address or number.
    Add(NewContact<'a>),
    /// Marks one that is there as verified, perhaps as the primary one.
    Verify {
        /// Which kind.
        kind: ContactKind,
        /// Clerk's ID of it.
        id: &'a str,
        /// Whether it becomes the primary one.
        primary: bool,
    },
    /// Takes one away that we sent and the source has no longer.
    Remove {
        /// Which kind.
        kind: ContactKind,
        /// Clerk's ID of it.
        id: &'a str,
    },
    /// Puts one reserved address in the place of all others.
    ReplaceByReserved(&'a str),
    /// Bans, locks, or ends that.
    Stand(Standing),
}

impl<'a> Steps<'a> {
    /// Decides what to ask. Only what changed in the source is touched; what the user changed in Clerk is left alone.
    pub(super) fn of(change: &'a Change, now: &'a ClerkUser, key: &HashKey) -> Self {
        let mut steps = Self::default();
        for part in &change.parts {
            steps.sort(part, change, now);
        }
        let changed = |attributes: &[Attribute]| change.parts.iter().any(|part| attributes.contains(&part.attribute));
        if changed(&EMAILS) {
            let wanted: Vec<&str> = change.user.verified_emails().collect();
            let side = Side {
                kind: ContactKind::Email,
                wanted,
                reserved: &change.user.unverified_email_addresses,
                there: &now.emails,
            };
            side.add_to(&mut steps, change, key);
        }
        if changed(&PHONES) {
            let wanted: Vec<&str> = change.user.verified_phones().collect();
            let side = Side {
                kind: ContactKind::Phone,
                wanted,
                reserved: &change.user.unverified_phone_numbers,
                there: &now.phones,
            };
            side.add_to(&mut steps, change, key);
        }
        steps
    }

    fn sort(&mut self, part: &Part, change: &Change, now: &ClerkUser) {
        let user = &change.user;
        match part.attribute {
            Attribute::PublicMetadata => self.merge(part, &user.public_metadata, &now.public_metadata),
            Attribute::PrivateMetadata => self.merge(part, &user.private_metadata, &now.private_metadata),
            Attribute::UnsafeMetadata => self.merge(part, &user.unsafe_metadata, &now.unsafe_metadata),
            Attribute::Password | Attribute::PasswordHasher => match password_left_alone(change, now) {
                Some(reason) => self.left.push((part.clone(), reason)),
                // The two go together, whichever of them changed.
                None => self.attributes.extend(
                    [Attribute::Password, Attribute::PasswordHasher]
                        .into_iter()
                        .filter(|attribute| !self.attributes.contains(attribute))
                        .collect::<Vec<_>>(),
                ),
            },
            Attribute::Banned => {
                let wanted = user.banned.unwrap_or_default();
                self.others.extend((wanted != now.banned).then_some(Step::Stand(Standing::Banned(wanted))));
            }
            Attribute::Locked => {
                let wanted = user.locked.unwrap_or_default();
                self.others.extend((wanted != now.locked).then_some(Step::Stand(Standing::Locked(wanted))));
            }
            Attribute::Web3Wallets => self.leave(part, "no_endpoint", "Clerk has no request that changes web3 wallets"),
            Attribute::Username | Attribute::FirstName | Attribute::LastName | Attribute::Locale => {
                self.attributes.push(part.attribute);
            }
            Attribute::TotpSecret if user.totp_secret.is_none() => self.leave_absent(part),
            Attribute::BackupCodes if user.backup_codes.is_empty() => self.leave_absent(part),
            Attribute::CreatedAt if user.created_at.is_none() => self.leave_absent(part),
            Attribute::LegalAcceptedAt if user.legal_accepted_at.is_none() => self.leave_absent(part),
            Attribute::CreateOrganizationEnabled if user.create_organization_enabled.is_none() => {
                self.leave_absent(part);
            }
            Attribute::CreateOrganizationsLimit if user.create_organizations_limit.is_none() => self.leave_absent(part),
            Attribute::DeleteSelfEnabled if user.delete_self_enabled.is_none() => self.leave_absent(part),
            Attribute::BypassClientTrust if user.bypass_client_trust.is_none() => self.leave_absent(part),
            Attribute::TotpSecret
            | Attribute::BackupCodes
            | Attribute::CreatedAt
            | Attribute::LegalAcceptedAt
            | Attribute::CreateOrganizationEnabled
            | Attribute::CreateOrganizationsLimit
            | Attribute::DeleteSelfEnabled
            | Attribute::BypassClientTrust => self.attributes.push(part.attribute),
            Attribute::Email
            | Attribute::EmailAddresses
            | Attribute::UnverifiedEmailAddresses
            | Attribute::Phone
            | Attribute::PhoneNumbers
            | Attribute::UnverifiedPhoneNumbers => {}
        }
    }

    fn merge(&mut self, part: &Part, wanted: &Map<String, Json>, there: &Map<String, Json>) {
        if let Some(key) = &part.metadata_key
            && wanted.get(key) != there.get(key)
        {
            self.metadata.push((part.attribute, key.clone(), to_merge(wanted.get(key), there.get(key))));
        }
    }

    fn leave(&mut self, part: &Part, code: &str, why: &str) {
        self.left.push((part.clone(), Reason::new(part.to_string(), code, why)));
    }

    fn leave_absent(&mut self, part: &Part) {
        self.leave(part, "no_endpoint", "the source has none any more, and Clerk has no request that takes it away");
    }
}

const EMAILS: [Attribute; 3] = [Attribute::Email, Attribute::EmailAddresses, Attribute::UnverifiedEmailAddresses];
const PHONES: [Attribute; 3] = [Attribute::Phone, Attribute::PhoneNumbers, Attribute::UnverifiedPhoneNumbers];

/// What has to be merged into a value so that it becomes the wanted one: null takes away what is too much.
fn to_merge(wanted: Option<&Json>, there: Option<&Json>) -> Json {
    match (wanted, there) {
        (None, _) => Json::Null,
        (Some(Json::Object(wanted)), Some(Json::Object(there))) => {
            let too_much = there.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), Json::Null));
            let differing = wanted.iter().filter(|(key, value)| there.get(*key) != Some(*value));
            let merged = differing.map(|(key, value)| (key.clone(), to_merge(Some(value), there.get(key))));
            too_much.chain(merged).collect::<Map<_, _>>().into()
        }
        (Some(wanted), _) => wanted.clone(),
    }
}

/// A password goes out only if nobody has set another one in Clerk since we sent ours.
fn password_left_alone(change: &Change, now: &ClerkUser) -> Option<Reason> {
    let reason = |code: &str, why: &str| Some(Reason::new("password", code, why));
    if change.user.password.is_none() {
        return reason("no_endpoint", "the source has none any more, and Clerk has no request that takes it away");
    }
    match (change.password_at, now.password_at) {
        // We sent none, and nobody has set one since.
        (None, None) if !now.has_password => None,
        (Some(ours), Some(theirs)) if theirs <= ours => None,
        _ => reason(
            "changed_in_clerk",
            "the user may have set another password in Clerk since ours was sent; it is left alone",
        ),
    }
}

/// The addresses, or the numbers: those that the source has, and those that are in Clerk.
struct Side<'a> {
    kind: ContactKind,
    /// Verified in the source, the primary one first.
    wanted: Vec<&'a str>,
    /// Not verified in the source.
    reserved: &'a [String],
    there: &'a [Contact],
}

impl<'a> Side<'a> {
    fn add_to(&self, steps: &mut Steps<'a>, change: &'a Change, key: &HashKey) {
        if let Some(email) = self.alone_and_reserved(change, key) {
            if self.find(email).is_none() {
                steps.others.push(Step::ReplaceByReserved(email));
            }
            return;
        }
        for (at, value) in self.wanted.iter().enumerate() {
            let primary = at == 0;
            match self.find(value) {
                None => steps.others.push(Step::Add(NewContact { kind: self.kind, value, verified: true, primary })),
                Some(there) if there.status != ContactStatus::Verified || primary && !there.primary => {
                    steps.others.push(Step::Verify { kind: self.kind, id: &there.id, primary });
                }
                Some(_) => {}
            }
        }
        if self.reserved.iter().any(|value| self.find(value).is_none()) {
            let part = Part::from(match self.kind {
                ContactKind::Email => Attribute::UnverifiedEmailAddresses,
                ContactKind::Phone => Attribute::UnverifiedPhoneNumbers,
            });
            let why = "Clerk has no request that adds one more that is not verified and yet reserved for the user";
            steps.leave(&part, "no_endpoint", why);
        }
        // Whoever has nothing else would be left without a way in.
        if self.wanted.is_empty() && self.reserved.iter().all(|value| self.find(value).is_none()) {
            return;
        }
        let gone = self.there.iter().filter(|there| self.was_sent(there, change, key) && !self.is_wanted(there));
        steps.others.extend(gone.map(|there| Step::Remove { kind: self.kind, id: &there.id }));
    }

    /// The one address of a user that has no other, neither in the source nor in Clerk (but for those we sent).
    fn alone_and_reserved(&self, change: &Change, key: &HashKey) -> Option<&'a str> {
        let [email] = self.reserved else { return None };
        let all_ours =
            self.there.iter().all(|there| self.was_sent(there, change, key) || self.same(&there.value, email));
        (self.kind == ContactKind::Email && self.wanted.is_empty() && all_ours).then_some(email.as_str())
    }

    fn find(&self, value: &str) -> Option<&'a Contact> {
        self.there.iter().find(|there| self.same(&there.value, value))
    }

    fn is_wanted(&self, there: &Contact) -> bool {
        self.wanted.iter().any(|value| self.same(&there.value, value))
            || self.reserved.iter().any(|value| self.same(&there.value, value))
    }

    fn was_sent(&self, there: &Contact, change: &Change, key: &HashKey) -> bool {
        change.sent_identifiers.contains(&key.identifier(&self.identifier(&there.value)))
    }

    fn same(&self, a: &str, b: &str) -> bool {
        self.identifier(a) == self.identifier(b)
    }

    fn identifier(&self, value: &str) -> Identifier {
        let kind = match self.kind {
            ContactKind::Email => IdentifierKind::Email,
            ContactKind::Phone => IdentifierKind::Phone,
        };
        Identifier::new(kind, value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_merged_makes_of_what_is_there_what_is_wanted() {
        let table = [
            (json!({"a": {"x": 1}}), json!({"a": {"x": 1, "y": 2}}), json!({"a": {"y": null}})),
            (json!({"a": {"x": 2}, "b": 1}), json!({"a": {"x": 1}}), json!({"a": {"x": 2}, "b": 1})),
            (json!({"a": [1]}), json!({"a": {"x": 1}}), json!({"a": [1]})),
            (json!("text"), json!({"a": 1}), json!("text")),
        ];
        for (wanted, there, merged) in table {
            assert_eq!(to_merge(Some(&wanted), Some(&there)), merged);
        }
        assert_eq!(to_merge(None, Some(&json!(1))), Json::Null);
    }
}
