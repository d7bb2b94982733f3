//! Changing users and their metadata.

use reqwest::Method;
use serde_json::json;

use super::{Local, check_error, read};

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let local = Local::new().await;
    let user = local
        .create(&json!({
            "external_id": "1", "username": "anna", "first_name": "Anna",
            "email_address": ["a@example.com", "b@example.com", "c@example.com"],
            "email_address_identification_status": ["verified", "verified", "reserved"],
        }))
        .await;
    let path = format!("/users/{}", user["id"].as_str().expect("text"));
    let second = &user["email_addresses"][1]["id"];
    let change = json!({
        "external_id": "one", "username": "", "first_name": null, "last_name": "Example",
        "primary_email_address_id": second, "created_at": "2012-10-20T07:15:20.902Z",
    });
    let (status, changed) = local.patch(&path, &change).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["external_id"], &changed["last_name"]), (&json!("one"), &json!("Example")));
    assert!(changed["username"].is_null() && changed["first_name"].is_null());
    assert_eq!(&changed["primary_email_address_id"], second);
    assert_eq!(local.get("/users?external_id=1").await.1, json!([]));
    assert_eq!(local.get("/users?external_id=one").await.1, json!([changed]));

    let reserved = json!({"primary_email_address_id": user["email_addresses"][2]["id"]});
    check_error(
        &local.patch(&path, &reserved).await,
        422,
        "form_verification_needed",
        Some("primary_email_address_id"),
    );
    let metadata = json!({"public_metadata": {}});
    check_error(&local.patch(&path, &metadata).await, 422, "form_param_unknown", Some("public_metadata"));
    local.create(&json!({"external_id": "2", "username": "anna"})).await;
    let taken = json!({"external_id": "2", "first_name": "Lost"});
    check_error(&local.patch(&path, &taken).await, 422, "form_identifier_exists", Some("external_id"));
    assert!(local.get(&path).await.1["first_name"].is_null());
    check_error(&local.patch("/users/user_x", &json!({})).await, 404, "resource_not_found", None);
}

#[tokio::test]
async fn metadata_is_merged_by_patch() {
    let local = Local::new().await;
    let fields = json!({"username": "anna", "public_metadata": {"a": {"x": 1, "y": 2}}, "private_metadata": {"p": 1}});
    let user = local.create(&fields).await;
    let path = format!("/users/{}/metadata", user["id"].as_str().expect("text"));
    let change = json!({"public_metadata": {"a": {"x": null}, "b": true}});
    let (status, changed) = local.patch(&path, &change).await;
    assert_eq!((status, &changed["public_metadata"]), (200, &json!({"a": {"y": 2}, "b": true})));
    assert_eq!(changed["private_metadata"], json!({"p": 1}));
    let grown = json!({"public_metadata": {"c": "x".repeat(8_192)}});
    check_error(&local.patch(&path, &grown).await, 422, "form_param_exceeds_allowed_size", Some("public_metadata"));
    check_error(&local.patch(&path, &json!({"role": 1})).await, 422, "form_param_unknown", Some("role"));
}

#[tokio::test]
async fn users_are_banned_and_locked_and_let_in_again() {
    let local = Local::new().await;
    let user = local.create_numbered("1").await;
    let path = format!("/users/{}", user["id"].as_str().expect("text"));
    let cases =
        [("ban", "banned", true), ("lock", "locked", true), ("unban", "banned", false), ("unlock", "locked", false)];
    for (action, field, expected) in cases {
        // Such a request has no body.
        let answer = local.request(Method::POST, &format!("{path}/{action}")).send().await.expect("an answer");
        let (status, changed) = read(answer).await;
        assert_eq!((status, &changed[field]), (200, &json!(expected)), "{action}");
        assert_eq!(local.get(&path).await.1, changed);
        let nobody = local.post(&format!("/users/user_x/{action}"), &json!({})).await;
        check_error(&nobody, 404, "resource_not_found", None);
    }
}

#[tokio::test]
async fn a_sign_in_shows_and_can_be_asked_for() {
    let local = Local::new().await;
    let user = local.create_numbered("1").await;
    local.create_numbered("2").await;
    assert!(user["last_sign_in_at"].is_null() && user["last_active_at"].is_null());
    let clerk_id = user["id"].as_str().expect("text");
    local.simulator.sign_in(clerk_id).expect("the user is there");
    let (_, shown) = local.get(&format!("/users/{clerk_id}")).await;
    let (signed_in, active) = (shown["last_sign_in_at"].as_i64(), shown["last_active_at"].as_i64());
    let (signed_in, active) = signed_in.zip(active).expect("two times");
    assert!(signed_in >= user["created_at"].as_i64().expect("a time"));
    assert!(active % 86_400_000 == 0 && (0..86_400_000).contains(&(signed_in - active)), "by the day: {active}");
    let cases = [
        ("last_sign_in_at_after=1".to_owned(), 1),
        (format!("last_sign_in_at_before={signed_in}"), 0),
        (format!("last_sign_in_at_before={}", signed_in + 1), 1),
        ("last_active_at_after=1".to_owned(), 1),
        (format!("last_active_at_since={active}"), 1),
        ("last_active_at_before=1".to_owned(), 0),
    ];
    for (query, expected) in cases {
        assert_eq!(local.get(&format!("/users/count?{query}")).await.1["total_count"], expected, "{query}");
    }
    let (_, sorted) = local.get("/users?order_by=-last_sign_in_at").await;
    assert_eq!(sorted[0], shown);
    assert!(local.simulator.sign_in("user_x").is_err_and(|error| error.to_string().contains("user_x")));
}

#[tokio::test]
async fn each_new_password_is_later_than_the_one_before() {
    let local = Local::new().await;
    let user = local.create(&json!({"username": "anna", "password": "correct horse"})).await;
    let path = format!("/users/{}", user["id"].as_str().expect("text"));
    let mut before = user["password_last_updated_at"].as_i64().expect("a time");
    let digest = json!({"password_hasher": "md5", "password_digest": "5f4dcc3b5aa765d61d8327deb882cf99"});
    for change in [json!({"password": "battery staple"}), digest.clone(), digest] {
        let (_, changed) = local.patch(&path, &change).await;
        let now = changed["password_last_updated_at"].as_i64().expect("a time");
        assert!(now > before, "{now} after {before}");
        before = now;
    }
    let (_, renamed) = local.patch(&path, &json!({"first_name": "Anna"})).await;
    assert_eq!(renamed["password_last_updated_at"], before);
}
