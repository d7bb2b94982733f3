//! Reading single values: text, flags, numbers, lists.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::row::Value;

/// What is wrong with a value: a word for programs, appended to the field's name, and one for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: &'static str,
    pub(super) message: Cow<'static, str>,
}

impl Fault {
    /// A value that means nothing in its field.
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: "invalid", message: message.into() }
    }

    fn unreadable(message: String) -> Self {
        Self { kind: "unreadable", message: message.into() }
    }

    fn too_long(characters: usize) -> Self {
        Self { kind: "too_long", message: format!("is longer than {characters} characters").into() }
    }
}

/// The largest whole number that a floating-point number holds without doubt.
const LARGEST_WHOLE_REAL: f64 = 9_007_199_254_740_992.0;

/// Returns whether a value is more than NULL, blank text, or a list of nothing else. What cannot be read is something.
pub(super) fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Text(text) => match list_written_in(text) {
            Some(items) => items.iter().any(json_is_something),
            None => !text.trim().is_empty(),
        },
        Value::Bytes(bytes) => !bytes.trim_ascii().is_empty(),
        Value::Json(json) => json_is_something(json),
        Value::Bool(_) | Value::Integer(_) | Value::Real(_) | Value::Decimal(_) | Value::Unreadable(_) => true,
    }
}

fn json_is_something(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::String(text) => !text.trim().is_empty(),
        Json::Array(items) => items.iter().any(json_is_something),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    }
}

/// Reads text; NULL and the empty string are absent.
pub(super) fn text(value: Value) -> Result<Option<String>, Fault> {
    let text = match value {
        Value::Null | Value::Json(Json::Null) => return Ok(None),
        Value::Text(text) | Value::Decimal(text) | Value::Json(Json::String(text)) => text,
        Value::Bool(flag) | Value::Json(Json::Bool(flag)) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => whole(number)?.to_string(),
        Value::Bytes(bytes) => String::from_utf8(bytes).map_err(|_| Fault::invalid("is binary data, not text"))?,
        Value::Json(Json::Number(number)) => number.to_string(),
        Value::Json(Json::Array(_)) => return Err(Fault::invalid("is a list where one value is wanted")),
        Value::Json(Json::Object(_)) => return Err(Fault::invalid("is a JSON object where text is wanted")),
        Value::Unreadable(message) => return Err(Fault::unreadable(message)),
    };
    checked(text)
}

/// Reads text of at most so many characters.
pub(super) fn short_text(value: Value, most: usize) -> Result<Option<String>, Fault> {
    let text = text(value)?;
    // Bytes are never fewer than characters: most texts need no counting.
    match &text {
        Some(long) if long.len() > most && long.chars().count() > most => Err(Fault::too_long(most)),
        _ => Ok(text),
    }
}

/// Reads an ID: any scalar, binary as lower-case hex.
pub(super) fn id(value: Value) -> Result<Option<String>, Fault> {
    match value {
        Value::Bytes(bytes) if bytes.is_empty() => Ok(None),
        Value::Bytes(bytes) => Ok(Some(hex::encode(bytes))),
        other => text(other),
    }
}

fn whole(number: f64) -> Result<i64, Fault> {
    if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE_REAL {
        #[expect(clippy::cast_possible_truncation, reason = "checked: a whole number of at most 53 bits")]
        Ok(number as i64)
    } else {
        Err(Fault::invalid("is a floating-point number that may have lost digits; select it as text"))
    }
}

fn checked(text: String) -> Result<Option<String>, Fault> {
    if text.contains('\0') {
        return Err(Fault { kind: "nul_character", message: "holds a NUL character, which Clerk cannot store".into() });
    }
    Ok(if text.is_empty() { None } else { Some(text) })
}

/// Reads a flag: booleans, 0 and 1, `t`, `true`, `yes`, `on` and their opposites, BIT columns.
pub(super) fn flag(value: Value) -> Result<Option<bool>, Fault> {
    const NEITHER: &str = "is neither true nor false";
    match value {
        Value::Bool(flag) | Value::Json(Json::Bool(flag)) => Ok(Some(flag)),
        Value::Integer(0) => Ok(Some(false)),
        Value::Integer(1) => Ok(Some(true)),
        Value::Bytes(bytes) if is_bit(&bytes) => Ok(bit(&bytes)),
        other @ (Value::Integer(_) | Value::Bytes(_)) => {
            text(other)?.map_or(Ok(None), |text| word(&text).map(Some).ok_or(Fault::invalid(NEITHER)))
        }
        other => match text(other)? {
            None => Ok(None),
            Some(text) => word(text.trim()).map(Some).ok_or(Fault::invalid(NEITHER)),
        },
    }
}

/// BIT columns come as raw bytes.
pub(super) fn is_bit(bytes: &[u8]) -> bool {
    bytes.split_last().is_some_and(|(last, rest)| *last <= 1 && rest.iter().all(|byte| *byte == 0))
}

fn bit(bytes: &[u8]) -> Option<bool> {
    bytes.last().map(|last| *last == 1)
}

/// Reads the words that engines and people write for true and false.
pub(super) fn word(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["t", "true", "1", "yes", "on"]) || text.eq_ignore_ascii_case("y") {
        Some(true)
    } else if is_one_of(["f", "false", "0", "no", "off"]) || text.eq_ignore_ascii_case("n") {
        Some(false)
    } else {
        None
    }
}

/// Reads a whole number from 0 on.
pub(super) fn number(value: Value) -> Result<Option<u32>, Fault> {
    let Some(text) = text(value)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| Fault::invalid("is not a whole number from 0 to 4294967295"))
}

/// How a text that is no JSON list becomes a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Split {
    /// It is one value.
    One,
    /// At commas.
    Commas,
    /// At commas and white space.
    CommasAndSpaces,
}

/// Reads a list: a JSON list, the text of one, or text that is split. Absent values inside are left out.
pub(super) fn list(value: Value, split: Split) -> Result<Vec<String>, Fault> {
    match value {
        Value::Json(Json::Array(items)) => items_of(items),
        other => match text(other)? {
            None => Ok(Vec::new()),
            Some(text) => list_in_text(text, split),
        },
    }
}

fn list_in_text(text: String, split: Split) -> Result<Vec<String>, Fault> {
    if let Some(items) = list_written_in(&text) {
        return items_of(items);
    }
    let parts = |parts: &mut dyn Iterator<Item = &str>| {
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    Ok(match split {
        Split::One => vec![text],
        Split::Commas => parts(&mut text.split(',')),
        Split::CommasAndSpaces => parts(&mut text.split(|letter: char| letter == ',' || letter.is_whitespace())),
    })
}

fn list_written_in(text: &str) -> Option<Vec<Json>> {
    if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

fn items_of(items: Vec<Json>) -> Result<Vec<String>, Fault> {
    let texts = items.into_iter().filter_map(|item| match item {
        Json::Array(_) | Json::Object(_) => Some(Err(Fault::invalid("is a list of something other than texts"))),
        item => text(Value::Json(item)).transpose(),
    });
    texts.collect()
}

#[cfg(test)]
mod tests;
