//! Every kind of difference, one by one.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DIGEST, moved, new, people};
use crate::program::Program;
use crate::servers;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_in_clerk_is_lost_and_one_that_was_never_sent_is_missing() {
    let scene = new().await;
    scene.delete_in_clerk("u3").await;
    // The ID in its row points nowhere now.
    let lines = scene.expect(&[("lost", Some("u3"), ""), ("columnDangling", Some("u3"), "clerk_id")]).await;
    assert!(lines[0]["clerkId"].as_str().is_some_and(|id| id.starts_with("user_")), "{lines:?}");

    let scene = new().await;
    scene.sign_up("u4").await;
    let lines = scene.expect(&[("missing", Some("u4"), "")]).await;
    assert!(lines[0]["message"].as_str().is_some_and(|text| text.contains("not in the ledger")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_missing_is_told_with_the_state_that_the_ledger_has() {
    let scene = people(servers::sqlite().await).await;
    let other = json!({"external_id": "other_application", "email_address": ["u3@example.com"]});
    let holder = scene.sign_up_in_clerk(other).await;
    scene.sign_up("u4").await;
    scene.set("u4", "email = 'no address'").await;
    scene.sign_up("u5").await;
    scene.set("u5", "email = 'U1@example.com'").await;
    scene.migrate(&["--write-back"]).await.expect_code(1);
    scene.in_clerk(Method::DELETE, &format!("/users/{holder}"), Value::Null).await;
    let expected = [("missing", Some("u3"), ""), ("invalid", Some("u4"), "email"), ("invalid", Some("u5"), "email")];
    let lines = scene.expect(&expected).await;
    let message = |user_id: &str| {
        let line = lines.iter().find(|line| line["userId"] == user_id).expect("a line");
        line["message"].as_str().expect("a message").to_owned()
    };
    assert!(message("u3").contains("`conflict`"), "{}", message("u3"));
    assert!(message("u5").contains("user `u1` has the same"), "the address stays the winner's: {}", message("u5"));
    let told = scene.verify(&[]).await.stdout;
    for text in ["users not in Clerk: conflict", "user `u1` has the same", "invalid rows, not in Clerk"] {
        assert!(told.contains(text), "`{text}`: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_rows_are_told_without_a_user_id_too_and_if_they_are_in_clerk_all_the_same() {
    let scene = new().await;
    scene.set("u3", "email = 'no address'").await;
    scene.sign_up("").await;
    scene.expect(&[("invalidInClerk", Some("u3"), "email"), ("invalid", None, "userId")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_user_without_a_row_is_told_and_no_address_of_others_is_shown() {
    let scene = new().await;
    scene.database.execute("DELETE FROM users WHERE id = 'u2'").await;
    scene.sign_up_in_clerk(json!({"external_id": "eve@example.com", "email_address": ["eve@example.com"]})).await;
    scene.sign_up_in_clerk(json!({"email_address": ["finn@example.com"]})).await;
    let nobody = ("withoutRow", None, "");
    let lines = scene.expect(&[("vanished", Some("u2"), ""), nobody, nobody]).await;
    assert!(lines.iter().all(|line| line["clerkId"].is_string()), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_query_repeats_is_told() {
    let scene = new().await;
    scene.ask(|query| {
        query.replace("FROM users", "FROM users JOIN (SELECT 1 AS n UNION ALL SELECT 2) ON n = 1 OR id = 'u2'")
    });
    scene.expect(&[("repeated", Some("u2"), "userId")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_id_or_none_in_clerk_is_told_with_the_clerk_user() {
    let scene = new().await;
    let (without, other) = (scene.clerk_id("u1"), scene.clerk_id("u3"));
    scene.change_in_clerk("u1", json!({"external_id": null})).await;
    scene.change_in_clerk("u3", json!({"external_id": "77"})).await;
    let lines = scene
        .expect(&[
            ("externalIdMissing", Some("u1"), "userId"),
            ("externalIdOther", Some("u3"), "userId"),
            // Its row bears the ID of a user who is `77` now.
            ("columnWrong", Some("u3"), "clerk_id"),
        ])
        .await;
    for (user_id, clerk_id) in [("u1", &without), ("u3", &other)] {
        let line = lines.iter().find(|line| line["userId"] == user_id).expect("a line");
        assert_eq!(line["clerkId"], json!(clerk_id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ledger_users_are_found_by_their_address_alone() {
    let scene = people(servers::sqlite().await).await;
    scene.sign_up_in_clerk(json!({"email_address": ["u1@example.com"]})).await;
    scene.sign_up_in_clerk(json!({"external_id": "77", "email_address": ["u2@example.com"]})).await;
    scene.sign_up_in_clerk(json!({"external_id": "u3", "email_address": ["somebody@example.com"]})).await;
    scene.sign_up("u4").await;
    scene.verify(&["--ledger", "none.db"]).await.expect_code(2).expect_told("there is no ledger at `none.db`");
    scene
        .expect(&[
            ("externalIdMissing", Some("u1"), "email"),
            ("externalIdOther", Some("u2"), "email"),
            ("otherPerson", Some("u3"), "userId"),
            ("missing", Some("u4"), ""),
        ])
        .await;
    assert!(!scene.program.path(".db2clerk").exists(), "no ledger is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_imported_by_another_tool_are_compared_without_a_ledger() {
    let scene = people(servers::sqlite().await).await;
    scene.migrate(&["--ledger", "elsewhere/other.db"]).await.expect_code(0);
    scene.expect(&["u1", "u2", "u3"].map(|id| ("columnMissing", Some(id), "clerk_id"))).await;
    let backfill = ["backfill", "--from", "clerk", "--query", "users.sql", "--yes"];
    scene.program.run(&backfill).await.expect_code(0);
    scene.expect(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_made_anew_in_clerk_has_another_clerk_id_than_the_ledger_and_the_row() {
    let scene = new().await;
    scene.delete_in_clerk("u3").await;
    scene.sign_up_in_clerk(json!({"external_id": "u3", "email_address": ["u3@example.com"]})).await;
    let lines =
        scene.expect(&[("otherClerkId", Some("u3"), "userId"), ("columnDangling", Some("u3"), "clerk_id")]).await;
    assert!(lines.iter().all(|line| line["clerkId"] == json!(scene.clerk_id("u3"))), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_compared_with_clerk_also_where_the_row_is_gone() {
    let scene = new().await;
    scene.database.execute("DELETE FROM users WHERE id IN ('u2', 'u3')").await;
    scene.delete_in_clerk("u2").await;
    scene.delete_in_clerk("u3").await;
    scene.sign_up_in_clerk(json!({"external_id": "u3", "email_address": ["u3@example.com"]})).await;
    scene
        .expect(&[("lost", Some("u2"), "userId"), ("otherClerkId", Some("u3"), "userId"), ("vanished", Some("u3"), "")])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_numbers_are_compared_one_by_one() {
    let scene = new().await;
    let address = json!({"user_id": scene.clerk_id("u3"), "email_address": "u3@example.org", "verified": true});
    scene.in_clerk(Method::POST, "/email_addresses", address).await;
    scene.expect(&[("emailOnlyInClerk", Some("u3"), "email")]).await;

    let scene = new().await;
    scene.set("u1", "email = 'eve@example.com', phone = '+14155550107'").await;
    scene
        .expect(&[
            ("emailMissing", Some("u1"), "email"),
            ("emailOnlyInClerk", Some("u1"), "email"),
            ("phoneMissing", Some("u1"), "phone"),
            ("phoneOnlyInClerk", Some("u1"), "phone"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_number_is_verified_on_one_side_only() {
    let scene = new().await;
    scene.in_clerk(Method::PATCH, &scene.contact("email_addresses", "u2"), json!({"verified": true})).await;
    scene.expect(&[("emailVerifiedOnlyInClerk", Some("u2"), "unverifiedEmailAddresses")]).await;
    let told = scene.verify(&[]).await.stdout;
    assert!(told.contains("Look at what is verified only in Clerk first"), "{told}");

    let scene = new().await;
    scene.set("u2", "verified = '2024-05-01'").await;
    scene.expect(&[("emailNotVerified", Some("u2"), "email")]).await;

    let scene = new().await;
    scene.in_clerk(Method::PATCH, &scene.contact("phone_numbers", "u1"), json!({"verified": false})).await;
    scene.expect(&[("phoneNotVerified", Some("u1"), "phone")]).await;

    let scene = new().await;
    scene.ask(|query| query.replace("phone,", "phone, 0 AS phoneVerified,"));
    scene.expect(&[("phoneVerifiedOnlyInClerk", Some("u1"), "unverifiedPhoneNumbers")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_usernames_and_bans_are_compared_both_ways() {
    let scene = new().await;
    scene.change_in_clerk("u1", json!({"first_name": "Augusta", "last_name": null, "username": "augusta"})).await;
    scene.change_in_clerk("u3", json!({"first_name": "Cleo", "username": "cleo"})).await;
    scene.in_clerk(Method::POST, &format!("/users/{}/ban", scene.clerk_id("u3")), Value::Null).await;
    scene.set("u2", "banned = 1").await;
    scene
        .expect(&[
            ("name", Some("u1"), "firstName"),
            ("name", Some("u1"), "lastName"),
            ("username", Some("u1"), "username"),
            ("name", Some("u3"), "firstName"),
            ("username", Some("u3"), "username"),
            ("banned", Some("u3"), "banned"),
            ("banned", Some("u2"), "banned"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_there_or_not_on_both_sides() {
    let scene = new().await;
    scene.set("u3", &format!("password = '{DIGEST}'")).await;
    scene.change_in_clerk("u2", json!({"password": "another horse entirely"})).await;
    scene.expect(&[("passwordMissing", Some("u3"), "password")]).await;

    let scene = new().await;
    scene.set("u1", "password = NULL").await;
    scene.expect(&[("passwordOnlyInClerk", Some("u1"), "password")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_of_creation_and_wallets_are_compared() {
    let scene = new().await;
    scene.change_in_clerk("u1", json!({"created_at": "2021-01-01T00:00:00Z"})).await;
    let lines = scene.expect(&[("createdAt", Some("u1"), "createdAt")]).await;
    let message = lines[0]["message"].as_str().expect("a message");
    assert!(message.contains("2020-01-02T03:04:05") && message.contains("2021-01-01T00:00:00"), "{message}");

    let scene = people(servers::sqlite().await).await;
    let [one, other] = [1, 2].map(|n| format!("0x{n:040x}"));
    scene.set("u3", &format!("wallet = '{one}'")).await;
    scene.migrate(&["--write-back"]).await.expect_code(0);
    scene.set("u3", &format!("wallet = '{other}'")).await;
    let expected = [("walletMissing", Some("u3"), "web3Wallets"), ("walletOnlyInClerk", Some("u3"), "web3Wallets")];
    scene.expect(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_compared_key_by_key_and_further_keys_in_clerk_are_fine() {
    let scene = people(servers::sqlite().await).await;
    let private = r#"'{"plan": {"until": null, "seats": 3.0, "by": "card"}, "tags": [1, 2]}' AS privateMetadata,"#;
    scene.ask(|query| query.replace("phone,", &format!("phone, {private}")));
    scene.migrate(&["--write-back"]).await.expect_code(0);
    let path = format!("/users/{}/metadata", scene.clerk_id("u1"));
    // As another JSON library would have written it, and with keys of the application's own.
    let more = json!({"public_metadata": {"theme": "dark"},
        "private_metadata": {"seen": true, "plan": {"until": null, "seats": null}}});
    scene.in_clerk(Method::PATCH, &path, more).await;
    scene.in_clerk(Method::PATCH, &path, json!({"private_metadata": {"plan": {"seats": 3}}})).await;
    scene.expect(&[]).await;
    let change = json!({"public_metadata": {"role": null}, "private_metadata": {"plan": {"seats": 4}}});
    scene.in_clerk(Method::PATCH, &path, change).await;
    let expected =
        [("metadata", Some("u1"), "publicMetadata.role"), ("metadata", Some("u1"), "privateMetadata.plan.seats")];
    scene.expect(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_query_does_not_select_is_not_compared() {
    let scene = new().await;
    scene.change_in_clerk("u2", json!({"username": "robert", "first_name": "Robert"})).await;
    scene.ask(|_| "SELECT id AS userId, email, verified AS emailVerified FROM users".to_owned());
    scene.expect(&[]).await;
    scene.ask(|_| "SELECT id AS userId, phone FROM users WHERE id = 'u1'".to_owned());
    scene.expect(&[("vanished", Some("u2"), ""), ("vanished", Some("u3"), "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_column_is_compared_with_clerk_on_every_engine() {
    for database in servers::all().await {
        let scene = moved(database).await;
        scene.set("u1", "clerk_id = NULL").await;
        let of_another = scene.clerk_id("u1");
        scene.set("u2", &format!("clerk_id = '{of_another}'")).await;
        scene.set("u3", "clerk_id = 'user_2nobody'").await;
        // Rows that the query leaves out are wrong only if they point to nobody, or to a user of another row.
        scene.ask(|query| query.replace("FROM users", "FROM users WHERE id LIKE 'u%'"));
        scene.sign_up("hidden").await;
        scene.sign_up("x9").await;
        scene.set("x9", "clerk_id = 'nothing of the kind'").await;
        let lines = scene
            .expect(&[
                ("columnMissing", Some("u1"), "clerk_id"),
                ("columnWrong", Some("u2"), "clerk_id"),
                ("columnDangling", Some("u3"), "clerk_id"),
                ("columnDangling", Some("x9"), "clerk_id"),
            ])
            .await;
        let wrong = lines.iter().find(|line| line["userId"] == "u2").expect("a line");
        assert_eq!(wrong["clerkId"], json!(scene.clerk_id("u2")), "{}: whose it should be", scene.database.engine);
        assert!(wrong["message"].as_str().is_some_and(|text| text.contains("the row `u1`")), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_no_row_has_is_told() {
    let scene = people(servers::sqlite().await).await;
    scene.migrate(&[]).await.expect_code(0);
    scene.ask(|query| query.replace("SELECT id AS", "SELECT 'x' || id AS key, id AS"));
    scene.expect(&["u1", "u2", "u3"].map(|id| ("columnWithoutRow", Some(id), "clerk_id"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_column_the_rest_is_compared_and_a_column_that_was_named_must_be_there() {
    let scene = people(servers::sqlite().await).await;
    scene.migrate(&[]).await.expect_code(0);
    let flags = ["--column", "email"];
    scene.verify(&flags).await.expect_code(1);
    scene.database.execute("CREATE TABLE others AS SELECT * FROM users; DROP TABLE users").await;
    scene.database.execute("CREATE TABLE users (id varchar(64) PRIMARY KEY, email text, verified text)").await;
    scene.database.execute("INSERT INTO users SELECT id, email, verified FROM others").await;
    scene.ask(|_| {
        "-- table: users\n-- key: id\nSELECT id AS userId, email, verified AS emailVerified FROM users".to_owned()
    });
    let run = scene.verify(&["--json"]).await;
    run.expect_code(0).expect_told("has no column `clerk_id`");
    assert_eq!(run.json()["columnRows"], 0);
    for (flags, told) in [
        (["--column", "clerkId"], "no column `clerkId`"),
        (["--table", "people"], "holds the users of"),
        (["--key", "email"], "unique"),
    ] {
        scene.verify(&flags).await.expect_code(2).expect_told(told);
    }
    scene.verify(&["--add-column"]).await.expect_code(2).expect_told("writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_left_out_on_request_is_no_difference() {
    let scene = people(servers::sqlite().await).await;
    scene.migrate(&["--write-back", "--unverified", "skip"]).await.expect_code(0);
    let run = scene.verify(&["--unverified", "skip", "--json"]).await;
    run.expect_code(0);
    assert_eq!((&run.json()["skipped"], &run.json()["alike"]), (&json!(1), &json!(2)));
    // Without it, the same row is one that should be there.
    scene.expect(&[("missing", Some("u2"), "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_in_use_or_of_another_source_is_refused_before_the_walk() {
    let scene = new().await;
    let files = scene.ledger().into_iter().map(|(path, _)| path);
    let ledger = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "db"));
    let ledger = ledger.expect("a ledger");
    let counted = |path: &str| scene.simulator.requests().iter().filter(|request| request.path == path).count();
    let before = counted("/v1/users");
    let held = db2clerk::ledger::Ledger::open_existing(&ledger).await.expect("the ledger");
    scene.verify(&[]).await.expect_code(2).expect_told("in use by another db2clerk");
    drop(held);
    let other = servers::sqlite().await;
    other.execute("CREATE TABLE users (id text PRIMARY KEY, email text)").await;
    let program = Program::with_clerk(&scene.simulator).variable("DATABASE_URL", &other.url);
    program.write("users.sql", "-- table: users\n-- key: id\nSELECT id AS userId, email FROM users");
    let named = ["verify", "--query", "users.sql", "--ledger", ledger.to_str().expect("a path")];
    program.run(&named).await.expect_code(2).expect_told("holds the users of");
    assert_eq!(counted("/v1/users"), before);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_differences_is_the_owners_only_and_a_limit_of_the_settings_does_not_count() {
    use std::os::unix::fs::PermissionsExt;
    let scene = new().await;
    scene.program.write("db2clerk.toml", "limit = 1\n");
    scene.expect(&[]).await;
    scene.set("u3", "first_name = 'Cleo'").await;
    scene.expect(&[("name", Some("u3"), "firstName")]).await;
    let file = scene.files().remove(0);
    assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
}
