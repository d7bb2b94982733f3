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
