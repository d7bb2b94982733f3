//! What is asked of MySQL's catalog for a replacement, by the program before and by the steps themselves.

use super::super::super::schema::mysql_text;
use super::super::super::{quote, quote_table};
use super::ENGINE;
use crate::database::TableName;
use crate::database::replace::mysql::Made;
use crate::database::replace::{LEGACY_COLUMN, Replacement};
use crate::database::schema::{Column, ForeignKey};

/// Asks how a table is made, whatever the session's own settings are.
pub(in crate::database) fn create_table(table: &TableName) -> [String; 3] {
    [
        "SET @db2clerk_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = ''".to_owned(),
        format!("SHOW CREATE TABLE {}", quote_table(ENGINE, table)),
        "SET SESSION sql_mode = @db2clerk_sql_mode".to_owned(),
    ]
}

/// Asks for a table's kind, its storage engine, and the comment on its column for old IDs.
pub(in crate::database) fn make(table: &TableName) -> String {
    format!(
        "SELECT CAST(t.TABLE_TYPE AS CHAR), CAST(t.ENGINE AS CHAR), (SELECT CAST(c.COLUMN_COMMENT AS CHAR) \
         FROM information_schema.COLUMNS AS c WHERE {} AND c.COLUMN_NAME = '{LEGACY_COLUMN}') \
         FROM information_schema.TABLES AS t WHERE {}",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, mysql_text),
        is("t.TABLE_SCHEMA", "t.TABLE_NAME", table, mysql_text)
    )
}

/// Asks for a column's comment, and whether it is hidden.
pub(in crate::database) fn column(table: &TableName, column: &str) -> String {
    format!(
        "SELECT CAST(c.COLUMN_COMMENT AS CHAR), CAST(c.EXTRA AS CHAR) FROM information_schema.COLUMNS AS c \
         WHERE {} AND c.COLUMN_NAME = {}",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, mysql_text),
        mysql_text(column)
    )
}

/// Asks how many unique indexes cover exactly the columns that a foreign key leads to: newer servers make no key to others.
pub(in crate::database) fn unique_indexes(key: &ForeignKey) -> String {
    let columns: Vec<String> = key.to_columns.iter().map(|column| mysql_text(column)).collect();
    let (count, columns) = (columns.len(), columns.join(", "));
    format!(
        "SELECT count(*) FROM (SELECT s.INDEX_NAME FROM information_schema.STATISTICS AS s WHERE {} AND s.NON_UNIQUE = 0 \
         GROUP BY s.INDEX_NAME HAVING count(*) = {count} AND sum(s.COLUMN_NAME IN ({columns})) = {count}) AS i",
        is("s.TABLE_SCHEMA", "s.TABLE_NAME", &key.to_table, mysql_text)
    )
}

/// Changes nothing, and is refused to whoever may not update the column.
pub(in crate::database) fn try_update(table: &TableName, column: &str) -> String {
    let (table, column) = (quote_table(ENGINE, table), quote(ENGINE, column));
    format!("UPDATE {table} SET {column} = {column} WHERE FALSE")
}

/// Cannot succeed, and fails in another way for whoever may not alter the table than for others: the column is there.
pub(in crate::database) fn try_alter(table: &TableName, column: &str) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} int", quote_table(ENGINE, table), quote(ENGINE, column))
}

/// Cannot succeed, and fails in another way for whoever may not refer to the table than for others: there is no such column.
pub(in crate::database) fn try_refer(key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT db2clerk_no_such_key FOREIGN KEY ({}) REFERENCES {} (db2clerk_no_such_column)",
        quote_table(ENGINE, &key.table),
        quote(ENGINE, key.columns.first().map_or("", String::as_str)),
        quote_table(ENGINE, &key.to_table)
    )
}

/// The condition that these columns have these types already.
pub(super) fn has_types(table: &TableName, columns: &[(&str, &Made)]) -> String {
    let types = columns
        .iter()
        .map(|(name, made)| format!("(c.COLUMN_NAME = {} AND c.COLUMN_TYPE = {})", text(name), text(&made.type_name)));
    format!(
        "(SELECT count(*) = {} FROM information_schema.COLUMNS AS c WHERE {} AND ({}))",
        columns.len(),
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, text),
        types.collect::<Vec<_>>().join(" OR ")
    )
}

/// The condition that the column for old IDs is there, with this comment if it is not empty.
pub(super) fn has_legacy(plan: &Replacement, comment: &str) -> String {
    let comment = if comment.is_empty() { String::new() } else { format!(" AND c.COLUMN_COMMENT = {}", text(comment)) };
    format!(
        "EXISTS (SELECT 1 FROM information_schema.COLUMNS AS c WHERE {} AND c.COLUMN_NAME = '{LEGACY_COLUMN}'{comment})",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", &plan.users, text)
    )
}

/// The condition that a column that holds user IDs is another than it was.
pub(super) fn other_columns(plan: &Replacement) -> String {
    let known: Vec<String> = holders(plan)
        .map(|(table, column)| {
            let collation = column.collation.as_ref().map_or("", |collation| &collation.name);
            format!(
                "({} AND c.COLUMN_NAME = {} AND c.COLUMN_TYPE = {} AND c.IS_NULLABLE = '{}' AND COALESCE(c.COLLATION_NAME, '') = {})",
                is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, text),
                text(&column.name),
                text(&column.type_name),
                if column.nullable { "YES" } else { "NO" },
                text(collation)
            )
        })
        .collect();
    format!("(SELECT count(*) <> {} FROM information_schema.COLUMNS AS c WHERE {})", known.len(), known.join(" OR "))
}

/// The columns that hold user IDs, with their tables.
fn holders(plan: &Replacement) -> impl Iterator<Item = (&TableName, &Column)> {
    std::iter::once((&plan.users, &plan.key)).chain(plan.links.iter().map(|link| (&link.table, &link.column)))
}

/// The condition that a foreign key is there.
pub(super) fn has_key(key: &ForeignKey) -> String {
    format!(
        "EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS AS k WHERE k.CONSTRAINT_TYPE = 'FOREIGN KEY' AND {} \
         AND k.CONSTRAINT_NAME = {})",
        is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text),
        text(key.name.as_deref().unwrap_or_default())
    )
}

/// The condition that a foreign key is missing, or is another than it was.
pub(super) fn lost_keys(plan: &Replacement) -> String {
    let pairs: Vec<String> = plan
        .foreign_keys
        .iter()
        .flat_map(|key| key.columns.iter().zip(&key.to_columns).map(move |pair| (key, pair)))
        .map(|(key, (column, to))| {
            format!(
                "({} AND k.CONSTRAINT_NAME = {} AND k.COLUMN_NAME = {} AND {} AND k.REFERENCED_COLUMN_NAME = {} \
                 AND r.DELETE_RULE = {} AND r.UPDATE_RULE = {})",
                is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text),
                text(key.name.as_deref().unwrap_or_default()),
                text(column),
                is("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", &key.to_table, text),
                text(to),
                text(&key.on_delete),
                text(&key.on_update)
            )
        })
        .collect();
    if pairs.is_empty() {
        return "FALSE".to_owned();
    }
    format!(
        "(SELECT count(*) <> {} FROM information_schema.KEY_COLUMN_USAGE AS k \
         JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
         AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME WHERE {})",
        pairs.len(),
        pairs.join(" OR ")
    )
}

/// The condition that a foreign key begins or ends at a column that holds user IDs, and is none of those known.
pub(super) fn other_keys(plan: &Replacement) -> String {
    let ends = holders(plan).map(|(table, column)| {
        let name = text(&column.name);
        format!(
            "({} AND k.COLUMN_NAME = {name}) OR ({} AND k.REFERENCED_COLUMN_NAME = {name})",
            is("k.TABLE_SCHEMA", "k.TABLE_NAME", table, text),
            is("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", table, text)
        )
    });
    let ends = ends.collect::<Vec<_>>().join(" OR ");
    let known = plan.foreign_keys.iter().map(|key| {
        let name = text(key.name.as_deref().unwrap_or_default());
        format!(" AND NOT ({} AND k.CONSTRAINT_NAME = {name})", is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text))
    });
    format!(
        "EXISTS (SELECT 1 FROM information_schema.KEY_COLUMN_USAGE AS k WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND ({ends}){})",
        known.collect::<String>()
    )
}

/// The condition that a trigger runs when rows are changed.
pub(super) fn has_triggers(plan: &Replacement) -> String {
    let tables: Vec<String> = plan
        .altered
        .iter()
        .map(|altered| is("g.EVENT_OBJECT_SCHEMA", "g.EVENT_OBJECT_TABLE", &altered.table, text))
        .collect();
    format!(
        "EXISTS (SELECT 1 FROM information_schema.TRIGGERS AS g WHERE g.EVENT_MANIPULATION = 'UPDATE' AND ({}))",
        tables.join(" OR ")
    )
}

/// The condition that a row of the catalog is about a table.
fn is(schema_column: &str, table_column: &str, table: &TableName, text: fn(&str) -> String) -> String {
    let schema = table.schema.as_deref().map_or("DATABASE()".to_owned(), text);
    format!("{schema_column} = {schema} AND {table_column} = {}", text(&table.table))
}

/// Writes a text as a literal, in the mode that [`HELLO`](super::HELLO) sets.
pub(in crate::database) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
