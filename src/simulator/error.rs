//! Refusals in the words of the Backend API: status, code, both messages, and the field in `meta`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// One entry of the `errors` list.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    message: String,
    long_message: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Box<Value>>,
}

/// A whole error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    problems: Vec<Problem>,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>, long_message: impl Into<String>) -> Self {
        Self { message: message.into(), long_message: long_message.into(), code, meta: None }
    }

    /// A problem of one field, which is named in `meta.param_name`.
    pub(super) fn of(field: &str, code: &'static str, message: &str, long_message: impl Into<String>) -> Self {
        Self { meta: Some(Box::new(json!({ "param_name": field }))), ..Self::new(code, message, long_message) }
    }

    /// Whether it names this field.
    pub(super) fn concerns(&self, field: &str) -> bool {
        self.meta.as_ref().is_some_and(|meta| meta["param_name"] == field)
    }

    pub(super) fn unknown(field: &str) -> Self {
        let long = format!("{field} is not a valid parameter for this request.");
        Self::of(field, "form_param_unknown", "is unknown", long)
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::of(field, "form_param_missing", "is missing", format!("{field} must be included."))
    }

    pub(super) fn missing_beside(field: &str, present: &str) -> Self {
        let long = format!("`{field}` is required when `{present}` is present.");
        Self::of(field, "form_conditional_param_missing", "is missing", long)
    }

    pub(super) fn disallowed_beside(field: &str, present: &str) -> Self {
        let long = format!("`{field}` isn't allowed when `{present}` is present.");
        Self::of(field, "form_conditional_param_disallowed", "is not allowed", long)
    }

    pub(super) fn kind(field: &str, expected: &str) -> Self {
        let long = format!("`{field}` must be a `{expected}`.");
        Self::of(field, "form_param_type_invalid", "is invalid", long)
    }

    pub(super) fn format(field: &str, expected: &str) -> Self {
        Self::of(field, "form_param_format_invalid", "is invalid", format!("{field} must be a valid {expected}."))
    }

    pub(super) fn value(field: &str) -> Self {
        Self::of(field, "form_param_value_invalid", "is invalid", format!("{field} is invalid"))
    }

    pub(super) fn empty(field: &str) -> Self {
        let long = format!("{field} is invalid. Must be not empty");
        Self::of(field, "form_param_value_invalid", "is invalid", long)
    }

    pub(super) fn not_among(field: &str, allowed: &str) -> Self {
        let long = format!("{field} is invalid. Only one of the following parameter values is allowed: {allowed}");
        Self::of(field, "form_param_value_invalid", "is invalid", long)
    }

    pub(super) fn too_many(field: &str, most: usize) -> Self {
        let long = format!("{field} should not exceed {most} items.");
        Self::of(field, "form_param_array_size_exceeded", "exceeds maximum size", long)
    }

    pub(super) fn too_large(field: &str, most: usize) -> Self {
        let text = format!("{field} exceeds the maximum allowed size of {most} bytes.");
        Self::of(field, "form_param_exceeds_allowed_size", &text, text.clone())
    }

    pub(super) fn lengths_differ(field: &str, other: &str) -> Self {
        let long = format!("{field} must contain exactly one item for each item in {other}.");
        Self::of(field, "form_param_array_length_mismatch", "length mismatch", long)
    }

    pub(super) fn repeated(field: &str) -> Self {
        let long = format!("{field} contains duplicate values");
        Self::of(field, "form_param_duplicate", "duplicate values", long)
    }

    pub(super) fn time(field: &str) -> Self {
        let long =
            format!("{field} must contain a datetime specified in RFC3339 format (e.g. `2022-10-20T10:00:27.645Z`).");
        Self::of(field, "form_param_invalid_time", "invalid format", long)
    }

    pub(super) fn taken(field: &str) -> Self {
        let text = format!("That {} is taken. Please try another.", field.replace('_', " "));
        Self::of(field, "form_identifier_exists", &text, text.clone())
    }

    pub(super) fn digest(hasher: &str) -> Self {
        let text = format!("The password digest provided is not valid for the {hasher} hasher.");
        Self::of("password_digest", "form_password_digest_invalid_code", &text, text.clone())
    }

    pub(super) fn totp() -> Self {
        Self::new(
            "invalid_totp_secret_code",
            "invalid TOTP secret",
            "The TOTP secret is invalid, please provide a valid one base32 encoded",
        )
    }

    /// The user lacks what the instance requires.
    pub(super) fn requirements(missing: &[&str]) -> Self {
        let long = format!("{missing:?} data doesn't match user requirements set for this instance");
        Self {
            meta: Some(Box::new(json!({ "param_names": missing }))),
            ..Self::new("form_data_missing", "missing data", long)
        }
    }

    pub(super) fn unverified(field: &str) -> Self {
        let long = "This identification needs to be verified before you can perform this action.";
        Self::of(field, "form_verification_needed", "is unverified", long)
    }

    pub(super) fn no_such_resource(field: &str) -> Self {
        let long = format!("The resource associated with the supplied {field} was not found.");
        Self::of(field, "form_resource_not_found", "is missing", long)
    }
}

impl Refusal {
    fn one(status: StatusCode, problem: Problem) -> Self {
        Self { status, problems: vec![problem] }
    }

    fn same_words(status: StatusCode, code: &'static str, words: &str) -> Self {
        Self::one(status, Problem::new(code, words, words))
    }

    /// A 422 with one entry for each problem of the request.
    pub(super) fn form(problems: Vec<Problem>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, problems }
    }

    pub(super) fn key_invalid() -> Self {
        let words = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
        Self::same_words(StatusCode::UNAUTHORIZED, "clerk_key_invalid", words)
    }

    pub(super) fn too_many_requests() -> Self {
        let problem =
            Problem::new("too_many_requests", "Too many requests. Please try again in a bit.", "Rate limit exceeded");
        Self::one(StatusCode::TOO_MANY_REQUESTS, problem)
    }

    pub(super) fn internal() -> Self {
        let problem = Problem::new(
            "internal_clerk_error",
            "Oops, an unexpected error occurred",
            "There was an internal error on our servers. We've been notified and are working on fixing it.",
        );
        Self::one(StatusCode::INTERNAL_SERVER_ERROR, problem)
    }

    pub(super) fn locked() -> Self {
        let long = "This resource is currently being modified by another request. Please try again.";
        Self::one(StatusCode::CONFLICT, Problem::new("resource_locked", "resource busy", long))
    }

    pub(super) fn username_off() -> Self {
        Self::one(StatusCode::UNPROCESSABLE_ENTITY, Problem::unknown("username"))
    }

    pub(super) fn quota(most: u64) -> Self {
        let long = format!("You have reached your limit of {most} users.");
        Self::one(StatusCode::FORBIDDEN, Problem::new("user_quota_exceeded", "user quota exceeded", long))
    }

    pub(super) fn api_version(version: &str) -> Self {
        let long = format!("Invalid Clerk API version: {version} is not a date");
        Self::one(StatusCode::BAD_REQUEST, Problem::new("api_version_invalid", "invalid API version", long))
    }

    pub(super) fn content_type(actual: &str) -> Self {
        let long = format!("Content-Type {actual} is unsupported. You should use application/json instead.");
        let problem = Problem::new("unsupported_content_type", "Content-Type is unsupported", long);
        Self::one(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem)
    }

    pub(super) fn body_invalid() -> Self {
        let long = "The request body is invalid. Please consult the API documentation for more information.";
        Self::one(StatusCode::BAD_REQUEST, Problem::new("request_body_invalid", "Request body invalid", long))
    }

    pub(super) fn body_too_large(most: usize) -> Self {
        let long = format!("The request body exceeds the maximum allowed size of {most} bytes.");
        let problem = Problem::new("request_body_too_large", "Request body too large", long);
        Self::one(StatusCode::PAYLOAD_TOO_LARGE, problem)
    }

    pub(super) fn no_such_user(id: &str) -> Self {
        let long = format!("No user was found with id {id}");
        Self::one(StatusCode::NOT_FOUND, Problem::new("resource_not_found", "not found", long))
    }

    pub(super) fn no_such_contact() -> Self {
        Self::same_words(StatusCode::NOT_FOUND, "resource_not_found", "Resource not found")
    }

    pub(super) fn last_contact() -> Self {
        let long = "You cannot delete your last identification.";
        Self::one(StatusCode::BAD_REQUEST, Problem::new("identification_deletion_failed", "Deletion failed", long))
    }

    pub(super) fn last_contact_as_second_factor() -> Self {
        let long = "You cannot set your last identification as second factor.";
        Self::one(StatusCode::BAD_REQUEST, Problem::new("identification_update_failed", "Update failed", long))
    }

    pub(super) fn new_second_factor_unverified() -> Self {
        let code = "identification_create_second_factor_unverified";
        let long = "Unverified identifications cannot be a second factor";
        Self::one(StatusCode::BAD_REQUEST, Problem::new(code, "Create failed", long))
    }

    pub(super) fn second_factor_unverified() -> Self {
        let code = "identification_update_second_factor_unverified";
        let long = "Cannot update second factor attributes for unverified identification";
        Self::one(StatusCode::BAD_REQUEST, Problem::new(code, "Update failed", long))
    }

    pub(super) fn no_such_endpoint() -> Self {
        let problem = Problem::new("resource_not_found", "not found", "Resource not found");
        Self::one(StatusCode::NOT_FOUND, problem)
    }

    pub(super) fn no_password() -> Self {
        let long = "This user does not have a password set for their account";
        Self::one(StatusCode::BAD_REQUEST, Problem::new("no_password_set", "no password set", long))
    }

    pub(super) fn incorrect_password() -> Self {
        let long = "The provided password is not the one the user has set";
        Self::form(vec![Problem::new("incorrect_password", "incorrect password", long)])
    }

    /// What the simulator cannot do: 403 `feature_not_implemented`, so that it is never taken for a wrong password.
    pub(super) fn not_implemented(feature: &str) -> Self {
        let long = format!("Feature `{feature}` is not available yet");
        Self::one(StatusCode::FORBIDDEN, Problem::new("feature_not_implemented", "not implemented", long))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let trace = format!("{:032x}", fastrand::u128(..));
        let body = json!({ "errors": self.problems, "clerk_trace_id": trace }).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
