//! What is compared of one user, in a form in which it can be kept of everybody: keyed hashes, and nothing to read.

use serde_json::{Map, Number, Value as Json};

use crate::clerk::{ClerkUser, Contact, ContactStatus};
use crate::record::duplicates::{HashKey, IdentifierHash};
use crate::record::{Attribute, Content, Identifier, IdentifierKind, ImportUser, UserId};

/// What is compared of a Clerk user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stage) struct Facts {
    pub(super) identifiers: Vec<Held>,
    pub(super) has_password: bool,
    /// Milliseconds since 1970.
    pub(super) created_at: Option<i64>,
    /// Names, ban, and metadata key by key.
    pub(super) content: Content,
}

/// An identifier that a Clerk user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) kind: IdentifierKind,
    pub(super) verified: bool,
    pub(super) hash: IdentifierHash,
}

const KINDS: [IdentifierKind; 4] =
    [IdentifierKind::Email, IdentifierKind::Phone, IdentifierKind::Username, IdentifierKind::Wallet];

impl Facts {
    /// Reads a Clerk user.
    pub(in crate::stage) fn of_clerk(user: &ClerkUser, key: &HashKey) -> Self {
        let contacts = |kind, contacts: &[Contact]| -> Vec<Held> {
            let held = contacts.iter().map(|contact| Held {
                kind,
                verified: contact.status == ContactStatus::Verified,
                hash: key.identifier(&Identifier::new(kind, &contact.value)),
            });
            held.collect()
        };
        let emails = contacts(IdentifierKind::Email, &user.emails);
        let phones = contacts(IdentifierKind::Phone, &user.phones);
        let others = user.identifiers().into_iter();
        let others = others.filter(|other| matches!(other.kind, IdentifierKind::Username | IdentifierKind::Wallet));
        let others = others.map(|other| Held { kind: other.kind, verified: true, hash: key.identifier(&other) });
        let content = Comparable {
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            banned: user.banned,
            metadata: [&user.public_metadata, &user.private_metadata, &user.unsafe_metadata],
        };
        Self {
            identifiers: emails.into_iter().chain(phones).chain(others).collect(),
            has_password: user.has_password,
            created_at: user.created_at,
            content: content.content(key),
        }
    }

    /// Returns whether the Clerk user has one of these identifiers.
    pub(super) fn share(&self, identifiers: &[Identifier], key: &HashKey) -> bool {
        identifiers.iter().any(|identifier| self.held(key.identifier(identifier)).is_some())
    }

    /// Returns the identifier of this hash, if the Clerk user has it.
    pub(super) fn held(&self, hash: IdentifierHash) -> Option<&Held> {
        self.identifiers.iter().find(|held| held.hash == hash)
    }

    /// Returns the facts in the form in which a ledger keeps them.
    pub(in crate::stage) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.has_password), u8::from(self.created_at.is_some())];
        bytes.extend(self.created_at.unwrap_or_default().to_le_bytes());
        bytes.extend(u32::try_from(self.identifiers.len()).unwrap_or(u32::MAX).to_le_bytes());
        for held in &self.identifiers {
            bytes.extend([held.kind as u8, u8::from(held.verified)]);
            bytes.extend(held.hash);
        }
        bytes.extend(self.content.to_bytes());
        bytes
    }

    /// Reads that form back; `None` if it is none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([has_password, has_created_at], bytes) = bytes.split_first_chunk::<2>()?;
        let (created_at, bytes) = bytes.split_first_chunk::<8>()?;
        let (count, mut bytes) = bytes.split_first_chunk::<4>()?;
        let mut identifiers = Vec::new();
        for _ in 0..u32::from_le_bytes(*count) {
            let ([kind, verified], rest) = bytes.split_first_chunk::<2>()?;
            let (hash, rest) = rest.split_first_chunk()?;
            let kind = KINDS.into_iter().find(|own| *own as u8 == *kind)?;
            identifiers.push(Held { kind, verified: *verified == 1, hash: *hash });
            bytes = rest;
        }
        Some(Self {
            identifiers,
            has_password: *has_password == 1,
            created_at: (*has_created_at == 1).then(|| i64::from_le_bytes(*created_at)),
            content: Content::from_bytes(bytes)?,
        })
    }
}

/// What both sides have in the same form.
pub(super) struct Comparable<'a> {
    pub(super) first_name: Option<&'a str>,
    pub(super) last_name: Option<&'a str>,
    pub(super) banned: bool,
    pub(super) metadata: [&'a Map<String, Json>; 3],
}

impl Comparable<'_> {
    /// Returns a keyed hash of each part.
    pub(super) fn content(&self, key: &HashKey) -> Content {
        // Content is read from a user; this one has nothing but what is compared.
        let Ok(nobody) = UserId::new("-") else { return Content::default() };
        let [public_metadata, private_metadata, unsafe_metadata] = self.metadata.map(as_kept);
        let user = ImportUser {
            first_name: self.first_name.map(str::to_owned),
            last_name: self.last_name.map(str::to_owned),
            banned: self.banned.then_some(true),
            public_metadata,
            private_metadata,
            unsafe_metadata,
            ..ImportUser::new(nobody)
        };
        Content::of(&user, key)
    }

    /// Returns whether there is something at this place of this metadata.
    pub(super) fn gives(&self, attribute: Attribute, path: &[String]) -> bool {
        let [public, private, unsafe_] = self.metadata;
        let metadata = match attribute {
            Attribute::PublicMetadata => public,
            Attribute::PrivateMetadata => private,
            Attribute::UnsafeMetadata => unsafe_,
            _ => return false,
        };
        let Some((first, below)) = path.split_first() else { return false };
        let value = below.iter().try_fold(metadata.get(first), |value, key| Some(value?.get(key)));
        value.flatten().is_some_and(|value| !value.is_null())
    }
}

/// Metadata without what may get lost on the way without being lost: keys that hold null, and the `.0` of whole numbers.
fn as_kept(metadata: &Map<String, Json>) -> Map<String, Json> {
    let kept = metadata.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| (key.clone(), value_as_kept(value))).collect()
}

fn value_as_kept(value: &Json) -> Json {
    match value {
        Json::Object(object) => Json::Object(as_kept(object)),
        Json::Array(values) => values.iter().map(value_as_kept).collect(),
        Json::Number(number) => Json::Number(whole(number).map_or_else(|| number.clone(), Number::from)),
        simple => simple.clone(),
    }
}

fn whole(number: &Number) -> Option<i64> {
    /// The largest whole number that a floating-point number holds without doubt.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    let real = number.as_f64().filter(|real| number.is_f64() && real.fract() == 0.0 && real.abs() < LARGEST)?;
    #[expect(clippy::cast_possible_truncation, reason = "checked: whole, and far below the largest integer")]
    Some(real as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::ClerkId;

    fn clerk_user() -> ClerkUser {
        let mut user = ClerkUser::new(ClerkId::new("user_1").expect("a Clerk ID"));
        let contact = |value: &str, status| Contact { id: String::new(), value: value.into(), status, primary: false };
        user.emails = vec![
            contact("ada@example.com", ContactStatus::Verified),
            contact("ada@example.org", ContactStatus::Reserved),
        ];
        user.username = Some("Ada".into());
        user.created_at = Some(-1);
        user.public_metadata = serde_json::from_value(json!({"role": "admin"})).expect("an object");
        user
    }

    #[test]
    fn what_is_kept_is_read_back_as_it_was_and_other_bytes_are_nothing() {
        let facts = Facts::of_clerk(&clerk_user(), &HashKey::new([7; 32]));
        let bytes = facts.to_bytes();
        assert_eq!(Facts::from_bytes(&bytes), Some(facts));
        for wrong in [&bytes[..bytes.len() - 1], &bytes[1..], &[], &[255; 40]] {
            assert_eq!(Facts::from_bytes(wrong), None, "{wrong:?}");
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("ada") && !text.contains("admin"), "nothing to read: {text}");
    }

    #[test]
    fn nulls_and_the_point_of_whole_numbers_are_no_part_of_metadata() {
        for (given, kept) in [
            (json!({"a": null, "b": {"c": null, "d": 1.0}}), json!({"b": {"d": 1}})),
            (json!({"a": [1.0, null, 1.5]}), json!({"a": [1, null, 1.5]})),
            (json!({"a": 1e300, "b": "1.0"}), json!({"a": 1e300, "b": "1.0"})),
        ] {
            let given: Map<String, Json> = serde_json::from_value(given).expect("an object");
            assert_eq!(Json::Object(as_kept(&given)), kept);
        }
    }
}
