//! The elements of a users file, mapped one by one.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::draft::{Draft, Rules, Target, Unit};
use super::field::Field;
use super::options::Options;
use super::outcome::{Mapped, Refused};
use super::password::UnknownHasher;
use super::user;
use crate::record::Reason;
use crate::row::Value;

/// Maps the elements of one users file.
#[derive(Debug)]
pub struct ElementMapping {
    rules: Result<Rules, UnknownHasher>,
    extra: super::ExtraColumns,
    known: HashMap<String, Target>,
}

/// Why an element made no user.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ElementError {
    /// This one user is invalid; the others are not touched by it.
    #[error("element {} is not a user that Clerk would take", .0.number)]
    Refused(Refused),
    /// A key outside the import schema: the whole file is in doubt, and the run stops.
    #[error(
        "element {number} has {}, which is not in the import schema; the nearest name is `{nearest}`: rename it, put it into \
         `publicMetadata`, or say `--extra-columns ignore`",
        named(.key.as_deref())
    )]
    UnknownKey {
        /// The number of the element, from 1.
        number: u64,
        /// The key, if it looks like a name: another may be somebody's address.
        key: Option<String>,
        /// The nearest known name.
        nearest: &'static str,
    },
    /// `--password-hasher` names no hasher.
    #[error(transparent)]
    UnknownHasher(#[from] UnknownHasher),
}

impl ElementMapping {
    /// Makes a mapping for the elements of one file.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { extra: options.extra_columns, rules: Rules::new(options), known: HashMap::new() }
    }

    /// Maps an element; `number` counts them from 1 and names those that have no user ID.
    ///
    /// # Errors
    /// [`ElementError::Refused`] if this user is invalid; any other [`ElementError`] stops the run.
    pub fn user(&mut self, element: Json, number: u64) -> Result<Mapped, ElementError> {
        let Json::Object(object) = element else {
            return Err(refused(number, Reason::new("", "not_an_object", "the element is not a JSON object")));
        };
        let mut draft = Draft::of_element(number);
        let mut twice = Vec::new();
        for (key, value) in object {
            let target = self.target(&key, number)?;
            if !draft.put(target, value_of(value))
                && let Target::Field(field) = target
            {
                twice.push(Reason::new(field.key(), "key_twice", "is given twice, under two spellings"));
            }
        }
        draft.faults = twice;
        let rules = self.rules.as_ref().map_err(|unknown| ElementError::from(unknown.clone()))?;
        user::make(draft, rules).map_err(ElementError::Refused)
    }

    fn target(&mut self, key: &str, number: u64) -> Result<&Target, ElementError> {
        if !self.known.contains_key(key) {
            let unknown = || ElementError::UnknownKey { number, key: shown(key), nearest: Field::nearest(key).key() };
            let target = Target::of(key, self.extra).ok_or_else(unknown)?;
            // Files whose elements all have keys of their own must not fill the memory.
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert(key.to_owned(), target);
        }
        Ok(&self.known[key])
    }
}

/// How many keys are remembered.
const MOST_KNOWN: usize = 1024;
/// The longest key that is shown, in characters.
const LONGEST_SHOWN: usize = 40;

fn shown(key: &str) -> Option<String> {
    let is_name = key.len() <= LONGEST_SHOWN
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    is_name.then(|| key.to_owned())
}

fn named(key: Option<&str>) -> String {
    key.map_or_else(|| "a key that is no name and is not shown".to_owned(), |key| format!("the key `{key}`"))
}

fn refused(number: u64, reason: Reason) -> ElementError {
    ElementError::Refused(Refused {
        number,
        user_id: None,
        key: None,
        reasons: vec![Unit::Element.told(number, reason)],
        skipped: false,
        identifiers: Vec::new(),
        gave_identifier: false,
    })
}

/// JSON's scalars are the row's scalars; lists and objects stay JSON.
fn value_of(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::String(text) => Value::Text(text),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Integer(number.into()),
            (None, Some(number)) => Value::Integer(number.into()),
            (None, None) => Value::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        list @ (Json::Array(_) | Json::Object(_)) => Value::Json(list),
    }
}
