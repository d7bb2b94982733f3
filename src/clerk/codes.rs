//! Clerk's codes and parameters, in the words of the import schema and of somebody who must do something about them.

/// Clerk's parameters and the fields of the import schema they come from.
const FIELDS: &[(&str, &str)] = &[
    ("external_id", "userId"),
    ("email_address", "email"),
    ("email_address_identification_status", "unverifiedEmailAddresses"),
    ("phone_number", "phone"),
    ("phone_number_identification_status", "unverifiedPhoneNumbers"),
    ("web3_wallet", "web3Wallets"),
    ("username", "username"),
    ("first_name", "firstName"),
    ("last_name", "lastName"),
    ("password", "password"),
    ("password_digest", "password"),
    ("skip_password_requirement", "password"),
    ("password_hasher", "passwordHasher"),
    ("totp_secret", "totpSecret"),
    ("backup_codes", "backupCodes"),
    ("public_metadata", "publicMetadata"),
    ("private_metadata", "privateMetadata"),
    ("unsafe_metadata", "unsafeMetadata"),
    ("created_at", "createdAt"),
    ("legal_accepted_at", "legalAcceptedAt"),
    ("banned", "banned"),
    ("locked", "locked"),
    ("locale", "locale"),
    ("create_organization_enabled", "createOrganizationEnabled"),
    ("create_organizations_limit", "createOrganizationsLimit"),
    ("delete_self_enabled", "deleteSelfEnabled"),
    ("bypass_client_trust", "bypassClientTrust"),
    ("skip_password_checks", "skipPasswordChecks"),
    ("skip_legal_checks", "skipLegalChecks"),
    ("skip_user_requirement", "skipUserRequirement"),
];

/// Returns the field of the import schema that a parameter of Clerk's comes from; `email_address[1]` is `email_address`.
pub(super) fn field(param: &str) -> Option<&'static str> {
    let param = param.split(['[', '.']).next().unwrap_or_default();
    FIELDS.iter().find(|(name, _)| *name == param).map(|(_, field)| *field)
}

/// Returns the fields whose parameters stand in quotes in a text of Clerk's.
pub(super) fn fields_quoted_in(text: &str) -> Vec<&'static str> {
    let quoted = text.split(['"', '`', '\'', '[', ']', ',', ' ']);
    let mut fields: Vec<&str> = quoted.filter_map(field).collect();
    fields.dedup();
    fields
}

/// Says what a refusal means and what can be done.
pub(super) fn message(status: u16, code: &str, fields: &[&str]) -> String {
    let what = match fields {
        [] => "a field of this user".to_owned(),
        fields => fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", "),
    };
    about_the_field(code, &what)
        .or_else(|| about_the_user(code).map(str::to_owned))
        .or_else(|| about_the_instance(code).map(str::to_owned))
        .unwrap_or_else(|| by_status(status))
}

/// The codes that are about one field, which the message names.
fn about_the_field(code: &str, what: &str) -> Option<String> {
    Some(match code {
        "form_identifier_exists" => format!("another user in Clerk holds the same {what}"),
        "form_param_unknown" => format!(
            "this instance has {what} switched off: enable it in the Clerk Dashboard, under User & authentication, or \
             leave it out"
        ),
        "form_data_missing" | "form_param_missing" | "form_param_nil" | "form_conditional_param_missing" => format!(
            "this instance requires {what}, which is missing: supply it, make it optional in the Clerk Dashboard, or set \
             `skipUserRequirement`"
        ),
        "form_param_format_invalid" => format!("{what} is not in a form that Clerk takes"),
        "form_param_value_invalid" | "form_param_type_invalid" => format!("Clerk does not take the value of {what}"),
        "form_param_duplicate" => format!("{what} holds the same value twice"),
        "form_param_invalid_time" | "form_param_invalid_date" => format!("{what} is not a date and time in RFC 3339"),
        "form_disallow_future_date" => format!("{what} lies in the future"),
        "form_param_max_length_exceeded" => format!("{what} is too long for Clerk"),
        "form_param_min_length_exceeded" => format!("{what} is too short for Clerk"),
        "form_param_array_size_exceeded" => format!("{what} holds more values than Clerk takes"),
        "form_param_exceeds_allowed_size" | "form_param_value_too_large" => {
            format!("{what} is larger than Clerk takes; metadata may have 8 KB")
        }
        "form_conditional_param_disallowed" | "form_param_value_conflict" => {
            format!("{what} does not go together with another field of this user")
        }
        "form_param_array_length_mismatch" => {
            format!("{what} was sent with too many or too few statuses: a mistake of this program, please report it")
        }
        "not_allowed_access" => format!(
            "the instance's restrictions (allowlist, blocklist, sub-addresses, disposable addresses) keep {what} out: \
             change them in the Clerk Dashboard, under Restrictions, or leave the user out"
        ),
        _ => return None,
    })
}

/// The codes that say by themselves which part of the user they are about.
fn about_the_user(code: &str) -> Option<&'static str> {
    Some(match code {
        "form_password_digest_invalid_code" => {
            "the password digest has not the shape that its hasher takes: check `passwordHasher`, or leave the password out"
        }
        "password_disabled" => "passwords are switched off in this instance: enable them in the Clerk Dashboard",
        "form_password_matches_identifier"
        | "form_password_not_strong_enough"
        | "form_password_pwned"
        | "form_password_validation_failed"
        | "form_password_size_in_bytes_exceeded"
        | "form_password_length_too_long"
        | "form_password_length_too_short"
        | "form_password_no_lowercase"
        | "form_password_no_uppercase"
        | "form_password_no_number"
        | "form_password_no_special_char" => {
            "the password does not keep to the rules of this instance: set `skipPasswordChecks`, or change the rules"
        }
        "form_username_invalid_character" => {
            "`username` holds a character that this instance does not take; letters, digits, `_` and `-` are safe"
        }
        "form_username_invalid_length" => {
            "`username` is shorter or longer than this instance takes (4 to 64 characters, unless set otherwise)"
        }
        "form_username_needs_non_number_char" => "`username` needs a character that is not a digit",
        "form_username_cannot_be_phone_number" => "`username` looks like a phone number",
        "invalid_totp_secret_code" => "`totpSecret` is not base32",
        "unsupported_country_code" => {
            "Clerk does not take phone numbers of this country: allow it in the Clerk Dashboard, or leave `phone` out"
        }
        "unsupported_subscription_plan_features" => {
            "the instance's plan lacks a feature that this user needs (`banned` is one): upgrade it, or leave the field out"
        }
        "feature_not_enabled" | "feature_not_implemented" | "feature_requires_email_address_enabled" => {
            "a feature that this user needs is switched off in this instance: enable it in the Clerk Dashboard, or leave \
             the field out"
        }
        "identification_claimed" => "an identifier of this user now belongs to another user in Clerk",
        "request_body_too_large" => "the user is too large for Clerk; shorten the metadata",
        "request_body_invalid" => "Clerk could not read the user: a mistake of this program, please report it",
        "resource_locked" | "conflict" => "another request is changing the same user",
        _ => return None,
    })
}

/// The codes that concern every user alike.
fn about_the_instance(code: &str) -> Option<&'static str> {
    Some(match code {
        "clerk_key_invalid" | "authentication_invalid" | "could_not_authenticate_request" | "instance_key_required" => {
            "Clerk refused the secret key: compare `CLERK_SECRET_KEY` with the one in the Clerk Dashboard, under API keys"
        }
        "user_quota_exceeded" | "quota_exceeded" => {
            "the instance holds as many users as it may: delete some, ask Clerk for more, or import into a production \
             instance (its key starts with `sk_live_`)"
        }
        "api_version_invalid" | "operation_deprecated" => {
            "Clerk no longer speaks the version of its API that this program speaks: get a newer db2clerk"
        }
        "request_invalid_for_environment" | "request_invalid_for_instance" => {
            "this instance does not take such requests: check its settings in the Clerk Dashboard"
        }
        _ => return None,
    })
}

/// What is left: a code nobody has met yet, or none.
fn by_status(status: u16) -> String {
    match status {
        429 => "requests come faster than Clerk allows".to_owned(),
        500.. => "Clerk had a problem of its own".to_owned(),
        401 | 407 => "access was refused: check `CLERK_SECRET_KEY`".to_owned(),
        300..=399 | 404 | 405 | 410 => {
            "nothing is at this address: check that `CLERK_API_URL`, if set, is that of Clerk's API".to_owned()
        }
        408 | 425 => "the request took too long on its way".to_owned(),
        _ => "Clerk refused, for a reason that this program does not know; look its code up in Clerk's documentation"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_fields_of_the_import_schema() {
        let table = [
            ("email_address", Some("email")),
            ("email_address[1]", Some("email")),
            ("password_digest", Some("password")),
            ("public_metadata.role", Some("publicMetadata")),
            ("me@x.com", None),
            ("", None),
        ];
        for (param, expected) in table {
            assert_eq!(field(param), expected, "{param}");
        }
    }

    #[test]
    fn a_message_names_the_field_and_what_to_do() {
        let message = message(422, "form_param_unknown", &["phone"]);
        assert!(message.contains("`phone` switched off") && message.contains("Dashboard"), "{message}");
    }

    #[test]
    fn every_code_that_a_create_can_meet_has_words_of_its_own() {
        let codes = [
            "clerk_key_invalid",
            "feature_not_enabled",
            "form_data_missing",
            "form_identifier_exists",
            "form_param_array_length_mismatch",
            "form_param_duplicate",
            "form_param_exceeds_allowed_size",
            "form_param_format_invalid",
            "form_param_invalid_time",
            "form_param_unknown",
            "form_param_value_invalid",
            "form_password_digest_invalid_code",
            "form_username_cannot_be_phone_number",
            "form_username_invalid_character",
            "form_username_invalid_length",
            "form_username_needs_non_number_char",
            "invalid_totp_secret_code",
            "not_allowed_access",
            "request_body_too_large",
            "unsupported_country_code",
            "unsupported_subscription_plan_features",
            "user_quota_exceeded",
        ];
        let unknown = message(422, "never_heard_of", &[]);
        for code in codes {
            assert_ne!(message(422, code, &[]), unknown, "{code}");
        }
    }
}
