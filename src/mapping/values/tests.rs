use super::*;
use serde_json::json;

fn text_of(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn text_is_taken_from_every_kind_of_scalar() {
    for (value, expected) in [
        (Value::Null, None),
        (text_of(""), None),
        (text_of("a"), Some("a")),
        (Value::Integer(-5), Some("-5")),
        (Value::Integer(i128::from(u64::MAX)), Some("18446744073709551615")),
        (Value::Decimal("12.50".to_owned()), Some("12.50")),
        (Value::Real(7.0), Some("7")),
        (Value::Bool(true), Some("true")),
        (Value::Bytes(b"a".to_vec()), Some("a")),
        (Value::Json(json!("a")), Some("a")),
        (Value::Json(json!(5)), Some("5")),
        (Value::Json(json!(null)), None),
    ] {
        assert_eq!(text(value.clone()), Ok(expected.map(str::to_owned)), "{value:?}");
    }
    for (at, bad) in [
        text_of("a\0b"),
        Value::Real(0.5),
        Value::Real(1e20),
        Value::Real(f64::NAN),
        Value::Bytes(vec![0xFF]),
        Value::Json(json!(["a"])),
        Value::Json(json!({"a": 1})),
        Value::Unreadable("is not UTF-8".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(text(bad).is_err(), "number {at}");
    }
}

#[test]
fn an_id_of_bytes_is_lower_case_hex() {
    assert_eq!(id(Value::Bytes(vec![0xAB, 0x01])), Ok(Some("ab01".to_owned())));
    assert_eq!(id(Value::Bytes(Vec::new())), Ok(None));
    assert_eq!(id(Value::Integer(7)), Ok(Some("7".to_owned())));
}

#[test]
fn text_is_counted_in_characters() {
    assert_eq!(short_text(text_of("üü"), 2), Ok(Some("üü".to_owned())));
    assert!(short_text(text_of("üüü"), 2).is_err());
    assert!(short_text(Value::Text("x".repeat(1 << 20)), 256).is_err());
}

#[test]
fn a_flag_is_understood_in_every_engines_notation() {
    for (value, expected) in [
        (Value::Null, None),
        (text_of(""), None),
        (Value::Bool(true), Some(true)),
        (Value::Integer(0), Some(false)),
        (Value::Integer(1), Some(true)),
        (Value::Bytes(vec![1]), Some(true)),
        (Value::Bytes(vec![0, 0]), Some(false)),
        (Value::Bytes(b"1".to_vec()), Some(true)),
        (text_of("t"), Some(true)),
        (text_of("FALSE"), Some(false)),
        (text_of(" yes "), Some(true)),
        (text_of("n"), Some(false)),
    ] {
        assert_eq!(flag(value.clone()), Ok(expected), "{value:?}");
    }
    for bad in [Value::Integer(2), text_of("maybe"), Value::Bytes(vec![9]), Value::Real(0.5), Value::Json(json!([]))] {
        assert!(flag(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_number_is_whole_and_fits() {
    assert_eq!(number(Value::Integer(5)), Ok(Some(5)));
    assert_eq!(number(text_of("0")), Ok(Some(0)));
    for bad in [Value::Integer(-1), Value::Integer(1 << 32), text_of("many"), Value::Real(1.5)] {
        assert!(number(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_list_is_json_or_the_text_of_it_or_split_text() {
    let expect = |value, split, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(list(value, split), Ok(expected));
    };
    expect(Value::Null, Split::One, &[]);
    expect(text_of("a,b"), Split::One, &["a,b"]);
    expect(text_of("google, github,,"), Split::Commas, &["google", "github"]);
    expect(text_of("a1 b2,c3\nd4"), Split::CommasAndSpaces, &["a1", "b2", "c3", "d4"]);
    expect(text_of("[\"a\", \"b\"]"), Split::Commas, &["a", "b"]);
    expect(text_of("[a"), Split::One, &["[a"]);
    expect(Value::Json(json!(["a", null, "", 5])), Split::One, &["a", "5"]);
    expect(Value::Json(json!("a")), Split::One, &["a"]);
    for bad in [Value::Json(json!([["a"]])), Value::Json(json!({"a": 1})), Value::Json(json!([{"a": 1}]))] {
        assert!(list(bad.clone(), Split::One).is_err(), "{bad:?}");
    }
}
