//! MySQL's text notation of values, type by type.

use sqlx::mysql::{MySqlColumn, MySqlRow, MySqlTypeInfo};
use sqlx::{Column as _, Row as _, Type, TypeInfo};

use crate::database::error::QueryError;
use crate::database::rows::{json, read_or_text, text};
use crate::database::sql;
use crate::engine::Engine;
use crate::row::{Row, Value};

/// Returns whether values of a type can be taken: all but geometry, which has no text form.
pub(super) fn can_be_taken(type_info: &MySqlTypeInfo) -> bool {
    type_info.name() != "GEOMETRY"
}

pub(super) fn not_taken(column: &MySqlColumn) -> QueryError {
    QueryError::Type {
        column: column.name().to_owned(),
        type_name: column.type_info().name().to_lowercase(),
        cast: format!("ST_AsText({})", sql::quote(Engine::MySql, column.name())),
    }
}

/// Reads a row that came by the text protocol.
pub(super) fn decode(row: &MySqlRow) -> Result<Row, QueryError> {
    let mut values = Row::with_capacity(row.columns().len());
    for (at, column) in row.columns().iter().enumerate() {
        values.push(cell(row, at, column)?);
    }
    Ok(values)
}

fn cell(row: &MySqlRow, at: usize, column: &MySqlColumn) -> Result<Value, QueryError> {
    let bytes: Option<&[u8]> = row.try_get_unchecked(at).map_err(|error| QueryError::Broken(error.to_string()))?;
    Ok(bytes.map_or(Value::Null, |bytes| value(column.type_info(), bytes)))
}

fn value(type_info: &MySqlTypeInfo, bytes: &[u8]) -> Value {
    match type_info.name() {
        "BIT" => bit(bytes),
        "JSON" => json(bytes),
        "FLOAT" | "DOUBLE" => read_or_text(bytes, |text| text.parse().ok().map(Value::Real)),
        "DECIMAL" => read_or_text(bytes, |text| Some(Value::Decimal(text.to_owned()))),
        "BOOLEAN" | "YEAR" => integer(bytes),
        name if name.contains("INT") => integer(bytes),
        // Binary is what has the collation `binary`, and that is what the driver looks at here. The type's name would call text
        // binary that is only compared so (utf8mb4_bin, and MariaDB's JSON).
        name if is_bytes_or_text(name) && !<str as Type<sqlx::MySql>>::compatible(type_info) => {
            Value::Bytes(bytes.to_vec())
        }
        _ => text(bytes),
    }
}

fn integer(bytes: &[u8]) -> Value {
    read_or_text(bytes, |text| text.parse().ok().map(Value::Integer))
}

fn is_bytes_or_text(name: &str) -> bool {
    name.ends_with("BLOB") || name.ends_with("TEXT") || name.ends_with("BINARY") || name.ends_with("CHAR")
}

/// Reads a BIT, which comes as bytes, the highest first. A single bit is a truth value; of wider ones only 0 and 1 look the same.
fn bit(bytes: &[u8]) -> Value {
    match bytes {
        [0] => Value::Bool(false),
        [1] => Value::Bool(true),
        _ => Value::Integer(bytes.iter().fold(0, |number, byte| number << 8 | i128::from(*byte))),
    }
}
