//! The bodies of `PATCH /users/{id}` and of its metadata, and what they change.

use serde_json::Value;

use super::create::{external_id, limit, locale, name, totp, username};
use super::error::{Problem, Refusal};
use super::fields::{Fields, Given, Metadata};
use super::password::{self, NewPassword};
use super::rules;
use super::user::{Contact, Password, Standing, User};

const KNOWN: [&str; 24] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "primary_email_address_id",
    "notify_primary_email_address_changed",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "username",
    "profile_image_id",
    "password",
    "password_digest",
    "password_hasher",
    "skip_password_checks",
    "sign_out_of_other_sessions",
    "totp_secret",
    "backup_codes",
    "delete_self_enabled",
    "create_organization_enabled",
    "legal_accepted_at",
    "skip_legal_checks",
    "create_organizations_limit",
    "created_at",
    "bypass_client_trust",
];
const METADATA: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// What a PATCH asks for.
#[derive(Debug)]
pub(super) struct Change {
    external_id: Given<String>,
    first_name: Given<String>,
    last_name: Given<String>,
    locale: Given<String>,
    username: Given<String>,
    primary_email: Option<String>,
    primary_phone: Option<String>,
    primary_wallet: Option<String>,
    totp_secret: Given<String>,
    backup_codes: Option<Vec<String>>,
    legal_accepted_at: Given<i64>,
    created_at: Option<i64>,
    create_organizations_limit: Given<i64>,
    delete_self_enabled: Option<bool>,
    create_organization_enabled: Option<bool>,
    bypass_client_trust: Option<bool>,
}

/// Reads a PATCH. The password, if it came in the clear, is still to be hashed.
pub(super) fn read(body: &[u8]) -> Result<(Change, Option<NewPassword>), Refusal> {
    let mut fields = Fields::parse(body, &KNOWN)?;
    let change = Change {
        external_id: external_id(&mut fields),
        first_name: name(&mut fields, "first_name"),
        last_name: name(&mut fields, "last_name"),
        locale: locale(&mut fields),
        username: username(&mut fields),
        primary_email: fields.text("primary_email_address_id").value(),
        primary_phone: fields.text("primary_phone_number_id").value(),
        primary_wallet: fields.text("primary_web3_wallet_id").value(),
        totp_secret: totp(&mut fields),
        backup_codes: fields.list("backup_codes"),
        legal_accepted_at: fields.time("legal_accepted_at"),
        created_at: fields.time("created_at").value(),
        create_organizations_limit: limit(&mut fields),
        delete_self_enabled: fields.flag("delete_self_enabled"),
        create_organization_enabled: fields.flag("create_organization_enabled"),
        bypass_client_trust: fields.flag("bypass_client_trust"),
    };
    for flag in ["notify_primary_email_address_changed", "sign_out_of_other_sessions", "skip_legal_checks"] {
        fields.flag(flag);
    }
    if fields.text("profile_image_id").value().is_some() {
        fields.problem(Problem::no_such_resource("profile_image_id"));
    }
    let password = password::read(&mut fields);
    fields.finish()?;
    Ok((change, password))
}

impl Change {
    /// Changes the user.
    pub(super) fn apply(self, user: &mut User, password: Option<Password>, now: i64) -> Result<(), Refusal> {
        self.external_id.apply(&mut user.external_id);
        self.first_name.apply(&mut user.first_name);
        self.last_name.apply(&mut user.last_name);
        self.locale.apply(&mut user.locale);
        self.username.apply(&mut user.username);
        self.totp_secret.apply(&mut user.totp_secret);
        self.legal_accepted_at.apply(&mut user.legal_accepted_at);
        self.create_organizations_limit.apply(&mut user.create_organizations_limit);
        user.created_at = self.created_at.unwrap_or(user.created_at);
        user.backup_codes = self.backup_codes.unwrap_or_else(|| std::mem::take(&mut user.backup_codes));
        user.delete_self_enabled = self.delete_self_enabled.unwrap_or(user.delete_self_enabled);
        user.create_organization_enabled = self.create_organization_enabled.unwrap_or(user.create_organization_enabled);
        user.bypass_client_trust = self.bypass_client_trust.unwrap_or(user.bypass_client_trust);
        if user.totp_secret.is_some() {
            user.mfa_enabled_at = user.mfa_enabled_at.or(Some(now));
        }
        if password.is_some() {
            user.password = password;
            // Two changes within one millisecond are two all the same.
            user.password_changed_at = Some(user.password_changed_at.map_or(now, |before| now.max(before + 1)));
        }
        user.updated_at = now;
        let choices = [
            ("primary_email_address_id", self.primary_email, &user.emails, &mut user.primary_email),
            ("primary_phone_number_id", self.primary_phone, &user.phones, &mut user.primary_phone),
            ("primary_web3_wallet_id", self.primary_wallet, &user.wallets, &mut user.primary_wallet),
        ];
        for (field, chosen, contacts, primary) in choices {
            choose(field, chosen, contacts, primary)?;
        }
        Ok(())
    }
}

/// Makes one of the user's own verified contacts the primary one.
fn choose(
    field: &str,
    chosen: Option<String>,
    contacts: &[Contact],
    primary: &mut Option<String>,
) -> Result<(), Refusal> {
    let Some(id) = chosen else { return Ok(()) };
    let Some(contact) = contacts.iter().find(|contact| contact.id == id) else {
        return Err(Refusal::form(vec![Problem::no_such_resource(field)]));
    };
    if contact.standing != Standing::Verified {
        return Err(Refusal::form(vec![Problem::unverified(field)]));
    }
    *primary = Some(id);
    Ok(())
}

/// What happens to the metadata that a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// PATCH: nested objects are merged, null removes a key.
    Deep,
    /// PUT: each field given is replaced.
    Replace,
}

/// The three metadata fields of a request.
#[derive(Debug)]
pub(super) struct NewMetadata([Option<Metadata>; 3]);

/// Reads the body of a metadata request.
pub(super) fn read_metadata(body: &[u8]) -> Result<NewMetadata, Refusal> {
    let mut fields = Fields::parse(body, &METADATA)?;
    let given = METADATA.map(|field| fields.object(field));
    fields.finish()?;
    Ok(NewMetadata(given))
}

impl NewMetadata {
    /// Changes the user; metadata that grew beyond its limit is refused.
    pub(super) fn apply(self, user: &mut User, merge: Merge, now: i64) -> Result<(), Refusal> {
        let stored = [&mut user.public_metadata, &mut user.private_metadata, &mut user.unsafe_metadata];
        for ((given, stored), field) in self.0.into_iter().zip(stored).zip(METADATA) {
            match (given, merge) {
                (None, _) => continue,
                (Some(given), Merge::Replace) => *stored = given,
                (Some(given), Merge::Deep) => merge_deep(stored, given),
            }
            rules::metadata(field, stored).map_err(|problem| Refusal::form(vec![problem]))?;
        }
        user.updated_at = now;
        Ok(())
    }
}

fn merge_deep(stored: &mut Metadata, given: Metadata) {
    for (key, value) in given {
        match (stored.get_mut(&key), value) {
            (_, Value::Null) => {
                stored.shift_remove(&key);
            }
            (Some(Value::Object(stored)), Value::Object(given)) => merge_deep(stored, given),
            (_, Value::Object(given)) => {
                let mut fresh = Metadata::new();
                merge_deep(&mut fresh, given);
                stored.insert(key, Value::Object(fresh));
            }
            (_, value) => {
                stored.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_merged_at_every_level_and_null_removes() {
        let cases = [
            (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
            (json!({"a": {"x": 1, "y": 2}}), json!({"a": {"y": null, "z": 3}}), json!({"a": {"x": 1, "z": 3}})),
            (json!({"a": {"x": 1}}), json!({"a": null}), json!({})),
            (json!({"a": [1]}), json!({"a": [2]}), json!({"a": [2]})),
            (json!({}), json!({"a": {"x": null}}), json!({"a": {}})),
        ];
        for (stored, given, expected) in cases {
            let (Value::Object(mut stored), Value::Object(given)) = (stored, given) else { panic!("objects") };
            merge_deep(&mut stored, given);
            assert_eq!(Value::Object(stored), expected);
        }
    }
}
