//! E-mail addresses and phone numbers one by one: who may have which, and what becomes of them.

use serde_json::{Value, json};

use super::{Local, check_error};

const KINDS: [(&str, &str, &str, &str); 2] = [
    ("email_addresses", "email_address", "a@example.com", "b@example.com"),
    ("phone_numbers", "phone_number", "+15555550100", "+15555550101"),
];

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an ID")
}

/// Adds a contact, and returns it.
async fn add(local: &Local, path: &str, body: &Value) -> Value {
    let (status, contact) = local.post(path, body).await;
    assert_eq!(status, 200, "{contact}");
    contact
}

async fn user(local: &Local, user: &Value) -> Value {
    local.get(&format!("/users/{}", id(user))).await.1
}

#[tokio::test]
async fn a_contact_is_added_read_changed_and_deleted() {
    let local = Local::new().await;
    for (path, field, first, second) in KINDS {
        let owner = local.create(&json!({"username": format!("owner_of_{field}")})).await;
        let list = format!("/{path}");
        let unverified = add(&local, &list, &json!({"user_id": owner["id"], field: first})).await;
        let one = format!("/{path}/{}", id(&unverified));
        assert_eq!((&unverified["object"], &unverified[field]), (&json!(field), &json!(first)));
        assert_eq!((&unverified["reserved"], &unverified["verification"]), (&json!(false), &Value::Null));
        let verified = json!({"user_id": owner["id"], field: second, "verified": true, "primary": null});
        let verified = add(&local, &list, &verified).await;
        assert_eq!(verified["verification"]["status"], "verified");
        let primary = format!("primary_{field}_id");
        let shown = user(&local, &owner).await;
        assert_eq!(shown[path], json!([unverified, verified]));
        assert_eq!(shown[&primary], unverified["id"], "the first is the primary one");

        assert_eq!(local.get(&one).await, (200, unverified.clone()));
        check_error(
            &local.patch(&one, &json!({"primary": true})).await,
            422,
            "form_verification_needed",
            Some("primary"),
        );
        let (status, changed) = local.patch(&one, &json!({"verified": true})).await;
        assert_eq!((status, &changed["verification"]["strategy"]), (200, &json!("admin")));
        let other = format!("/{path}/{}", id(&verified));
        assert_eq!(local.patch(&other, &json!({"primary": true})).await.0, 200);
        assert_eq!(user(&local, &owner).await[&primary], verified["id"]);
        let (_, taken_back) = local.patch(&one, &json!({"verified": false})).await;
        assert_eq!(taken_back["verification"], Value::Null);

        assert_eq!(local.patch(&one, &json!({"verified": true})).await.0, 200);
        let deleted = json!({"object": field, "id": verified["id"], "deleted": true});
        assert_eq!(local.delete(&other).await, (200, deleted));
        check_error(&local.get(&other).await, 404, "resource_not_found", None);
        check_error(&local.delete(&other).await, 404, "resource_not_found", None);
        assert_eq!(user(&local, &owner).await[&primary], unverified["id"], "the one that is left follows");
    }
}

#[tokio::test]
async fn what_is_verified_or_reserved_has_one_user_and_what_is_neither_may_have_many() {
    let local = Local::new().await;
    for (path, field, value, _) in KINDS {
        let status = format!("{field}_identification_status");
        let named = |name: &str| json!({"username": format!("{name}_{field}")});
        let (one, two) = (local.create(&named("one")).await, local.create(&named("two")).await);
        let list = format!("/{path}");
        let first = add(&local, &list, &json!({"user_id": one["id"], field: value})).await;
        let again = json!({"user_id": one["id"], field: value, "verified": true});
        check_error(&local.post(&list, &again).await, 422, "form_identifier_exists", Some(field));
        let second = add(&local, &list, &json!({"user_id": two["id"], field: value, "verified": false})).await;
        let query = format!("/users?{field}={}", value.replace('+', "%2B"));
        assert_eq!(local.get(&query).await.1.as_array().map(Vec::len), Some(2), "both have it");

        let (first, second) = (format!("/{path}/{}", id(&first)), format!("/{path}/{}", id(&second)));
        assert_eq!(local.patch(&second, &json!({"verified": true})).await.0, 200);
        let late = local.patch(&first, &json!({"verified": true})).await;
        check_error(&late, 422, "form_identifier_exists", Some(field));
        let renamed = local.patch(&format!("/users/{}", id(&one)), &json!({"first_name": "One"})).await;
        assert_eq!(renamed.0, 200, "what others claimed later stands in nobody's way");
        assert_eq!(local.patch(&second, &json!({"verified": false})).await.0, 200);
        let reserved = local.create(&json!({"external_id": field, field: [value], status: ["reserved"]})).await;
        let three = local.create(&named("three")).await;
        let claimed = json!({"user_id": three["id"], field: value});
        check_error(&local.post(&list, &claimed).await, 422, "form_identifier_exists", Some(field));
        let held = format!("/{path}/{}", id(&reserved[path][0]));
        let (_, still) = local.patch(&held, &json!({"verified": false})).await;
        assert_eq!(still["reserved"], true);
        let (_, proven) = local.patch(&held, &json!({"verified": true, "primary": true})).await;
        assert_eq!((&proven["reserved"], &proven["verification"]["status"]), (&json!(false), &json!("verified")));
    }
}

#[tokio::test]
async fn the_last_thing_to_sign_in_with_is_not_deleted() {
    let local = Local::new().await;
    let user = local.create(&json!({"email_address": ["a@example.com"]})).await;
    let last = format!("/email_addresses/{}", id(&user["email_addresses"][0]));
    check_error(&local.delete(&last).await, 400, "identification_deletion_failed", None);
    let phone = json!({"user_id": user["id"], "phone_number": "+15555550100"});
    let phone = add(&local, "/phone_numbers", &phone).await;
    check_error(&local.delete(&last).await, 400, "identification_deletion_failed", None);
    assert_eq!(local.get(&last).await.0, 200);
    let phone = format!("/phone_numbers/{}", id(&phone));
    assert_eq!(local.patch(&phone, &json!({"verified": true})).await.0, 200);
    assert_eq!(local.delete(&last).await.0, 200);
    check_error(&local.delete(&phone).await, 400, "identification_deletion_failed", None);
}

#[tokio::test]
async fn a_phone_number_becomes_a_second_factor_if_it_is_verified_and_another_way_in_is_left() {
    let local = Local::new().await;
    let user = local.create(&json!({"phone_number": ["+15555550100"]})).await;
    let only = format!("/phone_numbers/{}", id(&user["phone_numbers"][0]));
    let factor = json!({"reserved_for_second_factor": true});
    check_error(&local.patch(&only, &factor).await, 400, "identification_update_failed", None);
    let email = json!({"user_id": user["id"], "email_address": "a@example.com", "verified": true});
    add(&local, "/email_addresses", &email).await;
    let (_, first) = local.patch(&only, &factor).await;
    assert_eq!((&first["reserved_for_second_factor"], &first["default_second_factor"]), (&json!(true), &json!(true)));
    assert_eq!(self::user(&local, &user).await["two_factor_enabled"], true);

    let mut other = json!({"user_id": user["id"], "phone_number": "+15555550101", "reserved_for_second_factor": true});
    let unverified = local.post("/phone_numbers", &other).await;
    check_error(&unverified, 400, "identification_create_second_factor_unverified", None);
    other["verified"] = json!(true);
    let other = add(&local, "/phone_numbers", &other).await;
    assert_eq!((&other["reserved_for_second_factor"], &other["default_second_factor"]), (&json!(true), &json!(false)));
    assert_eq!(local.patch(&only, &json!({"reserved_for_second_factor": false})).await.0, 200);
    let (_, other) = local.get(&format!("/phone_numbers/{}", id(&other))).await;
    assert_eq!(other["default_second_factor"], true);
    assert_eq!(local.delete(&format!("/phone_numbers/{}", id(&other))).await.0, 200);
    let shown = self::user(&local, &user).await;
    assert_eq!(shown["two_factor_enabled"], false);
    assert!(shown["mfa_enabled_at"].is_i64() && shown["mfa_disabled_at"].is_i64(), "{shown}");
}

#[tokio::test]
async fn one_address_replaces_all_that_a_user_had() {
    let local = Local::new().await;
    let emails = json!(["a@example.com", "b@example.com"]);
    let owner = local.create(&json!({"external_id": "1", "email_address": emails})).await;
    let path = format!("/users/{}/email_address", id(&owner));
    let expected =
        [("verified", false, json!("verified")), ("reserved", true, json!(null)), ("unverified", false, json!(null))];
    for (standing, reserved, verified) in expected {
        let body = json!({"email_address": "B@example.com", "identification_status": standing});
        let (status, email) = local.put(&path, &body).await;
        assert_eq!((status, &email["object"]), (200, &json!("email_address")), "{email}");
        assert_eq!((&email["reserved"], &email["verification"]["status"]), (&json!(reserved), &verified), "{standing}");
        let shown = user(&local, &owner).await;
        assert_eq!((&shown["email_addresses"], &shown["primary_email_address_id"]), (&json!([email]), &email["id"]));
    }
    let other = local.create(&json!({"external_id": "2", "email_address": ["a@example.com"]})).await;
    let taken = local.put(&path, &json!({"email_address": "a@example.com"})).await;
    check_error(&taken, 422, "form_identifier_exists", Some("email_address"));
    let (_, free) =
        local.put(&format!("/users/{}/email_address", id(&other)), &json!({"email_address": "b@example.com"})).await;
    assert_eq!(free["verification"]["status"], "verified", "nobody had claimed it");
    let cases = [
        (json!({}), "form_param_missing", "email_address"),
        (json!({"email_address": 1}), "form_param_type_invalid", "email_address"),
        (json!({"email_address": "a@host.test"}), "form_param_format_invalid", "email_address"),
        (json!({"email_address": "c@example.com", "verified": true}), "form_param_unknown", "verified"),
        (
            json!({"email_address": "c@example.com", "identification_status": "new"}),
            "form_param_value_invalid",
            "identification_status",
        ),
    ];
    for (body, code, field) in cases {
        check_error(&local.put(&path, &body).await, 422, code, Some(field));
    }
    let nobody = local.put("/users/user_x/email_address", &json!({"email_address": "c@example.com"})).await;
    check_error(&nobody, 404, "resource_not_found", None);
}

#[tokio::test]
async fn a_contact_that_the_api_would_refuse_is_refused() {
    let local = Local::new().await;
    let owner = local.create(&json!({"email_address": ["a@example.com"], "phone_number": ["+15555550100"]})).await;
    let user_id = &owner["id"];
    let new = [
        ("/email_addresses", json!({"email_address": "b@example.com"}), "form_param_missing", "user_id"),
        ("/email_addresses", json!({"user_id": user_id}), "form_param_missing", "email_address"),
        (
            "/email_addresses",
            json!({"user_id": user_id, "email_address": "b"}),
            "form_param_format_invalid",
            "email_address",
        ),
        (
            "/email_addresses",
            json!({"user_id": user_id, "email_address": "b@example.com", "reserved": true}),
            "form_param_unknown",
            "reserved",
        ),
        (
            "/email_addresses",
            json!({"user_id": user_id, "email_address": "b@example.com", "primary": true}),
            "form_verification_needed",
            "primary",
        ),
        (
            "/email_addresses",
            json!({"user_id": user_id, "email_address": "b@example.com", "reserved_for_second_factor": true}),
            "form_param_unknown",
            "reserved_for_second_factor",
        ),
        (
            "/phone_numbers",
            json!({"user_id": user_id, "phone_number": "0555"}),
            "form_param_format_invalid",
            "phone_number",
        ),
        (
            "/phone_numbers",
            json!({"user_id": user_id, "phone_number": "+15555550101", "verified": "yes"}),
            "form_param_type_invalid",
            "verified",
        ),
    ];
    for (path, body, code, field) in new {
        check_error(&local.post(path, &body).await, 422, code, Some(field));
    }
    let nobody = json!({"user_id": "user_x", "email_address": "b@example.com"});
    check_error(&local.post("/email_addresses", &nobody).await, 404, "resource_not_found", None);
    let (email, phone) = (id(&owner["email_addresses"][0]), id(&owner["phone_numbers"][0]));
    let changes = [
        (format!("/email_addresses/{email}"), json!({"email_address": "b@example.com"}), "email_address"),
        (
            format!("/email_addresses/{email}"),
            json!({"reserved_for_second_factor": true}),
            "reserved_for_second_factor",
        ),
        (format!("/phone_numbers/{phone}"), json!({"default_second_factor": true}), "default_second_factor"),
        (format!("/phone_numbers/{phone}"), json!({"user_id": user_id}), "user_id"),
    ];
    for (path, body, field) in changes {
        check_error(&local.patch(&path, &body).await, 422, "form_param_unknown", Some(field));
    }
    let mixed_up = local.patch(&format!("/email_addresses/{phone}"), &json!({"verified": true})).await;
    check_error(&mixed_up, 404, "resource_not_found", None);
    assert_eq!(user(&local, &owner).await, owner, "nothing was changed");
}

#[tokio::test]
async fn a_deleted_user_takes_its_contacts_along() {
    let local = Local::new().await;
    let owner = local.create(&json!({"email_address": ["a@example.com"]})).await;
    let unverified = json!({"user_id": owner["id"], "email_address": "b@example.com"});
    let unverified = add(&local, "/email_addresses", &unverified).await;
    assert_eq!(local.delete(&format!("/users/{}", id(&owner))).await.0, 200);
    for contact in [&owner["email_addresses"][0], &unverified] {
        let gone = local.get(&format!("/email_addresses/{}", id(contact))).await;
        check_error(&gone, 404, "resource_not_found", None);
    }
    assert_eq!(local.get("/users?email_address=b@example.com").await.1, json!([]));
}
