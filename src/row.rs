//! What a source gives: columns, and rows of values, before anything is made of them.

/// A column of a query's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name as the database reports it.
    pub name: String,
    /// The engine's own name for the type, such as `timestamptz`; for messages only.
    pub type_name: String,
}

/// One value, as the source gave it and before any meaning is put on it. Dates and times are [`Value::Text`], in the engine's
/// own notation; `mapping` reads them.
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    /// SQL NULL, JSON null.
    #[default]
    Null,
    /// A boolean type's value. Engines without one give integers.
    Bool(bool),
    /// Any integer type, signed or unsigned.
    Integer(i128),
    /// A floating-point number.
    Real(f64),
    /// An exact decimal, as the engine writes it.
    Decimal(String),
    /// Text, and every type whose text form is all that is needed: uuid, enum, inet, timestamps.
    Text(String),
    /// Binary data.
    Bytes(Vec<u8>),
    /// JSON, and lists (`text[]` is a JSON array).
    Json(serde_json::Value),
    /// A cell that holds something its type does not allow (text that is not UTF-8, say): the message says what, without the
    /// value. One bad cell makes one invalid user, not a failed run.
    Unreadable(String),
}

/// One result row: a value for each [`Column`], in order.
pub type Row = Vec<Value>;

impl std::fmt::Debug for Value {
    /// Shows the kind only: values are people's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Real(_) => "Real(..)",
            Self::Decimal(_) => "Decimal(..)",
            Self::Text(_) => "Text(..)",
            Self::Bytes(_) => "Bytes(..)",
            Self::Json(_) => "Json(..)",
            Self::Unreadable(_) => "Unreadable(..)",
        })
    }
}
