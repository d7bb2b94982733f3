//! SQLite's catalog: tables, columns, what is unique.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::Sqlite;
use super::failure::query_error;
use crate::database::error::{QueryError, TargetError};
use crate::database::inspect::{KeyKind, Target, nearest};
use crate::database::sql::{self, TableName, column_name};
use crate::engine::Engine;

/// A column, and its place in the primary key, from 1; 0 if it is not part of it.
type Column = (String, String, i64);

impl Sqlite {
    pub(in crate::database) async fn columns_of(&self, table: &TableName) -> Result<Vec<String>, QueryError> {
        let mut connection = self.connection().await?;
        let columns = columns(&mut connection, table).await.map_err(|error| query_error(&error))?;
        self.keep(connection).await;
        Ok(columns.into_iter().map(|(name, ..)| name).collect())
    }

    pub(in crate::database) async fn count_rows(&self, table: &TableName) -> Result<u64, QueryError> {
        let mut connection = self.connection().await?;
        let (rows, _) = count(&mut connection, table, None).await.map_err(|error| query_error(&error))?;
        self.keep(connection).await;
        Ok(rows)
    }

    pub(in crate::database) async fn inspect(
        &self,
        table: &TableName,
        key: &str,
        column: &str,
    ) -> Result<Target, TargetError> {
        let (key, column) = (column_name(key)?, column_name(column)?);
        let mut connection = self.connection().await.map_err(QueryError::from)?;
        let target = target(&mut connection, table, &key, &column).await?;
        self.keep(connection).await;
        Ok(target)
    }
}

async fn target(
    connection: &mut SqliteConnection,
    table: &TableName,
    key: &str,
    column: &str,
) -> Result<Target, TargetError> {
    let refused = |error: sqlx::Error| TargetError::Query(query_error(&error));
    let shown = table.to_string();
    let Some((name, kind)) = relation(connection, table).await.map_err(refused)? else {
        let names = tables(connection).await.map_err(refused)?;
        return Err(TargetError::NoTable { table: shown, near: nearest(&table.table, names) });
    };
    if kind != "table" {
        return Err(TargetError::NotATable { table: shown, what: kind });
    }
    let table = TableName { schema: None, table: name };
    let columns = columns(connection, &table).await.map_err(refused)?;
    // Column names do not differ by case in SQLite.
    let find = |name: &str| columns.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name));
    let Some((key, key_type, _)) = find(key).cloned() else {
        let near = nearest(key, columns.into_iter().map(|(name, ..)| name));
        return Err(TargetError::NoKey { table: shown, key: key.to_owned(), near });
    };
    let mut unique = unique(connection, &table).await.map_err(refused)?;
    let primary: Vec<&Column> = columns.iter().filter(|(_, _, place)| *place > 0).collect();
    if let [(only, ..)] = primary.as_slice() {
        unique.push(only.clone());
    }
    if !unique.contains(&key) {
        return Err(TargetError::KeyNotUnique { table: shown, key });
    }
    let clerk_column = find(column);
    let existing = clerk_column.map(|(name, ..)| name.as_str());
    let (rows, filled) = count(connection, &table, existing).await.map_err(refused)?;
    let key_kind = key_kind(connection, &table, &key).await.map_err(refused)?;
    Ok(Target {
        engine: Engine::Sqlite,
        key,
        key_type,
        key_kind,
        column: existing.unwrap_or(column).to_owned(),
        column_type: clerk_column.map(|(_, type_name, _)| type_name.clone()),
        column_longest: None,
        column_unique: existing.is_some_and(|name| unique.iter().any(|other| other == name)),
        table,
        rows,
        filled,
        on_update: Vec::new(),
    })
}

/// Reads the kind from what the column holds: its declared type binds nobody.
async fn key_kind(connection: &mut SqliteConnection, table: &TableName, key: &str) -> sqlx::Result<KeyKind> {
    let classes: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql::storage_classes(table, key)))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    let ignores_case = ignores_case(connection, table, key).await?;
    let only = |class: &str| !classes.is_empty() && classes.iter().all(|other| other == class || other == "null");
    Ok(if only("integer") {
        KeyKind::Integer { min: i64::MIN.into(), max: i64::MAX.into(), cast: String::new() }
    } else if only("blob") {
        KeyKind::Binary
    } else {
        KeyKind::Text { longest: None, cast: String::new(), padded: false, ignores_case }
    })
}

/// Returns whether the key is unique even where case does not count.
async fn ignores_case(connection: &mut SqliteConnection, table: &TableName, key: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT count(*) > 0 FROM pragma_index_list(?, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS c \
         WHERE i.\"unique\" = 1 AND i.partial = 0 AND c.key = 1 AND c.name = ? AND c.coll = 'NOCASE' \
           AND (SELECT count(*) FROM pragma_index_info(i.name, 'main')) = 1",
    )
    .bind(&table.table)
    .bind(key)
    .persistent(false)
    .fetch_one(connection)
    .await
}

/// Returns a table's own spelling of its name, and what it is. Only the file itself is open, and that is `main`.
async fn relation(connection: &mut SqliteConnection, table: &TableName) -> sqlx::Result<Option<(String, String)>> {
    if table.schema.as_ref().is_some_and(|schema| !schema.eq_ignore_ascii_case("main")) {
        return Ok(None);
    }
    sqlx::query_as(
        "SELECT name, type FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
    )
    .bind(&table.table)
    .persistent(false)
    .fetch_optional(connection)
    .await
}

async fn tables(connection: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1")
        .persistent(false)
        .fetch_all(connection)
        .await
}

async fn columns(connection: &mut SqliteConnection, table: &TableName) -> sqlx::Result<Vec<Column>> {
    let Some((name, _)) = relation(connection, table).await? else { return Ok(Vec::new()) };
    sqlx::query_as("SELECT name, type, pk FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1 ORDER BY cid")
        .bind(name)
        .persistent(false)
        .fetch_all(connection)
        .await
}

/// Returns the columns with a unique index of their own, over all rows.
async fn unique(connection: &mut SqliteConnection, table: &TableName) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT max(c.name) FROM pragma_index_list(?, 'main') AS i, pragma_index_info(i.name, 'main') AS c \
         WHERE i.\"unique\" = 1 AND i.partial = 0 GROUP BY i.name HAVING count(*) = 1 AND max(c.name) IS NOT NULL",
    )
    .bind(&table.table)
    .persistent(false)
    .fetch_all(connection)
    .await
}

async fn count(connection: &mut SqliteConnection, table: &TableName, column: Option<&str>) -> sqlx::Result<(u64, u64)> {
    let (rows, filled): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql::count(Engine::Sqlite, table, column)))
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok((rows.unsigned_abs(), filled.unsigned_abs()))
}
