//! What a user is sent with, attribute by attribute, as keyed hashes: enough to name what changed in the source later, and
//! nothing to read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::ImportUser;
use super::duplicates::HashKey;

/// An attribute of a user that Clerk keeps and that may change in the source after it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the key of the import schema; `ImportUser` says what each means")]
pub enum Attribute {
    Email,
    EmailAddresses,
    UnverifiedEmailAddresses,
    Phone,
    PhoneNumbers,
    UnverifiedPhoneNumbers,
    Username,
    FirstName,
    LastName,
    Password,
    PasswordHasher,
    TotpSecret,
    BackupCodes,
    PublicMetadata,
    PrivateMetadata,
    UnsafeMetadata,
    CreatedAt,
    LegalAcceptedAt,
    Banned,
    Locked,
    Locale,
    Web3Wallets,
    CreateOrganizationEnabled,
    CreateOrganizationsLimit,
    DeleteSelfEnabled,
    BypassClientTrust,
}

/// Every attribute, with the byte that stands for it in ledgers, which never changes, and the key of the import schema.
const ATTRIBUTES: [(Attribute, u8, &str); 26] = [
    (Attribute::Email, 1, "email"),
    (Attribute::EmailAddresses, 2, "emailAddresses"),
    (Attribute::UnverifiedEmailAddresses, 3, "unverifiedEmailAddresses"),
    (Attribute::Phone, 4, "phone"),
    (Attribute::PhoneNumbers, 5, "phoneNumbers"),
    (Attribute::UnverifiedPhoneNumbers, 6, "unverifiedPhoneNumbers"),
    (Attribute::Username, 7, "username"),
    (Attribute::FirstName, 8, "firstName"),
    (Attribute::LastName, 9, "lastName"),
    (Attribute::Password, 10, "password"),
    (Attribute::PasswordHasher, 11, "passwordHasher"),
    (Attribute::TotpSecret, 12, "totpSecret"),
    (Attribute::BackupCodes, 13, "backupCodes"),
    (Attribute::PublicMetadata, 14, "publicMetadata"),
    (Attribute::PrivateMetadata, 15, "privateMetadata"),
    (Attribute::UnsafeMetadata, 16, "unsafeMetadata"),
    (Attribute::CreatedAt, 17, "createdAt"),
    (Attribute::LegalAcceptedAt, 18, "legalAcceptedAt"),
    (Attribute::Banned, 19, "banned"),
    (Attribute::Locked, 20, "locked"),
    (Attribute::Locale, 21, "locale"),
    (Attribute::Web3Wallets, 22, "web3Wallets"),
    (Attribute::CreateOrganizationEnabled, 23, "createOrganizationEnabled"),
    (Attribute::CreateOrganizationsLimit, 24, "createOrganizationsLimit"),
    (Attribute::DeleteSelfEnabled, 25, "deleteSelfEnabled"),
    (Attribute::BypassClientTrust, 26, "bypassClientTrust"),
];

impl Attribute {
    /// Returns the key of the import schema.
    #[must_use]
    pub fn key(self) -> &'static str {
        ATTRIBUTES[self as usize].2
    }

    /// Returns every attribute.
    pub fn all() -> impl Iterator<Item = Self> {
        ATTRIBUTES.iter().map(|(attribute, ..)| *attribute)
    }

    fn byte(self) -> u8 {
        ATTRIBUTES[self as usize].1
    }

    fn of_byte(byte: u8) -> Option<Self> {
        ATTRIBUTES.iter().find(|(_, own, _)| *own == byte).map(|(attribute, ..)| *attribute)
    }

    fn of_key(key: &str) -> Option<Self> {
        ATTRIBUTES.iter().find(|(.., own)| *own == key).map(|(attribute, ..)| *attribute)
    }

    /// Returns whether it is one of the three kinds of metadata, which are told apart key by key.
    #[must_use]
    pub fn is_metadata(self) -> bool {
        matches!(self, Self::PublicMetadata | Self::PrivateMetadata | Self::UnsafeMetadata)
    }
}

/// A part of a user's content: an attribute, or one value of metadata.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The attribute.
    pub attribute: Attribute,
    /// The keys that lead to the value within the metadata, from the top; empty for whatever is no metadata.
    pub path: Vec<String>,
}

impl fmt::Display for Part {
    /// Writes the key of the import schema, such as `firstName` or `publicMetadata.billing.plan`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.attribute.key())?;
        self.path.iter().try_for_each(|key| write!(f, ".{key}"))
    }
}

impl From<Attribute> for Part {
    fn from(attribute: Attribute) -> Self {
        Self { attribute, path: Vec::new() }
    }
}

type PartHash = [u8; 8];

/// The content of a user: a keyed hash of each part it has, in the order of the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(Vec<(Part, PartHash)>);

impl Content {
    /// Reads a user's content. What only says how to create the user (`skip...`), where its row is (`key`) and who it is (`userId`)
    /// is no part of it.
    #[must_use]
    pub fn of(user: &ImportUser, key: &HashKey) -> Self {
        serde_json::to_string(user).map_or_else(|_| Self::default(), |payload| Self::of_payload(&payload, key))
    }

    /// Reads the content of a user who is written as JSON, as [`Self::of`] does.
    #[must_use]
    pub fn of_payload(payload: &str, key: &HashKey) -> Self {
        let Fields(fields) = serde_json::from_str(payload).unwrap_or_default();
        let mut parts = Vec::with_capacity(fields.len());
        for (Name(name), value) in fields {
            let Some(attribute) = Attribute::of_key(&name) else { continue };
            let mut add = |path: &[String], value: &str| {
                parts.push((Part { attribute, path: path.to_vec() }, hash(attribute, &in_order(value), key)));
            };
            if attribute.is_metadata() {
                for_each_leaf(value.get(), &mut Vec::new(), &mut add);
            } else {
                add(&[], value.get());
            }
        }
        Self::sorted(parts)
    }

    fn sorted(mut parts: Vec<(Part, PartHash)>) -> Self {
        parts.sort_unstable();
        Self(parts)
    }

    /// Returns where a part is, or would be.
    fn find(&self, part: &Part) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.cmp(part))
    }

    fn get(&self, part: &Part) -> Option<&PartHash> {
        self.find(part).ok().map(|at| &self.0[at].1)
    }

    /// Returns whether the user has this part.
    #[must_use]
    pub fn has(&self, part: &Part) -> bool {
        self.find(part).is_ok()
    }

    /// Returns the attributes that the user has, some of them several times.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.0.iter().map(|(part, _)| part.attribute)
    }

    /// Returns whether the user was sent with this date of sign-up; `None` if it was sent with none.
    #[must_use]
    pub fn signed_up_at(&self, rfc3339: &str, key: &HashKey) -> Option<bool> {
        let own = self.get(&Attribute::CreatedAt.into())?;
        Some(*own == hash(Attribute::CreatedAt, &Json::from(rfc3339).to_string(), key))
    }

    /// Returns the parts that the two do not share: changed, new, or gone.
    #[must_use]
    pub fn differences(&self, newer: &Self) -> Vec<Part> {
        let changed = newer.0.iter().filter(|(part, hash)| self.get(part) != Some(hash));
        let gone = self.0.iter().filter(|(part, _)| !newer.has(part));
        let mut parts: Vec<Part> = changed.chain(gone).map(|(part, _)| part.clone()).collect();
        parts.sort_unstable();
        parts
    }

    /// Returns the newer content, but for these parts, which stay as they were: they were not sent.
    #[must_use]
    pub fn advanced_to(&self, newer: &Self, but_for: &[Part]) -> Self {
        let mut parts = newer.0.clone();
        parts.retain(|(part, _)| !but_for.contains(part));
        parts.extend(self.0.iter().filter(|(part, _)| but_for.contains(part)).cloned());
        Self::sorted(parts)
    }

    /// Returns the content in the form in which a ledger keeps it: of each part its byte, for metadata the length and text of
    /// its path, and the hash.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 9);
        for (part, hash) in &self.0 {
            bytes.push(part.attribute.byte());
            if part.attribute.is_metadata() {
                let path = serde_json::to_vec(&part.path).unwrap_or_default();
                bytes.extend(u32::try_from(path.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend(path);
            }
            bytes.extend(hash);
        }
        bytes
    }

    /// Reads that form back; `None` if it is none.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut parts = Vec::new();
        while let Some((byte, rest)) = bytes.split_first() {
            bytes = rest;
            let attribute = Attribute::of_byte(*byte)?;
            let mut path = Vec::new();
            if attribute.is_metadata() {
                let (length, rest) = bytes.split_first_chunk::<4>()?;
                let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                path = serde_json::from_slice(text).ok()?;
                bytes = rest;
            }
            let (hash, rest) = bytes.split_first_chunk::<8>()?;
            parts.push((Part { attribute, path }, *hash));
            bytes = rest;
        }
        Some(Self::sorted(parts))
    }
}

/// The fields of an object, each as it is written.
#[derive(Default)]
struct Fields<'a>(Vec<(Name<'a>, &'a RawValue)>);

/// A key, copied only if something of it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Fields<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(field) = map.next_entry()? {
            self.0.push(field);
        }
        Ok(self)
    }
}

/// Hashes a value, written as [`in_order`] writes it.
fn hash(attribute: Attribute, value: &str, key: &HashKey) -> PartHash {
    // The key stands in the same file. Of a secret so little is kept that nobody can try secrets out on it: enough to see that it
    // changed, but for one time in 65,536.
    let secret = matches!(attribute, Attribute::Password | Attribute::TotpSecret | Attribute::BackupCodes);
    let kept = if secret { 2 } else { 8 };
    let mut hash = [0; 8];
    hash[..kept].copy_from_slice(&key.keyed(attribute.key(), value)[..kept]);
    hash
}

/// Visits the values of metadata that are no objects, with the keys that lead to each; an empty object is a value too. The metadata is
/// not made into values, which would take several times as long.
fn for_each_leaf(value: &str, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &str)) {
    let Fields(fields) =
        if value.starts_with('{') { serde_json::from_str(value).unwrap_or_default() } else { Fields::default() };
    if fields.is_empty() {
        return visit(path, value);
    }
    for (Name(name), value) in fields {
        path.push(name.into_owned());
        for_each_leaf(value.get(), path, visit);
        path.pop();
    }
}

/// Returns JSON with the keys of every object in order: a database may give them in another order the next time.
fn in_order(value: &str) -> Cow<'_, str> {
    if !value.starts_with(['{', '[']) {
        return Cow::Borrowed(value);
    }
    let mut text = String::new();
    write_in_order(&serde_json::from_str(value).unwrap_or_default(), &mut text);
    Cow::Owned(text)
}

fn write_in_order(value: &Json, text: &mut String) {
    match value {
        Json::Object(object) => {
            text.push('{');
            let ordered: BTreeMap<&String, &Json> = object.iter().collect();
            for (key, value) in ordered {
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                write_in_order(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Json::Array(values) => {
            text.push('[');
            for value in values {
                write_in_order(value, text);
                text.push(',');
            }
            text.push(']');
        }
        simple => text.push_str(&simple.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::UserId;

    fn content(change: impl FnOnce(&mut ImportUser)) -> Content {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.email = Some("ada@example.com".into());
        user.first_name = Some("Ada".into());
        user.public_metadata = object(json!({"role": "admin", "plan": {"a": 1, "b": 2}}));
        change(&mut user);
        Content::of(&user, &HashKey::new([7; 32]))
    }

    fn object(value: Json) -> serde_json::Map<String, Json> {
        serde_json::from_value(value).expect("an object")
    }

    fn check(change: impl FnOnce(&mut ImportUser), expected: &[&str]) {
        let parts = content(|_| {}).differences(&content(change));
        assert_eq!(parts.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_changed_is_named_part_by_part() {
        check(|_| {}, &[]);
        check(|user| user.first_name = Some("Eva".into()), &["firstName"]);
        check(|user| user.first_name = None, &["firstName"]);
        check(|user| user.banned = Some(true), &["banned"]);
        check(
            |user| user.public_metadata = object(json!({"role": "user", "plan": {"b": 2, "a": 1}})),
            &["publicMetadata.role"],
        );
        check(
            |user| user.public_metadata.clear(),
            &["publicMetadata.plan.a", "publicMetadata.plan.b", "publicMetadata.role"],
        );
        check(|user| user.key = Some("row".into()), &[]);
        check(|user| user.skip_legal_checks = Some(true), &[]);
    }

    #[test]
    fn the_bytes_of_a_ledger_give_the_content_back_and_others_give_none() {
        let own = content(|_| {});
        let bytes = own.to_bytes();
        assert_eq!(Content::from_bytes(&bytes), Some(own));
        assert_eq!(Content::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Content::from_bytes(&[255; 32]), None);
    }

    /// Ledgers keep these hashes: another spelling would make every user look changed.
    #[test]
    fn the_spelling_that_is_hashed_stays_as_it_is() {
        let bytes = content(|user| {
            user.email_addresses = vec!["eva@example.com".into(), "\"e\"@example.com".into()];
            user.private_metadata = object(json!({
                "a \"key\"\n": "line\n\u{1f600}\u{7f}", "list": [{"b": 1.50, "a": -0.0}, [], {}], "empty": {}, "none": null,
                "deep": {"er": {"still": 1e100, "big": u64::MAX}}
            }));
        })
        .to_bytes();
        assert_eq!(
            blake3::hash(&bytes).to_hex().as_str(),
            "dcad2e32eb807b31fdaa2f02adf5f1bb408a8489ee7d10d88969ba0415258217"
        );
    }

    #[test]
    fn parts_that_were_not_sent_stay_as_they_were() {
        let (old, new) = (
            content(|_| {}),
            content(|user| {
                user.first_name = Some("Eva".into());
                user.locale = Some("de-DE".into());
            }),
        );
        let advanced = old.advanced_to(&new, &[Attribute::Locale.into()]);
        let still: Vec<String> = advanced.differences(&new).iter().map(ToString::to_string).collect();
        assert_eq!(still, ["locale"]);
        assert_eq!(old.advanced_to(&new, &[]), new);
    }

    #[test]
    fn the_table_of_attributes_is_in_the_order_of_the_enum_and_no_byte_stands_for_two() {
        for (at, (attribute, byte, key)) in ATTRIBUTES.iter().enumerate() {
            assert_eq!(*attribute as usize, at, "{key}");
            assert_eq!(Attribute::of_byte(*byte), Some(*attribute));
        }
    }
}
