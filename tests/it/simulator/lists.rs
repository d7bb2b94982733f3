//! Finding users: filters, order, pages and counts.

use serde_json::{Value, json};

use super::{Local, check_error};

fn external_ids(users: &Value) -> Vec<&str> {
    users.as_array().expect("a list").iter().map(|user| user["external_id"].as_str().unwrap_or("none")).collect()
}

#[tokio::test]
async fn external_ids_are_included_or_excluded_by_their_sign() {
    let local = Local::new().await;
    for external_id in ["a", "b", "-c", "+d"] {
        local.create_numbered(external_id).await;
    }
    let cases: [(&str, &[&str]); 9] = [
        ("external_id=a&external_id=b", &["b", "a"]),
        ("external_id=%2Ba", &["a"]),
        ("external_id=-a", &["+d", "-c", "b"]),
        ("external_id=-c", &["+d", "-c", "b", "a"]),
        ("external_id=%2B-c", &["-c"]),
        ("external_id=%2B%2Bd", &["+d"]),
        ("external_id=a&external_id=-a", &[]),
        ("external_id=+a", &[]),
        ("external_id=unknown", &[]),
    ];
    for (query, expected) in cases {
        let (status, users) = local.get(&format!("/users?{query}")).await;
        assert_eq!((status, external_ids(&users)), (200, expected.to_vec()), "{query}");
        let (_, count) = local.get(&format!("/users/count?{query}")).await;
        assert_eq!(count, json!({"object": "total_count", "total_count": expected.len()}), "{query}");
    }
}

#[tokio::test]
async fn filters_of_different_kinds_must_all_hold() {
    let local = Local::new().await;
    let anna = local
        .create(&json!({
            "external_id": "1", "email_address": ["anna@example.com"], "username": "anna", "first_name": "Anna",
            "phone_number": ["+15555550100"], "web3_wallet": ["0x1111111111111111111111111111111111111111"],
        }))
        .await;
    local.create(&json!({"external_id": "2", "email_address": ["berta@example.com"], "banned": true})).await;
    let id = anna["id"].as_str().expect("text");
    let cases = [
        ("email_address=ANNA@example.com".to_owned(), "1"),
        ("email_address=berta@example.com&email_address=anna@example.com&external_id=1".to_owned(), "1"),
        ("phone_number=%2B15555550100".to_owned(), "1"),
        ("username=Anna".to_owned(), "1"),
        ("web3_wallet=0x1111111111111111111111111111111111111111".to_owned(), "1"),
        (format!("user_id={id}"), "1"),
        (format!("user_id=%2B{id}&user_id=user_x"), "1"),
        (format!("user_id=-{id}"), "2"),
        (format!("user_id=%2B{id}&user_id=-{id}"), ""),
        ("phone_number=%2B15555550199&phone_number=%2B15555550100".to_owned(), "1"),
        ("username=nobody&username=anna".to_owned(), "1"),
        ("query=ANN".to_owned(), "1"),
        ("name_query=ann".to_owned(), "1"),
        ("email_address_query=berta".to_owned(), "2"),
        ("banned=true".to_owned(), "2"),
        ("external_id=1&email_address=berta@example.com".to_owned(), ""),
        ("last_sign_in_at_after=1".to_owned(), ""),
        ("email_address=anna@example.com&email_address=berta@example.com".to_owned(), "2,1"),
        (format!("user_id={id}&email_address=berta@example.com"), ""),
    ];
    for (query, expected) in cases {
        let (_, users) = local.get(&format!("/users?{query}")).await;
        assert_eq!(external_ids(&users).join(","), expected, "{query}");
    }
}

#[tokio::test]
async fn the_whole_list_is_walked_by_cursor_newest_first() {
    let local = Local::new().await;
    for number in 0..25 {
        let email = format!("u{number}@example.com");
        // Five users share each second: the order within it must not waver.
        let created_at = format!("2020-01-01T00:00:{:02}Z", (number * 7 % 25) / 5);
        local
            .create(&json!({"external_id": number.to_string(), "email_address": [email], "created_at": created_at}))
            .await;
    }
    let (_, all) = local.get("/users?limit=500").await;
    let all = all.as_array().expect("a list").clone();
    assert_eq!(all.len(), 25);
    assert!(all.is_sorted_by_key(|user| -user["created_at"].as_i64().expect("a number")));
    for (order, expected) in [("-created_at", all.clone()), ("%2Bcreated_at", all.iter().rev().cloned().collect())] {
        let mut walked: Vec<Value> = Vec::new();
        loop {
            let after = walked
                .last()
                .map_or(String::new(), |user| format!("&starting_after={}", user["id"].as_str().expect("text")));
            let (_, page) = local.get(&format!("/users?limit=7&order_by={order}{after}")).await;
            let page = page.as_array().expect("a list");
            walked.extend(page.iter().cloned());
            if page.len() < 7 {
                break;
            }
        }
        assert_eq!(walked, expected, "{order}");
    }
    let (_, page) = local.get("/users?offset=20&limit=10").await;
    assert_eq!(page.as_array().expect("a list").as_slice(), &all[20..]);
    let (_, page) = local.get("/users").await;
    assert_eq!(page.as_array().expect("a list").as_slice(), &all[..10]);
    let (_, page) = local.get("/users?order_by=email_address&limit=3").await;
    assert_eq!(external_ids(&page), ["0", "10", "11"]);
}

#[tokio::test]
async fn a_deleted_user_is_gone_from_every_list_and_frees_its_identifiers() {
    let local = Local::new().await;
    let user = local.create_numbered("1").await;
    local.create_numbered("2").await;
    let path = format!("/users/{}", user["id"].as_str().expect("text"));
    let expected = json!({"object": "user", "id": user["id"], "deleted": true, "external_id": "1"});
    assert_eq!(local.delete(&path).await, (200, expected));
    check_error(&local.delete(&path).await, 404, "resource_not_found", None);
    check_error(&local.get(&path).await, 404, "resource_not_found", None);
    assert_eq!(external_ids(&local.get("/users").await.1), ["2"]);
    assert_eq!(local.get("/users/count").await.1["total_count"], 1);
    local.create_numbered("1").await;
}

#[tokio::test]
async fn a_query_that_the_api_does_not_have_is_refused() {
    let local = Local::new().await;
    let values = |count: usize| (0..count).map(|n| format!("external_id={n}")).collect::<Vec<_>>().join("&");
    assert_eq!(local.get(&format!("/users?{}", values(100))).await.0, 200);
    let too_many = values(101);
    let many_ids = too_many.replace("external_id", "user_id");
    let cases = [
        (too_many.as_str(), "form_param_array_size_exceeded", "external_id"),
        ("limit=0", "form_param_value_invalid", "limit"),
        ("limit=501", "form_param_value_invalid", "limit"),
        ("limit=x", "form_param_type_invalid", "limit"),
        ("offset=-1", "form_param_type_invalid", "offset"),
        ("order_by=id", "form_param_value_invalid", "order_by"),
        ("externalId=1", "form_param_unknown", "externalId"),
        ("starting_after=user_x", "form_resource_not_found", "starting_after"),
        ("starting_after=user_x&offset=1", "form_conditional_param_disallowed", "starting_after"),
        ("starting_after=user_x&order_by=username", "form_param_value_invalid", "order_by"),
        (many_ids.as_str(), "form_param_array_size_exceeded", "user_id"),
        ("banned=maybe", "form_param_type_invalid", "banned"),
    ];
    for (query, code, field) in cases {
        check_error(&local.get(&format!("/users?{query}")).await, 422, code, Some(field));
    }
    check_error(&local.get("/users/count?limit=1").await, 422, "form_param_unknown", Some("limit"));
}
