//! How the values of SQLite's tables are changed: where they are, or in a table that is made again with other types.

use super::super::super::{quote, quote_table};
use super::super::create_table::ends_in_comment;
use super::super::{Names, Way, text};
use super::{Checks, ENGINE};
use crate::database::references::Link;
use crate::database::replace::Replacement;
use crate::database::replace::sqlite::Kept;
use crate::database::schema::Column;

pub(super) fn drop_triggers(plan: &Replacement) -> Vec<String> {
    let triggers = plan.tables.iter().flat_map(|kept| &kept.objects).filter(|object| object.kind == "trigger");
    triggers.map(|trigger| format!("DROP TRIGGER main.{}", quote(ENGINE, &trigger.name))).collect()
}

/// Makes the triggers again, and the indexes of tables that were made again, by their own texts.
pub(super) fn make_objects(plan: &Replacement) -> Vec<String> {
    let objects = plan.tables.iter().flat_map(|kept| kept.objects.iter().map(move |object| (kept, object)));
    let mut gone: Vec<_> = objects
        .filter(|(kept, object)| object.kind == "trigger" || kept.is_made_again())
        .map(|(_, object)| object)
        .collect();
    gone.sort_by_key(|object| object.kind != "index");
    let ended = |sql: &str| if ends_in_comment(sql) { format!("{sql}\n") } else { sql.to_owned() };
    gone.into_iter().map(|object| ended(&object.sql)).collect()
}

/// Replaces the values of a table where they are.
pub(super) fn update(plan: &Replacement, kept: &Kept) -> Vec<String> {
    let Names { users, key, clerk, legacy } = Names::of(plan);
    let table = quote_table(ENGINE, &kept.table.name);
    let mut statements: Vec<String> = links(plan, kept)
        .map(|link| {
            let column = quote(ENGINE, &link.column.name);
            let value = format!("(SELECT u.{clerk} FROM {users} AS u WHERE u.{key} = {table}.{column})");
            format!("UPDATE {table} SET {column} = {value} WHERE {column} IS NOT NULL")
        })
        .collect();
    if kept.table.name == plan.users {
        statements.push(format!("ALTER TABLE {users} ADD COLUMN {legacy} {}", type_of(&plan.key)));
        statements.push(format!("UPDATE {users} SET {legacy} = {key}, {key} = {clerk}"));
    }
    statements
}

pub(super) fn update_back(plan: &Replacement, kept: &Kept) -> Vec<String> {
    let Names { users, key, legacy, .. } = Names::of(plan);
    let table = quote_table(ENGINE, &kept.table.name);
    let mut statements: Vec<String> = links(plan, kept)
        .map(|link| {
            let column = quote(ENGINE, &link.column.name);
            let value = format!("(SELECT u.{legacy} FROM {users} AS u WHERE u.{key} = {table}.{column})");
            format!(
                "UPDATE {table} SET {column} = {value} WHERE {column} IN (SELECT u.{key} FROM {users} AS u WHERE u.{legacy} IS NOT NULL)"
            )
        })
        .collect();
    if kept.table.name == plan.users {
        statements.push(format!("UPDATE {users} SET {key} = {legacy} WHERE {legacy} IS NOT NULL"));
    }
    statements
}

/// Makes a table again with other types, and fills it from the old one.
pub(super) fn make_again(plan: &Replacement, kept: &Kept, way: Way, checks: &mut Checks) -> Vec<String> {
    let Names { users, key, clerk, legacy } = Names::of(plan);
    let (table, old) = (quote_table(ENGINE, &kept.table.name), quote(ENGINE, &kept.old_name));
    let is_users = kept.table.name == plan.users;
    let from = if is_users { &old } else { &users };
    let (mut into, mut values) = (Vec::new(), Vec::new());
    if let Some(number) = kept.row_number(way == Way::Forth) {
        into.push(number.to_owned());
        values.push(format!("t.{number}"));
    }
    for column in kept.table.columns.iter().filter(|column| !column.generated) {
        let name = quote(ENGINE, &column.name);
        let referred = |what: &str| format!("(SELECT u.{what} FROM {from} AS u WHERE u.{key} = t.{name})");
        let refers = links(plan, kept).any(|link| link.column.name == column.name);
        values.push(match way {
            Way::Forth if is_users && column.name == plan.key.name => format!("t.{clerk}"),
            Way::Back if is_users && column.name == plan.key.name => format!("coalesce(t.{legacy}, t.{name})"),
            Way::Forth if refers => referred(&clerk),
            Way::Back if refers => format!("coalesce({}, t.{name})", referred(&legacy)),
            _ => format!("t.{name}"),
        });
        into.push(name);
    }
    let create = if way == Way::Forth { &kept.create_retyped } else { &kept.create };
    let mut statements = vec![format!("ALTER TABLE {table} RENAME TO {old}"), create.clone()];
    if is_users && way == Way::Forth {
        statements.push(format!("ALTER TABLE {table} ADD COLUMN {legacy} {}", type_of(&plan.key)));
        into.push(legacy.clone());
        values.push(format!("t.{key}"));
    }
    statements.push(format!("INSERT INTO {table} ({}) SELECT {} FROM {old} AS t", into.join(", "), values.join(", ")));
    if is_users && way == Way::Back {
        statements.push(checks.add(
            &format!(
                "EXISTS (SELECT 1 FROM {old} AS o WHERE o.{legacy} IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM {users} AS u WHERE u.{key} = o.{legacy}))"
            ),
            "the key of the users holds something else than the old IDs",
        ));
    }
    if let Some(counted) = &kept.counted {
        statements.extend(go_on_counting(kept, way, counted));
    }
    statements.push(format!("DROP TABLE main.{old}"));
    statements
}

/// No number is given a second time: the count goes on from where it was.
fn go_on_counting(kept: &Kept, way: Way, counted: &str) -> Vec<String> {
    let (name, old) = (text(&kept.table.name.table), text(&kept.old_name));
    let gone_by_now = kept.retyped.iter().any(|column| kept.table.primary_key.contains(column));
    let count = match way {
        Way::Forth if gone_by_now => return Vec::new(),
        Way::Back if gone_by_now => {
            format!("max({counted}, coalesce((SELECT max(seq) FROM main.sqlite_sequence WHERE name = {name}), 0))")
        }
        _ => format!("coalesce((SELECT max(seq) FROM main.sqlite_sequence WHERE name = {old}), {counted})"),
    };
    vec![
        // Its own row comes only with the first row of the table.
        format!(
            "INSERT INTO main.sqlite_sequence (name, seq) SELECT {name}, 0 WHERE NOT EXISTS \
                 (SELECT 1 FROM main.sqlite_sequence WHERE name = {name})"
        ),
        format!("UPDATE main.sqlite_sequence SET seq = {count} WHERE name = {name}"),
    ]
}

/// A type's name may be anything; quoted it is the same.
pub(super) fn type_of(column: &Column) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ' ' | '(' | ')' | ',');
    if column.type_name.chars().all(plain) { column.type_name.clone() } else { quote(ENGINE, &column.type_name) }
}

/// The links of a table.
fn links<'a>(plan: &'a Replacement, kept: &'a Kept) -> impl Iterator<Item = &'a Link> {
    plan.links.iter().filter(|link| link.table == kept.table.name)
}
