//! The bodies of requests that change a user who is in Clerk.

use serde_json::{Value as Json, json};

use crate::clerk::changes::{ContactKind, NewContact};
use crate::record::{Attribute, ClerkId, ImportUser, Part, UserId};
use crate::secret::Secret;

/// Returns the body that sets attributes of a user to what they are now; what the user has no longer becomes null.
pub(in crate::clerk) fn patch_body(user: &ImportUser, attributes: &[Attribute]) -> Vec<u8> {
    bytes(&Json::Object(attributes.iter().filter_map(|attribute| patched(user, *attribute)).collect()))
}

/// The parameter of `PATCH /v1/users/{id}` for an attribute; `None` if that request does not take it.
fn patched(user: &ImportUser, attribute: Attribute) -> Option<(String, Json)> {
    let (name, value) = match attribute {
        Attribute::Username => ("username", json!(user.username)),
        Attribute::FirstName => ("first_name", json!(user.first_name)),
        Attribute::LastName => ("last_name", json!(user.last_name)),
        Attribute::Locale => ("locale", json!(user.locale)),
        Attribute::Password => ("password_digest", json!(user.password)),
        Attribute::PasswordHasher => ("password_hasher", json!(user.password_hasher)),
        Attribute::TotpSecret => ("totp_secret", json!(user.totp_secret)),
        Attribute::BackupCodes => ("backup_codes", json!(user.backup_codes)),
        Attribute::CreatedAt => ("created_at", json!(user.created_at)),
        Attribute::LegalAcceptedAt => ("legal_accepted_at", json!(user.legal_accepted_at)),
        Attribute::CreateOrganizationEnabled => {
            ("create_organization_enabled", json!(user.create_organization_enabled))
        }
        Attribute::CreateOrganizationsLimit => ("create_organizations_limit", json!(user.create_organizations_limit)),
        Attribute::DeleteSelfEnabled => ("delete_self_enabled", json!(user.delete_self_enabled)),
        Attribute::BypassClientTrust => ("bypass_client_trust", json!(user.bypass_client_trust)),
        Attribute::Email
        | Attribute::EmailAddresses
        | Attribute::UnverifiedEmailAddresses
        | Attribute::Phone
        | Attribute::PhoneNumbers
        | Attribute::UnverifiedPhoneNumbers
        | Attribute::PublicMetadata
        | Attribute::PrivateMetadata
        | Attribute::UnsafeMetadata
        | Attribute::Banned
        | Attribute::Locked
        | Attribute::Web3Wallets => return None,
    };
    Some((name.to_owned(), value))
}

/// Returns the body that sets the user ID of a user, or takes it away.
pub(in crate::clerk) fn external_id_body(user_id: Option<&UserId>) -> Vec<u8> {
    bytes(&json!({ "external_id": user_id.map(UserId::as_str) }))
}

/// Returns the body that merges these values, each at its place, into a user's metadata; Clerk merges objects at every level, and
/// null takes a value away.
pub(in crate::clerk) fn metadata_body(values: &[(Part, Json)]) -> Vec<u8> {
    let mut body = json!({});
    for (part, value) in values {
        let name = match part.attribute {
            Attribute::PublicMetadata => "public_metadata",
            Attribute::PrivateMetadata => "private_metadata",
            Attribute::UnsafeMetadata => "unsafe_metadata",
            _ => continue,
        };
        let mut place = &mut body[name];
        for key in &part.path {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[key.as_str()];
        }
        *place = value.clone();
    }
    bytes(&body)
}

/// Returns the body that adds an address or number to a user.
pub(in crate::clerk) fn new_contact_body(owner: &ClerkId, contact: &NewContact<'_>) -> Vec<u8> {
    let parameter = match contact.kind {
        ContactKind::Email => "email_address",
        ContactKind::Phone => "phone_number",
    };
    bytes(&json!({
        "user_id": owner.as_str(), parameter: contact.value, "verified": contact.verified, "primary": contact.primary,
    }))
}

/// Returns the body that marks an address or number as verified, or as the primary one too.
pub(in crate::clerk) fn standing_body(primary: bool) -> Vec<u8> {
    bytes(&if primary { json!({ "verified": true, "primary": true }) } else { json!({ "verified": true }) })
}

/// Returns the body that puts one reserved address in the place of all others.
pub(in crate::clerk) fn replaced_email_body(email: &str) -> Vec<u8> {
    bytes(&json!({ "email_address": email, "identification_status": "reserved" }))
}

/// Returns the body that asks whether a password is the user's.
pub(in crate::clerk) fn password_body(password: &Secret) -> Vec<u8> {
    bytes(&json!({ "password": password }))
}

fn bytes(body: &Json) -> Vec<u8> {
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> ImportUser {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.first_name = Some("Ada".into());
        user
    }

    fn read(body: &[u8]) -> Json {
        serde_json::from_slice(body).expect("JSON")
    }

    #[test]
    fn only_what_is_asked_for_is_set_and_what_is_gone_becomes_null() {
        let attributes = [Attribute::FirstName, Attribute::LastName, Attribute::Email];
        assert_eq!(read(&patch_body(&user(), &attributes)), json!({"first_name": "Ada", "last_name": null}));
    }

    #[test]
    fn metadata_is_set_value_by_value() {
        let at =
            |attribute, path: &[&str]| Part { attribute, path: path.iter().map(|key| (*key).to_owned()).collect() };
        let values = [
            (at(Attribute::PublicMetadata, &["role"]), json!("admin")),
            (at(Attribute::PublicMetadata, &["plan", "a"]), json!(null)),
            (at(Attribute::PublicMetadata, &["plan", "b"]), json!(2)),
            (at(Attribute::PrivateMetadata, &["role"]), json!([1])),
        ];
        let body = json!({"public_metadata": {"role": "admin", "plan": {"a": null, "b": 2}}, "private_metadata": {"role": [1]}});
        assert_eq!(read(&metadata_body(&values)), body);
    }
}
