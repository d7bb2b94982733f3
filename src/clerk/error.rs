//! What went wrong, classified once: what may be repeated, what ends the run, what is refused for good.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tower::timeout::error::Elapsed;

use super::codes;
use super::http::{HostNotFound, NoAnswer, cause, causes, is_untouched};
use super::settings::ApiUrl;
use super::wire::{Refusal, Refusals};
use crate::record::IdentifierKind;

/// Why a request to Clerk came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What may happen next.
    pub kind: Kind,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Clerk's own code, or one of ours where Clerk gave none.
    pub code: String,
    /// What is wrong and what can be done, in our words: Clerk's can quote addresses.
    pub message: String,
    /// The field of the import schema that Clerk refused.
    pub field: Option<&'static str>,
    /// The ID under which Clerk's support finds the request.
    pub trace_id: Option<String>,
    /// How long Clerk asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether the request may have had its effect all the same.
    pub in_doubt: bool,
}

/// What may happen after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It passes: the same request may succeed later. After [`Error::in_doubt`], look first.
    Passing,
    /// A user in Clerk holds this already; it may be the very user that an earlier request made.
    IdentifierExists {
        /// What is held.
        param: Taken,
    },
    /// Every further request would fail alike, until somebody acts on the message.
    StopsRun,
    /// Refused for good: this request fails whenever it is sent.
    Rejected,
}

/// What another user holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The `external_id`, our user ID.
    ExternalId,
    /// An identifier of this kind.
    Identifier(IdentifierKind),
    /// Clerk did not say, or said something new.
    Unknown,
}

impl Error {
    /// Returns whether Clerk refused because requests come too fast. The client has slowed down by itself.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        self.status == Some(429)
    }

    /// Returns whether what a request was about is not in Clerk: only of requests about one user or contact, by its ID.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == Some(404) && self.code == "resource_not_found"
    }

    /// Returns the error of an answer that is not a success.
    pub(super) fn refused(answer: &Answer) -> Self {
        match serde_json::from_slice::<Refusals>(&answer.body) {
            Ok(refusals) if !refusals.errors.is_empty() => Self::from_refusals(answer, refusals),
            _ if matches!(answer.status, 500..) || is_json_begun(&answer.body) => Self::without_refusals(answer),
            // A 429 without Clerk's JSON comes from whatever stands before Clerk, and passes like Clerk's own.
            _ if kind(answer.status, "", Taken::Unknown) == Kind::Passing => Self::without_refusals(answer),
            _ => Self::not_clerk(answer),
        }
    }

    fn from_refusals(answer: &Answer, refusals: Refusals) -> Self {
        let errors = refusals.errors;
        // Of several reasons this one is told first: it may mean that the user is there already.
        let first = errors.iter().position(|refusal| refusal.code == "form_identifier_exists").unwrap_or(0);
        let main = &errors[first];
        let code = safe(&main.code).unwrap_or("unknown_code").to_owned();
        let fields = fields_of(main);
        let mut messages = vec![codes::message(answer.status, &code, &fields)];
        for other in errors.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, other)| other).take(4) {
            let message = codes::message(answer.status, &other.code, &fields_of(other));
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        Self {
            kind: kind(answer.status, &code, taken(param_of(main))),
            message: messages.join("; "),
            field: fields.first().copied(),
            trace_id: refusals.clerk_trace_id.as_deref().and_then(safe).map(str::to_owned).or(answer.trace_id.clone()),
            code,
            ..Self::without_refusals(answer)
        }
    }

    /// An answer with a status and nothing more that could be read.
    fn without_refusals(answer: &Answer) -> Self {
        let kind = match kind(answer.status, "", Taken::Unknown) {
            // Clerk's JSON has begun and is not whole: asked again, Clerk will say what it is.
            Kind::Rejected => Kind::Passing,
            kind => kind,
        };
        Self {
            kind,
            status: Some(answer.status),
            code: format!("http_{}", answer.status),
            message: codes::message(answer.status, "", &[]),
            field: None,
            trace_id: answer.trace_id.clone(),
            retry_after: answer.retry_after,
            in_doubt: matches!(answer.status, 200..=299 | 408 | 500..),
        }
    }

    /// An answer that Clerk does not give.
    fn not_clerk(answer: &Answer) -> Self {
        Self {
            kind: match answer.status {
                200..=299 => Kind::StopsRun,
                status => kind(status, "", Taken::Unknown),
            },
            code: "not_clerk".to_owned(),
            message:
                "the answer is not Clerk's: something on the way answered in its place, or `CLERK_API_URL` is not \
                      the address of Clerk's API"
                    .to_owned(),
            ..Self::without_refusals(answer)
        }
    }

    /// Returns the error of a refusal for pace that follows so many others that waiting makes no sense any more.
    pub(super) fn shut_out(answer: &Answer) -> Self {
        Self {
            kind: Kind::StopsRun,
            code: "too_many_requests".to_owned(),
            message:
                "Clerk refuses every request for pace, again and again: something else uses up the whole limit of this \
                      instance"
                    .to_owned(),
            ..Self::without_refusals(answer)
        }
    }

    /// Returns the error of a success whose body cannot be read.
    pub(super) fn unreadable(answer: &Answer, error: &serde_json::Error) -> Self {
        if error.is_data() || !(error.is_eof() || is_json_begun(&answer.body)) {
            return Self::not_clerk(answer);
        }
        Self::cut(answer.status, answer.trace_id.clone())
    }

    /// Returns the error of a question that no address can hold.
    pub(super) fn too_long() -> Self {
        Self { kind: Kind::Rejected, ..Self::passing("question_too_long", "the value is too long to ask Clerk for") }
    }

    /// Returns the error of an answer that breaks off.
    pub(super) fn cut(status: u16, trace_id: Option<String>) -> Self {
        Self {
            status: Some(status),
            trace_id,
            in_doubt: !matches!(status, 300..=499),
            ..Self::passing("answer_unreadable", "the answer broke off")
        }
    }

    /// Returns the error of a success that is about another user than the one asked for.
    pub(super) fn mixed_up(status: u16) -> Self {
        let message = "the answer is about another user; something on the way mixes answers up";
        Self { status: Some(status), in_doubt: true, ..Self::passing("answer_mixed_up", message) }
    }

    /// Returns the error of a request without an answer. `way` says through which proxy it went, if through any. The library's own text
    /// is never shown: nobody knows what it will hold.
    pub(super) fn no_answer(error: &NoAnswer, api_url: &ApiUrl, way: &str) -> Self {
        let NoAnswer::Failed(error) = error else {
            return Self { in_doubt: true, ..Self::passing("timeout", "no answer came in time") };
        };
        if let Some(tls) = cause::<rustls::Error>(error) {
            let message = format!(
                "no trustworthy connection to `{api_url}`{way}: {tls}; check `CLERK_API_URL` and the clock, and if a company \
                 proxy opens TLS, add its certificate to the system's"
            );
            let permanent = matches!(tls, rustls::Error::InvalidCertificate(_));
            let kind = if permanent { Kind::StopsRun } else { Kind::Passing };
            return Self { kind, in_doubt: !error.is_connect(), ..Self::passing("tls", message) };
        }
        if error.is_connect() {
            let why = if cause::<Elapsed>(error).is_some() {
                ": it took too long".to_owned()
            } else if let Some(not_found) = cause::<HostNotFound>(error) {
                format!(": {not_found}")
            } else if causes(error).any(|cause| cause.to_string() == WANTS_PASSWORD) {
                ": the proxy wants a name and a password; they stand in its URL, `http://NAME:PASSWORD@HOST:PORT`"
                    .to_owned()
            } else {
                // The innermost one: TLS wraps others.
                let io = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).last();
                io.map(|io| format!(": {}", io.kind())).unwrap_or_default()
            };
            return Self::passing("connect", format!("could not connect to `{api_url}`{way}{why}"));
        }
        if is_untouched(error) {
            return Self::passing(
                "not_taken",
                "the server closed the connection, or had no room, before it took the request",
            );
        }
        let message = "the connection broke before the answer came";
        Self { in_doubt: true, ..Self::passing("connection_lost", message) }
    }

    fn passing(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Passing,
            status: None,
            code: code.to_owned(),
            message: message.into(),
            field: None,
            trace_id: None,
            retry_after: None,
            in_doubt: false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`", self.message, self.code)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(trace_id) = &self.trace_id {
            write!(f, ", trace ID {trace_id}")?;
        }
        f.write_str(")")
    }
}

impl StdError for Error {}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) trace_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Says what may happen next, from status and code alone. What passes by itself is a short list on purpose.
fn kind(status: u16, code: &str, param: Taken) -> Kind {
    match (status, code) {
        (_, "form_identifier_exists") => Kind::IdentifierExists { param },
        (
            _,
            "clerk_key_invalid"
            | "authentication_invalid"
            | "could_not_authenticate_request"
            | "instance_key_required"
            | "api_version_invalid"
            | "operation_deprecated"
            | "user_quota_exceeded"
            | "quota_exceeded"
            | "request_invalid_for_environment"
            | "request_invalid_for_instance",
        )
        | (300..=399 | 401 | 404 | 405 | 407 | 410 | 415, _) => Kind::StopsRun,
        (408 | 425 | 429 | 500.., _) | (409, "resource_locked" | "conflict") => Kind::Passing,
        _ => Kind::Rejected,
    }
}

fn param_of(refusal: &Refusal) -> &str {
    refusal.meta.as_ref().and_then(|meta| meta.param_name.as_deref()).unwrap_or_default()
}

/// Returns the fields that a refusal is about. What the instance requires and the user lacks, Clerk names in its text alone.
fn fields_of(refusal: &Refusal) -> Vec<&'static str> {
    match codes::field(param_of(refusal)) {
        Some(field) => vec![field],
        None if refusal.code == "form_data_missing" => codes::fields_quoted_in(&refusal.long_message),
        None => Vec::new(),
    }
}

fn taken(param: &str) -> Taken {
    match param {
        "external_id" => Taken::ExternalId,
        "email_address" => Taken::Identifier(IdentifierKind::Email),
        "phone_number" => Taken::Identifier(IdentifierKind::Phone),
        "username" => Taken::Identifier(IdentifierKind::Username),
        "web3_wallet" => Taken::Identifier(IdentifierKind::Wallet),
        _ => Taken::Unknown,
    }
}

/// Returns a code or trace ID that is nothing but one, so that no foreign text gets into a message by this way.
pub(super) fn safe(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=128).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

fn is_json_begun(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// What hyper says, and no type tells, where a proxy answers 407.
const WANTS_PASSWORD: &str = "tunnel error: proxy authorization required";

#[cfg(test)]
mod tests;
