//! Which columns refer to users, as far as the catalog and names tell.

use super::{Reference, names, users};
use crate::database::{Column, Family, ForeignKey, Link, Schema, Table, TableName, Target};
use crate::engine::Engine;

/// Returns the columns that refer to the users table by foreign keys, also by way of others: where `profiles.user_id` refers to
/// users and `posts.profile_id` to that, both hold user IDs.
pub(super) fn by_constraint(schema: &Schema, target: &Target) -> Vec<(Link, Vec<ForeignKey>)> {
    let Some(users) = users(schema, target) else { return Vec::new() };
    let mut found: Vec<(Link, Vec<ForeignKey>)> = Vec::new();
    loop {
        let before = found.len();
        for key in &schema.foreign_keys {
            for (column, to) in pairs(schema, target, users, key, &found) {
                let Some(table) = schema.table(&key.table) else { continue };
                let Some(column) = table.column(column, schema.engine) else { continue };
                let link = link(schema.engine, users, to, table, column, false);
                match found.iter_mut().find(|(known, _)| known.table == link.table && known.column == link.column) {
                    Some((_, keys)) if keys.contains(key) => {}
                    Some((known, keys)) if known.to == link.to => keys.push(key.clone()),
                    Some(_) => {}
                    None => found.push((link, vec![key.clone()])),
                }
            }
        }
        if found.len() == before {
            break;
        }
    }
    // The order of the catalog, not that of the search.
    found.sort_by_key(|(link, _)| place(schema, &link.table, &link.column.name));
    found
}

/// Returns the columns of a foreign key that lead to users, each with the column of the users table whose values it holds. Of a key
/// of several columns only that for the user ID counts, if it has one: others are shared with the user for another reason.
fn pairs<'a>(
    schema: &'a Schema,
    target: &Target,
    users: &'a Table,
    key: &'a ForeignKey,
    found: &[(Link, Vec<ForeignKey>)],
) -> Vec<(&'a str, &'a Column)> {
    let mut pairs = Vec::new();
    for (column, to) in key.columns.iter().zip(&key.to_columns) {
        let known =
            found.iter().find(|(link, _)| link.table == key.to_table && schema.same_column(&link.column.name, to));
        let root = match known {
            Some((link, _)) => &link.to.name,
            None if key.to_table == users.name => to,
            None => continue,
        };
        if let Some(root) = users.column(root, schema.engine) {
            pairs.push((column.as_str(), root));
        }
    }
    if pairs.iter().any(|(_, to)| to.name == target.key) {
        pairs.retain(|(_, to)| to.name == target.key);
    }
    pairs
}

/// Returns the columns that may hold user IDs although no constraint says so: type and name fit, and no constraint says
/// otherwise. Whether their values are user IDs is for the database to tell.
pub(super) fn by_guess(schema: &Schema, target: &Target, found: &[Reference], values_tell: bool) -> Vec<Link> {
    let Some(users) = users(schema, target) else { return Vec::new() };
    let Some(key) = users.column(&target.key, schema.engine) else { return Vec::new() };
    let mut links = Vec::new();
    for table in schema.tables.iter().filter(|table| !table.is_partition) {
        for column in table.columns.iter().filter(|column| !column.generated) {
            let own = table.name == users.name
                && [&target.key, &target.column].into_iter().any(|name| schema.same_column(&column.name, name));
            let known = found.iter().any(|one| one.link.table == table.name && one.link.column == *column);
            let leads_elsewhere = schema.keys_of(&table.name, &column.name).next().is_some();
            if !own
                && !known
                && !leads_elsewhere
                && fits(schema.engine, key, column, values_tell)
                && names::may_refer(&column.name, &users.name.table, values_tell)
            {
                links.push(link(schema.engine, users, key, table, column, true));
            }
        }
    }
    links
}

/// Returns whether a column's type is one for values of the users' key.
pub(super) fn fits(engine: Engine, key: &Column, column: &Column, values_tell: bool) -> bool {
    match (key.family, column.family) {
        (_, Family::Other) => false,
        // SQLite binds no value to its column's type; but numbers and texts are seldom mixed.
        _ if engine == Engine::Sqlite => {
            column.family == Family::Any || (column.family != Family::Integer) == values_tell
        }
        (Family::Uuid, Family::Text) => true,
        (one, other) => one == other,
    }
}

/// Makes the link between a column and one of the users table.
pub(super) fn link(engine: Engine, users: &Table, to: &Column, table: &Table, column: &Column, is_guess: bool) -> Link {
    Link {
        engine,
        users: users.name.clone(),
        to: to.clone(),
        table: table.name.clone(),
        column: column.clone(),
        is_guess,
    }
}

fn place(schema: &Schema, table: &TableName, column: &str) -> (usize, usize) {
    let at = schema.tables.iter().position(|other| other.name == *table).unwrap_or(usize::MAX);
    let columns = schema.tables.get(at).map_or(&[][..], |table| &table.columns);
    (at, columns.iter().position(|other| other.name == column).unwrap_or(usize::MAX))
}
