//! The body of `POST /users`: read, checked, and made into a user.

use super::error::{Problem, Refusal};
use super::fields::{Fields, Given};
use super::password::{self, NewPassword};
use super::rules;
use super::user::{Contact, Identifier, Standing, User};

const KNOWN: [&str; 30] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "email_address",
    "email_address_identification_status",
    "phone_number",
    "phone_number_identification_status",
    "web3_wallet",
    "username",
    "password",
    "password_digest",
    "password_hasher",
    "skip_password_checks",
    "skip_password_requirement",
    "totp_secret",
    "backup_codes",
    "public_metadata",
    "private_metadata",
    "unsafe_metadata",
    "delete_self_enabled",
    "legal_accepted_at",
    "skip_legal_checks",
    "skip_user_requirement",
    "create_organization_enabled",
    "create_organizations_limit",
    "created_at",
    "bypass_client_trust",
    "banned",
    "locked",
];

/// Reads a create. The password, if it came in the clear, is still to be hashed.
pub(super) fn read(body: &[u8], now: i64) -> Result<(User, Option<NewPassword>), Refusal> {
    let mut fields = Fields::parse(body, &KNOWN)?;
    let mut user = User {
        external_id: external_id(&mut fields).value(),
        first_name: name(&mut fields, "first_name").value(),
        last_name: name(&mut fields, "last_name").value(),
        locale: locale(&mut fields).value(),
        emails: contacts(&mut fields, Identifier::Email, rules::email, now),
        phones: contacts(&mut fields, Identifier::Phone, rules::phone, now),
        wallets: contacts(&mut fields, Identifier::Wallet, rules::wallet, now),
        username: username(&mut fields).value(),
        totp_secret: totp(&mut fields).value(),
        backup_codes: fields.list("backup_codes").unwrap_or_default(),
        created_at: fields.time("created_at").value().unwrap_or(now),
        updated_at: now,
        legal_accepted_at: fields.time("legal_accepted_at").value(),
        delete_self_enabled: fields.flag("delete_self_enabled").unwrap_or(true),
        create_organization_enabled: fields.flag("create_organization_enabled").unwrap_or(true),
        create_organizations_limit: limit(&mut fields).value(),
        bypass_client_trust: fields.flag("bypass_client_trust").unwrap_or(false),
        banned: fields.flag("banned").unwrap_or(false),
        locked: fields.flag("locked").unwrap_or(false),
        ..User::default()
    };
    user.primary_email = first_id(&user.emails);
    user.primary_phone = first_id(&user.phones);
    user.primary_wallet = first_id(&user.wallets);
    for (field, stored) in [
        ("public_metadata", &mut user.public_metadata),
        ("private_metadata", &mut user.private_metadata),
        ("unsafe_metadata", &mut user.unsafe_metadata),
    ] {
        *stored = fields.object(field).unwrap_or_default();
        fields.check(rules::metadata(field, stored));
    }
    user.mfa_enabled_at = user.totp_secret.is_some().then_some(now);
    fields.flag("skip_legal_checks");
    let password = password::read(&mut fields);
    requirements(&mut fields, &user, password.is_some());
    fields.finish()?;
    Ok((user, password))
}

/// What every user must have, unless the request waives it.
fn requirements(fields: &mut Fields, user: &User, has_password: bool) {
    let identified = Identifier::ALL
        .into_iter()
        .any(|identifier| identifier != Identifier::ExternalId && !user.values(identifier).is_empty());
    let waived = fields.flag("skip_user_requirement").unwrap_or(false);
    // A list that was refused is its own problem; this one would be noise beside it.
    if !identified && !waived && fields.is_clean() {
        fields.problem(Problem::requirements(&["email_address", "phone_number", "web3_wallet", "username"]));
    }
    let waived = fields.flag("skip_password_requirement").unwrap_or(false);
    if !has_password && !waived && fields.is_clean() {
        fields.problem(Problem::requirements(&["password"]));
    }
}

fn first_id(contacts: &[Contact]) -> Option<String> {
    contacts.first().map(|contact| contact.id.clone())
}

fn contacts(
    fields: &mut Fields,
    identifier: Identifier,
    rule: fn(&str) -> Result<(), Problem>,
    now: i64,
) -> Vec<Contact> {
    let field = identifier.field();
    let values = fields.list(field).unwrap_or_default();
    for value in &values {
        fields.check(rule(value));
    }
    let mut keys: Vec<String> = values.iter().map(|value| identifier.key(value)).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() < values.len() {
        fields.problem(Problem::repeated(field));
    }
    let standings = if identifier == Identifier::Wallet { Vec::new() } else { standings(fields, field, values.len()) };
    let standings = standings.into_iter().chain(std::iter::repeat(Standing::Verified));
    values.into_iter().zip(standings).map(|(value, standing)| Contact::new(value, standing, now)).collect()
}

/// Reads whether each address is only reserved; omitted or empty means that all are verified.
fn standings(fields: &mut Fields, field: &str, length: usize) -> Vec<Standing> {
    let name = format!("{field}_identification_status");
    let statuses = fields.list(&name).unwrap_or_default();
    if !statuses.is_empty() && statuses.len() != length {
        fields.problem(Problem::lengths_differ(&name, field));
    }
    if !statuses.iter().all(|status| status == "verified" || status == "reserved") {
        fields.problem(Problem::not_among(&name, "verified, reserved"));
    }
    let standing = |status: &String| if status == "reserved" { Standing::Reserved } else { Standing::Verified };
    statuses.iter().map(standing).collect()
}

pub(super) fn external_id(fields: &mut Fields) -> Given<String> {
    let given = fields.text("external_id");
    if given == Given::Value(String::new()) {
        fields.problem(Problem::empty("external_id"));
    }
    given
}

pub(super) fn name(fields: &mut Fields, field: &str) -> Given<String> {
    checked(fields, field, |name| rules::person_name(field, name))
}

pub(super) fn locale(fields: &mut Fields) -> Given<String> {
    checked(fields, "locale", rules::locale)
}

pub(super) fn totp(fields: &mut Fields) -> Given<String> {
    checked(fields, "totp_secret", rules::totp)
}

/// Reads a username, in the small letters in which it is kept. The blank one clears it, as null does.
pub(super) fn username(fields: &mut Fields) -> Given<String> {
    match fields.text("username") {
        Given::Value(name) if name.is_empty() => Given::Null,
        Given::Value(name) => {
            fields.check(rules::username(&name));
            Given::Value(name.to_ascii_lowercase())
        }
        other => other,
    }
}

pub(super) fn limit(fields: &mut Fields) -> Given<i64> {
    let given = fields.number("create_organizations_limit");
    if matches!(given, Given::Value(limit) if limit < 0) {
        fields.problem(Problem::value("create_organizations_limit"));
    }
    given
}

fn checked(fields: &mut Fields, field: &str, rule: impl Fn(&str) -> Result<(), Problem>) -> Given<String> {
    let given = fields.text(field);
    if let Given::Value(text) = &given {
        fields.check(rule(text));
    }
    given
}
