//! What a replacement changes on SQLite: tables, by the statements that made them.

use super::{LEGACY_COLUMN, ReplaceError, Replacement};
use crate::database::Database;
use crate::database::schema::{Schema, Table, mentions};
use crate::database::sql::replace::{create_table, sqlite as sql};
use crate::engine::Engine;

/// A table of SQLite's that is changed, with all that must be there afterwards as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Kept {
    pub(in crate::database) table: Table,
    /// How it is made, by its own text.
    pub(in crate::database) create: String,
    /// The same with other types.
    pub(in crate::database) create_retyped: String,
    /// The columns whose types change.
    pub(in crate::database) retyped: Vec<String>,
    /// Its indexes and triggers.
    pub(in crate::database) objects: Vec<Object>,
    /// What it is called while another takes its place.
    pub(in crate::database) old_name: String,
    /// How far it has counted, if it counts its rows.
    pub(in crate::database) counted: Option<String>,
}

/// An index or a trigger of SQLite's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Object {
    pub(in crate::database) kind: String,
    pub(in crate::database) name: String,
    pub(in crate::database) sql: String,
}

impl Kept {
    /// Returns whether the table is made again; otherwise its rows are updated where they are.
    pub(in crate::database) fn is_made_again(&self) -> bool {
        !self.retyped.is_empty()
    }

    /// Returns the name by which its row numbers can be taken along, if there are any that no column shows.
    pub(in crate::database) fn row_number(&self, with_new_types: bool) -> Option<&'static str> {
        let is_shown = |name: &String| {
            let column = self.table.column(name, Engine::Sqlite);
            column.is_some_and(|column| column.type_name.eq_ignore_ascii_case("integer"))
                && !(with_new_types && self.retyped.contains(name))
        };
        if self.table.without_rowid || matches!(self.table.primary_key.as_slice(), [only] if is_shown(only)) {
            return None;
        }
        let free = |alias: &&str| self.table.column(alias, Engine::Sqlite).is_none();
        ["rowid", "_rowid_", "oid"].into_iter().find(free)
    }
}

impl Database {
    /// Reads how the tables of SQLite's are made, and how they will be.
    pub(super) async fn keep_tables(
        &self,
        replacement: &mut Replacement,
        schema: &Schema,
        no: impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let mut objects: Vec<(String, Object)> = Vec::new();
        for row in self.texts(sql::OBJECTS).await? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (kind, name, table, sql) = (next(), next(), next(), next());
            objects.push((table, Object { kind, name, sql }));
        }
        let free = |wanted: String| {
            let taken = |name: &str| objects.iter().any(|(_, object)| object.name.eq_ignore_ascii_case(name));
            let mut name = wanted;
            while taken(&name) {
                name.push('_');
            }
            name
        };
        replacement.legacy_index = free(format!("{}_{LEGACY_COLUMN}_key", replacement.users.table));
        for name in replacement.changed_tables() {
            let Some(table) = schema.table(&name) else { continue };
            let key = (name == replacement.users).then_some(&replacement.key);
            let linked = replacement.links.iter().filter(|link| link.table == name).map(|link| &link.column);
            let retyped: Vec<String> = key
                .into_iter()
                .chain(linked)
                .filter(|column| Replacement::changes_type(column))
                .map(|column| column.name.clone())
                .collect();
            let own = |object: &&(String, Object)| object.0.eq_ignore_ascii_case(&name.table);
            let own: Vec<Object> = objects.iter().filter(own).map(|(_, object)| object.clone()).collect();
            let create = own.iter().find(|object| object.kind == "table").map(|object| object.sql.clone());
            let create = create.unwrap_or_default();
            let checks = create_table::checks(&create);
            let held = key
                .into_iter()
                .chain(replacement.links.iter().filter(|link| link.table == name).map(|link| &link.column));
            for column in held {
                if let Some(check) = checks.iter().find(|check| mentions(check, &column.name)) {
                    return Err(no(
                        format!(
                            "the check constraint `{check}` of `{name}` was made for IDs as they are, and may let no other pass"
                        ),
                        "make the table again without it, and with one for Clerk IDs afterwards",
                    ));
                }
            }
            // What was a row's number is never NULL.
            let numbers: Vec<String> = match table.primary_key.as_slice() {
                [only] if retyped.contains(only) => vec![only.clone()],
                _ => Vec::new(),
            };
            let create_retyped = if retyped.is_empty() {
                create.clone()
            } else {
                create_table::retyped(&create, &retyped, &numbers).ok_or_else(|| {
                    no(
                        format!("`{name}` is made by a statement that db2clerk cannot read"),
                        "take a Clerk ID beside each: `--references`",
                    )
                })?
            };
            let counted = if create_table::counts_rows(&create) {
                let told = self.texts(&sql::counted(&name.table)).await?;
                Some(told.into_iter().flatten().next().flatten().and_then(|seq| seq.parse::<i64>().ok()).unwrap_or(0))
            } else {
                None
            };
            replacement.tables.push(Kept {
                table: table.clone(),
                create,
                create_retyped,
                retyped,
                objects: own.into_iter().filter(|object| matches!(object.kind.as_str(), "index" | "trigger")).collect(),
                old_name: free(format!("db2clerk_old_{}", name.table)),
                counted: counted.map(|counted| counted.to_string()),
            });
        }
        Ok(())
    }
}
