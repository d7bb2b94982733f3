//! The statements that replace the users' key by their Clerk IDs on Postgres, and those that bring it back.

use super::super::{quote, quote_table};
use super::{Names, counts, orphans, tables, text};
use crate::database::TableName;
use crate::database::references::Link;
use crate::database::replace::Replacement;
use crate::database::replace::postgres::{Constraint, Default};
use crate::database::schema::{Column, Family};
use crate::engine::Engine;

const ENGINE: Engine = Engine::Postgres;

/// Asks how a foreign key is written.
pub(in crate::database) fn definition(table: &TableName, name: &str) -> String {
    format!(
        "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint AS c \
         WHERE c.contype = 'f' AND c.conrelid = {}::regclass AND c.conname = {}",
        text(&quote_table(ENGINE, table)),
        text(name)
    )
}

/// Asks whether a column is an identity, and for the expression that gives its value.
pub(in crate::database) fn default(table: &TableName, column: &str) -> String {
    format!(
        "SELECT NULLIF(a.attidentity::text, ''), pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attribute AS a \
         LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attrelid = {}::regclass AND a.attname = {}",
        text(&quote_table(ENGINE, table)),
        text(column)
    )
}

pub(super) fn no_clerk_id(expression: &str) -> String {
    format!("({expression} IS NULL OR {expression}::text !~ '^user_[A-Za-z0-9_]+$')")
}

/// The statements that replace the IDs, in one transaction.
pub(in crate::database) fn script(plan: &Replacement) -> Vec<String> {
    let Names { users, key, clerk, legacy } = Names::of(plan);
    let mut statements = begin(plan);
    statements.push(block(&checks(plan)));
    statements.push(before(plan));
    statements.extend(drop_keys(plan));
    statements.push(format!("ALTER TABLE {users} ADD COLUMN {legacy} {}", plan.key.type_name));
    statements.push(format!("UPDATE {users} SET {legacy} = {key}"));
    if Replacement::changes_type(&plan.key) {
        match plan.default {
            Default::Identity(_) => statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} DROP IDENTITY")),
            Default::Expression(_) => statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} DROP DEFAULT")),
            Default::Nothing => {}
        }
        statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} TYPE text USING {clerk}"));
    } else {
        statements.push(format!("UPDATE {users} SET {key} = {clerk}"));
    }
    statements.push(format!("CREATE UNIQUE INDEX ON {users} ({legacy})"));
    for link in &plan.links {
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        if Replacement::changes_type(&link.column) {
            let as_text = as_text(&link.column, &column);
            statements.push(format!("ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT"));
            statements.push(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE text USING {as_text}"));
        }
        let old = as_text_of_key(plan, &format!("u.{legacy}"));
        statements.push(format!(
            "UPDATE {table} AS t SET {column} = u.{key} FROM {users} AS u WHERE {} = {old}",
            folded(link, &format!("t.{column}"))
        ));
    }
    statements.extend(add_keys(plan));
    statements.push(block(&proofs(plan, &no_clerk_id(&format!("u.{key}")), "holds something else than Clerk IDs")));
    statements.push("COMMIT".to_owned());
    statements
}

/// The statements that bring the old IDs back, of everybody who had one.
pub(in crate::database) fn way_back(plan: &Replacement) -> Vec<String> {
    let Names { users, key, legacy, .. } = Names::of(plan);
    let mut statements = begin(plan);
    let changes_type = Replacement::changes_type(&plan.key);
    if changes_type {
        let why =
            "users made since have no legacy_id, and their IDs do not fit the old type: give each of them one first";
        statements.push(block(&[raise_if(&format!("EXISTS (SELECT FROM {users} WHERE {legacy} IS NULL)"), why)]));
    }
    statements.push(before(plan));
    statements.extend(drop_keys(plan));
    let old = as_text_of_key(plan, &format!("u.{legacy}"));
    for link in &plan.links {
        let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
        statements.push(format!(
            "UPDATE {table} AS t SET {column} = {old} FROM {users} AS u WHERE t.{column} = u.{key} AND u.{legacy} IS NOT NULL"
        ));
        if Replacement::changes_type(&link.column) {
            let back = back(&link.column, &column);
            let type_name = &link.column.type_name;
            statements.push(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {type_name} USING {back}"));
        }
    }
    if changes_type {
        let type_name = &plan.key.type_name;
        statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} TYPE {type_name} USING {legacy}"));
        match &plan.default {
            Default::Nothing => {}
            Default::Expression(expression) => {
                statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} SET DEFAULT {expression}"));
            }
            Default::Identity(kind) => {
                statements.push(format!("ALTER TABLE {users} ALTER COLUMN {key} ADD GENERATED {kind} AS IDENTITY"));
                statements.push(format!(
                    "SELECT setval(pg_get_serial_sequence({}, {}), (SELECT COALESCE(max({key}), 0) + 1 FROM {users}), false)",
                    text(&users),
                    text(&plan.key.name)
                ));
            }
        }
    } else {
        statements.push(format!("UPDATE {users} SET {key} = {legacy} WHERE {legacy} IS NOT NULL"));
    }
    statements.extend(add_keys(plan));
    let not_back = format!("u.{legacy} IS NOT NULL AND u.{key} <> u.{legacy}");
    statements.push(block(&proofs(plan, &not_back, "holds something else than the old IDs")));
    statements.push(format!("ALTER TABLE {users} DROP COLUMN {legacy}"));
    statements.push("COMMIT".to_owned());
    statements
}

fn begin(plan: &Replacement) -> Vec<String> {
    vec![
        "BEGIN".to_owned(),
        // Whoever uses the tables is not kept waiting for us to get all of them.
        "SET LOCAL lock_timeout = '5s'".to_owned(),
        format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables(plan).join(", ")),
    ]
}

/// What must be so before anything is changed.
fn checks(plan: &Replacement) -> Vec<String> {
    let Names { users, clerk, .. } = Names::of(plan);
    let mut checks = vec![
        raise_if(
            &format!("EXISTS (SELECT FROM {users} AS u WHERE {})", no_clerk_id(&format!("u.{clerk}"))),
            "users have no Clerk ID",
        ),
        raise_if(
            &format!("(SELECT count(DISTINCT {clerk}) <> count(*) FROM {users})"),
            "two users have the same Clerk ID",
        ),
    ];
    let columns =
        std::iter::once((&plan.users, &plan.key)).chain(plan.links.iter().map(|link| (&link.table, &link.column)));
    for (table, column) in columns {
        let found = format!(
            "(SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute AS a \
             WHERE a.attrelid = {}::regclass AND a.attname = {})",
            text(&quote_table(ENGINE, table)),
            text(&column.name)
        );
        checks.push(raise_if(
            &format!("{found} IS DISTINCT FROM {}", text(&column.type_name)),
            "a column that holds user IDs has another type than when this was written",
        ));
    }
    let known: Vec<String> = plan
        .keys
        .iter()
        .map(|key| format!("({}::regclass, {})", text(&quote_table(ENGINE, &key.table)), text(&key.name)))
        .collect();
    let others = if known.is_empty() {
        String::new()
    } else {
        format!(" AND (c.conrelid, c.conname::text) NOT IN (VALUES {})", known.join(", "))
    };
    checks.push(raise_if(
        &format!(
            "EXISTS (SELECT FROM pg_catalog.pg_constraint AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid \
             AND a.attnum = ANY (c.confkey) WHERE c.contype = 'f' AND c.confrelid = {}::regclass AND a.attname = {}{others})",
            text(&users),
            text(&plan.key.name)
        ),
        "a foreign key refers to users that was not there when this was written",
    ));
    checks
}

/// Remembers how many rows and references there are.
fn before(plan: &Replacement) -> String {
    format!("CREATE TEMPORARY TABLE db2clerk_before ON COMMIT DROP AS {}", counts(plan).join(" UNION ALL "))
}

/// What must be so before it is committed.
fn proofs(plan: &Replacement, wrong_key: &str, what: &str) -> Vec<String> {
    let Names { users, .. } = Names::of(plan);
    let mut proofs = vec![
        raise_if(
            &format!(
                "EXISTS ((TABLE db2clerk_before EXCEPT ALL {0}) UNION ALL ({0} EXCEPT ALL TABLE db2clerk_before))",
                {
                    let all = counts(plan).join(" UNION ALL ");
                    format!("(SELECT * FROM ({all}) AS now)")
                }
            ),
            "there are not as many rows, or not as many users referred to, as before",
        ),
        raise_if(
            &format!("EXISTS (SELECT FROM {users} AS u WHERE {wrong_key})"),
            &format!("the key of the users {what}"),
        ),
    ];
    proofs.extend(plan.links.iter().map(|link| raise_if(&orphans(plan, link), "rows refer to nobody")));
    proofs
}

fn drop_keys(plan: &Replacement) -> Vec<String> {
    let drop = |key: &Constraint| {
        format!("ALTER TABLE {} DROP CONSTRAINT {}", quote_table(ENGINE, &key.table), quote(ENGINE, &key.name))
    };
    plan.keys.iter().map(drop).collect()
}

fn add_keys(plan: &Replacement) -> Vec<String> {
    let add = |key: &Constraint| {
        let (table, name) = (quote_table(ENGINE, &key.table), quote(ENGINE, &key.name));
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} {}", key.definition)
    };
    plan.keys.iter().map(add).collect()
}

/// The text form of a column's values.
fn as_text(column: &Column, expression: &str) -> String {
    if column.family == Family::Binary { format!("encode({expression}, 'hex')") } else { format!("{expression}::text") }
}

fn as_text_of_key(plan: &Replacement, expression: &str) -> String {
    as_text(&plan.key, expression)
}

/// A column's values out of their text form.
fn back(column: &Column, expression: &str) -> String {
    if column.family == Family::Binary {
        format!("decode({expression}, 'hex')")
    } else {
        format!("{expression}::{}", column.type_name)
    }
}

/// A text may spell a UUID in capitals.
fn folded(link: &Link, expression: &str) -> String {
    if link.to.family == Family::Uuid { format!("lower({expression}::text)") } else { expression.to_owned() }
}

/// One check of a block: stops everything, if a condition holds.
fn raise_if(condition: &str, why: &str) -> String {
    format!(
        "  IF {condition} THEN\n    RAISE EXCEPTION 'db2clerk: %; nothing was changed', {};\n  END IF;\n",
        text(why)
    )
}

/// Makes a block of checks. No name in it ends it.
fn block(checks: &[String]) -> String {
    let body = checks.concat();
    let mut tag = "$db2clerk$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'x');
    }
    format!("DO {tag} BEGIN\n{body}END {tag}")
}
