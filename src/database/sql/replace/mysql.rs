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

use super::super::references::word;
use super::super::schema::mysql_text;
use super::super::{quote, quote_table};
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

/// Asks how a table is made, whatever the session's own settings are.
pub(in crate::database) fn create_table(table: &TableName) -> [String; 3] {
    [
        "SET @db2clerk_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = ''".to_owned(),
        format!("SHOW CREATE TABLE {}", quote_table(ENGINE, table)),
        "SET SESSION sql_mode = @db2clerk_sql_mode".to_owned(),
    ]
}

/// Asks for a table's kind, its storage engine, and the comment on its column for old IDs.
pub(in crate::database) fn make(table: &TableName) -> String {
    format!(
        "SELECT CAST(t.TABLE_TYPE AS CHAR), CAST(t.ENGINE AS CHAR), (SELECT CAST(c.COLUMN_COMMENT AS CHAR) \
         FROM information_schema.COLUMNS AS c WHERE {} AND c.COLUMN_NAME = '{LEGACY_COLUMN}') \
         FROM information_schema.TABLES AS t WHERE {}",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, mysql_text),
        is("t.TABLE_SCHEMA", "t.TABLE_NAME", table, mysql_text)
    )
}

/// Asks for a column's comment, and whether it is hidden.
pub(in crate::database) fn column(table: &TableName, column: &str) -> String {
    format!(
        "SELECT CAST(c.COLUMN_COMMENT AS CHAR), CAST(c.EXTRA AS CHAR) FROM information_schema.COLUMNS AS c \
         WHERE {} AND c.COLUMN_NAME = {}",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, mysql_text),
        mysql_text(column)
    )
}

/// Asks how many unique indexes cover exactly the columns that a foreign key leads to: newer servers make no key to others.
pub(in crate::database) fn unique_indexes(key: &ForeignKey) -> String {
    let columns: Vec<String> = key.to_columns.iter().map(|column| mysql_text(column)).collect();
    let (count, columns) = (columns.len(), columns.join(", "));
    format!(
        "SELECT count(*) FROM (SELECT s.INDEX_NAME FROM information_schema.STATISTICS AS s WHERE {} AND s.NON_UNIQUE = 0 \
         GROUP BY s.INDEX_NAME HAVING count(*) = {count} AND sum(s.COLUMN_NAME IN ({columns})) = {count}) AS i",
        is("s.TABLE_SCHEMA", "s.TABLE_NAME", &key.to_table, mysql_text)
    )
}

/// Changes nothing, and is refused to whoever may not update the column.
pub(in crate::database) fn try_update(table: &TableName, column: &str) -> String {
    let (table, column) = (quote_table(ENGINE, table), quote(ENGINE, column));
    format!("UPDATE {table} SET {column} = {column} WHERE FALSE")
}

/// Cannot succeed, and fails in another way for whoever may not alter the table than for others: the column is there.
pub(in crate::database) fn try_alter(table: &TableName, column: &str) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} int", quote_table(ENGINE, table), quote(ENGINE, column))
}

/// Cannot succeed, and fails in another way for whoever may not refer to the table than for others: there is no such column.
pub(in crate::database) fn try_refer(key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT db2clerk_no_such_key FOREIGN KEY ({}) REFERENCES {} (db2clerk_no_such_column)",
        quote_table(ENGINE, &key.table),
        quote(ENGINE, key.columns.first().map_or("", String::as_str)),
        quote_table(ENGINE, &key.to_table)
    )
}

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
    checks.extend(stop_if(&other_keys(plan), "a foreign key refers to users that was not there before"));
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
    let mut text: String = HELLO.iter().map(|statement| format!("{statement};\n")).collect();
    for (number, step) in (1..).zip(steps) {
        let what: String = step.what.chars().filter(|letter| !letter.is_control()).collect();
        text.push_str(&format!("\n-- {number}. {what}\n"));
        for statement in &step.statements {
            text.push_str(statement);
            text.push_str(";\n");
        }
    }
    text + "\n" + GOODBYE + ";\n"
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

/// All values change at once: what the others see is old, or new. Rows that come in meanwhile are seen at the end.
fn switch(plan: &Replacement) -> ReplaceStep {
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

fn switch_back(plan: &Replacement, is_back: &str) -> ReplaceStep {
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

fn orphans(plan: &Replacement, link: &Link) -> String {
    let Names { users, key, .. } = Names::of(plan);
    let (table, column) = (quote_table(ENGINE, &link.table), quote(ENGINE, &link.column.name));
    format!(
        "EXISTS (SELECT 1 FROM {table} AS t LEFT JOIN {users} AS u ON {} WHERE t.{column} IS NOT NULL AND u.{key} IS NULL)",
        same_now(plan, link)
    )
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

/// The condition that these columns have these types already.
fn has_types(table: &TableName, columns: &[(&str, &Made)]) -> String {
    let types = columns
        .iter()
        .map(|(name, made)| format!("(c.COLUMN_NAME = {} AND c.COLUMN_TYPE = {})", text(name), text(&made.type_name)));
    format!(
        "(SELECT count(*) = {} FROM information_schema.COLUMNS AS c WHERE {} AND ({}))",
        columns.len(),
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, text),
        types.collect::<Vec<_>>().join(" OR ")
    )
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
    names.map(|name| format!(", {prefix}{name} = {prefix}{name}")).collect()
}

fn links<'a>(plan: &'a Replacement, altered: &'a Altered) -> impl Iterator<Item = &'a Link> {
    plan.links.iter().filter(|link| link.table == altered.table)
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

/// The condition that the column for old IDs is there, with this comment if it is not empty.
fn has_legacy(plan: &Replacement, comment: &str) -> String {
    let comment = if comment.is_empty() { String::new() } else { format!(" AND c.COLUMN_COMMENT = {}", text(comment)) };
    format!(
        "EXISTS (SELECT 1 FROM information_schema.COLUMNS AS c WHERE {} AND c.COLUMN_NAME = '{LEGACY_COLUMN}'{comment})",
        is("c.TABLE_SCHEMA", "c.TABLE_NAME", &plan.users, text)
    )
}

/// The condition that a column that holds user IDs is another than it was.
fn other_columns(plan: &Replacement) -> String {
    let known: Vec<String> = holders(plan)
        .map(|(table, column)| {
            let collation = column.collation.as_ref().map_or("", |collation| &collation.name);
            format!(
                "({} AND c.COLUMN_NAME = {} AND c.COLUMN_TYPE = {} AND c.IS_NULLABLE = '{}' AND COALESCE(c.COLLATION_NAME, '') = {})",
                is("c.TABLE_SCHEMA", "c.TABLE_NAME", table, text),
                text(&column.name),
                text(&column.type_name),
                if column.nullable { "YES" } else { "NO" },
                text(collation)
            )
        })
        .collect();
    format!("(SELECT count(*) <> {} FROM information_schema.COLUMNS AS c WHERE {})", known.len(), known.join(" OR "))
}

/// The columns that hold user IDs, with their tables.
fn holders(plan: &Replacement) -> impl Iterator<Item = (&TableName, &Column)> {
    std::iter::once((&plan.users, &plan.key)).chain(plan.links.iter().map(|link| (&link.table, &link.column)))
}

/// The condition that a foreign key is there.
fn has_key(key: &ForeignKey) -> String {
    format!(
        "EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS AS k WHERE k.CONSTRAINT_TYPE = 'FOREIGN KEY' AND {} \
         AND k.CONSTRAINT_NAME = {})",
        is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text),
        text(key.name.as_deref().unwrap_or_default())
    )
}

/// The condition that a foreign key is missing, or is another than it was.
fn lost_keys(plan: &Replacement) -> String {
    let pairs: Vec<String> = plan
        .foreign_keys
        .iter()
        .flat_map(|key| key.columns.iter().zip(&key.to_columns).map(move |pair| (key, pair)))
        .map(|(key, (column, to))| {
            format!(
                "({} AND k.CONSTRAINT_NAME = {} AND k.COLUMN_NAME = {} AND {} AND k.REFERENCED_COLUMN_NAME = {} \
                 AND r.DELETE_RULE = {} AND r.UPDATE_RULE = {})",
                is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text),
                text(key.name.as_deref().unwrap_or_default()),
                text(column),
                is("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", &key.to_table, text),
                text(to),
                text(&key.on_delete),
                text(&key.on_update)
            )
        })
        .collect();
    if pairs.is_empty() {
        return "FALSE".to_owned();
    }
    format!(
        "(SELECT count(*) <> {} FROM information_schema.KEY_COLUMN_USAGE AS k \
         JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
         AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME WHERE {})",
        pairs.len(),
        pairs.join(" OR ")
    )
}

/// The condition that a foreign key begins or ends at a column that holds user IDs, and is none of those known.
fn other_keys(plan: &Replacement) -> String {
    let ends = holders(plan).map(|(table, column)| {
        let name = text(&column.name);
        format!(
            "({} AND k.COLUMN_NAME = {name}) OR ({} AND k.REFERENCED_COLUMN_NAME = {name})",
            is("k.TABLE_SCHEMA", "k.TABLE_NAME", table, text),
            is("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", table, text)
        )
    });
    let ends = ends.collect::<Vec<_>>().join(" OR ");
    let known = plan.foreign_keys.iter().map(|key| {
        let name = text(key.name.as_deref().unwrap_or_default());
        format!(" AND NOT ({} AND k.CONSTRAINT_NAME = {name})", is("k.TABLE_SCHEMA", "k.TABLE_NAME", &key.table, text))
    });
    format!(
        "EXISTS (SELECT 1 FROM information_schema.KEY_COLUMN_USAGE AS k WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND ({ends}){})",
        known.collect::<String>()
    )
}

/// The condition that a trigger runs when rows are changed.
fn has_triggers(plan: &Replacement) -> String {
    let tables: Vec<String> = plan
        .altered
        .iter()
        .map(|altered| is("g.EVENT_OBJECT_SCHEMA", "g.EVENT_OBJECT_TABLE", &altered.table, text))
        .collect();
    format!(
        "EXISTS (SELECT 1 FROM information_schema.TRIGGERS AS g WHERE g.EVENT_MANIPULATION = 'UPDATE' AND ({}))",
        tables.join(" OR ")
    )
}

/// The condition that a row of the catalog is about a table.
fn is(schema_column: &str, table_column: &str, table: &TableName, text: fn(&str) -> String) -> String {
    let schema = table.schema.as_deref().map_or("DATABASE()".to_owned(), text);
    format!("{schema_column} = {schema} AND {table_column} = {}", text(&table.table))
}

/// Writes a text as a literal, in the mode that [`HELLO`] sets.
pub(in crate::database) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
