//! The statements that put Clerk IDs beside columns that refer to users.

use super::references::same;
use super::schema::mysql_text;
use super::write::{SHORT_WAITS_MYSQL, USUAL_WAITS_MYSQL};
use super::{quote, quote_table};
use crate::database::beside::{Beside, Written};
use crate::database::script::{Script, Step};
use crate::database::walk::{KeyPart, Walk};
use crate::engine::Engine;

/// The names of a column beside, quoted.
struct Names {
    table: String,
    users: String,
    /// The column that refers.
    column: String,
    /// The users' key.
    key: String,
    /// The users' column with the Clerk IDs.
    clerk: String,
    /// The new column.
    beside: String,
}

impl Names {
    fn of(beside: &Beside) -> Self {
        let (link, engine) = (&beside.link, beside.link.engine);
        Self {
            table: quote_table(engine, &link.table),
            users: quote_table(engine, &link.users),
            column: quote(engine, &link.column.name),
            key: quote(engine, &link.to.name),
            clerk: quote(engine, &beside.clerk_column),
            beside: quote(engine, &beside.name),
        }
    }
}

/// Adds the column. It waits for locks for 5 seconds at most.
pub(in crate::database) fn add_column(beside: &Beside) -> Script {
    let Names { table, beside: column, .. } = Names::of(beside);
    match beside.link.engine {
        Engine::Postgres => Script::of([
            "BEGIN".to_owned(),
            "SET LOCAL lock_timeout = '5s'".to_owned(),
            format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} text"),
            "COMMIT".to_owned(),
        ])
        .or_else(&["ROLLBACK"]),
        Engine::MySql => in_patience_mysql(format!(
            "ALTER TABLE {table} ADD COLUMN {column} varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL"
        )),
        Engine::Sqlite => Script::of([format!("ALTER TABLE {table} ADD COLUMN {column} TEXT")]),
    }
}

/// Adds the index, and keeps nobody from changing the table meanwhile where the engine can do that. On Postgres what a build that
/// was cut short has left behind is dropped first; a partitioned table cannot be indexed without a lock.
pub(in crate::database) fn add_index(beside: &Beside) -> Script {
    let Names { table, beside: column, .. } = Names::of(beside);
    let engine = beside.link.engine;
    let index = quote(engine, &index_name(beside));
    match engine {
        Engine::Postgres if beside.walk == Walk::Partitions => Script::of([
            "BEGIN".to_owned(),
            "SET LOCAL lock_timeout = '5s'".to_owned(),
            format!("CREATE INDEX {index} ON {table} ({column})"),
            "COMMIT".to_owned(),
        ])
        .or_else(&["ROLLBACK"]),
        Engine::Postgres => {
            let schema =
                beside.link.table.schema.as_deref().map_or(String::new(), |schema| quote(engine, schema) + ".");
            Script::of([
                format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}{index}"),
                format!("CREATE INDEX CONCURRENTLY {index} ON {table} ({column})"),
            ])
        }
        Engine::MySql => {
            in_patience_mysql(format!("CREATE INDEX {index} ON {table} ({column}) ALGORITHM = INPLACE LOCK = NONE"))
        }
        Engine::Sqlite => Script::of([format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({column})")]),
    }
}

fn in_patience_mysql(statement: String) -> Script {
    let set = "SET @db2clerk_lock_wait_timeout = @@SESSION.lock_wait_timeout, SESSION lock_wait_timeout = 5";
    Script::of([set.to_owned(), statement, RESET_PATIENCE_MYSQL.to_owned()]).or_else(&[RESET_PATIENCE_MYSQL])
}

const RESET_PATIENCE_MYSQL: &str = "SET SESSION lock_wait_timeout = @db2clerk_lock_wait_timeout";

/// Returns the statements that add column and index, to be shown to people.
pub(in crate::database) fn shown(beside: &Beside) -> Vec<String> {
    let statements = |script: Script| {
        script.steps.into_iter().filter_map(|step| match step {
            Step::Do(statement) if statement.starts_with("ALTER") || statement.starts_with("CREATE") => Some(statement),
            _ => None,
        })
    };
    let mut shown: Vec<String> = Vec::new();
    if !beside.exists {
        shown.extend(statements(add_column(beside)));
    }
    if !beside.is_indexed {
        shown.extend(statements(add_index(beside)));
    }
    shown
}

/// Names the index after table and column, as Prisma would. Postgres takes 63 bytes, MySQL 64 characters.
fn index_name(beside: &Beside) -> String {
    let ending = format!("_{}_idx", beside.name);
    let mut name = beside.link.table.table.clone();
    while name.len() + ending.len() > 63 && name.pop().is_some() {}
    name += &ending;
    while name.len() > 63 {
        name.remove(0);
    }
    name
}

/// Asks whether a valid index begins with the column.
pub(in crate::database) fn is_indexed(beside: &Beside) -> String {
    let (link, name) = (&beside.link, &beside.name);
    match link.engine {
        Engine::Postgres => format!(
            "SELECT count(*) FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid \
             AND a.attnum = i.indkey[0] WHERE i.indrelid = {}::regclass AND i.indisvalid AND i.indpred IS NULL AND a.attname = {}",
            text(&quote_table(link.engine, &link.table)),
            text(name)
        ),
        Engine::MySql => format!(
            "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND COLUMN_NAME = {} \
             AND SEQ_IN_INDEX = 1",
            link.table.schema.as_ref().map_or("DATABASE()".to_owned(), |schema| mysql_text(schema)),
            mysql_text(&link.table.table),
            mysql_text(name)
        ),
        Engine::Sqlite => format!(
            "SELECT count(*) FROM pragma_index_list({}, 'main') AS i, pragma_index_info(i.name, 'main') AS c \
             WHERE i.partial = 0 AND c.seqno = 0 AND c.name = {}",
            text(&link.table.table),
            text(name)
        ),
    }
}

/// Writes a text for Postgres and SQLite. Postgres reads no backslash in it while `standard_conforming_strings` is on, as it is
/// unless somebody switched it off: then the text is one that names nothing.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Counts what there is to do and what was done: rows; with a reference; whose user does not exist; whose user has no Clerk ID; to
/// be filled; holding something else than their user's ID; and how far the walk goes (Postgres: blocks).
pub(in crate::database) fn count(beside: &Beside, is_there: bool) -> String {
    let names = Names::of(beside);
    let Names { table, users, column, key, clerk, .. } = &names;
    let held = if is_there { format!("t.{}", names.beside) } else { "NULL".to_owned() };
    let clerk = if beside.clerk_column_exists {
        format!("CASE WHEN {} THEN u.{clerk} END", is_clerk_id(clerk))
    } else {
        "NULL".to_owned()
    };
    let differs = if is_there { differs(beside.link.engine, &held, &clerk) } else { "FALSE".to_owned() };
    let sum = |condition: &str| format!("count(CASE WHEN {condition} THEN 1 END)");
    format!(
        "SELECT count(*), count(t.{column}), {}, {}, {}, {} FROM {table} AS t LEFT JOIN {users} AS u ON {}",
        sum(&format!("t.{column} IS NOT NULL AND u.{key} IS NULL")),
        sum(&format!("u.{key} IS NOT NULL AND {clerk} IS NULL")),
        sum(&format!("{clerk} IS NOT NULL AND {held} IS NULL")),
        sum(&format!("{held} IS NOT NULL AND ({clerk} IS NULL OR {differs})")),
        same(&beside.link),
    )
}

/// The condition that a user's column holds a Clerk ID: what else may stand there is not carried on.
fn is_clerk_id(clerk: &str) -> String {
    format!("substr(u.{clerk}, 1, 5) = 'user_'")
}

/// Compares by bytes, whatever the columns' collations.
fn differs(engine: Engine, held: &str, clerk: &str) -> String {
    match engine {
        Engine::Postgres => format!("{held}::text <> {clerk}::text"),
        Engine::MySql => format!("CAST({held} AS BINARY) <> CAST({clerk} AS BINARY)"),
        Engine::Sqlite => format!("{held} <> {clerk}"),
    }
}

/// Gives every user ID that has no Clerk ID to put beside it: the ID, how many rows refer by it, and how many of these have a user.
pub(in crate::database) fn left_out(beside: &Beside) -> String {
    let Names { table, users, column, key, clerk, .. } = Names::of(beside);
    format!(
        "SELECT t.{column}, count(*), count(u.{key}) FROM {table} AS t LEFT JOIN {users} AS u ON {} \
         WHERE t.{column} IS NOT NULL AND CASE WHEN {} THEN FALSE ELSE TRUE END GROUP BY t.{column}",
        same(&beside.link),
        is_clerk_id(&clerk)
    )
}

/// Fills the rows of a part of the table, in one transaction that waits for no lock longer than a second.
pub(in crate::database) fn fill(beside: &Beside, part: &Part, written: Written) -> Script {
    let names = Names::of(beside);
    let Names { table, users, clerk, beside: column, .. } = &names;
    let engine = beside.link.engine;
    let mut wanted = format!("t.{column} IS NULL");
    if written == Written::Replace {
        let differs = differs(engine, &format!("t.{column}"), &format!("u.{clerk}"));
        wanted = format!("({wanted} OR {differs})");
    }
    let (range, has_id) = (condition(beside, part), is_clerk_id(clerk));
    match engine {
        Engine::Postgres => {
            // A subquery is run row by row, and finds the user by its key. A join, which the planner is free to turn round, read all
            // users for each part, or compared each with each: it expects hardly any user to pass the condition.
            let found = format!("(SELECT u.{clerk} FROM {users} AS u WHERE {} AND {has_id})", same(&beside.link));
            let wanted = match written {
                Written::Fill => format!("t.{column} IS NULL AND {found} IS NOT NULL"),
                Written::Replace => format!("{found}::text <> COALESCE(t.{column}::text, '')"),
            };
            let before = [
                "BEGIN ISOLATION LEVEL READ COMMITTED",
                "SET LOCAL lock_timeout = '1s'",
                // It would be compiled for each part anew.
                "SELECT pg_catalog.set_config(name, 'off', true) FROM pg_catalog.pg_settings WHERE name = 'jit'",
            ];
            let update = format!("UPDATE {table} AS t SET {column} = {found} WHERE {range} AND {wanted}");
            Script::changing(&before.map(str::to_owned), update, &["COMMIT"]).or_else(&["ROLLBACK"])
        }
        Engine::MySql => {
            // A column that is set keeps what it is set to: https://dev.mysql.com/doc/refman/8.4/en/timestamp-initialization.html
            let kept = |own: &str| {
                let names = beside.on_update.iter().map(|name| quote(engine, name));
                names.fold(String::new(), |kept, name| kept + ", " + own + &name + " = " + own + &name)
            };
            let update = if let Part::Some(rows) = part {
                let user = format!("FROM {users} AS u WHERE {} AND {has_id}", same(&beside.link));
                format!(
                    "UPDATE {table} AS t SET {column} = (SELECT u.{clerk} {user}){} \
                     WHERE t.{column} IS NULL AND EXISTS (SELECT 1 {user}) LIMIT {rows}",
                    kept("")
                )
            } else {
                format!(
                    "UPDATE {table} AS t STRAIGHT_JOIN {users} AS u ON {} SET t.{column} = u.{clerk}{} \
                     WHERE {range} AND {wanted} AND {has_id}",
                    same(&beside.link),
                    kept("t.")
                )
            };
            let before = [SHORT_WAITS_MYSQL.to_owned(), "START TRANSACTION".to_owned()];
            Script::changing(&before, update, &["COMMIT", USUAL_WAITS_MYSQL]).or_else(&["ROLLBACK", USUAL_WAITS_MYSQL])
        }
        Engine::Sqlite => {
            // The plus keeps the planner from reading all users and looking for their rows.
            let update = format!(
                "UPDATE {table} AS t SET {column} = u.{clerk} FROM {users} AS u \
                 WHERE {range} AND {wanted} AND {has_id} AND u.{} = +t.{}",
                names.key, names.column
            );
            Script::changing(&["BEGIN IMMEDIATE".to_owned()], update, &["COMMIT"]).or_else(&["ROLLBACK"])
        }
    }
}

/// Rows that lie together in the order in which the engine keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) enum Part {
    /// Postgres: blocks, from the first up to and without the second.
    Blocks(u64, u64),
    /// Those after a key, as SQL writes it, and up to another one; without one, from the beginning, and to the end.
    Keys(Option<Vec<String>>, Option<Vec<String>>),
    /// As many as this of those that are left, wherever they are.
    Some(u64),
}

fn condition(beside: &Beside, part: &Part) -> String {
    match part {
        Part::Blocks(from, to) => format!("t.ctid >= '({from},0)'::tid AND t.ctid < '({to},0)'::tid"),
        Part::Keys(after, upto) => {
            let after = after.as_ref().map(|key| compare(beside, key, ">", false));
            let upto = upto.as_ref().map(|key| compare(beside, key, "<", true));
            let both: Vec<String> = after.into_iter().chain(upto).collect();
            if both.is_empty() { "1 = 1".to_owned() } else { both.join(" AND ") }
        }
        Part::Some(_) => "1 = 1".to_owned(),
    }
}

/// Compares the key of a row with another, part by part: no optimizer of MySQL's makes a range of `(a, b) > (x, y)`.
fn compare(beside: &Beside, key: &[String], sign: &str, or_equal: bool) -> String {
    let columns = key_columns(beside);
    let mut ways = Vec::new();
    for last in 0..key.len() {
        let mut terms: Vec<String> = (0..last).map(|at| format!("{} = {}", columns[at], key[at])).collect();
        let equal = if or_equal && last + 1 == key.len() { "=" } else { "" };
        terms.push(format!("{} {sign}{equal} {}", columns[last], key[last]));
        ways.push(terms.join(" AND "));
    }
    if ways.len() == 1 { ways.remove(0) } else { format!("({})", ways.join(" OR ")) }
}

/// The columns of the walk's key, quoted, of the table `t`.
fn key_columns(beside: &Beside) -> Vec<String> {
    let engine = beside.link.engine;
    match &beside.walk {
        Walk::Keys(parts) => parts.iter().map(|part| format!("t.{}", quote(engine, &part.column))).collect(),
        // No name of a column: it is looked for that none is called so.
        Walk::RowNumbers(alias) => vec![format!("t.{alias}")],
        Walk::Blocks | Walk::Partitions | Walk::Rest => Vec::new(),
    }
}

/// Asks for the key of the row so many rows after a key; none, if there are not so many.
pub(in crate::database) fn key_after(beside: &Beside, after: Option<&[String]>, rows: u64) -> String {
    let columns = key_columns(beside);
    let table = quote_table(beside.link.engine, &beside.link.table);
    let told: Vec<String> = match &beside.walk {
        Walk::Keys(parts) => parts.iter().zip(&columns).map(|(part, column)| part.told(column)).collect(),
        _ => columns.iter().map(|column| format!("quote({column})")).collect(),
    };
    let begin = after.map_or(String::new(), |key| format!(" WHERE {}", compare(beside, key, ">", false)));
    format!(
        "SELECT {} FROM {table} AS t{begin} ORDER BY {} LIMIT 1 OFFSET {}",
        told.join(", "),
        columns.join(", "),
        rows.saturating_sub(1)
    )
}

impl KeyPart {
    /// The expression that tells a value in a form from which [`Self::literal`] makes SQL again.
    fn told(&self, column: &str) -> String {
        match self {
            Self { as_written: true, .. } => format!("quote({column})"),
            Self { in_hex: true, .. } => format!("HEX({column})"),
            _ => format!("CAST({column} AS CHAR)"),
        }
    }

    /// Makes SQL of a value that was told; `None`, if it is none that could have been.
    pub(in crate::database) fn literal(&self, told: &str) -> Option<String> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-+:. ".contains(letter);
        if self.as_written {
            return Some(told.to_owned());
        }
        if self.in_hex {
            let hex = told.bytes().all(|digit| digit.is_ascii_hexdigit());
            let before = self
                .collation
                .as_ref()
                .map_or(String::new(), |own| format!("_{} ", super::references::word(&own.charset)));
            let after = self
                .collation
                .as_ref()
                .map_or(String::new(), |own| format!(" COLLATE {}", super::references::word(&own.name)));
            return hex.then(|| format!("{before}X'{told}'{after}"));
        }
        told.chars().all(plain).then(|| if self.is_number { told.to_owned() } else { format!("'{told}'") })
    }
}

/// Postgres: asks how many blocks the largest part of a table has; a partitioned table, and one with heirs, has several.
pub(in crate::database) fn blocks(beside: &Beside) -> String {
    format!(
        "WITH RECURSIVE tree (oid) AS (SELECT {}::regclass::oid UNION ALL \
         SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN tree AS t ON t.oid = i.inhparent) \
         SELECT COALESCE(max(pg_catalog.pg_relation_size(oid) / current_setting('block_size')::int8), 0)::text FROM tree",
        text(&quote_table(Engine::Postgres, &beside.link.table))
    )
}

/// Postgres: asks whether the database user may read and change the table, owns it, and sees all of its rows.
pub(in crate::database) fn rights_postgres(beside: &Beside) -> String {
    let table = text(&quote_table(Engine::Postgres, &beside.link.table));
    let update = if beside.exists {
        format!("has_column_privilege({table}::regclass, {}, 'UPDATE')", text(&beside.name))
    } else {
        format!("has_table_privilege({table}::regclass, 'UPDATE')")
    };
    format!(
        "SELECT has_table_privilege({table}::regclass, 'SELECT')::text, {update}::text, \
         (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c WHERE c.oid = {table}::regclass)::text, \
         row_security_active({table}::regclass::oid)::text"
    )
}

/// MySQL: changes nothing, and is refused to whoever may not update the table.
pub(in crate::database) fn try_update_mysql(beside: &Beside) -> String {
    let Names { table, column, .. } = Names::of(beside);
    format!("UPDATE {table} SET {column} = {column} WHERE FALSE")
}

/// MySQL: cannot succeed, and fails in another way for whoever may not alter the table than for others: the column is there.
pub(in crate::database) fn try_alter_mysql(beside: &Beside) -> String {
    let Names { table, column, .. } = Names::of(beside);
    format!("ALTER TABLE {table} ADD COLUMN {column} int")
}

/// MySQL: cannot succeed, and fails in another way for whoever may not index the table than for others: there is no such column.
pub(in crate::database) fn try_index_mysql(beside: &Beside) -> String {
    let Names { table, .. } = Names::of(beside);
    format!("CREATE INDEX db2clerk_no_index ON {table} (db2clerk_no_such_column)")
}
