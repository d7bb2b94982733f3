use serde_json::{Value as Json, json};

use super::*;

fn refused(status: u16, body: impl Into<Vec<u8>>) -> Error {
    Error::refused(&Answer { status, trace_id: None, retry_after: None, body: body.into() })
}

fn clerk(status: u16, code: &str, param: Option<&str>) -> Error {
    let meta = param.map_or(Json::Null, |param| json!({"param_name": param}));
    let error = json!({"code": code, "message": "me@x.com", "long_message": "me@x.com is bad", "meta": meta});
    refused(status, json!({"errors": [error], "clerk_trace_id": "trace1"}).to_string())
}

#[test]
fn status_and_code_say_what_may_happen_next() {
    use Kind::{Passing, Rejected, StopsRun};
    let table = [
        (400, "request_body_invalid", Rejected, false),
        (400, "api_version_invalid", StopsRun, false),
        (401, "clerk_key_invalid", StopsRun, false),
        (401, "something_new", StopsRun, false),
        (402, "unsupported_subscription_plan_features", Rejected, false),
        (403, "authentication_invalid", StopsRun, false),
        (403, "feature_not_enabled", Rejected, false),
        (403, "not_allowed_access", Rejected, false),
        (403, "unsupported_country_code", Rejected, false),
        (403, "user_quota_exceeded", StopsRun, false),
        (404, "resource_not_found", StopsRun, false),
        (409, "conflict", Passing, false),
        (409, "resource_locked", Passing, false),
        (409, "user_managed_by_scim", Rejected, false),
        (410, "operation_deprecated", StopsRun, false),
        (413, "request_body_too_large", Rejected, false),
        (422, "form_data_missing", Rejected, false),
        (422, "form_param_unknown", Rejected, false),
        (422, "something_new", Rejected, false),
        (429, "too_many_requests", Passing, false),
        (500, "internal_clerk_error", Passing, true),
        (503, "something_new", Passing, true),
    ];
    for (status, code, kind, in_doubt) in table {
        let error = clerk(status, code, None);
        assert_eq!((error.kind, error.in_doubt), (kind, in_doubt), "{status} {code}");
        assert_eq!((error.status, error.code.as_str()), (Some(status), code));
        assert_eq!(error.trace_id.as_deref(), Some("trace1"));
    }
}

#[test]
fn what_is_taken_is_told() {
    let table = [
        (Some("external_id"), Taken::ExternalId, Some("userId")),
        (Some("email_address"), Taken::Identifier(IdentifierKind::Email), Some("email")),
        (Some("phone_number"), Taken::Identifier(IdentifierKind::Phone), Some("phone")),
        (Some("username"), Taken::Identifier(IdentifierKind::Username), Some("username")),
        (Some("web3_wallet"), Taken::Identifier(IdentifierKind::Wallet), Some("web3Wallets")),
        (Some("me@x.com"), Taken::Unknown, None),
        (None, Taken::Unknown, None),
    ];
    for (param, taken, field) in table {
        let error = clerk(422, "form_identifier_exists", param);
        assert_eq!((error.kind, error.field), (Kind::IdentifierExists { param: taken }, field), "{param:?}");
    }
}

#[test]
fn of_several_refusals_the_taken_identifier_comes_first_and_none_is_lost() {
    let refusal = |code: &str, param: &str| json!({"code": code, "meta": {"param_name": param}});
    let errors = [refusal("form_param_unknown", "last_name"), refusal("form_identifier_exists", "username")];
    let error = refused(422, json!({"errors": errors}).to_string());
    assert_eq!(error.kind, Kind::IdentifierExists { param: Taken::Identifier(IdentifierKind::Username) });
    assert!(error.message.contains("`lastName`") && error.message.contains("`username`"), "{error}");
}

#[test]
fn the_fields_that_an_instance_requires_are_read_from_clerks_text() {
    let text = r#"["phone_number" "first_name"] data doesn't match user requirements set for this instance"#;
    let body = json!({"errors": [{"code": "form_data_missing", "message": "", "long_message": text}]});
    let error = refused(422, body.to_string());
    assert_eq!(error.field, Some("phone"));
    assert!(error.message.contains("`phone`, `firstName`"), "{error}");
}

#[test]
fn neither_clerks_text_nor_a_strange_code_gets_into_an_error() {
    for error in [clerk(422, "me@x.com", Some("me@x.com")), clerk(500, "form me@x.com", None)] {
        assert!(!format!("{error} {error:?}").contains("me@x.com"), "{error:?}");
    }
}

#[test]
fn a_page_instead_of_json_passes_where_a_server_failed_and_names_the_address_where_not() {
    use Kind::{Passing, Rejected, StopsRun};
    let table = [
        (302, StopsRun, "not_clerk"),
        (403, Rejected, "not_clerk"),
        (404, StopsRun, "not_clerk"),
        (429, Passing, "http_429"),
        (502, Passing, "http_502"),
    ];
    for (status, kind, code) in table {
        let error = refused(status, "<html>no</html>");
        assert_eq!((error.kind, error.code.as_str()), (kind, code), "{status}");
        assert_eq!(error.message.contains("CLERK_API_URL"), code == "not_clerk", "{error}");
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    let error = refused(422, r#"{"errors":[{"co"#);
    assert_eq!((error.kind, error.in_doubt), (Kind::Passing, false));
}

#[test]
fn a_success_that_cannot_be_read_leaves_doubt() {
    let table = [
        ("", Kind::Passing),
        (r#"{"id":"user_1","#, Kind::Passing),
        (r#"{"hello":1}"#, Kind::StopsRun),
        ("<html>", Kind::StopsRun),
    ];
    for (body, kind) in table {
        let answer = Answer { status: 200, trace_id: None, retry_after: None, body: body.into() };
        let parsed = serde_json::from_slice::<super::super::wire::User>(&answer.body).err().expect("is no user");
        let error = Error::unreadable(&answer, &parsed);
        assert_eq!((error.kind, error.in_doubt), (kind, true), "{body}");
    }
}
