//! The statements about columns that refer to users.

use super::{quote, quote_table};
use crate::database::references::Link;
use crate::database::schema::{Collation, Column, Family};
use crate::engine::Engine;

/// How many values are looked at to see whether a column may hold user IDs at all.
const SAMPLE: u32 = 1000;

/// Counts the rows of the table that refers, those with a value, the values, and the rows whose value is a user's.
pub(in crate::database) fn measure(link: &Link) -> String {
    let engine = link.engine;
    let (table, users) = (quote_table(engine, &link.table), quote_table(engine, &link.users));
    let (column, to) = (quote(engine, &link.column.name), quote(engine, &link.to.name));
    format!(
        "SELECT count(*), count(t.{column}), count(DISTINCT t.{column}), count(u.{to}) \
         FROM {table} AS t LEFT JOIN {users} AS u ON {}",
        same(link)
    )
}

/// Counts the rows whose value is a user's, among the first that have one.
pub(in crate::database) fn sample(link: &Link) -> String {
    let engine = link.engine;
    let (table, users) = (quote_table(engine, &link.table), quote_table(engine, &link.users));
    let (column, to) = (quote(engine, &link.column.name), quote(engine, &link.to.name));
    format!(
        "SELECT count(u.{to}) FROM (SELECT s.{column} FROM {table} AS s WHERE s.{column} IS NOT NULL LIMIT {SAMPLE}) AS t \
         JOIN {users} AS u ON {}",
        same(link)
    )
}

/// The condition that a row of the table that refers, `t`, and a user, `u`, belong together. What a constraint ties together can be
/// compared as it is; of a guess, types and collations may differ.
pub(in crate::database) fn same(link: &Link) -> String {
    let engine = link.engine;
    let (to, column) =
        (format!("u.{}", quote(engine, &link.to.name)), format!("t.{}", quote(engine, &link.column.name)));
    match engine {
        Engine::Postgres if link.is_guess && link.to.type_name != link.column.type_name => {
            match (link.to.family, link.column.family) {
                // Turned into what the key is, so that the key's index serves.
                (Family::Uuid, Family::Text) => {
                    format!("{to} = CASE WHEN {column}::text ~ '{UUID}' THEN {column}::text::uuid END")
                }
                (Family::Text, _)
                    if link.to.type_name == "text" || link.to.type_name.starts_with("character varying") =>
                {
                    format!("{to} = {column}::text")
                }
                (Family::Text, _) => format!("{to}::text = {column}::text"),
                _ => format!("{to} = {column}"),
            }
        }
        Engine::MySql if link.is_guess => format!("{to} = {}", collated(&link.to, &link.column, column)),
        _ => format!("{to} = {column}"),
    }
}

/// What a UUID looks like.
const UUID: &str = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$";

/// MySQL does not compare texts of two collations: the one that refers takes that of the users' key, whose index then serves.
fn collated(to: &Column, column: &Column, expression: String) -> String {
    match &to.collation {
        Some(Collation { name, charset }) if column.collation.as_ref().is_none_or(|own| own.name != *name) => {
            format!("CONVERT({expression} USING {}) COLLATE {}", word(charset), word(name))
        }
        _ => expression,
    }
}

/// Names of collations and character sets stand unquoted; the catalog gives plain words, and nothing else is let through.
pub(super) fn word(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}
