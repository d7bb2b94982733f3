//! Metadata: whole objects, and single columns put into them.

use serde_json::{Map, Number, Value as Json};

use super::draft::Place;
use super::values::{self, Fault};
use crate::record::rules::LARGEST_METADATA;
use crate::row::Value;

type Object = Map<String, Json>;

/// Reads an object: JSON, or the text of it.
pub(super) fn object(value: Value) -> Result<Object, Fault> {
    const NOT_AN_OBJECT: &str = "is not a JSON object";
    let json = match value {
        Value::Json(json) => json,
        other => match values::text(other)? {
            None => return Ok(Object::new()),
            Some(text) => serde_json::from_str(&text).map_err(|_| Fault::invalid(NOT_AN_OBJECT))?,
        },
    };
    match json {
        Json::Object(object) => Ok(object),
        Json::Null => Ok(Object::new()),
        _ => Err(Fault::invalid(NOT_AN_OBJECT)),
    }
}

/// Puts a value at its place. NULL and the empty string put nothing.
pub(super) fn put(object: &mut Object, place: &Place, value: Value) -> Result<(), Fault> {
    const CLASH: &str = "has two values for one place: the column and the object disagree";
    let Some(json) = json(value)? else { return Ok(()) };
    let Some((last, way)) = place.path.split_last() else { return Ok(()) };
    let mut inner = object;
    for key in way {
        let next = inner.entry(key.as_str()).or_insert_with(|| Json::Object(Object::new()));
        inner = next.as_object_mut().ok_or_else(|| Fault::invalid(CLASH))?;
    }
    let same = |before: &Json, inner: &Object| inner.get(last) == Some(before);
    match inner.insert(last.clone(), json) {
        None | Some(Json::Null) => Ok(()),
        Some(before) if same(&before, inner) => Ok(()),
        Some(_) => Err(Fault::invalid(CLASH)),
    }
}

/// Checks what can be stored: 8 KB, and no NUL character, which Clerk's database takes in no JSON.
pub(super) fn check(object: &Object) -> Result<(), Fault> {
    if object.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)) {
        return Err(Fault { kind: "nul_character", message: "holds a NUL character, which Clerk cannot store".into() });
    }
    let mut size = Size(0);
    let written = serde_json::to_writer(&mut size, object);
    if written.is_err() || size.0 > LARGEST_METADATA {
        return Err(Fault { kind: "too_long", message: "is larger than the 8 KB that Clerk stores".into() });
    }
    Ok(())
}

/// Counts bytes without keeping them, and stops early.
struct Size(usize);

impl std::io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > LARGEST_METADATA { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn holds_nul(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(holds_nul),
        Json::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn json(value: Value) -> Result<Option<Json>, Fault> {
    Ok(match value {
        Value::Bool(flag) => Some(Json::Bool(flag)),
        Value::Integer(number) => Some(integer(number)),
        Value::Real(number) => {
            let number = Number::from_f64(number).ok_or(Fault::invalid("is a number that JSON cannot hold"))?;
            Some(Json::Number(number))
        }
        Value::Decimal(text) => Some(decimal(text)),
        Value::Json(Json::Null) => None,
        Value::Json(json) => Some(json),
        Value::Bytes(bytes) => Some(Json::String(hex::encode(bytes))),
        other => values::text(other)?.map(Json::String),
    })
}

/// Integers that JSON numbers cannot hold stay exact as text.
fn integer(number: i128) -> Json {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (Err(_), Ok(number)) => number.into(),
        (Err(_), Err(_)) => number.to_string().into(),
    }
}

/// An exact decimal becomes a number where that loses nothing, and stays text where it would.
fn decimal(text: String) -> Json {
    let shortest = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if let Ok(number) = shortest.parse::<i64>() {
        return number.into();
    }
    let number = shortest.parse().ok().and_then(Number::from_f64);
    match number {
        Some(number) if number.to_string() == shortest => Json::Number(number),
        _ => Json::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Field;
    use serde_json::json;

    fn place(path: &str) -> Place {
        Place { field: Field::PublicMetadata, path: path.split('.').map(str::to_owned).collect() }
    }

    #[test]
    fn an_object_is_json_or_the_text_of_it() {
        for value in [Value::Json(json!({"a": 1})), Value::Text("{\"a\": 1}".to_owned())] {
            assert_eq!(object(value).map(Json::Object), Ok(json!({"a": 1})));
        }
        for absent in [Value::Null, Value::Text(String::new()), Value::Json(Json::Null), Value::Text("null".to_owned())]
        {
            assert_eq!(object(absent), Ok(Object::new()));
        }
        for (at, bad) in
            [Value::Text("a".to_owned()), Value::Integer(1), Value::Json(json!([1]))].into_iter().enumerate()
        {
            assert!(object(bad).is_err(), "number {at}");
        }
    }

    #[test]
    fn single_values_go_to_their_places_at_any_depth() {
        let mut object = Object::new();
        for (path, value) in [
            ("role", Value::Text("admin".to_owned())),
            ("plan.name", Value::Text("pro".to_owned())),
            ("plan.seats", Value::Integer(5)),
            ("plan.price", Value::Decimal("9.50".to_owned())),
            ("plan.exact", Value::Decimal("0.1234567890123456789".to_owned())),
            ("big", Value::Integer(i128::from(u64::MAX) + 1)),
            ("absent", Value::Null),
            ("empty", Value::Text(String::new())),
            ("tags", Value::Json(json!(["a"]))),
            ("avatar", Value::Bytes(vec![0xAB])),
        ] {
            assert_eq!(put(&mut object, &place(path), value), Ok(()), "{path}");
        }
        let expected = json!({
            "role": "admin",
            "plan": {"name": "pro", "seats": 5, "price": 9.5, "exact": "0.1234567890123456789"},
            "big": "18446744073709551616",
            "tags": ["a"],
            "avatar": "ab",
        });
        assert_eq!(Json::Object(object), expected);
    }

    #[test]
    fn a_place_that_is_taken_is_a_clash_unless_the_two_agree() {
        for (before, path, fits) in [
            (json!({"role": "user"}), "role", false),
            (json!({"role": "admin"}), "role", true),
            (json!({"role": null}), "role", true),
            (json!({"role": "user"}), "role.name", false),
            (json!({"role": {"id": 1}}), "role.name", true),
        ] {
            let mut object = object(Value::Json(before.clone())).expect("an object");
            let put = put(&mut object, &place(path), Value::Text("admin".to_owned()));
            assert_eq!(put.is_ok(), fits, "{before} {path}");
        }
    }

    #[test]
    fn metadata_that_clerk_cannot_store_is_refused() {
        let object = |json| object(Value::Json(json)).expect("an object");
        assert_eq!(check(&object(json!({"a": "x".repeat(8000)}))), Ok(()));
        assert!(check(&object(json!({"a": "x".repeat(1 << 20)}))).is_err());
        assert!(check(&object(json!({"a": [{"b": "\0"}]}))).is_err());
        assert!(check(&object(json!({"a\0": 1}))).is_err());
    }
}
