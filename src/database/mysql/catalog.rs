//! MySQL's catalog: tables, columns, what is unique.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row};

use super::MySql;
use super::failure::query_error;
use crate::database::error::{QueryError, TargetError};
use crate::database::inspect::{KeyKind, NARROWEST_COLUMN, Target, nearest};
use crate::database::sql::{self, TableName, column_name};
use crate::engine::Engine;

/// A column, as `information_schema` has it. Everything there is read as text: servers differ in the types.
struct Column {
    name: String,
    type_name: String,
    data_type: String,
    longest: Option<u64>,
    updated: bool,
    collation: String,
}

impl MySql {
    pub(in crate::database) async fn columns_of(&self, table: &TableName) -> Result<Vec<String>, QueryError> {
        let mut connection = self.connection().await?;
        let columns = columns(&mut connection, table).await.map_err(|error| query_error(&error, ""))?;
        self.keep(connection).await;
        Ok(columns.into_iter().map(|column| column.name).collect())
    }

    pub(in crate::database) async fn count_rows(&self, table: &TableName) -> Result<u64, QueryError> {
        let mut connection = self.connection().await?;
        let (rows, _) = count(&mut connection, table, None).await.map_err(|error| query_error(&error, ""))?;
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
    connection: &mut MySqlConnection,
    table: &TableName,
    key: &str,
    column: &str,
) -> Result<Target, TargetError> {
    let refused = |error: sqlx::Error| TargetError::Query(query_error(&error, ""));
    let shown = table.to_string();
    match table_type(connection, table).await.map_err(refused)?.as_deref() {
        Some("BASE TABLE" | "SYSTEM VERSIONED") => {}
        Some(other) => return Err(TargetError::NotATable { table: shown, what: other.to_lowercase() }),
        None => {
            let names = tables(connection, table).await.map_err(refused)?;
            return Err(TargetError::NoTable { table: shown, near: nearest(&table.table, names) });
        }
    }
    let columns = columns(connection, table).await.map_err(refused)?;
    // Column names do not differ by case in MySQL.
    let find = |name: &str| columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase());
    let Some(key_column) = find(key) else {
        let near = nearest(key, columns.into_iter().map(|column| column.name));
        return Err(TargetError::NoKey { table: shown, key: key.to_owned(), near });
    };
    let unique = unique(connection, table).await.map_err(refused)?;
    if !unique.contains(&key_column.name) {
        return Err(TargetError::KeyNotUnique { table: shown, key: key.to_owned() });
    }
    let Some(key_kind) = key_kind(key_column) else {
        let type_name = key_column.type_name.clone();
        return Err(TargetError::KeyType { table: shown, key: key.to_owned(), type_name });
    };
    let clerk_column = find(column);
    if let Some(existing) = clerk_column.filter(|column| !can_hold_ids(column)) {
        let type_name = existing.type_name.clone();
        return Err(TargetError::ColumnType { table: shown, column: column.to_owned(), type_name });
    }
    let (rows, filled) = count(connection, table, clerk_column.map(|_| column)).await.map_err(refused)?;
    Ok(Target {
        engine: Engine::MySql,
        table: table.clone(),
        key: key_column.name.clone(),
        key_type: key_column.type_name.clone(),
        key_kind,
        column: clerk_column.map_or(column, |column| &column.name).to_owned(),
        column_type: clerk_column.map(|column| column.type_name.clone()),
        column_longest: clerk_column.and_then(|column| column.longest),
        column_unique: clerk_column.is_some_and(|column| unique.contains(&column.name)),
        rows,
        filled,
        on_update: columns.iter().filter(|column| column.updated).map(|column| column.name.clone()).collect(),
    })
}

fn can_hold_ids(column: &Column) -> bool {
    let text = column.data_type.ends_with("char") || column.data_type.ends_with("text");
    text && column.longest.is_none_or(|longest| longest >= NARROWEST_COLUMN)
}

fn key_kind(column: &Column) -> Option<KeyKind> {
    let integer = |bits: u32| {
        let unsigned = column.type_name.contains("unsigned");
        let (min, max) = if unsigned { (0, (1 << bits) - 1) } else { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) };
        Some(KeyKind::Integer { min, max, cast: String::new() })
    };
    match column.data_type.as_str() {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Some(KeyKind::Text {
            longest: column.longest,
            cast: String::new(),
            padded: column.data_type == "char",
            ignores_case: column.collation.contains("_ci"),
        }),
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" => integer(32),
        "bigint" => integer(64),
        "binary" | "varbinary" | "tinyblob" | "blob" => Some(KeyKind::Binary),
        "uuid" => Some(KeyKind::Uuid),
        _ => None,
    }
}

/// Reads a catalog query's rows as texts, whatever types this server's catalog has.
async fn catalog(
    connection: &mut MySqlConnection,
    query: &'static str,
    table: &TableName,
) -> sqlx::Result<Vec<Vec<Option<String>>>> {
    let query = sqlx::query(query).bind(&table.schema).bind(&table.table).persistent(false);
    let rows = query.fetch_all(connection).await?;
    let text = |row: &sqlx::mysql::MySqlRow, at: usize| -> sqlx::Result<Option<String>> {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
}

async fn table_type(connection: &mut MySqlConnection, table: &TableName) -> sqlx::Result<Option<String>> {
    let rows = catalog(
        connection,
        "SELECT CAST(TABLE_TYPE AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?",
        table,
    );
    Ok(rows.await?.into_iter().flatten().next().flatten())
}

async fn tables(connection: &mut MySqlConnection, table: &TableName) -> sqlx::Result<Vec<String>> {
    let rows = catalog(
        connection,
        "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND ? IS NOT NULL ORDER BY TABLE_NAME LIMIT 5000",
        table,
    );
    Ok(rows.await?.into_iter().flatten().flatten().collect())
}

async fn columns(connection: &mut MySqlConnection, table: &TableName) -> sqlx::Result<Vec<Column>> {
    let rows = catalog(
        connection,
        "SELECT CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR), CAST(DATA_TYPE AS CHAR), \
                CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR), CAST(EXTRA AS CHAR), CAST(COLLATION_NAME AS CHAR) \
         FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        table,
    );
    Ok(rows.await?.into_iter().map(column).collect())
}

fn column(cells: Vec<Option<String>>) -> Column {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().flatten();
    Column {
        name: next().unwrap_or_default(),
        type_name: next().unwrap_or_default(),
        data_type: next().unwrap_or_default().to_lowercase(),
        longest: next().and_then(|length| length.parse().ok()),
        updated: next().is_some_and(|extra| extra.to_lowercase().contains("on update")),
        collation: next().unwrap_or_default(),
    }
}

/// Returns the columns that are unique by themselves. A functional index has no column name.
async fn unique(connection: &mut MySqlConnection, table: &TableName) -> sqlx::Result<Vec<String>> {
    let rows = catalog(
        connection,
        "SELECT CAST(MAX(COLUMN_NAME) AS CHAR) FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
         GROUP BY INDEX_NAME HAVING COUNT(*) = 1",
        table,
    );
    Ok(rows.await?.into_iter().flatten().flatten().collect())
}

async fn count(connection: &mut MySqlConnection, table: &TableName, column: Option<&str>) -> sqlx::Result<(u64, u64)> {
    let (rows, filled): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql::count(Engine::MySql, table, column)))
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok((rows.unsigned_abs(), filled.unsigned_abs()))
}
