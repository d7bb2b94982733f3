//! What must be asked of Clerk to bring one user up to date: decided from what changed in the source and how the user is in Clerk,
//! without asking anything.

use serde_json::{Map, Value as Json};

use super::contacts::Side;
use crate::clerk::{ClerkUser, Contact, ContactKind, NewContact, Standing};
use crate::ledger::Change;
use crate::record::duplicates::HashKey;
use crate::record::{Attribute, ImportUser, Part, Reason};

/// The requests that one user needs, in the order in which they are sent, and what none of them carries. Whatever takes a way to sign
/// in away comes after whatever adds one.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Steps<'a> {
    /// Attributes that `PATCH /users/{id}` sets.
    pub attributes: Vec<Attribute>,
    /// Values of metadata.
    pub metadata: Vec<(Part, Json)>,
    /// Everything about addresses, numbers and standing.
    pub others: Vec<Step<'a>>,
    /// Attributes that are taken away at last.
    pub last: Vec<Attribute>,
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
        /// Which it is.
        contact: &'a Contact,
    },
    /// Puts one reserved address in the place of all others.
    ReplaceByReserved {
        /// The address.
        email: &'a str,
        /// The others, all of them ours.
        others: &'a [Contact],
    },
    /// Bans, locks, or ends that.
    Stand(Standing),
}

const EMAILS: [Attribute; 3] = [Attribute::Email, Attribute::EmailAddresses, Attribute::UnverifiedEmailAddresses];
const PHONES: [Attribute; 3] = [Attribute::Phone, Attribute::PhoneNumbers, Attribute::UnverifiedPhoneNumbers];

impl<'a> Steps<'a> {
    /// Decides what to ask. Only what changed in the source and was not `sent` yet is touched; what the user changed in Clerk is left
    /// alone.
    pub(super) fn of(change: &'a Change, sent: &[Part], now: &'a ClerkUser, key: &HashKey) -> Self {
        let mut steps = Self::default();
        let to_send: Vec<&Part> = change.parts.iter().filter(|part| !sent.contains(part)).collect();
        for part in &to_send {
            steps.sort(part, change, now);
        }
        let changed = |attributes: &[Attribute]| to_send.iter().any(|part| attributes.contains(&part.attribute));
        if changed(&EMAILS) {
            Side::emails(change, now, key, changed(&[Attribute::Email])).add_to(&mut steps);
        }
        if changed(&PHONES) {
            Side::phones(change, now, key, changed(&[Attribute::Phone])).add_to(&mut steps);
        }
        steps
    }

    fn sort(&mut self, part: &Part, change: &Change, now: &ClerkUser) {
        let user = &change.user;
        match part.attribute {
            Attribute::PublicMetadata => self.merge(part, &user.public_metadata),
            Attribute::PrivateMetadata => self.merge(part, &user.private_metadata),
            Attribute::UnsafeMetadata => self.merge(part, &user.unsafe_metadata),
            Attribute::Password | Attribute::PasswordHasher => match why_no_password(change, now) {
                Some((code, why)) => self.leave(part, code, why),
                // The two go together, whichever of them changed.
                None if self.attributes.contains(&Attribute::Password) => {}
                None => self.attributes.extend([Attribute::Password, Attribute::PasswordHasher]),
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
            Attribute::Username if user.username.is_none() => self.last.push(Attribute::Username),
            Attribute::Username | Attribute::FirstName | Attribute::LastName | Attribute::Locale => {
                self.attributes.push(part.attribute);
            }
            Attribute::Email
            | Attribute::EmailAddresses
            | Attribute::UnverifiedEmailAddresses
            | Attribute::Phone
            | Attribute::PhoneNumbers
            | Attribute::UnverifiedPhoneNumbers => {}
            attribute if is_absent(user, attribute) => {
                self.leave(
                    part,
                    "no_endpoint",
                    "the source has none any more, and Clerk has no request that takes it away",
                );
            }
            attribute => self.attributes.push(attribute),
        }
    }

    fn merge(&mut self, part: &Part, wanted: &Map<String, Json>) {
        match value_at(wanted, &part.path) {
            At::Value(value) => self.metadata.push((part.clone(), value.clone())),
            At::Nothing => self.metadata.push((part.clone(), Json::Null)),
            At::BelowAValue => {}
        }
    }

    pub(super) fn leave(&mut self, part: &Part, code: &str, why: &str) {
        self.left.push((part.clone(), Reason::new(part.to_string(), code, why)));
    }
}

/// What stands at a place of metadata.
enum At<'a> {
    Value(&'a Json),
    Nothing,
    /// A value that is no object stands higher up, and takes the place of whatever was below.
    BelowAValue,
}

fn value_at<'a>(metadata: &'a Map<String, Json>, path: &[String]) -> At<'a> {
    let Some((first, below)) = path.split_first() else { return At::BelowAValue };
    let Some(mut value) = metadata.get(first) else { return At::Nothing };
    for key in below {
        let Some(object) = value.as_object() else { return At::BelowAValue };
        let Some(next) = object.get(key) else { return At::Nothing };
        value = next;
    }
    At::Value(value)
}

/// Whether the source has no value of an attribute that Clerk can be given and not relieved of.
fn is_absent(user: &ImportUser, attribute: Attribute) -> bool {
    match attribute {
        Attribute::TotpSecret => user.totp_secret.is_none(),
        Attribute::BackupCodes => user.backup_codes.is_empty(),
        Attribute::CreatedAt => user.created_at.is_none(),
        Attribute::LegalAcceptedAt => user.legal_accepted_at.is_none(),
        Attribute::CreateOrganizationEnabled => user.create_organization_enabled.is_none(),
        Attribute::CreateOrganizationsLimit => user.create_organizations_limit.is_none(),
        Attribute::DeleteSelfEnabled => user.delete_self_enabled.is_none(),
        Attribute::BypassClientTrust => user.bypass_client_trust.is_none(),
        _ => false,
    }
}

/// A password goes out only if nobody has set another one in Clerk since we sent ours. Returns why it does not.
fn why_no_password(change: &Change, now: &ClerkUser) -> Option<(&'static str, &'static str)> {
    if change.user.password.is_none() {
        return Some(("no_endpoint", "the source has none any more, and Clerk has no request that takes it away"));
    }
    match (change.password_at, now.password_at) {
        // We sent none, and nobody has set one since.
        (None, None) if !now.has_password => None,
        (Some(ours), Some(theirs)) if theirs <= ours => None,
        _ => Some((
            "changed_in_clerk",
            "the user may have set another password in Clerk since ours was sent; it is left alone",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::UserId;

    fn check(wanted: Json, paths: &[&[&str]], expected: &[(&[&str], Json)]) {
        let wanted: Map<String, Json> = serde_json::from_value(wanted).expect("an object");
        let mut steps = Steps::default();
        for path in paths {
            let path = path.iter().map(|key| (*key).to_owned()).collect();
            steps.merge(&Part { attribute: Attribute::PublicMetadata, path }, &wanted);
        }
        let merged: Vec<(Vec<&str>, Json)> = steps
            .metadata
            .iter()
            .map(|(part, value)| (part.path.iter().map(String::as_str).collect(), value.clone()))
            .collect();
        let expected: Vec<(Vec<&str>, Json)> =
            expected.iter().map(|(path, value)| (path.to_vec(), value.clone())).collect();
        assert_eq!(merged, expected);
    }

    #[test]
    fn metadata_is_set_where_it_changed_and_taken_away_where_it_is_gone() {
        check(json!({"plan": {"a": 1}}), &[&["plan", "a"]], &[(&["plan", "a"], json!(1))]);
        check(json!({"plan": {"a": 1}}), &[&["plan", "b"]], &[(&["plan", "b"], json!(null))]);
        check(json!({}), &[&["plan", "a"]], &[(&["plan", "a"], json!(null))]);
        check(json!({"plan": "x"}), &[&["plan"], &["plan", "a"]], &[(&["plan"], json!("x"))]);
    }

    #[test]
    fn absent_values_that_clerk_keeps_are_left_and_told() {
        let user = ImportUser::new(UserId::new("1").expect("an ID"));
        assert!(is_absent(&user, Attribute::TotpSecret) && is_absent(&user, Attribute::CreatedAt));
        assert!(!is_absent(&user, Attribute::FirstName), "a name can be taken away");
    }
}
