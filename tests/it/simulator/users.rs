//! Creating users: what is kept, what is refused, and in which words.

use db2clerk::simulator::Settings;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Local, check_error, client, read, with_waiver};

/// The fields that version 2026-05-12 of the API calls required.
const REQUIRED: &str = "id object username first_name last_name has_image primary_email_address_id primary_phone_number_id \
    primary_web3_wallet_id password_enabled two_factor_enabled totp_enabled backup_code_enabled email_addresses \
    phone_numbers web3_wallets passkeys external_accounts saml_accounts enterprise_accounts public_metadata external_id \
    last_sign_in_at banned locked lockout_expires_in_seconds verification_attempts_remaining created_at updated_at \
    delete_self_enabled create_organization_enabled last_active_at mfa_enabled_at mfa_disabled_at legal_accepted_at";

#[tokio::test]
async fn a_user_is_kept_with_everything_that_was_sent() {
    let local = Local::new().await;
    let (status, user) = local
        .post(
            "/users",
            &json!({
                "external_id": "1", "first_name": "Anna", "last_name": "Example", "locale": "en-US",
                "email_address": ["Anna@example.com", "other@example.com"],
                "email_address_identification_status": ["verified", "reserved"],
                "phone_number": ["+15555550100"], "phone_number_identification_status": ["reserved"],
                "web3_wallet": ["0x1111111111111111111111111111111111111111"], "username": "Anna_1",
                "password_digest": "5f4dcc3b5aa765d61d8327deb882cf99", "password_hasher": "md5",
                "totp_secret": "JBSWY3DPEHPK3PXP", "backup_codes": ["one", "two"],
                "public_metadata": {"role": "admin"}, "private_metadata": {"a": 1}, "unsafe_metadata": {"b": 2},
                "delete_self_enabled": false, "create_organization_enabled": false, "create_organizations_limit": 3,
                "created_at": "2012-10-20T07:15:20.902Z", "legal_accepted_at": "2013-10-20T07:15:20Z",
                "skip_legal_checks": true, "skip_user_requirement": false, "skip_password_checks": true,
                "bypass_client_trust": true, "banned": true, "locked": true,
            }),
        )
        .await;
    assert_eq!(status, 200, "{user}");
    for field in REQUIRED.split_whitespace() {
        assert!(user.get(field).is_some(), "{field} is missing");
    }
    assert!(user["id"].as_str().is_some_and(|id| id.starts_with("user_") && id.len() == 32));
    let emails = &user["email_addresses"];
    assert_eq!(emails[0]["email_address"], "Anna@example.com");
    assert_eq!(emails[0]["verification"]["status"], "verified");
    assert_eq!(emails[0]["verification"]["strategy"], "admin");
    assert_eq!((&emails[1]["reserved"], &emails[1]["verification"]), (&json!(true), &Value::Null));
    assert_eq!(user["primary_email_address_id"], emails[0]["id"]);
    assert_eq!(user["phone_numbers"][0]["reserved"], true);
    assert_eq!(user["web3_wallets"][0]["verification"]["status"], "verified");
    let plain = json!({
        "username": "anna_1", "first_name": "Anna", "last_name": "Example", "locale": "en-US", "external_id": "1",
        "password_enabled": true, "totp_enabled": true, "two_factor_enabled": true, "backup_code_enabled": true,
        "public_metadata": {"role": "admin"}, "private_metadata": {"a": 1}, "unsafe_metadata": {"b": 2},
        "delete_self_enabled": false, "create_organization_enabled": false, "create_organizations_limit": 3,
        "created_at": 1_350_717_320_902_i64, "legal_accepted_at": 1_382_253_320_000_i64,
        "bypass_client_trust": true, "banned": true, "locked": true,
    });
    for (field, expected) in plain.as_object().expect("an object") {
        assert_eq!(&user[field], expected, "{field}");
    }
    let (_, again) = local.get(&format!("/users/{}", user["id"].as_str().expect("text"))).await;
    assert_eq!(again, user);
    let kept = local.simulator.users();
    assert_eq!(kept[0]["simulator"]["password_hasher"], "md5");
    assert_eq!(kept[0]["simulator"]["totp_secret"], "JBSWY3DPEHPK3PXP");
}

#[tokio::test]
async fn whatever_another_user_has_is_refused_by_name() {
    let local = Local::new().await;
    local
        .create(&json!({
            "external_id": "1", "username": "anna", "phone_number": ["+15555550100"],
            "web3_wallet": ["0x1111111111111111111111111111111111111aBc"],
            "email_address": ["anna@example.com", "held@example.com"],
            "email_address_identification_status": ["verified", "reserved"],
        }))
        .await;
    let cases = [
        (json!({"external_id": "1", "email_address": ["x1@example.com"]}), "external_id"),
        (json!({"external_id": "2", "email_address": ["ANNA@Example.com"]}), "email_address"),
        (json!({"external_id": "2", "email_address": ["new@example.com", "held@example.com"]}), "email_address"),
        (json!({"external_id": "2", "phone_number": ["+15555550100"]}), "phone_number"),
        (json!({"external_id": "2", "username": "ANNA"}), "username"),
        (json!({"external_id": "2", "web3_wallet": ["0x1111111111111111111111111111111111111ABC"]}), "web3_wallet"),
    ];
    for (body, field) in cases {
        check_error(&local.post("/users", &with_waiver(&body)).await, 422, "form_identifier_exists", Some(field));
    }
    assert_eq!(local.simulator.users().len(), 1);
    let counts = local.simulator.counts();
    assert_eq!((counts.requests, counts.creates, counts.repeated_creates), (7, 1, 1));
}

#[tokio::test]
async fn every_rule_of_a_create_is_kept() {
    let local = Local::new().await;
    let big = "x".repeat(9_000);
    let cases = [
        (json!({"nickname": "x"}), "form_param_unknown", Some("nickname")),
        (json!({"external_id": 1}), "form_param_type_invalid", Some("external_id")),
        (json!({"external_id": ""}), "form_param_value_invalid", Some("external_id")),
        (json!({"email_address": "a@example.com"}), "form_param_type_invalid", Some("email_address")),
        (json!({"email_address": ["a@host.test"]}), "form_param_format_invalid", Some("email_address")),
        (json!({"email_address": ["a@example.com", "A@example.com"]}), "form_param_duplicate", Some("email_address")),
        (
            json!({"email_address": ["a@example.com"], "email_address_identification_status": ["verified", "reserved"]}),
            "form_param_array_length_mismatch",
            Some("email_address_identification_status"),
        ),
        (
            json!({"email_address": ["a@example.com"], "email_address_identification_status": ["unverified"]}),
            "form_param_value_invalid",
            Some("email_address_identification_status"),
        ),
        (json!({"phone_number": ["0555"]}), "form_param_format_invalid", Some("phone_number")),
        (json!({"web3_wallet": ["0x"]}), "form_param_format_invalid", Some("web3_wallet")),
        (json!({"username": "ann"}), "form_username_invalid_length", Some("username")),
        (json!({"username": "an.na"}), "form_username_invalid_character", Some("username")),
        (json!({"username": "12345"}), "form_username_needs_non_number_char", Some("username")),
        (json!({"first_name": "https://a.example"}), "form_param_value_invalid", Some("first_name")),
        (json!({"last_name": "<b>x</b>"}), "form_param_value_invalid", Some("last_name")),
        (json!({"locale": "en_US"}), "form_param_format_invalid", Some("locale")),
        (json!({"created_at": "2012-10-20 07:15:20"}), "form_param_invalid_time", Some("created_at")),
        (json!({"legal_accepted_at": "yesterday"}), "form_param_invalid_time", Some("legal_accepted_at")),
        (json!({"public_metadata": []}), "form_param_type_invalid", Some("public_metadata")),
        (json!({"private_metadata": {"k": big}}), "form_param_exceeds_allowed_size", Some("private_metadata")),
        (json!({"totp_secret": "not base32"}), "invalid_totp_secret_code", None),
        (json!({"create_organizations_limit": -1}), "form_param_value_invalid", Some("create_organizations_limit")),
        (json!({"password_digest": "x"}), "form_conditional_param_missing", Some("password_hasher")),
        (json!({"password_hasher": "md5"}), "form_conditional_param_missing", Some("password_digest")),
        (
            json!({"password_digest": "x", "password_hasher": "argon2"}),
            "form_param_value_invalid",
            Some("password_hasher"),
        ),
        (
            json!({"password_digest": "x", "password_hasher": "bcrypt"}),
            "form_password_digest_invalid_code",
            Some("password_digest"),
        ),
        (json!({"password": "short"}), "form_password_length_too_short", Some("password")),
        (json!({"skip_password_requirement": null}), "form_data_missing", None),
        (json!({"username": null}), "form_data_missing", None),
    ];
    for (fields, code, field) in cases {
        let mut body = json!({"external_id": "1", "username": "anna", "skip_password_requirement": true});
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        check_error(&local.post("/users", &body).await, 422, code, field);
    }
    assert_eq!(local.simulator.counts().creates, 0);
    local.create(&json!({"external_id": "1", "skip_user_requirement": true})).await;
}

#[tokio::test]
async fn a_full_instance_refuses_every_further_user() {
    let local = Local::with(Settings { max_users: Some(1), ..Settings::default() }).await;
    let user = local.create_numbered("1").await;
    for external_id in ["1", "2"] {
        let body = with_waiver(&json!({"external_id": external_id, "username": "another"}));
        check_error(&local.post("/users", &body).await, 403, "user_quota_exceeded", None);
    }
    local.delete(&format!("/users/{}", user["id"].as_str().expect("text"))).await;
    local.create_numbered("2").await;
}

#[tokio::test]
async fn only_requests_with_a_key_a_name_and_json_are_heard() {
    let local = Local::with(Settings { secret_key: Some("sk_live_one".to_owned()), ..Settings::default() }).await;
    let url = format!("{}/v1/instance", local.simulator.url());
    for key in ["sk_test_simulator", "sk_live_", "", "sk_live_one2"] {
        let answer = read(local.client.get(&url).bearer_auth(key).send().await.expect("an answer")).await;
        check_error(&answer, 401, "clerk_key_invalid", None);
    }
    check_error(&read(local.client.get(&url).send().await.expect("an answer")).await, 401, "clerk_key_invalid", None);
    let (status, instance) = read(local.client.get(&url).bearer_auth("sk_live_one").send().await.expect("one")).await;
    assert_eq!((status, &instance["environment_type"]), (200, &json!("production")));
    assert!(instance["id"].as_str().is_some_and(|id| id.starts_with("ins_")));

    let local = Local::new().await;
    assert_eq!(local.get("/instance").await.1["environment_type"], "development");
    let nameless = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}/v1/instance", local.simulator.url());
    let refused = nameless.get(&url).bearer_auth("sk_test_a").send().await.expect("an answer");
    assert_eq!(refused.status(), 403);
    let text = local.request(Method::POST, "/users").header("content-type", "text/plain").body("{}");
    check_error(&read(text.send().await.expect("an answer")).await, 415, "unsupported_content_type", None);
    let broken = local.request(Method::POST, "/users").header("content-type", "application/json").body("{\"a\":");
    check_error(&read(broken.send().await.expect("an answer")).await, 400, "request_body_invalid", None);
    let huge = json!({"public_metadata": {"k": "x".repeat(1_100_000)}});
    check_error(&local.post("/users", &huge).await, 413, "request_body_too_large", None);
    let dated = local.request(Method::GET, "/instance").header("clerk-api-version", "latest");
    check_error(&read(dated.send().await.expect("an answer")).await, 400, "api_version_invalid", None);
    check_error(&local.get("/organizations").await, 404, "resource_not_found", None);
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let local = Local::new().await;
    let port = local.simulator.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    local.get("/instance").await;
    local.simulator.stop().await;
    let again = db2clerk::simulator::start(Settings { port, ..Settings::default() }).await.expect("the port is free");
    let taken = db2clerk::simulator::start(Settings { port, ..Settings::default() }).await;
    assert!(taken.is_err_and(|error| error.to_string().contains(&port.to_string())));
    let url = format!("{}/v1/instance", again.url());
    assert_eq!(client().get(url).bearer_auth("sk_test_a").send().await.expect("an answer").status(), 200);
}
