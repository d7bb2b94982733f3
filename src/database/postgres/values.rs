//! Postgres' text notation of values, type by type.

use serde_json::Value as Json;
use sqlx::TypeInfo;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};

use crate::database::rows::{json, read_or_text, text};
use crate::row::Value;

/// How a column's text is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Integer,
    Decimal,
    Real,
    Json,
    Bytes,
    Text,
    /// An array of these.
    List(Box<Shape>),
}

impl Shape {
    /// Returns the shape of a type; `None` for a composite type, whose text nobody can make sense of.
    pub(super) fn of(type_info: &PgTypeInfo) -> Option<Self> {
        match type_info.kind() {
            PgTypeKind::Domain(base) => Self::of(base),
            PgTypeKind::Array(element) => Self::of(element).map(|shape| Self::List(Box::new(shape))),
            PgTypeKind::Composite(_) => None,
            PgTypeKind::Pseudo if type_info.name().eq_ignore_ascii_case("record") => None,
            PgTypeKind::Pseudo | PgTypeKind::Enum(_) | PgTypeKind::Range(_) => Some(Self::Text),
            PgTypeKind::Simple => Some(match type_info.name().to_ascii_uppercase().as_str() {
                "BOOL" => Self::Bool,
                "INT2" | "INT4" | "INT8" | "OID" => Self::Integer,
                "NUMERIC" => Self::Decimal,
                "FLOAT4" | "FLOAT8" => Self::Real,
                "JSON" | "JSONB" => Self::Json,
                "BYTEA" => Self::Bytes,
                "RECORD" => return None,
                _ => Self::Text,
            }),
        }
    }

    /// Reads a value that is not NULL.
    pub(super) fn value(&self, bytes: &[u8]) -> Value {
        match self {
            Self::Bool => Value::Bool(bytes == b"t"),
            Self::Integer => read_or_text(bytes, |text| text.parse().ok().map(Value::Integer)),
            Self::Decimal => read_or_text(bytes, |text| Some(Value::Decimal(text.to_owned()))),
            Self::Real => read_or_text(bytes, |text| text.parse().ok().map(Value::Real)),
            Self::Json => json(bytes),
            Self::Bytes => read_or_text(bytes, |text| hex::decode(text.strip_prefix("\\x")?).ok().map(Value::Bytes)),
            Self::Text => text(bytes),
            // Types that count as arrays and are written otherwise (int2vector) stay text.
            Self::List(element) => read_or_text(bytes, |text| list(text, element).map(Value::Json)),
        }
    }

    fn json(&self, text: &str) -> Json {
        let string = || Json::from(text);
        match self {
            Self::Bool => Json::from(text == "t"),
            Self::Integer => text.parse::<i64>().map_or_else(|_| string(), Json::from),
            Self::Real => text.parse().ok().and_then(serde_json::Number::from_f64).map_or_else(string, Json::Number),
            Self::Json => serde_json::from_str(text).unwrap_or_else(|_| string()),
            Self::Bytes => Json::from(text.strip_prefix("\\x").unwrap_or(text)),
            Self::Decimal | Self::Text | Self::List(_) => string(),
        }
    }
}

/// Reads an array, such as `{a,"b,c",NULL}` or `[0:1]={{1,2},{3,4}}`:
/// <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>.
fn list(text: &str, element: &Shape) -> Option<Json> {
    let braces = if text.starts_with('[') { text.split_once('=')?.1 } else { text };
    let mut rest = braces.strip_prefix('{')?;
    // The lists that are open, the innermost last: nesting costs no stack.
    let mut open: Vec<Vec<Json>> = vec![Vec::new()];
    loop {
        if let Some(after) = rest.strip_prefix('{') {
            open.push(Vec::new());
            rest = after;
            continue;
        }
        if let Some(mut after) = rest.strip_prefix('}') {
            let mut closed = Json::Array(open.pop()?);
            loop {
                let Some(outer) = open.last_mut() else {
                    return after.is_empty().then_some(closed);
                };
                outer.push(closed);
                match after.strip_prefix('}') {
                    Some(next) => {
                        after = next;
                        closed = Json::Array(open.pop()?);
                    }
                    None => break,
                }
            }
            rest = after.strip_prefix(',')?;
            continue;
        }
        let (item, after) = item(rest, element)?;
        open.last_mut()?.push(item);
        rest = after.strip_prefix(',').or_else(|| after.starts_with('}').then_some(after))?;
    }
}

/// Reads one element and returns it with what follows.
fn item<'a>(text: &'a str, element: &Shape) -> Option<(Json, &'a str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '}'])?;
        let item = unescaped(&text[..end]);
        return Some((if item.eq_ignore_ascii_case("NULL") { Json::Null } else { element.json(&item) }, &text[end..]));
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((element.json(&unescaped(&quoted[..end])), &quoted[end + 1..]))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, element: &Shape, expected: &Json) {
        assert_eq!(list(text, element).as_ref(), Some(expected), "{text}");
    }

    #[test]
    fn arrays_become_json_lists() {
        check("{}", &Shape::Text, &json!([]));
        check(r#"{a,"b,c",NULL,"NULL","",null}"#, &Shape::Text, &json!(["a", "b,c", null, "NULL", "", null]));
        check(
            r#"{"say \"hi\"","back\\slash","{}",ü}"#,
            &Shape::Text,
            &json!([r#"say "hi""#, r"back\slash", "{}", "ü"]),
        );
        check("{{1,2},{3,NULL}}", &Shape::Integer, &json!([[1, 2], [3, null]]));
        check("{{{1}},{{2}}}", &Shape::Integer, &json!([[[1]], [[2]]]));
        check("[0:1]={7,8}", &Shape::Integer, &json!([7, 8]));
        check("{t,f}", &Shape::Bool, &json!([true, false]));
        check("{1.5,NaN}", &Shape::Real, &json!([1.5, "NaN"]));
        check(r#"{"{\"a\": 1}"}"#, &Shape::Json, &json!([{"a": 1}]));
        check(r#"{"\\x00ff"}"#, &Shape::Bytes, &json!(["00ff"]));
    }

    #[test]
    fn what_is_no_array_is_not_taken_for_one() {
        for text in ["", "{", "}", "{a", "{a}x", "1 2 3", "{\"a}", "[0:1]{a}", "{{a}", "{a}}", "{\"a\"b}"] {
            assert_eq!(list(text, &Shape::Text), None, "{text}");
        }
    }
}
