//! The statements that replace the users' key by their Clerk IDs on SQLite, and those that bring it back.
//!
//! Where types stay, rows are updated where they are; where a type changes, the table is made again from its own text and filled
//! from the old one, as <https://www.sqlite.org/lang_altertable.html> has it. All of it is one transaction. The `sqlite3` shell goes
//! on after an error unless it is told not to: so the last check before the end takes everything back unless all others passed.

mod change;
mod checks;

use self::change::{drop_triggers, make_again, make_objects, update, update_back};
use self::checks::Checks;
use super::super::{quote, quote_table};
use super::{Names, Way, counts, orphans, text};
use crate::database::references::Link;
use crate::database::replace::sqlite::Kept;
use crate::database::replace::{LEGACY_COLUMN, Replacement};
use crate::database::schema::Family;
use crate::engine::Engine;

const ENGINE: Engine = Engine::Sqlite;

/// Asks for all tables, indexes and triggers as they were made.
pub(in crate::database) const OBJECTS: &str =
    "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name";

/// Asks how far a table has counted.
pub(in crate::database) fn counted(table: &str) -> String {
    format!("SELECT seq FROM main.sqlite_sequence WHERE name = {}", text(table))
}

/// What makes a connection fit for other work after a script that failed.
pub(in crate::database) const UNDO: &[&str] = &["ROLLBACK", "PRAGMA legacy_alter_table = OFF"];

/// What a script for people ends with: most applications ask for it at every connection.
pub(in crate::database) const GOODBYE: &str = "PRAGMA foreign_keys = ON";

/// Finds rows that refer to a user by another spelling of the ID, in other letters say: the database takes it for the same, and the
/// way back would lose it.
pub(in crate::database) fn spelled_otherwise(plan: &Replacement, link: &Link) -> String {
    let (users, key) = (quote_table(ENGINE, &plan.users), quote(ENGINE, &plan.key.name));
    let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
    // A column without a type keeps a number and its digits apart.
    let or_type = if link.column.family == Family::Any {
        format!(" OR typeof(u.{key}) <> typeof(t.{column})")
    } else {
        String::new()
    };
    format!(
        "SELECT count(*) FROM {table} AS t JOIN {users} AS u ON u.{key} = t.{column} \
         WHERE CAST(u.{key} AS TEXT) <> CAST(t.{column} AS TEXT) COLLATE BINARY{or_type}"
    )
}

pub(super) fn no_clerk_id(expression: &str) -> String {
    format!(
        "({expression} IS NULL OR typeof({expression}) <> 'text' OR substr({expression}, 1, 5) <> 'user_' \
         OR length({expression}) < 6 OR {expression} GLOB '*[^A-Za-z0-9_]*')"
    )
}

/// The statements that replace the IDs; the transaction and what has to stand around it are part of them.
pub(in crate::database) fn script(plan: &Replacement) -> Vec<String> {
    let Names { users, key, clerk, legacy, .. } = Names::of(plan);
    let mut checks = Checks::default();
    let mut body = vec![
        checks.add(
            &format!("EXISTS (SELECT 1 FROM {users} AS u WHERE {})", no_clerk_id(&format!("u.{clerk}"))),
            "users have no Clerk ID",
        ),
        checks.add(
            &format!("(SELECT count(DISTINCT {clerk}) <> count(*) FROM {users})"),
            "two users have the same Clerk ID",
        ),
    ];
    for kept in &plan.tables {
        let made = format!(
            "(SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = {}) IS NOT {}",
            text(&kept.table.name.table),
            text(&kept.create)
        );
        body.push(checks.add(&made, "a table is not as it was when this was written"));
    }
    body.extend(same_objects(plan, &mut checks));
    for link in &plan.links {
        body.push(
            checks
                .add(&format!("({})", spelled_otherwise(plan, link)), "rows spell an ID in another way than the user"),
        );
    }
    body.push(before(plan));
    body.extend(drop_triggers(plan));
    // The users come last: until then they have both IDs.
    for kept in plan.tables.iter().rev() {
        body.extend(if kept.is_made_again() {
            make_again(plan, kept, Way::Forth, &mut checks)
        } else {
            update(plan, kept)
        });
    }
    body.push(format!("CREATE UNIQUE INDEX {} ON {users} ({legacy})", quote(ENGINE, &plan.legacy_index)));
    body.extend(make_objects(plan));
    let wrong = no_clerk_id(&format!("u.{key}"));
    body.push(checks.add(
        &format!("EXISTS (SELECT 1 FROM {users} AS u WHERE {wrong} OR u.{legacy} IS NULL)"),
        "the key of the users holds something else than Clerk IDs",
    ));
    body.extend(proofs(plan, Way::Forth, &mut checks));
    transaction(plan, body, checks, Vec::new())
}

/// The statements that bring the old IDs back, of everybody who had one.
pub(in crate::database) fn way_back(plan: &Replacement) -> Vec<String> {
    let Names { users, key, legacy, .. } = Names::of(plan);
    let mut checks = Checks::default();
    let mut body = Vec::new();
    if Replacement::changes_type(&plan.key) {
        body.push(checks.add(
            &format!("EXISTS (SELECT 1 FROM {users} WHERE {legacy} IS NULL)"),
            "users made since have no legacy_id, and their IDs do not fit the old type: give each of them one first",
        ));
    }
    for kept in plan.tables.iter().filter(|kept| kept.is_made_again()) {
        body.push(checks.add(
            &format!("{} IS NOT {}", columns_now(kept), text(&columns(plan, kept, Way::Forth))),
            "a table has other columns than the script left it with",
        ));
    }
    body.extend(same_objects(plan, &mut checks));
    body.push(before(plan));
    body.extend(drop_triggers(plan));
    for kept in plan.tables.iter().rev() {
        body.extend(if kept.is_made_again() {
            make_again(plan, kept, Way::Back, &mut checks)
        } else {
            update_back(plan, kept)
        });
    }
    let mut end = Vec::new();
    if plan.tables.first().is_some_and(|users| !users.is_made_again()) {
        body.push(checks.add(
            &format!("EXISTS (SELECT 1 FROM {users} AS u WHERE u.{legacy} IS NOT NULL AND u.{key} IS NOT u.{legacy})"),
            "the key of the users holds something else than the old IDs",
        ));
        end.push(format!("DROP INDEX main.{}", quote(ENGINE, &plan.legacy_index)));
        // So that SQLite says what is the matter, if a view is out of order: it looks at all of them.
        end.push("PRAGMA legacy_alter_table = OFF".to_owned());
        end.push(format!("ALTER TABLE {users} DROP COLUMN {legacy}"));
    }
    body.extend(make_objects(plan));
    body.extend(proofs(plan, Way::Back, &mut checks));
    transaction(plan, body, checks, end)
}

/// Puts the transaction around the statements. Foreign keys and the habit of renaming what refers to a table are settings of the
/// connection, which can be changed outside of transactions only.
fn transaction(plan: &Replacement, body: Vec<String>, mut checks: Checks, end: Vec<String>) -> Vec<String> {
    let Names { users, key, .. } = Names::of(plan);
    let enforced = checks.add(
        "(SELECT foreign_keys FROM pragma_foreign_keys)",
        "foreign keys are in force; this cannot be part of another transaction",
    );
    let mut statements = vec![
        "PRAGMA foreign_keys = OFF".to_owned(),
        "PRAGMA legacy_alter_table = ON".to_owned(),
        "BEGIN".to_owned(),
        // Nobody else writes from here on.
        format!("UPDATE {users} SET {key} = {key} WHERE 0"),
    ];
    statements.extend(checks.begin());
    statements.push(enforced);
    statements.extend(body);
    statements.extend(end);
    statements.push(checks.end());
    statements.push("COMMIT".to_owned());
    for table in ["db2clerk_checks", "db2clerk_before"] {
        statements.push(format!("DROP TABLE IF EXISTS temp.{table}"));
    }
    statements.push("PRAGMA legacy_alter_table = OFF".to_owned());
    statements
}

/// The names of the tables that are changed, folded as SQLite folds them.
fn folded(plan: &Replacement) -> String {
    let names = plan.tables.iter().map(|kept| text(&kept.table.name.table.to_ascii_lowercase()));
    names.collect::<Vec<_>>().join(", ")
}

/// Checks that indexes and triggers of the tables are as they were, and that nothing else refers to what changes.
fn same_objects(plan: &Replacement, checks: &mut Checks) -> Vec<String> {
    let known: Vec<String> = plan
        .tables
        .iter()
        .flat_map(|kept| &kept.objects)
        .map(|object| text(object.sql.trim_end_matches('\n')))
        .collect();
    let objects = format!(
        "FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND lower(tbl_name) IN ({}) AND name <> {}",
        folded(plan),
        text(&plan.legacy_index)
    );
    let parents =
        std::iter::once((&plan.users, &plan.key)).chain(plan.links.iter().map(|link| (&link.table, &link.column)));
    let parents: Vec<String> = parents
        .map(|(table, column)| {
            format!("({}, {})", text(&table.table.to_ascii_lowercase()), text(&column.name.to_ascii_lowercase()))
        })
        .collect();
    vec![
        checks.add(
            &format!(
                "((SELECT count(*) {objects}) <> {} OR EXISTS (SELECT 1 {objects} AND rtrim(sql, char(10)) NOT IN ({})))",
                known.len(),
                known.join(", ")
            ),
            "an index or a trigger is not as it was when this was written",
        ),
        checks.add(
            &format!(
                "EXISTS (SELECT 1 FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name, 'main') AS f \
                 WHERE m.type = 'table' AND lower(m.name) NOT IN ({}) AND (lower(f.\"table\"), lower(coalesce(f.\"to\", \
                 (SELECT p.name FROM pragma_table_info(f.\"table\", 'main') AS p WHERE p.pk = f.seq + 1)))) IN (VALUES {}))",
                folded(plan),
                parents.join(", ")
            ),
            "a foreign key refers to users that was not there when this was written",
        ),
    ]
}

/// Remembers how many rows and references there are, and everything that is to stay as it is.
fn before(plan: &Replacement) -> String {
    format!("CREATE TEMP TABLE db2clerk_before AS {}", state(plan))
}

fn state(plan: &Replacement) -> String {
    let mut parts = vec![format!(
        "SELECT type || ' ' || name || ' ' || rtrim(sql, char(10)) AS what, 0 AS n FROM main.sqlite_schema WHERE sql IS NOT NULL \
         AND NOT (type = 'table' AND lower(name) IN ({})) AND name <> {}",
        folded(plan),
        text(&plan.legacy_index)
    )];
    for kept in &plan.tables {
        let name = text(&kept.table.name.table);
        parts.push(format!(
            "SELECT {name} || ' key ' || f.\"from\" || ' ' || f.seq || ' ' || f.\"table\" || ' ' || ifnull(f.\"to\", '') || ' ' \
             || f.on_update || ' ' || f.on_delete || ' ' || f.\"match\", 0 FROM pragma_foreign_key_list({name}, 'main') AS f"
        ));
        parts.push(format!("SELECT {name} || ' violations', count(*) FROM pragma_foreign_key_check({name}, 'main')"));
    }
    parts.extend(counts(plan));
    parts.join(" UNION ALL ")
}

/// What must be so before it is committed.
fn proofs(plan: &Replacement, way: Way, checks: &mut Checks) -> Vec<String> {
    let state = state(plan);
    let mut proofs = vec![checks.add(
        &format!(
            "(EXISTS (SELECT * FROM temp.db2clerk_before EXCEPT SELECT * FROM ({state})) \
             OR EXISTS (SELECT * FROM ({state}) EXCEPT SELECT * FROM temp.db2clerk_before))"
        ),
        "there are not as many rows, or not as many users referred to, as before, or something of the schema is lost",
    )];
    for kept in plan.tables.iter().filter(|kept| kept.is_made_again()) {
        proofs.push(checks.add(
            &format!("{} IS NOT {}", columns_now(kept), text(&columns(plan, kept, way))),
            "a table has not the columns that it should have",
        ));
    }
    for link in &plan.links {
        proofs.push(checks.add(&orphans(plan, link), "rows refer to nobody"));
    }
    proofs
}

/// The columns of a table with their types, as one text.
fn columns_now(kept: &Kept) -> String {
    format!(
        "(SELECT lower(group_concat(name || ' ' || type, ', ')) FROM (SELECT name, type FROM pragma_table_info({}, 'main') ORDER BY cid))",
        text(&kept.table.name.table)
    )
}

fn columns(plan: &Replacement, kept: &Kept, way: Way) -> String {
    let mut columns: Vec<String> = Vec::new();
    for column in &kept.table.columns {
        let type_name =
            if way == Way::Forth && kept.retyped.contains(&column.name) { "TEXT" } else { &column.type_name };
        columns.push(format!("{} {type_name}", column.name));
    }
    if way == Way::Forth && kept.table.name == plan.users {
        columns.push(format!("{LEGACY_COLUMN} {}", plan.key.type_name));
    }
    // Versions of SQLite tell some types in capitals, others as they were written.
    columns.join(", ").to_ascii_lowercase()
}
