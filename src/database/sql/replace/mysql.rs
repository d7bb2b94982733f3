//! The steps that replace the users' key by their Clerk IDs on MySQL and MariaDB, and those that bring it back.
//!
//! Neither server takes back a change of a table, so all that matters is what the database looks like between two steps. All values
//! change in one transaction; the steps before it leave every value as it was, and only make room (foreign keys that would not
//! allow another type are dropped, types are widened); the steps after it make the foreign keys again. Where a text key has room for
//! Clerk IDs, there is little to do but the transaction. Every step looks first whether it is done, so that the same
//! text can be run again after whatever stopped it.
//!
//! Nothing but plain statements is used, no stored procedure: no right to make one is needed, and every client can send them. What
//! depends on a condition is prepared from a text, and a check that fails prepares a text that is no statement: the server
//! stops there, and its error quotes the text.

mod catalog;
mod values;

pub(in crate::database) use self::catalog::{
    column, create_table, make, text, try_alter, try_refer, try_update, unique_indexes,
};

use self::catalog::{has_key, has_legacy, has_triggers, has_types, lost_keys, other_columns, other_keys};
use self::values::{orphans, switch, switch_back};
use super::super::references::word;
use super::super::{quote, quote_table};
use super::{Names, Way};
use crate::database::TableName;
use crate::database::references::Link;
use crate::database::replace::mysql::{Altered, Made, Retyped};
use crate::database::replace::{LEGACY_COLUMN, ReplaceStep, Replacement};
use crate::database::schema::{Collation, Column, Family, ForeignKey};
use crate::engine::Engine;

const ENGINE: Engine = Engine::MySql;

/// What stands as comment on the column for the old IDs as long as the replacement is not finished.
pub(in crate::database) const UNFINISHED: &str = "db2clerk: the IDs are being replaced";

/// What every run of steps begins with: how texts and names are read, and how long to wait for others.
pub(in crate::database) const HELLO: [&str; 3] = [
    "SET NAMES utf8mb4",
    "SET @db2clerk_sql_mode = @@SESSION.sql_mode, @db2clerk_foreign_key_checks = @@SESSION.foreign_key_checks, \
     @db2clerk_lock_wait_timeout = @@SESSION.lock_wait_timeout, \
     @db2clerk_innodb_lock_wait_timeout = @@SESSION.innodb_lock_wait_timeout",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', SESSION foreign_key_checks = 1, \
     SESSION lock_wait_timeout = 5, SESSION innodb_lock_wait_timeout = 5",
];

/// What every run of steps ends with: the session is as it was.
pub(in crate::database) const GOODBYE: &str = "SET SESSION sql_mode = @db2clerk_sql_mode, \
     SESSION foreign_key_checks = @db2clerk_foreign_key_checks, SESSION lock_wait_timeout = @db2clerk_lock_wait_timeout, \
     SESSION innodb_lock_wait_timeout = @db2clerk_innodb_lock_wait_timeout";

/// What makes a connection fit for other work after a step that failed.
pub(in crate::database) const UNDO: &[&str] = &["ROLLBACK", GOODBYE];

/// Takes a lock that ends with the session. While it is another's, somebody else is at it, or the server has not heard yet that a
/// run was cut short.
pub(in crate::database) const LOCK: &str = "SELECT GET_LOCK('db2clerk --replace-ids', 10)";

/// The condition that a text is no Clerk ID.
pub(super) fn no_clerk_id(expression: &str) -> String {
    format!("({expression} IS NULL OR {expression} NOT REGEXP '^user_[A-Za-z0-9_]+$')")
}

/// Finds rows that refer to a user by another spelling of the ID, in other letters say: the database takes it for the same, and the
/// way back would lose it.
pub(in crate::database) fn spelled_otherwise(plan: &Replacement, link: &Link) -> String {
    let (users, key) = (quote_table(ENGINE, &plan.users), quote(ENGINE, &plan.key.name));
    let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
    let bytes = |column: &Column, expression: &str| match column.family {
        Family::Binary => format!("CAST({expression} AS BINARY)"),
        _ => format!("CAST(CONVERT({expression} USING utf8mb4) AS BINARY)"),
    };
    format!(
        "SELECT count(*) FROM {table} AS t JOIN {users} AS u ON {} WHERE {} <> {}",
        super::super::references::same(link),
        bytes(&plan.key, &format!("u.{key}")),
        bytes(&link.column, &format!("t.{column}"))
    )
}

/// Counts the users whose old ID is another user's Clerk ID: nobody could tell any more who is meant.
pub(in crate::database) fn swapped(plan: &Replacement) -> String {
    let Names { users, key, clerk, .. } = Names::of(plan);
    if plan.key.family != Family::Text {
        return "SELECT 0".to_owned();
    }
    let as_key = clerk_id_as_key(plan, &format!("b.{clerk}"));
    format!(
        "SELECT count(*) FROM {users} AS a JOIN {users} AS b ON a.{key} = {as_key} WHERE NOT (a.{clerk} <=> b.{clerk})"
    )
}

/// Counts the users whose Clerk ID is longer than a column that stays as it is.
pub(in crate::database) fn too_long(plan: &Replacement) -> String {
    let Names { users, clerk, .. } = Names::of(plan);
    let stays = std::iter::once(&plan.key).chain(plan.links.iter().map(|link| &link.column));
    let longest = stays.filter(|column| !Replacement::changes_type(column)).filter_map(|column| column.longest).min();
    match longest {
        Some(longest) => format!("SELECT count(*) FROM {users} AS u WHERE char_length(u.{clerk}) > {longest}"),
        None => "SELECT 0".to_owned(),
    }
}

/// A Clerk ID as the key will hold it: two of them may be one there.
pub(in crate::database) fn clerk_id_as_key(plan: &Replacement, expression: &str) -> String {
    in_collation(&collation_after(&plan.key, &plan.key), expression)
}

/// The steps that replace the IDs.
pub(in crate::database) fn steps(plan: &Replacement) -> Vec<ReplaceStep> {
    let Names { users, legacy, .. } = Names::of(plan);
    let mut steps = vec![ReplaceStep::of("checks that everything is as it was planned for", head(plan))];
    steps.push(ReplaceStep::of(
        format!("adds `{LEGACY_COLUMN}` to {}", plan.users),
        unless(
            &has_legacy(plan, ""),
            &format!(
                "ALTER TABLE {users} ADD COLUMN {legacy} {} NULL COMMENT '{UNFINISHED}', ADD UNIQUE ({legacy})",
                type_of(&plan.key)
            ),
        ),
    ));
    steps.extend(keep_indexes(plan));
    steps.extend(drop_keys(plan, &switched(plan)));
    steps.extend(retype(plan, "makes room for Clerk IDs in", &switched(plan), |one| Some(&one.wide)));
    steps.push(switch(plan));
    steps.extend(retype(plan, "makes texts of the bytes in", "FALSE", |one| one.is_bytes().then_some(&one.text)));
    steps.extend(add_keys(plan));
    steps.push(ReplaceStep::of("proves that nothing is missing", proofs(plan, Way::Forth)));
    steps.push(ReplaceStep::of(
        "notes that it is finished",
        unless(
            &format!("NOT {}", has_legacy(plan, UNFINISHED)),
            &format!("ALTER TABLE {users} MODIFY COLUMN {legacy} {} NULL", type_of(&plan.key)),
        ),
    ));
    steps
}

/// The steps that bring the old IDs back, of everybody who had one; from wherever the others have come to.
pub(in crate::database) fn way_back(plan: &Replacement) -> Vec<ReplaceStep> {
    let Names { users, legacy, .. } = Names::of(plan);
    let retypes = Replacement::changes_type(&plan.key);
    let mut checks =
        stop_if(&format!("NOT {}", has_legacy(plan, "")), "there are no old IDs; they may be back already");
    // One that the first script stopped at is not in the way back of what it did.
    let is_new = format!("{} AND {}", switched(plan), other_keys(plan));
    checks.extend(stop_if(&is_new, "a foreign key refers to users that was not there before"));
    checks.extend(stop_if(&has_triggers(plan), "a trigger runs at updates of these tables"));
    if retypes {
        checks.extend(stop_if(
            &format!("{} AND EXISTS (SELECT 1 FROM {users} AS u WHERE u.{legacy} IS NULL)", switched(plan)),
            "users made since have no legacy_id: give each of them one first",
        ));
    }
    let mut steps = vec![ReplaceStep::of("checks that the old IDs can be had back", checks)];
    // The users' types are the first to be as they were, once all values are.
    let of_key = plan.altered.iter().filter(|altered| altered.table == plan.users).flat_map(|altered| &altered.retyped);
    let of_key = of_key.map(|one| (one.name.as_str(), &one.was)).find(|(name, _)| *name == plan.key.name);
    let is_back = of_key.map_or("FALSE".to_owned(), |of_key| has_types(&plan.users, &[of_key]));
    steps.extend(keep_indexes(plan));
    steps.extend(drop_keys(plan, &is_back));
    steps.extend(retype(plan, "makes bytes of the texts in", &is_back, |one| one.is_bytes().then_some(&one.wide)));
    steps.push(switch_back(plan, &is_back));
    steps.extend(retype(plan, "gives their types back to", "FALSE", |one| Some(&one.was)));
    steps.extend(add_keys(plan));
    steps.push(ReplaceStep::of("proves that nothing is missing", proofs(plan, Way::Back)));
    steps.push(ReplaceStep::of(
        format!("drops `{LEGACY_COLUMN}`"),
        vec![format!("ALTER TABLE {users} DROP COLUMN {legacy}")],
    ));
    steps
}

/// Writes steps as one text, for people to read and run.
pub(in crate::database) fn script(steps: &[ReplaceStep]) -> String {
    let mut lines: Vec<String> = HELLO.iter().map(|statement| format!("{statement};")).collect();
    for (number, step) in (1..).zip(steps) {
        let what: String = step.what.chars().filter(|letter| !letter.is_control()).collect();
        lines.push(format!("\n-- {number}. {what}"));
        lines.extend(step.statements.iter().map(|statement| format!("{statement};")));
    }
    lines.push(format!("\n{GOODBYE};\n"));
    lines.join("\n")
}

/// Runs a statement unless a condition holds.
fn unless(condition: &str, statement: &str) -> Vec<String> {
    prepared(&format!("IF({condition}, 'DO 0', {})", text(statement)))
}

/// Stops everything if a condition holds. The server quotes 80 bytes of the reason at most.
fn stop_if(condition: &str, why: &str) -> Vec<String> {
    prepared(&format!("IF({condition}, {}, 'DO 0')", text(&format!("'db2clerk: {why}'"))))
}

fn prepared(statement: &str) -> Vec<String> {
    vec![
        format!("SET @db2clerk = {statement}"),
        "PREPARE db2clerk FROM @db2clerk".to_owned(),
        "EXECUTE db2clerk".to_owned(),
        "DEALLOCATE PREPARE db2clerk".to_owned(),
    ]
}

/// What must be so before anything is changed; once something is, it has been so.
fn head(plan: &Replacement) -> Vec<String> {
    let Names { users, clerk, .. } = Names::of(plan);
    let mut statements = vec![format!("SET @db2clerk_begun = {}", has_legacy(plan, UNFINISHED))];
    let mut check = |condition: &str, why: &str| {
        let why = format!("{why}; nothing was changed");
        statements.extend(stop_if(&format!("NOT @db2clerk_begun AND ({condition})"), &why));
    };
    check(&has_legacy(plan, ""), "the IDs may have been replaced already");
    check(&other_columns(plan), "a column has another type than planned");
    check(&lost_keys(plan), "a foreign key is not as planned");
    check(&other_keys(plan), "a foreign key is new");
    check(&has_triggers(plan), "a trigger runs at updates");
    let without = no_clerk_id(&format!("u.{clerk}"));
    check(&format!("EXISTS (SELECT 1 FROM {users} AS u WHERE {without})"), "users have no Clerk ID");
    let as_key = clerk_id_as_key(plan, &format!("u.{clerk}"));
    check(
        &format!("(SELECT count(DISTINCT {as_key}) <> count(*) FROM {users} AS u)"),
        "two users have the same Clerk ID",
    );
    check(&format!("({})", swapped(plan)), "the ID of a user is the Clerk ID of another");
    check(&format!("({})", too_long(plan)), "a Clerk ID is too long for a column");
    for link in &plan.links {
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        let to = quote(ENGINE, &link.to.name);
        let same = super::super::references::same(link);
        let orphans = format!(
            "EXISTS (SELECT 1 FROM {table} AS t LEFT JOIN {users} AS u ON {same} WHERE t.{column} IS NOT NULL AND u.{to} IS NULL)"
        );
        check(&orphans, "rows refer to nobody");
        check(&format!("({})", spelled_otherwise(plan, link)), "rows spell an ID otherwise");
    }
    statements
}

/// What must be so in the end.
fn proofs(plan: &Replacement, way: Way) -> Vec<String> {
    let Names { users, key, legacy, .. } = Names::of(plan);
    let wrong = match way {
        Way::Forth => no_clerk_id(&format!("u.{key}")),
        Way::Back => format!("NOT (u.{key} <=> u.{legacy})"),
    };
    let mut proofs = stop_if(
        &format!("EXISTS (SELECT 1 FROM {users} AS u WHERE u.{legacy} IS NOT NULL AND {wrong})"),
        match way {
            Way::Forth => "the key of the users holds something else than Clerk IDs",
            Way::Back => "the key of the users holds something else than the old IDs",
        },
    );
    proofs.extend(stop_if(&lost_keys(plan), "a foreign key is not as it was"));
    for link in &plan.links {
        proofs.extend(stop_if(&orphans(plan, link), "rows refer to nobody"));
    }
    proofs
}

fn drop_keys(plan: &Replacement, done: &str) -> Vec<ReplaceStep> {
    let drop = |key: &ForeignKey| {
        let name = key.name.as_deref().unwrap_or_default();
        ReplaceStep::of(
            format!("drops the foreign key `{name}` of {}", key.table),
            unless(
                &format!("{done} OR NOT {}", has_key(key)),
                &format!("ALTER TABLE {} DROP FOREIGN KEY {}", quote_table(ENGINE, &key.table), quote(ENGINE, name)),
            ),
        )
    };
    plan.dropped_keys().map(drop).collect()
}

fn add_keys(plan: &Replacement) -> Vec<ReplaceStep> {
    let names = |columns: &[String]| columns.iter().map(|column| quote(ENGINE, column)).collect::<Vec<_>>().join(", ");
    let add = |key: &ForeignKey| {
        let name = key.name.as_deref().unwrap_or_default();
        // Without a database it would be one of the table that refers.
        let schema = key.to_table.schema.clone().or_else(|| key.table.schema.as_ref().and(plan.home.clone()));
        let to_table = TableName { schema, table: key.to_table.table.clone() };
        ReplaceStep::of(
            format!("makes the foreign key `{name}` of {} again", key.table),
            unless(
                &has_key(key),
                &format!(
                    "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
                    quote_table(ENGINE, &key.table),
                    quote(ENGINE, name),
                    names(&key.columns),
                    quote_table(ENGINE, &to_table),
                    names(&key.to_columns),
                    key.on_delete,
                    key.on_update
                ),
            ),
        )
    };
    plan.dropped_keys().map(add).collect()
}

/// Makes indexes anew that the server may have made for foreign keys: they keep their names then, whatever becomes of the keys.
fn keep_indexes(plan: &Replacement) -> Vec<ReplaceStep> {
    let with_indexes = plan.altered.iter().filter(|altered| !altered.supports.is_empty());
    let keep = |altered: &Altered| {
        let changes = altered
            .supports
            .iter()
            .map(|index| format!("DROP KEY {}, ADD {}", quote(ENGINE, &index.name), index.definition));
        let changes = changes.collect::<Vec<_>>().join(", ");
        ReplaceStep::of(
            format!("keeps the indexes of {}", altered.table),
            vec![format!("ALTER TABLE {} {changes}", quote_table(ENGINE, &altered.table))],
        )
    };
    with_indexes.map(keep).collect()
}

/// Gives other types to columns, all of a table in one statement, unless they have them or a condition holds.
fn retype(
    plan: &Replacement,
    what: &str,
    done: &str,
    to: impl for<'a> Fn(&'a Retyped) -> Option<&'a Made>,
) -> Vec<ReplaceStep> {
    let mut steps = Vec::new();
    for altered in &plan.altered {
        let columns: Vec<(&str, &Made)> =
            altered.retyped.iter().filter_map(|one| Some((one.name.as_str(), to(one)?))).collect();
        if columns.is_empty() {
            continue;
        }
        let mut changes: Vec<String> = columns
            .iter()
            .map(|(name, made)| format!("MODIFY COLUMN {} {}", quote(ENGINE, name), made.definition))
            .collect();
        changes.extend(columns.iter().find_map(|(_, made)| Some(format!("AUTO_INCREMENT = {}", made.counted?))));
        steps.push(ReplaceStep::of(
            format!("{what} {}", altered.table),
            unless(
                &format!("{done} OR {}", has_types(&altered.table, &columns)),
                &format!("ALTER TABLE {} {}", quote_table(ENGINE, &altered.table), changes.join(", ")),
            ),
        ));
    }
    steps
}

/// The collation of a column once it can hold Clerk IDs.
pub(in crate::database) fn collation_after(key: &Column, column: &Column) -> Collation {
    let of_text = |column: &Column| column.collation.clone().filter(|_| column.family == Family::Text);
    let usual = || Collation { name: "utf8mb4_bin".to_owned(), charset: "utf8mb4".to_owned() };
    of_text(column).or_else(|| of_text(key)).unwrap_or_else(usual)
}

/// Words for a character set and a collation.
pub(in crate::database) fn collated(collation: &Collation) -> String {
    format!("CHARACTER SET {} COLLATE {}", word(&collation.charset), word(&collation.name))
}

fn in_collation(Collation { name, charset }: &Collation, expression: &str) -> String {
    format!("CONVERT({expression} USING {}) COLLATE {}", word(charset), word(name))
}

/// A column's type, with what belongs to it.
fn type_of(column: &Column) -> String {
    match &column.collation {
        Some(collation) => format!("{} {}", column.type_name, collated(collation)),
        None => column.type_name.clone(),
    }
}

/// The condition that all values have been changed: old IDs are kept in the same transaction.
fn switched(plan: &Replacement) -> String {
    let Names { users, legacy, .. } = Names::of(plan);
    format!("EXISTS (SELECT 1 FROM {users} AS u WHERE u.{legacy} IS NOT NULL)")
}
