//! The JSON that goes to Clerk and comes back. Private to the client: nobody else depends on Clerk's spelling.
//!
//! Source: Clerk's own description of its Backend API, <https://github.com/clerk/openapi-specs>, version 2026-05-12.

mod change;
mod user;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Environment, Instance};
use crate::record::{ClerkId, Hasher, Identifier, IdentifierKind, ImportUser, UserId};
use crate::secret::Secret;

pub(super) use self::change::{
    external_id_body, metadata_body, new_contact_body, password_body, patch_body, replaced_email_body, standing_body,
};
pub(super) use self::user::User;

/// The version of the API whose shapes stand here.
pub(super) const API_VERSION: &str = "2026-05-12";

/// How many values one look-up takes.
const VALUES_PER_LOOK_UP: usize = 100;

/// How long a look-up's query may get: servers on the way commonly take URLs of 8 KB.
const LONGEST_QUERY: usize = 7_500;

/// How many users one page of a walk holds: the most that Clerk gives.
const PAGE: usize = 500;

/// What stands in a URL as it is (RFC 3986, unreserved); all else is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the body that creates a user.
pub(super) fn create_body(user: &ImportUser) -> Vec<u8> {
    serde_json::to_vec(&CreateUser::new(user)).expect("every field of a user has a JSON form")
}

/// The body of `POST /v1/users`. `key` is not in it: that one is for our own write-back.
#[derive(Serialize)]
struct CreateUser<'a> {
    external_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_address: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_address_identification_status: Vec<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phone_number: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phone_number_identification_status: Vec<Status>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    web3_wallet: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_digest: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hasher: Option<Hasher>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_password_requirement: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_password_checks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<&'a Secret>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    backup_codes: &'a [Secret],
    #[serde(skip_serializing_if = "Map::is_empty")]
    public_metadata: &'a Map<String, Json>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    private_metadata: &'a Map<String, Json>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    unsafe_metadata: &'a Map<String, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_accepted_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_legal_checks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_user_requirement: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_organization_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_organizations_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_self_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_client_trust: Option<bool>,
}

/// How an e-mail address or phone number is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Verified,
    Reserved,
}

impl<'a> CreateUser<'a> {
    fn new(user: &'a ImportUser) -> Self {
        let (email_address, email_address_identification_status) =
            with_status(user.verified_emails(), &user.unverified_email_addresses);
        let (phone_number, phone_number_identification_status) =
            with_status(user.verified_phones(), &user.unverified_phone_numbers);
        Self {
            external_id: user.user_id.as_str(),
            email_address,
            email_address_identification_status,
            phone_number,
            phone_number_identification_status,
            web3_wallet: &user.web3_wallets,
            username: user.username.as_deref(),
            first_name: user.first_name.as_deref(),
            last_name: user.last_name.as_deref(),
            password_digest: user.password.as_ref(),
            password_hasher: user.password_hasher,
            skip_password_requirement: user.password.is_none().then_some(true),
            skip_password_checks: user.skip_password_checks,
            totp_secret: user.totp_secret.as_ref(),
            backup_codes: &user.backup_codes,
            public_metadata: &user.public_metadata,
            private_metadata: &user.private_metadata,
            unsafe_metadata: &user.unsafe_metadata,
            created_at: user.created_at.as_deref(),
            legal_accepted_at: user.legal_accepted_at.as_deref(),
            skip_legal_checks: user.skip_legal_checks,
            skip_user_requirement: user.skip_user_requirement,
            banned: user.banned,
            locked: user.locked,
            locale: user.locale.as_deref(),
            create_organization_enabled: user.create_organization_enabled,
            create_organizations_limit: user.create_organizations_limit,
            delete_self_enabled: user.delete_self_enabled,
            bypass_client_trust: user.bypass_client_trust,
        }
    }
}

/// Returns all values, the verified ones first, and the status of each; no status at all where every value is verified, which
/// is what Clerk takes them for.
fn with_status<'a>(verified: impl Iterator<Item = &'a str>, reserved: &'a [String]) -> (Vec<&'a str>, Vec<Status>) {
    let mut values: Vec<&str> = verified.collect();
    if reserved.is_empty() {
        return (values, Vec::new());
    }
    let mut statuses = vec![Status::Verified; values.len()];
    values.extend(reserved.iter().map(String::as_str));
    statuses.resize(values.len(), Status::Reserved);
    (values, statuses)
}

/// Returns the queries that look users up by their user IDs, usually one.
pub(super) fn external_id_queries(ids: &[UserId]) -> Vec<String> {
    id_queries("external_id", ids.iter().map(UserId::as_str))
}

/// Returns the queries that look users up by their Clerk IDs, usually one.
pub(super) fn clerk_id_queries(ids: &[ClerkId]) -> Vec<String> {
    id_queries("user_id", ids.iter().map(ClerkId::as_str))
}

/// Each ID is sent behind a `+`: without it Clerk reads a leading `-` as "all but", and takes a leading `+` away.
fn id_queries<'a>(parameter: &str, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut queries = Vec::new();
    let (mut query, mut values) = (String::new(), 0);
    for id in ids {
        let value = format!("{parameter}=%2B{}&", encoded(id));
        if values == VALUES_PER_LOOK_UP || query.len() + value.len() > LONGEST_QUERY {
            queries.push(std::mem::take(&mut query));
            values = 0;
        }
        query.push_str(&value);
        values += 1;
    }
    queries.push(query);
    queries.retain(|query| !query.is_empty());
    queries.into_iter().map(|query| format!("{query}limit={VALUES_PER_LOOK_UP}")).collect()
}

/// Returns the query that finds the user who holds an identifier.
pub(super) fn identifier_query(identifier: &Identifier) -> String {
    let parameter = match identifier.kind {
        IdentifierKind::Email => "email_address",
        IdentifierKind::Phone => "phone_number",
        IdentifierKind::Username => "username",
        IdentifierKind::Wallet => "web3_wallet",
    };
    format!("{parameter}={}&limit=10", encoded(&identifier.value))
}

/// Returns the query for the page of users that follows a user, or for the first page.
pub(super) fn page_query(after: Option<&ClerkId>) -> String {
    let after = after.map(|id| format!("&starting_after={}", encoded(id.as_str()))).unwrap_or_default();
    format!("limit={PAGE}{after}")
}

pub(super) fn encoded(value: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(value, ENCODED)
}

/// The answer of `POST /v1/users`: what else it says of the user, we have said.
#[derive(Deserialize)]
pub(super) struct CreatedAnswer {
    pub(super) id: ClerkId,
    #[serde(default)]
    pub(super) external_id: Option<String>,
    #[serde(default)]
    pub(super) password_last_updated_at: Option<i64>,
}

/// The answer of `GET /v1/users/count`.
#[derive(Deserialize)]
pub(super) struct TotalCount {
    pub(super) total_count: u64,
}

/// The answer of `GET /v1/instance`.
#[derive(Deserialize)]
pub(super) struct InstanceAnswer {
    id: String,
    environment_type: String,
}

impl From<InstanceAnswer> for Instance {
    fn from(instance: InstanceAnswer) -> Self {
        let environment = match instance.environment_type.as_str() {
            "production" => Environment::Production,
            _ => Environment::Development,
        };
        Self { id: instance.id, environment }
    }
}

/// What Clerk says when it refuses.
#[derive(Deserialize)]
pub(super) struct Refusals {
    pub(super) errors: Vec<Refusal>,
    #[serde(default)]
    pub(super) clerk_trace_id: Option<String>,
}

/// One thing that Clerk refuses. Its texts are read and never shown: they can quote addresses.
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    #[serde(default)]
    pub(super) long_message: String,
    #[serde(default)]
    pub(super) meta: Option<Meta>,
}

/// Where in the request the refused thing stands.
#[derive(Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) param_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(id: &str) -> ImportUser {
        ImportUser::new(UserId::new(id).expect("is an ID"))
    }

    fn check(user: &ImportUser, body: &Json) {
        assert_eq!(serde_json::to_value(CreateUser::new(user)).expect("is JSON"), *body);
    }

    #[test]
    fn a_user_without_a_password_needs_none_and_absent_fields_stay_away() {
        check(&user("1"), &json!({"external_id": "1", "skip_password_requirement": true}));
    }

    #[test]
    fn verified_addresses_come_first_and_have_no_status_of_their_own() {
        let mut user = user("1");
        user.email = Some("a@x.com".into());
        user.email_addresses = vec!["b@x.com".into()];
        user.phone = Some("+15550001".into());
        let body = json!({"external_id": "1", "email_address": ["a@x.com", "b@x.com"], "phone_number": ["+15550001"],
            "skip_password_requirement": true});
        check(&user, &body);
    }

    #[test]
    fn unverified_addresses_are_reserved_at_their_own_position() {
        let mut user = user("1");
        user.email = Some("a@x.com".into());
        user.unverified_email_addresses = vec!["b@x.com".into(), "c@x.com".into()];
        user.unverified_phone_numbers = vec!["+15550001".into()];
        let body = json!({"external_id": "1",
            "email_address": ["a@x.com", "b@x.com", "c@x.com"],
            "email_address_identification_status": ["verified", "reserved", "reserved"],
            "phone_number": ["+15550001"], "phone_number_identification_status": ["reserved"],
            "skip_password_requirement": true});
        check(&user, &body);
    }

    #[test]
    fn every_field_goes_under_clerks_own_name_and_the_row_key_stays_here() {
        let metadata = |value: &str| Map::from_iter([("k".to_owned(), Json::from(value))]);
        let user = ImportUser {
            key: Some("row-1".into()),
            username: Some("ada_l".into()),
            first_name: Some("Ada".into()),
            last_name: Some("L".into()),
            password: Some(Secret::new("$argon2id$x")),
            password_hasher: Some(Hasher::Argon2id),
            totp_secret: Some(Secret::new("JBSWY3DP")),
            backup_codes: vec![Secret::new("code")],
            public_metadata: metadata("public"),
            private_metadata: metadata("private"),
            unsafe_metadata: metadata("unsafe"),
            created_at: Some("2020-01-02T03:04:05Z".into()),
            legal_accepted_at: Some("2021-01-02T03:04:05Z".into()),
            banned: Some(true),
            locked: Some(false),
            locale: Some("de-DE".into()),
            web3_wallets: vec!["0xabc".into()],
            create_organization_enabled: Some(true),
            create_organizations_limit: Some(0),
            delete_self_enabled: Some(false),
            bypass_client_trust: Some(true),
            skip_password_checks: Some(true),
            skip_legal_checks: Some(true),
            skip_user_requirement: Some(true),
            ..user("1")
        };
        let body = json!({
            "external_id": "1", "username": "ada_l", "first_name": "Ada", "last_name": "L",
            "password_digest": "$argon2id$x", "password_hasher": "argon2id", "totp_secret": "JBSWY3DP",
            "backup_codes": ["code"], "public_metadata": {"k": "public"}, "private_metadata": {"k": "private"},
            "unsafe_metadata": {"k": "unsafe"}, "created_at": "2020-01-02T03:04:05Z",
            "legal_accepted_at": "2021-01-02T03:04:05Z", "banned": true, "locked": false, "locale": "de-DE",
            "web3_wallet": ["0xabc"], "create_organization_enabled": true, "create_organizations_limit": 0,
            "delete_self_enabled": false, "bypass_client_trust": true, "skip_password_checks": true,
            "skip_legal_checks": true, "skip_user_requirement": true,
        });
        check(&user, &body);
    }

    #[test]
    fn the_hashers_have_clerks_own_names() {
        let table = [
            (Hasher::BcryptSha256Django, "bcrypt_sha256_django"),
            (Hasher::Argon2i, "argon2i"),
            (Hasher::Pbkdf2Sha512Hex, "pbkdf2_sha512_hex"),
            (Hasher::Pbkdf2Sha256Django, "pbkdf2_sha256_django"),
            (Hasher::Sha512Symfony, "sha512_symfony"),
            (Hasher::HmacSha256Utf16B64, "hmac_sha256_utf16_b64"),
            (Hasher::LdapSsha, "ldap_ssha"),
            (Hasher::Awscognito, "awscognito"),
        ];
        for (hasher, name) in table {
            assert_eq!(serde_json::to_value(hasher).expect("is JSON"), json!(name));
        }
    }

    fn ids(texts: impl IntoIterator<Item = String>) -> Vec<UserId> {
        texts.into_iter().map(|text| UserId::new(text).expect("is an ID")).collect()
    }

    #[test]
    fn an_id_in_a_query_can_mean_nothing_but_itself() {
        let table = [
            ("1", "%2B1"),
            ("-1", "%2B-1"),
            ("+1", "%2B%2B1"),
            ("a&limit=5#x", "%2Ba%26limit%3D5%23x"),
            ("a b%ü", "%2Ba%20b%25%C3%BC"),
        ];
        for (id, value) in table {
            let queries = external_id_queries(&ids([id.to_owned()]));
            assert_eq!(queries, [format!("external_id={value}&limit=100")]);
        }
    }

    #[test]
    fn look_ups_are_split_where_the_values_or_the_url_get_too_many() {
        assert!(external_id_queries(&[]).is_empty());
        assert_eq!(external_id_queries(&ids((0..100).map(|n| n.to_string()))).len(), 1);
        assert_eq!(external_id_queries(&ids((0..101).map(|n| n.to_string()))).len(), 2);
        let long = external_id_queries(&ids((0..100).map(|n| format!("{n:03}{}", "ü".repeat(126)))));
        assert!(long.iter().all(|query| query.len() < LONGEST_QUERY + 20), "a URL stays below 8 KB");
        let found: usize = long.iter().map(|query| query.matches("external_id=").count()).sum();
        assert_eq!(found, 100, "no value is lost where a query is split");
    }

    #[test]
    fn an_identifier_is_asked_for_under_its_own_parameter() {
        let table = [
            (IdentifierKind::Email, "Me+1@X.com", "email_address=me%2B1%40x.com&limit=10"),
            (IdentifierKind::Phone, "+15550001", "phone_number=%2B15550001&limit=10"),
            (IdentifierKind::Username, "Ada", "username=ada&limit=10"),
            (IdentifierKind::Wallet, "0xAB", "web3_wallet=0xab&limit=10"),
        ];
        for (kind, value, query) in table {
            assert_eq!(identifier_query(&Identifier::new(kind, value)), query);
        }
    }

    #[test]
    fn a_walk_goes_on_behind_the_last_user() {
        let id = ClerkId::new("user_1").expect("is a Clerk ID");
        assert_eq!(page_query(None), "limit=500");
        assert_eq!(page_query(Some(&id)), "limit=500&starting_after=user_1");
    }
}
