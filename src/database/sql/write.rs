//! The statements that change the column for Clerk IDs. Every engine can read what stands in the rows, locking them, change them,
//! and read again; and, quicker, change them all and be told of what that brought.

use super::{quote, quote_table, quoted};
use crate::database::inspect::{KeyKind, Target};
use crate::database::key::Key;
use crate::database::ready::BatchDigest;
use crate::database::sql::TableName;
use crate::database::write::{Item, Mode};
use crate::engine::Engine;

/// What a write needs: read what stands in the rows, change it, read again.
pub(in crate::database) struct WriteSql {
    /// Gives the number of each key of the batch whose row can be locked, and what the column holds; locks these rows.
    pub(in crate::database) before: String,
    /// Changes the column.
    pub(in crate::database) update: String,
    /// As `before`, without locking: every row that exists.
    pub(in crate::database) after: String,
    /// What tells that the change was made. On Postgres a change that gives three arrays: the numbers of the rows it changed that
    /// then hold what they should, the numbers of the others it changed, and what these hold; it changes nothing where something
    /// could change that afterwards. Elsewhere the count of the rows that hold what they should.
    pub(in crate::database) told: String,
}

/// What a write puts into the column, in which rows, and how a row is known in which that was done.
struct Change {
    value: &'static str,
    condition: String,
    done: String,
}

impl Change {
    /// Makes it of three conditions. Overwriting replaces what has the shape of a Clerk ID (see [`crate::record::ClerkId`]) and
    /// nothing else: the column may hold anybody's data.
    fn new(mode: Mode, is_empty: String, is_clerk_id: &str, is_it: String) -> Self {
        match mode {
            Mode::Fill => Self { value: "b.id", condition: is_empty, done: is_it },
            Mode::Replace => {
                let condition = format!("({is_empty} OR {is_clerk_id} AND NOT ({is_it}))");
                Self { value: "b.id", condition, done: is_it }
            }
            Mode::Clear => Self { value: "NULL", condition: is_it, done: is_empty },
        }
    }
}

/// Postgres: `$1` the keys, `$2` the IDs, both arrays; `$3` the table, of the statement that tells.
pub(in crate::database) fn postgres(target: &Target, mode: Mode) -> WriteSql {
    let (table, key, column) = quoted(target);
    let keys = match &target.key_kind {
        KeyKind::Text { cast, .. } | KeyKind::Integer { cast, .. } => format!("$1::text[]::{cast}[]"),
        KeyKind::Uuid => "$1::text[]::uuid[]".to_owned(),
        KeyKind::Binary => "$1::bytea[]".to_owned(),
    };
    let read = format!(
        "SELECT b.n, t.{column}::text FROM unnest({keys}) WITH ORDINALITY AS b(k, n) JOIN {table} AS t ON t.{key} = b.k"
    );
    // Compared by bytes whatever the column's type and collation.
    let held = format!("t.{column}::text COLLATE \"C\"");
    let Change { value, condition, done } = Change::new(
        mode,
        format!("t.{column} IS NULL"),
        &format!("{held} ~ '^user_[A-Za-z0-9_]{{1,64}}$'"),
        format!("{held} = b.id"),
    );
    let update = format!(
        "UPDATE {table} AS t SET {column} = {value} FROM unnest({keys}, $2::text[]) WITH ORDINALITY AS b(k, id, n) \
         WHERE t.{key} = b.k AND {condition}"
    );
    let told = format!(
        "WITH changed AS ({update} AND {NOTHING_ELSE_AT_WORK_POSTGRES} \
             RETURNING b.n, ({done}) IS TRUE AS done, CASE WHEN ({done}) IS NOT TRUE THEN t.{column}::text END AS held) \
         SELECT COALESCE(array_agg(n) FILTER (WHERE done), '{{}}'), COALESCE(array_agg(n) FILTER (WHERE NOT done), '{{}}'), \
             COALESCE(array_agg(held) FILTER (WHERE NOT done), '{{}}') FROM changed"
    );
    WriteSql { before: format!("{read} FOR UPDATE OF t SKIP LOCKED"), update, after: read, told }
}

/// Postgres: whether a change of the table `$3` changes nothing but what it says. Triggers of constraints aside, a trigger or a
/// rule may change the row once more after it was told of, and partitions and heirs may have their own. The statement's own
/// lock keeps all that as it is until the transaction ends.
const NOTHING_ELSE_AT_WORK_POSTGRES: &str = "\
    (SELECT NOT (c.relhasrules OR c.relhassubclass OR EXISTS (SELECT FROM pg_catalog.pg_trigger AS g \
     WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)) FROM pg_catalog.pg_class AS c WHERE c.oid = $3::text::regclass)";

/// MySQL and SQLite: the batch stands in a temporary table whose name begins so.
const BATCH: &str = "db2clerk_batch";

/// MySQL: the temporary table of one batch. No other batch's has the same name: should a pooler ever pass on to one session what is
/// for another, the table is not there, and nothing of another batch is taken for this one.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::database) struct BatchTable {
    /// As it stands in a statement.
    name: String,
}

impl BatchTable {
    pub(in crate::database) fn of(target: &Target, items: &[Item<'_>]) -> Self {
        // A name has 64 characters at most.
        let table = format!("{BATCH}_{}", BatchDigest::of(target, items).short());
        Self { name: quote_table(Engine::MySql, &TableName { schema: target.table.schema.clone(), table }) }
    }
}

/// MySQL: makes the batch's table. Its key column is made by the server from the key itself, for the very same type, character
/// set and collation: only then is the index used.
pub(in crate::database) fn batch_table_mysql(target: &Target, batch: &BatchTable) -> String {
    let (table, key, _) = quoted(target);
    format!(
        "CREATE TEMPORARY TABLE {} (n INT NOT NULL PRIMARY KEY, id VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) \
         SELECT 0 AS n, '' AS id, t.{key} AS k FROM {table} AS t WHERE FALSE",
        batch.name
    )
}

/// MySQL: drops the batch's table.
pub(in crate::database) fn drop_batch_mysql(batch: &BatchTable) -> String {
    format!("DROP TEMPORARY TABLE IF EXISTS {}", batch.name)
}

/// MySQL: fills the batch's table with rows of number, ID, key, some of them, and returns how many. Texts are written so that no
/// setting of the server reads them in another way; as parameters, each would have to be announced.
pub(in crate::database) fn fill_batch_mysql(batch: &BatchTable, first: usize, items: &[Item<'_>]) -> (String, usize) {
    let mut insert = format!("INSERT INTO {} (n, id, k) VALUES ", batch.name);
    let mut rows = 0;
    for item in items {
        insert.push_str(if rows == 0 { "(" } else { ", (" });
        insert.push_str(&(first + rows).to_string());
        push_text(&mut insert, item.id);
        match item.key {
            Key::Text(text) => push_text(&mut insert, text),
            Key::Integer(number) => push_text(&mut insert, &number.to_string()),
            Key::Binary(bytes) => push_hex(&mut insert, ", X'", bytes),
        }
        insert.push(')');
        rows += 1;
        if insert.len() > LONGEST_INSERT {
            break;
        }
    }
    (insert, rows)
}

/// As it is, if that is letters, digits, `_` and `-`, as most IDs and keys are: half as long, and quicker to read. Nothing at all is
/// written in digits too: MariaDB can be set to take `''` for NULL.
fn push_text(sql: &mut String, text: &str) {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        sql.push_str(", _utf8mb4 '");
        sql.push_str(text);
        sql.push('\'');
    } else {
        push_hex(sql, ", _utf8mb4 X'", text.as_bytes());
    }
}

fn push_hex(sql: &mut String, before: &str, bytes: &[u8]) {
    sql.push_str(before);
    sql.push_str(&hex::encode(bytes));
    sql.push('\'');
}

/// MySQL: how long such a statement grows before it is sent; the server refuses those beyond its `max_allowed_packet`.
const LONGEST_INSERT: usize = 512 * 1024;

/// MySQL: shortens the session's waits for locks to a second, the least there is, and notes what they were. Rows of ours are
/// locked meanwhile; and a pooler may hand the session to the application next.
pub(in crate::database) const SHORT_WAITS_MYSQL: &str = "\
    SET @db2clerk_row_wait = @@SESSION.innodb_lock_wait_timeout, @db2clerk_table_wait = @@SESSION.lock_wait_timeout, \
    SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1";

/// MySQL: puts the session's waits back.
pub(in crate::database) const USUAL_WAITS_MYSQL: &str = "\
    SET SESSION innodb_lock_wait_timeout = @db2clerk_row_wait, SESSION lock_wait_timeout = @db2clerk_table_wait";

/// MySQL 8 and MariaDB 10.6: what a locking read ends with, so that it waits for no row; older servers do not know it.
pub(in crate::database) const SKIP_LOCKED_MYSQL: &str = " SKIP LOCKED";

/// MySQL: keeps items of these numbers from being written.
pub(in crate::database) fn leave_out_mysql(batch: &BatchTable, numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    format!("UPDATE {} SET id = '' WHERE n IN ({})", batch.name, numbers.join(", "))
}

/// MySQL: reading and writing by way of the batch's table. `STRAIGHT_JOIN` keeps the optimizer from reading the whole table.
pub(in crate::database) fn mysql(target: &Target, batch: &BatchTable, mode: Mode) -> WriteSql {
    let (table, key, column) = quoted(target);
    let join = format!("{} AS b STRAIGHT_JOIN {table} AS t ON t.{key} = b.k", batch.name);
    let read = format!("SELECT b.n, t.{column} FROM {join}");
    // Compared by bytes whatever the column's collation; and without a backslash, which `sql_mode` can give another meaning.
    let held = format!("RTRIM(CONVERT(t.{column} USING utf8mb4)) COLLATE utf8mb4_bin");
    let Change { value, condition, done } = Change::new(
        mode,
        format!("t.{column} IS NULL"),
        &format!("{held} REGEXP '^user_.' AND NOT ({held} REGEXP '[^A-Za-z0-9_]') AND CHAR_LENGTH({held}) <= 69"),
        format!("{held} = b.id"),
    );
    // A column that is set keeps what it is set to: https://dev.mysql.com/doc/refman/8.4/en/timestamp-initialization.html
    let names: Vec<String> = target.on_update.iter().map(|name| quote(Engine::MySql, name)).collect();
    let kept = names.iter().fold(String::new(), |kept, name| kept + ", t." + name + " = t." + name);
    let update = format!("UPDATE {join} SET t.{column} = {value}{kept} WHERE b.id <> '' AND {condition}");
    let told = format!("SELECT COUNT(*) FROM {join} WHERE {done}");
    WriteSql { before: format!("{read} FOR UPDATE"), update, after: read, told }
}

/// SQLite: makes the batch's table. The key column has no affinity, so that comparing takes that of the key.
pub(in crate::database) const BATCH_TABLE_SQLITE: &str = "CREATE TEMP TABLE IF NOT EXISTS db2clerk_batch \
    (n INTEGER NOT NULL, id TEXT NOT NULL, k NOT NULL, PRIMARY KEY (k, n)) WITHOUT ROWID";

/// SQLite: empties the batch's table.
pub(in crate::database) const EMPTY_BATCH_SQLITE: &str = "DELETE FROM temp.db2clerk_batch";

/// SQLite: fills the batch's table with so many rows of number, ID, key.
pub(in crate::database) fn fill_batch_sqlite(rows: usize) -> String {
    format!("INSERT INTO temp.{BATCH} (n, id, k) VALUES {}", triples(rows))
}

/// SQLite: what a change of the table `?1` has to heed, of its own triggers and those of others, generated columns, and a clause in
/// its definition that replaces rows. The transaction keeps that as it is until it ends.
pub(in crate::database) const AT_WORK_SQLITE: &str = "\
    SELECT NOT triggers OR replaces AS or_abort, triggers OR generated AS may_change_once_more, has_rowid FROM (SELECT \
    EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger') AS triggers, \
    EXISTS (SELECT 1 FROM pragma_table_xinfo(?1, 'main') WHERE hidden IN (2, 3)) AS generated, \
    EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE \
        AND sql LIKE '%CONFLICT%REPLACE%') AS replaces, \
    EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND wr = 0) \
        AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1, 'main') WHERE name = 'rowid' COLLATE NOCASE) AS has_rowid)";

/// SQLite: reading and writing by way of the batch's table. `CROSS JOIN`, and a plus before what is not to be looked up in an
/// index, keep the planner from reading the whole table.
pub(in crate::database) fn sqlite(target: &Target, mode: Mode, or_abort: bool) -> WriteSql {
    let (table, key, column) = quoted(target);
    let join = format!("temp.{BATCH} AS b CROSS JOIN {table} AS t ON t.{key} = +b.k");
    let read = format!("SELECT b.n, t.{column} FROM {join}");
    let Change { condition, done, .. } = change_sqlite(&column, mode);
    let set = set_sqlite(target, mode, or_abort);
    let update = format!("{set} WHERE t.{key} = +b.k AND {condition}");
    let told = format!("SELECT count(*) FROM {join} WHERE {done}");
    WriteSql { before: read.clone(), update, after: read, told }
}

/// SQLite: between which places the rows of two keys of the batch lie, `?1` and `?2`.
pub(in crate::database) fn places_sqlite(target: &Target) -> String {
    let (table, key, _) = quoted(target);
    format!(
        "SELECT min(t.rowid), max(t.rowid) FROM temp.{BATCH} AS b CROSS JOIN {table} AS t ON t.{key} = +b.k WHERE b.n IN (?1, ?2)"
    )
}

/// SQLite: the same change, of the rows that lie between two places, `?1` and `?2`: read one after the other, and each looked up in
/// the batch, which is small and in memory; where the batch is looked up in the table, every row is another page of the index. A
/// key counts here only if it is the very same value.
pub(in crate::database) fn update_between_places_sqlite(target: &Target, mode: Mode, or_abort: bool) -> String {
    let (_, key, column) = quoted(target);
    let Change { condition, .. } = change_sqlite(&column, mode);
    let set = set_sqlite(target, mode, or_abort);
    format!("{set} WHERE t.rowid BETWEEN ?1 AND ?2 AND b.k = +t.{key} COLLATE BINARY AND {condition}")
}

/// The update fails at a conflict whatever the table says, if asked to: `UNIQUE ON CONFLICT REPLACE` would remove another user's
/// row.
fn set_sqlite(target: &Target, mode: Mode, or_abort: bool) -> String {
    let (table, _, column) = quoted(target);
    let Change { value, .. } = change_sqlite(&column, mode);
    let or_abort = if or_abort { "OR ABORT " } else { "" };
    format!("UPDATE {or_abort}{table} AS t SET {column} = {value} FROM temp.{BATCH} AS b")
}

fn change_sqlite(column: &str, mode: Mode) -> Change {
    Change::new(
        mode,
        format!("+t.{column} IS NULL"),
        &format!(
            "typeof(t.{column}) = 'text' AND t.{column} GLOB 'user_?*' AND t.{column} NOT GLOB '*[^A-Za-z0-9_]*' \
             AND length(CAST(t.{column} AS BLOB)) <= 69"
        ),
        format!("+t.{column} = b.id COLLATE BINARY"),
    )
}

fn triples(rows: usize) -> String {
    vec!["(?, ?, ?)"; rows].join(", ")
}
