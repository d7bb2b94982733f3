//! A schema read from the catalog of its engine: every answer comes as rows of text.

use super::{Collation, Column, Dependent, DependentKind, Family, ForeignKey, Schema, Table};
use crate::database::error::QueryError;
use crate::database::sql::TableName;
use crate::database::sql::schema::{CHECK_COLUMNS_MYSQL, CHECKS_MARIADB, CHECKS_MYSQL, schema};
use crate::database::{Database, Target};
use crate::engine::Engine;
use crate::row::Value;

impl Database {
    /// Reads the schema from the catalog. On MySQL it is that of the target's database, and of those whose keys lead there.
    ///
    /// # Errors
    /// [`QueryError`], if the catalog cannot be read.
    pub async fn schema(&self, around: &Target) -> Result<Schema, QueryError> {
        let engine = self.engine();
        let sql = schema(engine, &around.table);
        let current = self.texts(&sql.current).await?.pop().and_then(|mut row| row.pop().flatten());
        let tables = tables(engine, self.texts(&sql.columns).await?, &self.texts(&sql.primary_keys).await?);
        let foreign_keys = foreign_keys(self.texts(&sql.foreign_keys).await?);
        let mut dependents = self.texts(&sql.dependents).await?;
        if engine == Engine::MySql {
            dependents.extend(self.checks_mysql().await?);
        }
        let dependents = dependents.into_iter().filter_map(dependent).collect();
        Ok(Schema { engine, current, tables, foreign_keys, dependents }.in_its_own_spelling())
    }

    /// Reads the check constraints. Servers differ in where they tell of them, and old ones have none.
    async fn checks_mysql(&self) -> Result<Vec<Vec<Option<String>>>, QueryError> {
        let columns = self.texts(CHECK_COLUMNS_MYSQL).await?.concat();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let has_table = columns.iter().flatten().any(|column| column == "TABLE_NAME");
        self.texts(if has_table { CHECKS_MARIADB } else { CHECKS_MYSQL }).await
    }

    /// Runs a query and returns its rows, every value as text.
    pub(in crate::database) async fn texts(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, QueryError> {
        let mut rows = self.rows(sql).await?;
        let mut texts = Vec::new();
        while let Some(row) = rows.next().await? {
            texts.push(row.into_iter().map(text).collect());
        }
        Ok(texts)
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Decimal(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}

/// One row of a catalog query, taken from left to right.
struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    fn of(row: Vec<Option<String>>) -> Self {
        Self(row.into_iter())
    }

    fn next(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    fn text(&mut self) -> String {
        self.next().unwrap_or_default()
    }

    fn is(&mut self) -> bool {
        self.next().as_deref() == Some("true")
    }

    fn table(&mut self) -> TableName {
        let schema = self.next();
        TableName { schema, table: self.text() }
    }
}

fn tables(engine: Engine, columns: Vec<Vec<Option<String>>>, keys: &[Vec<Option<String>>]) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for row in columns {
        let mut cells = Cells::of(row);
        let name = cells.table();
        let (column, type_name, base) = (cells.text(), cells.text(), cells.text());
        let column = Column {
            name: column,
            family: family(engine, &base),
            type_name,
            longest: cells.next().and_then(|longest| longest.parse().ok()),
            nullable: cells.is(),
            generated: cells.is(),
            collation: cells.next().zip(cells.next()).map(|(name, charset)| Collation { name, charset }),
            on_update: cells.is(),
        };
        let (is_partition, is_partitioned, without_rowid) = (cells.is(), cells.is(), cells.is());
        // A table's columns come one after the other.
        match tables.last_mut().filter(|last| last.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table {
                name,
                columns: vec![column],
                primary_key: Vec::new(),
                is_partition,
                is_partitioned,
                without_rowid,
            }),
        }
    }
    for row in keys {
        let mut cells = Cells::of(row.clone());
        let name = cells.table();
        if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
            table.primary_key.push(cells.text());
        }
    }
    tables
}

fn foreign_keys(rows: Vec<Vec<Option<String>>>) -> Vec<ForeignKey> {
    let mut keys: Vec<(String, ForeignKey)> = Vec::new();
    for row in rows {
        let mut cells = Cells::of(row);
        let number = cells.text();
        let (table, column, to_table, to_column) = (cells.table(), cells.text(), cells.table(), cells.text());
        match keys.last_mut().filter(|(last, _)| *last == number) {
            Some((_, key)) => {
                key.columns.push(column);
                key.to_columns.push(to_column);
            }
            None => keys.push((
                number,
                ForeignKey {
                    name: cells.next(),
                    table,
                    columns: vec![column],
                    to_table,
                    to_columns: vec![to_column],
                    on_delete: cells.text(),
                    on_update: cells.text(),
                },
            )),
        }
    }
    keys.into_iter().map(|(_, key)| key).collect()
}

fn dependent(row: Vec<Option<String>>) -> Option<Dependent> {
    let mut cells = Cells::of(row);
    let kind = match cells.text().as_str() {
        "view" => DependentKind::View,
        "materialized view" => DependentKind::MaterializedView,
        "generated column" => DependentKind::GeneratedColumn,
        "trigger" => DependentKind::Trigger,
        "trigger, not on updates" => DependentKind::OtherTrigger,
        "policy" => DependentKind::Policy,
        "rule" => DependentKind::Rule,
        "check constraint" => DependentKind::Check,
        _ => return None,
    };
    let (schema, table) = (cells.next(), cells.next());
    let table = table.map(|table| TableName { schema, table });
    Some(Dependent { kind, table, name: cells.text(), column: cells.next(), made_of: cells.next() })
}

fn family(engine: Engine, base: &str) -> Family {
    match engine {
        Engine::Postgres => match base {
            "text" | "varchar" | "bpchar" | "citext" | "name" => Family::Text,
            "uuid" => Family::Uuid,
            "int2" | "int4" | "int8" | "numeric" | "oid" => Family::Integer,
            "bytea" => Family::Binary,
            _ => Family::Other,
        },
        Engine::MySql => match base {
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Family::Text,
            "uuid" => Family::Uuid,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Family::Integer,
            "binary" | "varbinary" | "tinyblob" | "blob" => Family::Binary,
            _ => Family::Other,
        },
        Engine::Sqlite => {
            let has = |part: &str| base.contains(part);
            if has("int") {
                Family::Integer
            } else if has("char") || has("clob") || has("text") {
                Family::Text
            } else if ["real", "floa", "doub", "bool", "date", "time", "json"].into_iter().any(has) {
                Family::Other
            } else {
                Family::Any
            }
        }
    }
}
