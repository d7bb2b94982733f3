use proptest::prelude::*;
use serde_json::json;

use crate::mapping::{
    ColumnsError, Coverage, ElementError, ElementMapping, EmailBasis, ExtraColumns, Field, Mapped, Mapping, Options,
    Refused, UnusablePasswords, Unverified,
};
use crate::record::{Hasher, ImportUser};
use crate::row::{Column, Value};

const BCRYPT: &str = "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

fn columns(names: &str) -> Vec<Column> {
    let column = |name: &str| Column { name: name.to_owned(), type_name: "text".to_owned() };
    names.split(' ').map(column).collect()
}

fn columns_error(names: &str, options: Options) -> ColumnsError {
    Mapping::of_columns(&columns(names), options).expect_err(names)
}

fn map(names: &str, options: Options, row: Vec<Value>) -> Result<Mapped, Refused> {
    Mapping::of_columns(&columns(names), options).expect(names).user(row, 7)
}

/// Maps a row of texts, `NULL` being NULL.
fn row(names: &str, options: Options, texts: &[&str]) -> Result<Mapped, Refused> {
    let value = |text: &&str| if *text == "NULL" { Value::Null } else { Value::Text((*text).to_owned()) };
    map(names, options, texts.iter().map(value).collect())
}

fn element(element: serde_json::Value) -> Result<Mapped, ElementError> {
    ElementMapping::new(Options::default()).user(element, 7)
}

fn codes(refused: Result<Mapped, Refused>) -> Vec<String> {
    refused.expect_err("the user is refused").reasons.into_iter().map(|reason| reason.code).collect()
}

fn json(mapped: Result<Mapped, Refused>) -> serde_json::Value {
    serde_json::to_value(mapped.expect("the user is taken").user).expect("a user serializes")
}

#[test]
fn the_query_of_clerks_guide_works_as_every_engine_names_its_columns() {
    for names in ["userId email name", "userid email name", "USER_ID EMAIL NAME"] {
        let user = json(map(
            names,
            Options::default(),
            vec![
                Value::Integer(5),
                Value::Text("Ada@Lovelace.dev".to_owned()),
                Value::Text("Ada King Lovelace".to_owned()),
            ],
        ));
        let expected =
            json!({"userId": "5", "email": "ada@lovelace.dev", "firstName": "Ada", "lastName": "King Lovelace"});
        assert_eq!(user, expected, "{names}");
    }
}

#[test]
fn columns_that_cannot_be_understood_are_named() {
    let unknown = columns_error("userId hashed_password", Options::default());
    assert_eq!(unknown, ColumnsError::Unknown { column: "hashed_password".to_owned(), nearest: "password" });
    assert!(unknown.to_string().contains("`hashed_password`"), "{unknown}");
    assert!(matches!(columns_error("userId email email", Options::default()), ColumnsError::Duplicate { .. }));
    assert!(matches!(
        columns_error("userId user_id", Options::default()),
        ColumnsError::SameField { field: "userId", .. }
    ));
    assert!(matches!(
        columns_error("userId publicMetadata.a public_metadata.a.b", Options::default()),
        ColumnsError::SamePlace { .. }
    ));
    assert_eq!(columns_error("email name", Options::default()), ColumnsError::NoUserId);
    for name in ["publicMetadata.", "publicMetadata..a", "metadata.a"] {
        assert!(
            matches!(columns_error(&format!("userId {name}"), Options::default()), ColumnsError::Unknown { .. }),
            "{name}"
        );
    }
    let hasher = Options { password_hasher: Some("bcript".to_owned()), ..Options::default() };
    assert!(matches!(columns_error("userId email", hasher), ColumnsError::UnknownHasher(_)));
}

#[test]
fn passwords_without_a_word_on_who_is_verified_are_refused_until_it_is_given() {
    let names = "userId email password";
    assert_eq!(columns_error(names, Options::default()), ColumnsError::PasswordWithoutVerified);
    for (unverified, basis) in [(Unverified::Reserve, EmailBasis::Reserved), (Unverified::Verify, EmailBasis::Override)]
    {
        let options = Options { unverified: Some(unverified), ..Options::default() };
        let mapped = row(names, options, &["1", "ada@lovelace.dev", BCRYPT]).expect("the user is taken");
        assert_eq!(mapped.email, basis);
    }
    assert!(Mapping::of_columns(&columns("userId username password"), Options::default()).is_ok());
}

#[test]
fn extra_columns_go_where_they_are_said_to_go() {
    let mapped = |extra_columns| {
        json(row("userId email Plan", Options { extra_columns, ..Options::default() }, &["1", "a@b.dev", "pro"]))
    };
    assert_eq!(mapped(ExtraColumns::Ignore), json!({"userId": "1", "email": "a@b.dev"}));
    let public = json!({"userId": "1", "email": "a@b.dev", "publicMetadata": {"Plan": "pro"}});
    assert_eq!(mapped(ExtraColumns::PublicMetadata), public);
    let private = json!({"userId": "1", "email": "a@b.dev", "privateMetadata": {"Plan": "pro"}});
    assert_eq!(mapped(ExtraColumns::PrivateMetadata), private);
    let ignore = Options { extra_columns: ExtraColumns::Ignore, ..Options::default() };
    assert!(Mapping::of_columns(&columns("userId image image"), ignore).is_ok());
}

#[test]
fn who_is_verified_follows_the_source_the_providers_and_the_policy() {
    let names = "userId email emailVerified providers password";
    let basis = |unverified, texts: [&str; 3]| {
        let [verified, providers, password] = texts;
        let options = Options { unverified, ..Options::default() };
        row(names, options, &["1", "a@b.dev", verified, providers, password]).map(|mapped| mapped.email)
    };
    for (texts, expected) in [
        (["2024-03-01 10:00:00+00", "NULL", BCRYPT], EmailBasis::Stated),
        (["1709287200000", "NULL", "NULL"], EmailBasis::Stated),
        (["NULL", "google", "NULL"], EmailBasis::Providers),
        (["NULL", "google,apple", "!unset"], EmailBasis::Providers),
        (["NULL", "google", BCRYPT], EmailBasis::Reserved),
        (["NULL", "google,github", "NULL"], EmailBasis::Reserved),
        (["NULL", "NULL", "NULL"], EmailBasis::Reserved),
        (["", "[\"google\"]", "NULL"], EmailBasis::Providers),
        (["0", "NULL", "NULL"], EmailBasis::Reserved),
    ] {
        assert_eq!(basis(None, texts), Ok(expected), "{texts:?}");
    }
    assert_eq!(basis(Some(Unverified::Verify), ["NULL", "NULL", BCRYPT]), Ok(EmailBasis::Override));
    let skipped = basis(Some(Unverified::Skip), ["NULL", "NULL", BCRYPT]).expect_err("nothing is left");
    assert!(skipped.skipped);
    assert_eq!(skipped.reasons[0].code, "unverified_skipped");
    let unclear = basis(None, ["0000-00-00 00:00:00", "google", "NULL"]).expect_err("it is unclear");
    assert!(!unclear.skipped);
    assert_eq!(unclear.reasons[0].code, "email_verified_invalid");
}

#[test]
fn a_password_that_is_dropped_still_proves_no_address() {
    let options = Options { unusable_passwords: UnusablePasswords::Drop, ..Options::default() };
    let mapped =
        row("userId email emailVerified providers password", options, &["1", "a@b.dev", "NULL", "google", "hunter2"])
            .expect("the user is taken");
    assert!(mapped.password_dropped && mapped.user.password.is_none() && mapped.user.password_hasher.is_none());
    assert_eq!(mapped.email, EmailBasis::Reserved);
}

#[test]
fn a_source_that_says_nothing_leaves_clerks_default() {
    let from_query = row("userId email", Options::default(), &["1", "a@b.dev"]).expect("the user is taken");
    assert_eq!(from_query.email, EmailBasis::Unstated);
    let from_file = element(json!({"userId": "1", "email": "a@b.dev", "password": BCRYPT})).expect("the user is taken");
    assert_eq!(from_file.email, EmailBasis::Unstated);
    let stated = element(json!({"userId": "1", "email": "a@b.dev", "emailVerified": null})).expect("the user is taken");
    assert_eq!(stated.email, EmailBasis::Reserved);
}

#[test]
fn every_field_reaches_the_user() {
    let all = json!({
        "userId": 1, "key": "0a", "email": ["a@b.dev", "c@b.dev"], "emailAddresses": ["d@b.dev"],
        "unverifiedEmailAddresses": ["e@b.dev"], "phone": "+14155552671", "phoneNumbers": ["+14155552672"],
        "unverifiedPhoneNumbers": ["+14155552673"], "username": "Ada_L", "firstName": "Ada", "lastName": "Lovelace", "name": "ignored",
        "password": BCRYPT, "totpSecret": "JBSWY3DPEHPK3PXP", "backupCodes": "abc def", "public_metadata": {"a": 1},
        "publicMetadata.role": "admin", "privateMetadata": "{\"b\": 2}", "unsafe_metadata": {"c": 3}, "createdAt": 1_709_287_200,
        "legalAcceptedAt": "2024-03-01", "banned": 0, "locked": "f", "locale": "en_US",
        "web3Wallets": "0xabababababababababababababababababababab", "createOrganizationEnabled": true,
        "createOrganizationsLimit": 3, "deleteSelfEnabled": false, "bypassClientTrust": true, "skipPasswordChecks": true,
        "skipLegalChecks": true, "skipUserRequirement": true,
    });
    let mapped = element(all).expect("the user is taken");
    let expected = json!({
        "userId": "1", "key": "0a", "email": "a@b.dev", "emailAddresses": ["c@b.dev", "d@b.dev"],
        "unverifiedEmailAddresses": ["e@b.dev"], "phone": "+14155552671", "phoneNumbers": ["+14155552672"],
        "unverifiedPhoneNumbers": ["+14155552673"], "username": "ada_l", "firstName": "Ada", "lastName": "Lovelace",
        "password": BCRYPT, "passwordHasher": "bcrypt", "totpSecret": "JBSWY3DPEHPK3PXP", "backupCodes": ["abc", "def"],
        "publicMetadata": {"a": 1, "role": "admin"}, "privateMetadata": {"b": 2}, "unsafeMetadata": {"c": 3},
        "createdAt": "2024-03-01T10:00:00.000Z", "legalAcceptedAt": "2024-03-01T00:00:00.000Z", "banned": false, "locked": false,
        "locale": "en-US", "web3Wallets": ["0xabababababababababababababababababababab"], "createOrganizationEnabled": true,
        "createOrganizationsLimit": 3, "deleteSelfEnabled": false, "bypassClientTrust": true, "skipPasswordChecks": true,
        "skipLegalChecks": true, "skipUserRequirement": true,
    });
    let written = serde_json::to_value(&mapped.user).expect("a user serializes");
    assert_eq!(written, expected);
    let again = element(written).expect("what was written is read");
    assert_eq!(again.user, mapped.user);
}

#[test]
fn everything_that_is_wrong_with_a_user_is_told_at_once() {
    let codes = codes(row(
        "userId email phone username createdAt firstName banned password publicMetadata",
        Options { unverified: Some(Unverified::Reserve), ..Options::default() },
        &["NULL", "nobody", "12", "x", "infinity", "a\0b", "maybe", "hunter2", "[1]"],
    ));
    assert_eq!(
        codes,
        [
            "user_id_missing",
            "password_unusable",
            "email_invalid",
            "phone_invalid",
            "first_name_nul_character",
            "username_invalid",
            "created_at_invalid",
            "public_metadata_invalid",
            "banned_invalid",
        ]
    );
}

#[test]
fn a_refused_user_keeps_its_id_its_key_its_number_and_its_identifiers() {
    let refused =
        row("userId key email username", Options::default(), &["u1", "k1", "a@b.dev", "x"]).expect_err("refused");
    assert_eq!(refused.user_id.map(String::from).as_deref(), Some("u1"));
    assert_eq!((refused.key.as_deref(), refused.number, refused.skipped), (Some("k1"), 7, false));
    assert_eq!(refused.identifiers.len(), 1);
}

#[test]
fn whether_the_source_gave_an_identifier_is_told_of_the_taken_and_of_the_refused() {
    let skip = || Options { unverified: Some(Unverified::Skip), ..Options::default() };
    let gave = |mapped: Result<Mapped, Refused>| match mapped {
        Ok(mapped) => mapped.gave_identifier,
        Err(refused) => refused.gave_identifier,
    };
    let names = "userId email emailVerified username";
    for (texts, expected) in [
        (["1", "a@b.dev", "t", "NULL"], true),
        (["1", "a@b.dev", "f", "NULL"], true),
        (["1", "a@b.dev", "f", "ada_l"], true),
        (["1", "no address", "t", "NULL"], true),
        (["NULL", "NULL", "t", "x"], true),
        (["1", "[\"\", \"a@b.dev\"]", "t", "NULL"], true),
        (["1", "NULL", "t", "NULL"], false),
        (["1", " ", "t", ""], false),
        (["NULL", "[]", "t", "[\"\", null]"], false),
    ] {
        assert_eq!(gave(row(names, skip(), &texts)), expected, "{texts:?}");
    }
    let unreadable = vec![Value::Integer(1), Value::Unreadable("is not UTF-8".to_owned())];
    assert!(gave(map("userId email", Options::default(), unreadable)));
    let of_element = |json| match element(json) {
        Err(ElementError::Refused(refused)) => gave(Err(refused)),
        other => gave(Ok(other.expect("no other error"))),
    };
    assert!(of_element(json!({"userId": 1, "web3Wallets": ["0xabababababababababababababababababababab"]})));
    assert!(of_element(json!({"userId": 1, "email": "a@b.dev", "Email": null})));
    assert!(!of_element(json!({"userId": 1, "emailAddresses": [], "phone": null})));
    assert!(!of_element(json!([])));
}

#[test]
fn a_user_without_an_id_is_found_by_its_number() {
    let messages = |refused: Refused| refused.reasons.into_iter().map(|reason| reason.message).collect::<Vec<_>>();
    let of_row = messages(row("userId email", Options::default(), &["NULL", "x"]).expect_err("refused"));
    assert_eq!(of_row.len(), 2);
    assert!(of_row.iter().all(|message| message.ends_with(" (row 7)")), "{of_row:?}");
    for json in [json!({"email": "a@b.dev"}), json!(5)] {
        let Err(ElementError::Refused(refused)) = element(json) else { panic!("it is refused alone") };
        let of_element = messages(refused);
        assert!(of_element.iter().all(|message| message.ends_with(" (element 7)")), "{of_element:?}");
    }
    let with_id = messages(row("userId email", Options::default(), &["1", "x"]).expect_err("refused"));
    assert!(!with_id[0].contains("row 7"), "{with_id:?}");
}

#[test]
fn a_user_without_any_identifier_is_refused() {
    assert_eq!(codes(row("userId email", Options::default(), &["1", "NULL"])), ["identifier_missing"]);
    assert_eq!(codes(row("userId email", Options::default(), &["1", "  "])), ["identifier_missing"]);
    let locale = row("userId email locale", Options::default(), &["1", "NULL", "?"]);
    assert_eq!(codes(locale), ["locale_invalid", "identifier_missing"]);
    for (names, text) in
        [("userId phone", "+14155552671"), ("userId username", "ada_l"), ("userId unverifiedEmailAddresses", "a@b.dev")]
    {
        assert!(row(names, Options::default(), &["1", text]).is_ok(), "{names}");
    }
}

#[test]
fn a_cell_that_could_not_be_read_makes_one_invalid_user() {
    let unreadable = || Value::Unreadable("is not UTF-8".to_owned());
    let refused = map(
        "userId email name",
        Options::default(),
        vec![Value::Integer(1), Value::Text("a@b.dev".to_owned()), unreadable()],
    );
    let reasons = refused.expect_err("refused").reasons;
    assert_eq!((reasons[0].field.as_str(), reasons[0].code.as_str()), ("name", "name_unreadable"));
    let refused = map("userId email name", Options::default(), vec![unreadable(), unreadable(), Value::Null]);
    assert_eq!(codes(refused), ["user_id_unreadable", "email_unreadable"]);
}

#[test]
fn values_of_a_megabyte_are_refused_and_named() {
    let large = "x".repeat(1 << 20);
    let names = "userId key email phone username firstName password locale publicMetadata.a createdAt totpSecret";
    let options = Options { unverified: Some(Unverified::Reserve), ..Options::default() };
    let refused = row(names, options, &[large.as_str(); 11]).expect_err("refused");
    for reason in &refused.reasons {
        assert!(reason.message.len() < 300, "{}", reason.code);
    }
    assert_eq!(refused.reasons.len(), 11, "{:?}", refused.reasons);
}

#[test]
fn names_that_clerk_refuses_are_left_behind_and_counted() {
    for (names, texts, kept) in [
        ("userId email name", &["1", "a@b.dev", "+1 415 555 2671"][..], json!({"userId": "1", "email": "a@b.dev"})),
        (
            "userId email firstName lastName",
            &["1", "a@b.dev", "Ada", "https://spam.dev"],
            json!({"userId": "1", "email": "a@b.dev", "firstName": "Ada"}),
        ),
    ] {
        let mapped = row(names, Options::default(), texts).expect("the user is taken");
        assert!(mapped.name_dropped);
        assert_eq!(serde_json::to_value(mapped.user).expect("a user serializes"), kept);
    }
}

#[test]
fn a_name_is_split_only_where_first_and_last_name_are_absent() {
    let names = |texts: &[&str]| {
        let user: ImportUser =
            row("userId email firstName lastName name", Options::default(), texts).expect("taken").user;
        (user.first_name, user.last_name)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(names(&["1", "a@b.dev", "", "NULL", " Ada  King Lovelace "]), (some("Ada"), some("King Lovelace")));
    assert_eq!(names(&["1", "a@b.dev", "NULL", "NULL", "Ada"]), (some("Ada"), None));
    assert_eq!(names(&["1", "a@b.dev", "Ada", "NULL", "Bob Ross"]), (some("Ada"), None));
    assert_eq!(names(&["1", "a@b.dev", "NULL", "Ross", "Ada King"]), (None, some("Ross")));
}

#[test]
fn an_element_that_is_no_object_or_says_a_thing_twice_is_refused_alone() {
    for bad in [json!(1), json!("a"), json!([]), json!(null), json!({"userId": 1, "user_id": 2, "email": "a@b.dev"})] {
        assert!(matches!(element(bad.clone()), Err(ElementError::Refused(_))), "{bad}");
    }
}

#[test]
fn an_unknown_key_stops_the_run() {
    let unknown = element(json!({"userId": 1, "emial": "a@b.dev"})).expect_err("the key is unknown");
    assert_eq!(unknown, ElementError::UnknownKey { number: 7, key: Some("emial".to_owned()), nearest: "email" });
    assert!(unknown.to_string().starts_with("element 7 has the key `emial`, which"), "{unknown}");
    for key in ["ada@lovelace.dev", "Ada Lovelace", "+14155552671", "ädä", &"x".repeat(41)] {
        let unknown = element(json!({"userId": 1, key: {"email": "a@b.dev"}})).expect_err("the key is unknown");
        assert!(unknown.to_string().starts_with("element 7 has a key that is no name"), "{unknown}");
        assert!(!unknown.to_string().contains(key), "{unknown}");
    }
    let options = Options { password_hasher: Some("bcript".to_owned()), ..Options::default() };
    let unknown = ElementMapping::new(options).user(json!({"userId": 1, "email": "a@b.dev"}), 1);
    assert!(matches!(unknown, Err(ElementError::UnknownHasher(_))));
}

#[test]
fn a_hasher_of_the_row_is_understood_and_never_quoted() {
    let said = |hasher: &str| {
        row(
            "userId email emailVerified password passwordHasher",
            Options::default(),
            &["1", "a@b.dev", "t", BCRYPT, hasher],
        )
    };
    assert_eq!(said("BCRYPT").expect("the user is taken").user.password_hasher, Some(Hasher::Bcrypt));
    assert_eq!(said("NULL").expect("the user is taken").user.password_hasher, Some(Hasher::Bcrypt));
    assert_eq!(codes(said("argon2id")), ["password_hasher_mismatch"]);
    let reasons = said("hunter2hunter2").expect_err("no such hasher").reasons;
    assert!(!reasons[0].message.contains("hunter2"), "{}", reasons[0].message);
}

#[test]
fn selected_fields_are_known() {
    let mapping = Mapping::of_columns(&columns("user_id email"), Options::default()).expect("the columns are good");
    assert!(mapping.selects(Field::UserId) && mapping.selects(Field::Email) && !mapping.selects(Field::Name));
}

#[test]
fn coverage_counts_what_was_found() {
    let mut coverage = Coverage::default();
    for user in [
        json!({"userId": 1, "email": "a@b.dev", "emailVerified": true, "password": BCRYPT, "name": "Ada Lovelace"}),
        json!({"userId": 2, "email": "c@b.dev", "emailVerified": false, "createdAt": 1_709_287_200}),
        json!({"userId": 3, "phone": "+14155552671", "name": "<b>"}),
    ] {
        coverage.count(&element(user).expect("the user is taken"));
    }
    let rows: Vec<(String, u64)> = coverage.rows();
    let count = |label: &str| rows.iter().find(|(name, _)| name.starts_with(label)).map(|(_, count)| *count);
    for (label, expected) in [
        ("users", 3),
        ("with an e-mail address", 2),
        ("with a verified e-mail address", 1),
        ("with a reserved", 1),
        ("with a phone number", 1),
        ("with a password (bcrypt)", 1),
        ("without a password", 2),
        ("with a first name", 1),
        ("with a creation date", 1),
    ] {
        assert_eq!(count(label), Some(expected), "{label}");
    }
    assert_eq!(count("banned"), None);
}

/// Any value a source can give: the nasty ones first.
fn any_value() -> impl Strategy<Value = Value> {
    let nasty = prop::sample::select(vec![
        "infinity",
        "0000-00-00",
        "-1",
        "[",
        "{",
        "[[]]",
        "{\"a\":{\"b\":\"\\u0000\"}}",
        "2024-02-30 25:61:61+99:99",
        "$2b$99$",
        "s2::",
        "$argon2id$v=$m=$t$",
        "pbkdf2_sha256$$$",
        "+",
        "@",
        ".",
        "$",
        ":",
        "scrypt:::$$",
        "\u{feff}",
        "é+é",
        "1e400",
        "AQAAAA==",
    ]);
    prop_oneof![
        nasty.prop_map(|text| Value::Text(text.to_owned())),
        any::<String>().prop_map(Value::Text),
        "[0-9T:.+ Z-]{0,30}".prop_map(Value::Text),
        "[$0-9a-f:.]{0,80}".prop_map(Value::Text),
        any::<String>().prop_map(Value::Decimal),
        any::<i128>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Real),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        Just(Value::Json(json!({"a": [null, {"b": 1}]}))),
        Just(Value::Json(json!(["", null, 1.5, "a"]))),
        Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn no_value_in_any_field_makes_the_program_panic(values in prop::collection::vec(any_value(), Field::COUNT)) {
        let names: Vec<&str> = Field::all().map(Field::key).collect();
        let options = Options { timezone: chrono_tz::America::New_York, experimental_rewrites: true, ..Options::default() };
        match map(&names.join(" "), options, values) {
            Ok(mapped) => prop_assert!(!mapped.user.identifiers().is_empty()),
            Err(refused) => prop_assert!(!refused.reasons.is_empty()),
        }
    }

    #[test]
    fn no_single_value_makes_the_program_panic(field in 0..Field::COUNT, value in any_value()) {
        let Some(field) = Field::all().nth(field).filter(|field| !matches!(field, Field::UserId | Field::Email)) else {
            return Ok(());
        };
        let options = Options { unverified: Some(Unverified::Reserve), ..Options::default() };
        let row = vec![Value::Integer(1), Value::Text("a@b.dev".to_owned()), value];
        if let Err(refused) = map(&format!("userId email {}", field.key()), options, row) {
            prop_assert!(refused.reasons.iter().all(|reason| reason.field == field.key()));
        }
    }
}
