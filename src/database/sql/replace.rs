//! The statements that replace the users' key by their Clerk IDs, and those that bring it back.

pub(in crate::database) mod create_table;
pub(in crate::database) mod mysql;
pub(in crate::database) mod postgres;
pub(in crate::database) mod sqlite;

use super::{quote, quote_table};
use crate::database::TableName;
use crate::database::references::Link;
use crate::database::replace::{LEGACY_COLUMN, Replacement};
use crate::database::schema::Family;
use crate::engine::Engine;

/// The statements that replace the IDs in one transaction; none, where that cannot be.
pub(in crate::database) fn script(plan: &Replacement) -> Vec<String> {
    match plan.engine {
        Engine::Postgres => postgres::script(plan),
        Engine::MySql => Vec::new(),
        Engine::Sqlite => sqlite::script(plan),
    }
}

/// Asks for a Clerk ID that two users have, and for their IDs.
pub(in crate::database) fn shared_clerk_id(plan: &Replacement) -> String {
    let (users, key) = (quote_table(plan.engine, &plan.users), format!("u.{}", quote(plan.engine, &plan.key.name)));
    let clerk = format!("u.{}", quote(plan.engine, &plan.clerk_column));
    let is_binary = plan.key.family == Family::Binary;
    let (id, as_key) = match plan.engine {
        Engine::Postgres if is_binary => (format!("encode({key}, 'hex')"), clerk.clone()),
        Engine::Postgres => (format!("{key}::text"), clerk.clone()),
        Engine::MySql if is_binary => (format!("hex({key})"), mysql::clerk_id_as_key(plan, &clerk)),
        Engine::MySql => (format!("CAST({key} AS CHAR)"), mysql::clerk_id_as_key(plan, &clerk)),
        Engine::Sqlite => {
            (format!("CASE typeof({key}) WHEN 'blob' THEN hex({key}) ELSE CAST({key} AS TEXT) END"), clerk.clone())
        }
    };
    format!(
        "SELECT min({clerk}), min({id}), max({id}) FROM {users} AS u GROUP BY {as_key} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    )
}

/// Counts the rows that refer to a user by another spelling of the ID.
pub(in crate::database) fn spelled_otherwise(plan: &Replacement, link: &Link) -> String {
    match plan.engine {
        Engine::Postgres => "SELECT 0".to_owned(),
        Engine::MySql => mysql::spelled_otherwise(plan, link),
        Engine::Sqlite => sqlite::spelled_otherwise(plan, link),
    }
}

/// Counts, up to one, the rows whose key is a Clerk ID and that keep an older one. Others may have IDs that begin with `user_`;
/// a Clerk ID is 32 characters long.
pub(in crate::database) fn replaced(engine: Engine, table: &TableName, key: &str) -> String {
    let (table, key, legacy) = (quote_table(engine, table), quote(engine, key), quote(engine, LEGACY_COLUMN));
    let key = if engine == Engine::Postgres { format!("t.{key}::text") } else { format!("t.{key}") };
    format!(
        "SELECT count(*) FROM (SELECT 1 AS one FROM {table} AS t \
         WHERE t.{legacy} IS NOT NULL AND substr({key}, 1, 5) = 'user_' AND length({key}) = 32 LIMIT 1) AS found"
    )
}

/// Counts the users without a Clerk ID, and those of them who have something else in its place.
pub(in crate::database) fn users_without_clerk_id(plan: &Replacement) -> String {
    let (users, clerk) = (quote_table(plan.engine, &plan.users), quote(plan.engine, &plan.clerk_column));
    let clerk = format!("u.{clerk}");
    let without = match plan.engine {
        Engine::Postgres => postgres::no_clerk_id(&clerk),
        Engine::MySql => mysql::no_clerk_id(&clerk),
        Engine::Sqlite => sqlite::no_clerk_id(&clerk),
    };
    format!("SELECT count(*), count({clerk}) FROM {users} AS u WHERE {without}")
}

/// Whether the IDs are replaced, or brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forth,
    Back,
}

/// The names of the users table, quoted.
struct Names {
    users: String,
    key: String,
    clerk: String,
    legacy: String,
}

impl Names {
    fn of(plan: &Replacement) -> Self {
        Self {
            users: quote_table(plan.engine, &plan.users),
            key: quote(plan.engine, &plan.key.name),
            clerk: quote(plan.engine, &plan.clerk_column),
            legacy: quote(plan.engine, LEGACY_COLUMN),
        }
    }
}

/// The tables that are changed, each once, quoted.
fn tables(plan: &Replacement) -> Vec<String> {
    let mut tables = vec![quote_table(plan.engine, &plan.users)];
    for link in &plan.links {
        let table = quote_table(plan.engine, &link.table);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}

/// The queries that count what must be as many after a transaction as before: rows, references, and users referred to.
fn counts(plan: &Replacement) -> Vec<String> {
    let rows =
        tables(plan).into_iter().map(|table| format!("SELECT {} AS what, count(*) AS n FROM {table}", text(&table)));
    let values = plan.links.iter().flat_map(|link| {
        let (table, column) = (quote_table(plan.engine, &link.table), quote(plan.engine, &link.column.name));
        let what = format!("{table}.{column}");
        [(what.clone(), ""), (what + ", values", "DISTINCT ")].map(|(what, distinct)| {
            format!("SELECT {} AS what, count({distinct}{column}) AS n FROM {table}", text(&what))
        })
    });
    rows.chain(values).collect()
}

/// The condition that rows refer to nobody.
fn orphans(plan: &Replacement, link: &Link) -> String {
    let Names { users, key, .. } = Names::of(plan);
    let (table, column) = (quote_table(plan.engine, &link.table), quote(plan.engine, &link.column.name));
    format!(
        "EXISTS (SELECT 1 FROM {table} AS t WHERE t.{column} IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM {users} AS u WHERE u.{key} = t.{column}))"
    )
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
