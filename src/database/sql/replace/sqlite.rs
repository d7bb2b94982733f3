//! The statements that replace the users' key by their Clerk IDs on SQLite, and those that bring it back.
//!
//! Where types stay, rows are updated where they are; where a type changes, the table is made again from its own text and filled
//! from the old one, as <https://www.sqlite.org/lang_altertable.html> has it. All of it is one transaction. The `sqlite3` shell goes
//! on after an error unless it is told not to: so the last check before the end takes everything back unless all others passed.

use super::super::{quote, quote_table};
use super::create_table::ends_in_comment;
use super::text;
use crate::database::references::Link;
use crate::database::replace::sqlite::Kept;
use crate::database::replace::{LEGACY_COLUMN, Replacement};
use crate::database::schema::{Column, Family};
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
            users: quote_table(ENGINE, &plan.users),
            key: quote(ENGINE, &plan.key.name),
            clerk: quote(ENGINE, &plan.clerk_column),
            legacy: quote(ENGINE, LEGACY_COLUMN),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forth,
    Back,
}

/// The checks of a script. Each leaves a row behind if it passed.
#[derive(Default)]
struct Checks(Vec<String>);

impl Checks {
    /// Adds a check that fails if a condition holds.
    fn add(&mut self, condition: &str, why: &str) -> String {
        self.0.push(why.to_owned());
        format!("INSERT INTO temp.db2clerk_checks SELECT {}, coalesce({condition}, 1)", self.0.len())
    }

    /// Makes what the checks need.
    fn begin(&self) -> [String; 2] {
        let cases = self.0.iter().enumerate().map(|(at, why)| {
            let told = text(&format!("db2clerk: {why}; nothing was changed"));
            format!("  WHEN {} THEN RAISE(ABORT, {told})\n", at + 1)
        });
        let cases: String = cases.collect();
        [
            "CREATE TEMP TABLE db2clerk_checks (number INTEGER PRIMARY KEY, failed INTEGER NOT NULL CHECK (failed = 0))".to_owned(),
            format!(
                "CREATE TEMP TRIGGER db2clerk_stop BEFORE INSERT ON db2clerk_checks WHEN NEW.failed BEGIN\n  SELECT CASE NEW.number\n\
                 {cases}  ELSE RAISE(ROLLBACK, 'db2clerk: a check failed; nothing was changed')\n  END; END"
            ),
        ]
    }

    /// The last of them: all others passed.
    fn end(&self) -> String {
        format!(
            "INSERT OR ROLLBACK INTO temp.db2clerk_checks SELECT 0, (SELECT count(*) FROM temp.db2clerk_checks) <> {}",
            self.0.len()
        )
    }
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

/// The links of a table.
fn links<'a>(plan: &'a Replacement, kept: &'a Kept) -> impl Iterator<Item = &'a Link> {
    plan.links.iter().filter(|link| link.table == kept.table.name)
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
        let (table, name) = (quote_table(ENGINE, &kept.table.name), text(&kept.table.name.table));
        parts.push(format!("SELECT {name}, count(*) FROM {table}"));
        parts.push(format!(
            "SELECT {name} || ' key ' || f.\"from\" || ' ' || f.seq || ' ' || f.\"table\" || ' ' || ifnull(f.\"to\", '') || ' ' \
             || f.on_update || ' ' || f.on_delete || ' ' || f.\"match\", 0 FROM pragma_foreign_key_list({name}, 'main') AS f"
        ));
        parts.push(format!("SELECT {name} || ' violations', count(*) FROM pragma_foreign_key_check({name}, 'main')"));
    }
    for link in &plan.links {
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        let what = text(&format!("{table}.{column}"));
        parts.push(format!("SELECT {what}, count({column}) FROM {table}"));
        parts.push(format!("SELECT {what} || ' values', count(DISTINCT {column}) FROM {table}"));
    }
    parts.join(" UNION ALL ")
}

/// What must be so before it is committed.
fn proofs(plan: &Replacement, way: Way, checks: &mut Checks) -> Vec<String> {
    let Names { users, key, .. } = Names::of(plan);
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
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        proofs.push(checks.add(
            &format!(
                "EXISTS (SELECT 1 FROM {table} AS t WHERE t.{column} IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM {users} AS u WHERE u.{key} = t.{column}))"
            ),
            "rows refer to nobody",
        ));
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

fn drop_triggers(plan: &Replacement) -> Vec<String> {
    let triggers = plan.tables.iter().flat_map(|kept| &kept.objects).filter(|object| object.kind == "trigger");
    triggers.map(|trigger| format!("DROP TRIGGER main.{}", quote(ENGINE, &trigger.name))).collect()
}

/// Makes the triggers again, and the indexes of tables that were made again, by their own texts.
fn make_objects(plan: &Replacement) -> Vec<String> {
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
fn update(plan: &Replacement, kept: &Kept) -> Vec<String> {
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

fn update_back(plan: &Replacement, kept: &Kept) -> Vec<String> {
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
fn make_again(plan: &Replacement, kept: &Kept, way: Way, checks: &mut Checks) -> Vec<String> {
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
fn type_of(column: &Column) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ' ' | '(' | ')' | ',');
    if column.type_name.chars().all(plain) { column.type_name.clone() } else { quote(ENGINE, &column.type_name) }
}
