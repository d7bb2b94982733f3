//! Reads a JSON request body field by field, and gathers every problem instead of stopping at the first.

use chrono::DateTime;
use serde_json::{Map, Value};

use super::error::{Problem, Refusal};

/// A JSON object of one metadata field.
pub(super) type Metadata = Map<String, Value>;

/// What a request says about a nullable field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given<T> {
    /// Not mentioned.
    Absent,
    /// Set to null.
    Null,
    /// Set.
    Value(T),
}

impl<T> Given<T> {
    /// The value; null means the same as not mentioning it.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Changes a stored value as a PATCH does: absent leaves it, null clears it.
    pub(super) fn apply(self, stored: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *stored = None,
            Self::Value(value) => *stored = Some(value),
        }
    }
}

/// The body, and what was found wrong with it so far.
#[derive(Debug)]
pub(super) struct Fields {
    body: Metadata,
    problems: Vec<Problem>,
}

impl Fields {
    /// Takes a body apart; properties that are not among the known ones are problems.
    pub(super) fn parse(bytes: &[u8], known: &[&str]) -> Result<Self, Refusal> {
        let body: Metadata = serde_json::from_slice(bytes).map_err(|_| Refusal::body_invalid())?;
        let unknown = body.keys().filter(|name| !known.contains(&name.as_str()));
        let problems = unknown.map(|name| Problem::unknown(name)).collect();
        Ok(Self { body, problems })
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds what a rule says about a field.
    pub(super) fn check(&mut self, verdict: Result<(), Problem>) {
        self.problems.extend(verdict.err());
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Ends the reading: a refusal, if anything was wrong.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal::form(self.problems)) }
    }

    fn nullable<T>(&mut self, name: &str, kind: &str, read: impl Fn(Value) -> Option<T>) -> Given<T> {
        match self.body.shift_remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => read(value).map_or_else(
                || {
                    self.problems.push(Problem::kind(name, kind));
                    Given::Absent
                },
                Given::Value,
            ),
        }
    }

    /// A field that the API does not declare nullable: null is of the wrong type.
    fn required_kind<T>(&mut self, name: &str, kind: &str, read: impl Fn(Value) -> Option<T>) -> Option<T> {
        match self.nullable(name, kind, read) {
            Given::Absent => None,
            Given::Value(value) => Some(value),
            Given::Null => {
                self.problems.push(Problem::kind(name, kind));
                None
            }
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Given<String> {
        self.nullable(name, "string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// A text that must be there.
    pub(super) fn needed_text(&mut self, name: &str) -> String {
        match self.text(name) {
            Given::Value(text) => text,
            Given::Null | Given::Absent => {
                // One of the wrong kind is a problem already.
                if !self.problems.iter().any(|problem| problem.concerns(name)) {
                    self.problems.push(Problem::missing(name));
                }
                String::new()
            }
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.nullable(name, "boolean", |value| value.as_bool()).value()
    }

    pub(super) fn number(&mut self, name: &str) -> Given<i64> {
        self.nullable(name, "integer", |value| value.as_i64())
    }

    pub(super) fn list(&mut self, name: &str) -> Option<Vec<String>> {
        self.required_kind(name, "array of strings", |value| serde_json::from_value(value).ok())
    }

    pub(super) fn object(&mut self, name: &str) -> Option<Metadata> {
        self.required_kind(name, "object", |value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        })
    }

    /// A time in RFC 3339, as milliseconds since 1970.
    pub(super) fn time(&mut self, name: &str) -> Given<i64> {
        match self.text(name) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(text) => rfc3339(&text).map_or_else(
                || {
                    self.problems.push(Problem::time(name));
                    Given::Absent
                },
                Given::Value,
            ),
        }
    }
}

/// Reads what Go's `time.RFC3339` reads: capital `T` and `Z`, and a zone.
fn rfc3339(text: &str) -> Option<i64> {
    let strict = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
    strict.then(|| DateTime::parse_from_rfc3339(text).ok()).flatten().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc3339_with_a_zone_is_a_time() {
        let cases = [
            ("2012-10-20T07:15:20.902Z", Some(1_350_717_320_902)),
            ("2012-10-20T09:15:20.902+02:00", Some(1_350_717_320_902)),
            ("1969-12-31T23:59:59Z", Some(-1_000)),
            ("2012-10-20 07:15:20Z", None),
            ("2012-10-20T07:15:20", None),
            ("2012-10-20t07:15:20z", None),
            ("2012-10-20", None),
            ("1350717320902", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(rfc3339(text), expected, "{text}");
        }
    }

    #[test]
    fn every_problem_is_gathered() {
        let body = br#"{"first_name": 7, "email_address": null, "nickname": "x", "banned": true}"#;
        let mut fields = Fields::parse(body, &["first_name", "email_address", "banned"]).expect("it is an object");
        assert_eq!(fields.text("first_name"), Given::Absent);
        assert_eq!(fields.list("email_address"), None);
        assert_eq!(fields.flag("banned"), Some(true));
        assert_eq!(fields.problems.len(), 3);
        assert!(fields.finish().is_err());
    }
}
