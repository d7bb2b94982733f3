//! Postgres' catalog: tables, columns, what is unique.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, FromRow};

use super::Postgres;
use super::failure::query_error;
use crate::database::error::{QueryError, TargetError};
use crate::database::inspect::{KeyKind, NARROWEST_COLUMN, Target, nearest};
use crate::database::sql::{self, TableName, column_name};
use crate::engine::Engine;

/// A table, view or the like.
#[derive(FromRow)]
struct Relation {
    oid: i64,
    schema: String,
    kind: String,
}

/// A column, with the type below its domains.
#[derive(FromRow)]
struct Column {
    name: String,
    type_name: String,
    base_schema: String,
    base_name: String,
    base_modifier: i32,
}

impl Postgres {
    pub(in crate::database) async fn columns_of(&self, table: &TableName) -> Result<Vec<String>, QueryError> {
        let mut connection = self.connection().await?;
        let columns = async {
            self.begin_reading(&mut connection).await?;
            let Some(relation) = relation(&mut connection, table).await? else { return Ok(Vec::new()) };
            Ok(columns(&mut connection, relation.oid).await?.into_iter().map(|column| column.name).collect())
        };
        let columns = columns.await.map_err(|error| query_error(&error, ""))?;
        self.end(connection, "COMMIT").await.map_err(|error| query_error(&error, ""))?;
        Ok(columns)
    }

    pub(in crate::database) async fn count_rows(&self, table: &TableName) -> Result<u64, QueryError> {
        let mut connection = self.connection().await?;
        let (rows, _) = async {
            self.begin_reading(&mut connection).await?;
            count(&mut connection, table, None).await
        }
        .await
        .map_err(|error| query_error(&error, ""))?;
        self.end(connection, "COMMIT").await.map_err(|error| query_error(&error, ""))?;
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
        self.begin_reading(&mut connection).await.map_err(|error| query_error(&error, ""))?;
        let target = target(&mut connection, table, key, column).await?;
        self.end(connection, "COMMIT").await.map_err(|error| query_error(&error, ""))?;
        Ok(target)
    }
}

async fn target(
    connection: &mut PgConnection,
    table: &TableName,
    key: String,
    column: String,
) -> Result<Target, TargetError> {
    let refused = |error: sqlx::Error| TargetError::Query(query_error(&error, ""));
    let Some(relation) = relation(connection, table).await.map_err(refused)? else {
        let names = tables(connection).await.map_err(refused)?;
        return Err(TargetError::NoTable { table: table.to_string(), near: nearest(&table.table, names) });
    };
    if let Some(what) = not_a_table(&relation.kind) {
        return Err(TargetError::NotATable { table: table.to_string(), what: what.to_owned() });
    }
    let found = TableName { schema: Some(relation.schema), table: table.table.clone() };
    let columns = columns(connection, relation.oid).await.map_err(refused)?;
    let Some(key_column) = columns.iter().find(|column| column.name == key) else {
        let names = columns.into_iter().map(|column| column.name);
        return Err(TargetError::NoKey { table: found.to_string(), near: nearest(&key, names), key });
    };
    let unique = unique(connection, relation.oid).await.map_err(refused)?;
    if !unique.contains(&key) {
        return Err(TargetError::KeyNotUnique { table: found.to_string(), key });
    }
    let key_type = key_column.type_name.clone();
    let Some(key_kind) = key_kind(key_column) else {
        return Err(TargetError::KeyType { table: found.to_string(), key, type_name: key_type });
    };
    let clerk_column = columns.iter().find(|other| other.name == column);
    let mut column_longest = None;
    if let Some(existing) = clerk_column {
        let Some(KeyKind::Text { longest, .. }) =
            key_kind_of_text(existing).filter(|_| longest(existing).is_none_or(|longest| longest >= NARROWEST_COLUMN))
        else {
            let type_name = existing.type_name.clone();
            return Err(TargetError::ColumnType { table: found.to_string(), column, type_name });
        };
        column_longest = longest;
    }
    let (rows, filled) = count(connection, &found, clerk_column.map(|_| column.as_str())).await.map_err(refused)?;
    Ok(Target {
        engine: Engine::Postgres,
        table: found,
        key,
        key_type,
        key_kind,
        column_type: clerk_column.map(|column| column.type_name.clone()),
        column_longest,
        column_unique: unique.contains(&column),
        column,
        rows,
        filled,
        on_update: Vec::new(),
    })
}

fn not_a_table(kind: &str) -> Option<&'static str> {
    match kind {
        "r" | "p" => None,
        "v" => Some("view"),
        "m" => Some("materialized view"),
        _ => Some("foreign table"),
    }
}

fn key_kind(column: &Column) -> Option<KeyKind> {
    let integer = |min: i128, max: i128| Some(KeyKind::Integer { min, max, cast: column.base_name.clone() });
    match (column.base_schema.as_str(), column.base_name.as_str()) {
        ("pg_catalog", "uuid") => Some(KeyKind::Uuid),
        ("pg_catalog", "bytea") => Some(KeyKind::Binary),
        ("pg_catalog", "int2") => integer(i16::MIN.into(), i16::MAX.into()),
        ("pg_catalog", "int4") => integer(i32::MIN.into(), i32::MAX.into()),
        ("pg_catalog", "int8") => integer(i64::MIN.into(), i64::MAX.into()),
        ("pg_catalog", "oid") => integer(0, u32::MAX.into()),
        ("pg_catalog", "numeric") => integer(i128::MIN, i128::MAX),
        _ => key_kind_of_text(column),
    }
}

fn key_kind_of_text(column: &Column) -> Option<KeyKind> {
    let name = column.base_name.as_str();
    let cast = match (column.base_schema.as_str(), name) {
        // An index on varchar serves comparisons of text: they are one to the planner.
        ("pg_catalog", "text" | "varchar") => "text".to_owned(),
        ("pg_catalog", "bpchar" | "name") => name.to_owned(),
        (schema, "citext") => sql::postgres_type(schema, "citext"),
        _ => return None,
    };
    Some(KeyKind::Text { longest: longest(column), cast, padded: name == "bpchar", ignores_case: name == "citext" })
}

/// Returns n of `varchar(n)`; the catalog counts four bytes of header in.
fn longest(column: &Column) -> Option<u64> {
    u64::try_from(column.base_modifier).ok().and_then(|modifier| modifier.checked_sub(4))
}

async fn relation(connection: &mut PgConnection, table: &TableName) -> sqlx::Result<Option<Relation>> {
    sqlx::query_as(
        "SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relkind::text AS kind \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname::text = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
           AND CASE WHEN $2::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname::text = $2 END",
    )
    .bind(&table.table)
    .bind(&table.schema)
    .persistent(false)
    .fetch_optional(connection)
    .await
}

async fn tables(connection: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname::text \
                     ELSE n.nspname::text || '.' || c.relname::text END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
         ORDER BY 1 LIMIT 5000",
    )
    .persistent(false)
    .fetch_all(connection)
    .await
}

async fn columns(connection: &mut PgConnection, table: i64) -> sqlx::Result<Vec<Column>> {
    sqlx::query_as(
        "WITH RECURSIVE base (attnum, oid, modifier) AS ( \
           SELECT attnum, atttypid, atttypmod FROM pg_catalog.pg_attribute \
           WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped \
           UNION ALL \
           SELECT b.attnum, t.typbasetype, t.typtypmod FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid \
           WHERE t.typtype = 'd') \
         SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name, \
                n.nspname::text AS base_schema, t.typname::text AS base_name, b.modifier AS base_modifier \
         FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd' \
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
           JOIN pg_catalog.pg_attribute a ON a.attrelid = $1::int8::oid AND a.attnum = b.attnum \
         ORDER BY a.attnum",
    )
    .bind(table)
    .persistent(false)
    .fetch_all(connection)
    .await
}

/// Returns the columns that are unique by themselves, in every row.
async fn unique(connection: &mut PgConnection, table: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
         WHERE i.indrelid = $1::int8::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1",
    )
    .bind(table)
    .persistent(false)
    .fetch_all(connection)
    .await
}

async fn count(connection: &mut PgConnection, table: &TableName, column: Option<&str>) -> sqlx::Result<(u64, u64)> {
    let (rows, filled): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql::count(Engine::Postgres, table, column)))
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok((rows.unsigned_abs(), filled.unsigned_abs()))
}
