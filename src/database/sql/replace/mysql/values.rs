//! The transaction in which all IDs change, and the one in which they change back.

use super::super::super::{quote, quote_table};
use super::super::Names;
use super::{ENGINE, collation_after, in_collation, no_clerk_id, stop_if, switched, unless};
use crate::database::references::Link;
use crate::database::replace::mysql::Altered;
use crate::database::replace::{ReplaceStep, Replacement};
use crate::database::schema::{Column, Family};

/// All values change at once: what the others see is old, or new. Rows that come in meanwhile are seen at the end.
pub(super) fn switch(plan: &Replacement) -> ReplaceStep {
    let Names { users, key, clerk, legacy } = Names::of(plan);
    let mut referring = vec![];
    for altered in &plan.altered {
        for link in links(plan, altered) {
            let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
            referring.push(format!(
                "UPDATE {table} AS t JOIN {users} AS u ON {} SET t.{column} = {}{}",
                same_now(plan, link),
                as_held(&link.column, &format!("u.{clerk}")),
                kept(altered, "t.")
            ));
        }
    }
    let own = format!(
        "UPDATE {users} SET {legacy} = {key}, {key} = {}{} WHERE {legacy} IS NULL",
        as_held(&plan.key, &clerk),
        kept_of_users(plan)
    );
    let without = no_clerk_id(&format!("u.{clerk}"));
    let before = stop_if(
        &format!("NOT @db2clerk_done AND EXISTS (SELECT 1 FROM {users} AS u WHERE {without})"),
        "users have no Clerk ID; all IDs are as they were",
    );
    transaction(plan, &switched(plan), before, &referring, &own)
}

pub(super) fn switch_back(plan: &Replacement, is_back: &str) -> ReplaceStep {
    let Names { users, key, legacy, .. } = Names::of(plan);
    let mut referring = vec![];
    for altered in &plan.altered {
        for link in links(plan, altered) {
            let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
            referring.push(format!(
                "UPDATE {table} AS t JOIN {users} AS u ON {} SET t.{column} = u.{legacy}{} WHERE u.{legacy} IS NOT NULL",
                same_now(plan, link),
                kept(altered, "t.")
            ));
        }
    }
    let own = format!("UPDATE {users} SET {key} = {legacy}{} WHERE {legacy} IS NOT NULL", kept_of_users(plan));
    transaction(plan, is_back, Vec::new(), &referring, &own)
}

/// One transaction, unless a condition holds. What is committed by others before ours can be is seen: hence the isolation level.
/// Foreign keys that stay do not mind the referring columns to be changed first; when the users are, they are in force again, so that
/// one that the database user may not see stops everything.
fn transaction(plan: &Replacement, done: &str, before: Vec<String>, referring: &[String], own: &str) -> ReplaceStep {
    let mut statements = vec![
        format!("SET @db2clerk_done = ({done})"),
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
        "START TRANSACTION".to_owned(),
    ];
    statements.extend(before);
    statements.push(format!("SET @db2clerk_before = {}", counts(plan)));
    statements.push("SET SESSION foreign_key_checks = 0".to_owned());
    statements.extend(referring.iter().flat_map(|statement| unless("@db2clerk_done", statement)));
    statements.push("SET SESSION foreign_key_checks = 1".to_owned());
    statements.extend(unless("@db2clerk_done", own));
    let changed = format!("NOT @db2clerk_done AND @db2clerk_before <> {}", counts(plan));
    statements.extend(stop_if(&changed, "not as many rows as before; all IDs are as they were"));
    for link in &plan.links {
        let orphans = format!("NOT @db2clerk_done AND {}", orphans(plan, link));
        statements.extend(stop_if(&orphans, "rows refer to nobody; all IDs are as they were"));
    }
    statements.push("COMMIT".to_owned());
    ReplaceStep::of("changes all IDs, in one transaction", statements)
}

/// How many rows and references there are, as one text.
fn counts(plan: &Replacement) -> String {
    let rows =
        plan.altered.iter().map(|altered| format!("(SELECT count(*) FROM {})", quote_table(ENGINE, &altered.table)));
    let values = plan.links.iter().flat_map(|link| {
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        ["", "DISTINCT "].map(|distinct| format!("(SELECT count({distinct}{column}) FROM {table})"))
    });
    format!("CONCAT_WS(',', {})", rows.chain(values).collect::<Vec<_>>().join(", "))
}

pub(super) fn orphans(plan: &Replacement, link: &Link) -> String {
    let Names { users, key, .. } = Names::of(plan);
    let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
    format!(
        "EXISTS (SELECT 1 FROM {table} AS t LEFT JOIN {users} AS u ON {} WHERE t.{column} IS NOT NULL AND u.{key} IS NULL)",
        same_now(plan, link)
    )
}

/// The condition that a row `t` refers to a user `u`, as the columns are around the transaction.
fn same_now(plan: &Replacement, link: &Link) -> String {
    let (key, column) = (quote(ENGINE, &plan.key.name), quote(ENGINE, &link.column.name));
    let (own, of_key) = (collation_after(&plan.key, &link.column), collation_after(&plan.key, &plan.key));
    if own == of_key {
        format!("u.{key} = t.{column}")
    } else {
        format!("u.{key} = {}", in_collation(&of_key, &format!("t.{column}")))
    }
}

/// A Clerk ID as a column holds it around the transaction: bytes are not texts yet.
fn as_held(column: &Column, clerk_id: &str) -> String {
    if column.family == Family::Binary {
        format!("CAST(CONVERT({clerk_id} USING utf8mb4) AS BINARY)")
    } else {
        clerk_id.to_owned()
    }
}

fn kept_of_users(plan: &Replacement) -> String {
    plan.altered.iter().find(|altered| altered.table == plan.users).map_or(String::new(), |own| kept(own, ""))
}

/// Columns that would be set to the current time, and stay as they are.
fn kept(altered: &Altered, prefix: &str) -> String {
    let names = altered.on_update.iter().map(|name| quote(ENGINE, name));
    names.map(|name| format!(", {prefix}{name} = {prefix}{name}")).collect::<Vec<_>>().concat()
}

fn links<'a>(plan: &'a Replacement, altered: &'a Altered) -> impl Iterator<Item = &'a Link> {
    plan.links.iter().filter(|link| link.table == altered.table)
}
