//! What a replacement changes on MySQL and MariaDB: read from the catalog as a whole, for none of it can be read again once it is
//! changed.

use super::{ReplaceError, Replacement};
use crate::database::error::{QueryError, WriteError};
use crate::database::schema::{Column, Family, ForeignKey, Schema, Table, column_path};
use crate::database::script::{Script, Step};
use crate::database::sql::quote;
use crate::database::sql::replace::mysql as sql;
use crate::database::write::Failure;
use crate::database::{Database, TableName};
use crate::engine::Engine;

/// A table that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Altered {
    pub(in crate::database) table: TableName,
    /// The columns whose types change.
    pub(in crate::database) retyped: Vec<Retyped>,
    /// Columns that would be set to the current time at each update, and keep what they hold.
    pub(in crate::database) on_update: Vec<String>,
    /// Plain indexes behind its foreign keys. One that the server made for a key, because there was none, would get another name when
    /// the key is made again.
    pub(in crate::database) supports: Vec<Support>,
}

/// A plain index behind a foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Support {
    pub(in crate::database) name: String,
    /// As it stands in the statement that makes the table.
    pub(in crate::database) definition: String,
}

/// A column whose type changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Retyped {
    pub(in crate::database) name: String,
    /// As it was.
    pub(in crate::database) was: Made,
    /// With room for Clerk IDs, and what it holds unchanged.
    pub(in crate::database) wide: Made,
    /// As it is in the end; the same, but for bytes.
    pub(in crate::database) text: Made,
}

/// How a column is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct Made {
    /// Its type, as the catalog has it.
    pub(in crate::database) type_name: String,
    /// All that stands after its name.
    pub(in crate::database) definition: String,
    /// Where it goes on counting, if it counts.
    pub(in crate::database) counted: Option<u64>,
}

impl Retyped {
    /// Returns whether it holds bytes, which become text only when they are Clerk IDs.
    pub(in crate::database) fn is_bytes(&self) -> bool {
        self.wide != self.text
    }
}

impl Replacement {
    /// Returns the foreign keys that are in the way meanwhile: those that would not allow a column another type, and those from users
    /// to users, for which a row whose key changes is a new row that refers to somebody who may not have changed yet.
    pub(in crate::database) fn dropped_keys(&self) -> impl Iterator<Item = &ForeignKey> {
        let changes = |table: &TableName, columns: &[String]| {
            let retyped = self.altered.iter().filter(move |altered| altered.table == *table);
            retyped.flat_map(|altered| &altered.retyped).any(|one| columns.contains(&one.name))
        };
        let is_own = |key: &ForeignKey| key.table == self.users && key.to_table == self.users;
        self.foreign_keys.iter().filter(move |key| {
            is_own(key) || changes(&key.table, &key.columns) || changes(&key.to_table, &key.to_columns)
        })
    }
}

impl Database {
    /// Reads how the tables of MySQL's are made, and how they will be.
    pub(super) async fn alter_tables(
        &self,
        plan: &mut Replacement,
        schema: &Schema,
        no: impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        self.must_see_all_keys(schema, &plan.users).await?;
        for name in plan.changed_tables() {
            let Some(table) = schema.table(&name) else { continue };
            self.must_be_alterable(table, &no).await?;
            let held = (name == plan.users).then_some(&plan.key);
            let held =
                held.into_iter().chain(plan.links.iter().filter(|link| link.table == name).map(|link| &link.column));
            let mut retyped = Vec::new();
            let mut create = None;
            for column in held.filter(|column| Replacement::changes_type(column)) {
                if create.is_none() {
                    create = Some(self.create_table(&name).await?);
                }
                let create = create.as_deref().unwrap_or_default();
                let Some(definition) = definition(create, column) else {
                    let why = format!("db2clerk cannot read how `{}` is made", column_path(&name, &column.name));
                    return Err(no(why, "take a Clerk ID beside each: `--references`"));
                };
                let counted = counted(create).filter(|_| definition.to_lowercase().contains("auto_increment"));
                retyped.push(self.retyped(&plan.key, &name, column, definition, counted).await?);
            }
            let on_update = table.columns.iter().filter(|column| column.on_update);
            let on_update = on_update.map(|column| column.name.clone()).collect();
            plan.altered.push(Altered { table: name, retyped, on_update, supports: Vec::new() });
        }
        for key in plan.dropped_keys() {
            if self.numbers(&sql::unique_indexes(key)).await?.first().is_none_or(|indexes| *indexes == 0) {
                let name = key.name.as_deref().unwrap_or_default();
                let why = format!(
                    "the foreign key `{name}` of `{}` leads to columns of `{}` that are not unique, and cannot be made again everywhere",
                    key.table, key.to_table
                );
                return Err(no(why, "give these columns a unique index"));
            }
        }
        let dropped: Vec<ForeignKey> = plan.dropped_keys().cloned().collect();
        for altered in &mut plan.altered {
            let keys: Vec<&ForeignKey> = dropped.iter().filter(|key| key.table == altered.table).collect();
            if !keys.is_empty() {
                let create = self.create_table(&altered.table).await?;
                altered.supports = keys.into_iter().filter_map(|key| support(&create, key)).collect();
            }
        }
        Ok(())
    }

    /// Checks that the catalog hides no foreign key: MariaDB shows them only to whoever may do more than read in the whole database.
    /// The statement that makes a table shows them to all.
    async fn must_see_all_keys(&self, schema: &Schema, users: &TableName) -> Result<(), ReplaceError> {
        for table in schema.tables.iter().filter(|table| table.name.schema == users.schema) {
            let create = self.create_table(&table.name).await?;
            let there =
                create.lines().filter(|line| line.starts_with("  CONSTRAINT `") && line.contains("` FOREIGN KEY (`"));
            let known = schema.foreign_keys.iter().filter(|key| key.table == table.name);
            if there.count() > known.count() {
                let home = users.schema.as_ref().or(schema.current.as_ref()).map_or("", String::as_str);
                return Err(ReplaceError::NotAllowed {
                    grant: format!("GRANT REFERENCES ON {}.*", quote(Engine::MySql, home)),
                });
            }
        }
        Ok(())
    }

    /// Checks the rows for what the steps would stop at, and one transaction would not.
    pub(super) async fn must_fit_mysql(
        &self,
        plan: &Replacement,
        no: &impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let count = async |question: String| {
            self.numbers(&question).await.map(|numbers| numbers.first().copied().unwrap_or_default())
        };
        let swapped = count(sql::swapped(plan)).await?;
        if swapped > 0 {
            return Err(no(
                format!("{swapped} of its rows have an ID that is the Clerk ID of another row"),
                "clear the Clerk IDs that are wrong; or take a Clerk ID beside each: `--references`",
            ));
        }
        let too_long = count(sql::too_long(plan)).await?;
        if too_long > 0 {
            return Err(no(
                format!("{too_long} of its rows have a Clerk ID that is too long for one of the columns"),
                "make these columns `varchar(191)` first",
            ));
        }
        Ok(())
    }

    async fn must_be_alterable(
        &self,
        table: &Table,
        no: &impl Fn(String, &'static str) -> ReplaceError,
    ) -> Result<(), ReplaceError> {
        let told = self.texts(&sql::make(&table.name)).await?.pop().unwrap_or_default();
        let mut told = told.into_iter();
        let (kind, engine) = (told.next().flatten().unwrap_or_default(), told.next().flatten().unwrap_or_default());
        if kind != "BASE TABLE" {
            let why = format!("`{}` is a {} table", table.name, kind.to_lowercase());
            return Err(no(why, "take a Clerk ID beside each: `--references`"));
        }
        if !engine.eq_ignore_ascii_case("innodb") {
            let why = format!("`{}` is kept by {engine}, which takes nothing back", table.name);
            return Err(no(why, "turn it into an InnoDB table: `ALTER TABLE ... ENGINE = InnoDB`"));
        }
        Ok(())
    }

    /// Returns whether a replacement was begun, and not finished: then a comment on the column for old IDs says so.
    pub(super) async fn is_half_replaced(&self, users: &TableName) -> Result<bool, QueryError> {
        let told = self.texts(&sql::make(users)).await?;
        Ok(told.into_iter().flatten().nth(2).flatten().is_some_and(|comment| comment == sql::UNFINISHED))
    }

    async fn retyped(
        &self,
        key: &Column,
        table: &TableName,
        column: &Column,
        definition: String,
        counted: Option<u64>,
    ) -> Result<Retyped, ReplaceError> {
        let told = self.texts(&sql::column(table, &column.name)).await?.pop().unwrap_or_default();
        let mut told = told.into_iter().map(Option::unwrap_or_default);
        let (comment, extra) = (told.next().unwrap_or_default(), told.next().unwrap_or_default());
        let mut rest = if column.nullable { " NULL" } else { " NOT NULL" }.to_owned();
        if extra.to_lowercase().contains("invisible") {
            rest.push_str(" INVISIBLE");
        }
        if !comment.is_empty() {
            rest = format!("{rest} COMMENT {}", sql::text(&comment));
        }
        let made = |type_name: &str, with: &str| Made {
            type_name: type_name.to_owned(),
            definition: format!("{type_name}{with}{rest}"),
            counted: None,
        };
        let text = made(VARCHAR, &format!(" {}", sql::collated(&sql::collation_after(key, column))));
        let wide = match column.family {
            Family::Binary => {
                made(VARBINARY.into_iter().find(|wide| *wide != column.type_name).unwrap_or_default(), "")
            }
            _ => text.clone(),
        };
        let was = Made { type_name: column.type_name.clone(), definition, counted };
        Ok(Retyped { name: column.name.clone(), was, wide, text })
    }

    async fn create_table(&self, table: &TableName) -> Result<String, ReplaceError> {
        let [before, question, after] = sql::create_table(table);
        let script = Script { steps: vec![Step::Do(before), Step::Ask(question), Step::Do(after)], undo: Vec::new() };
        let told = self.run(&script).await.map_err(Failure::into_error)?.told;
        Ok(told.into_iter().flatten().nth(1).flatten().unwrap_or_default())
    }

    /// Checks that the database user may do everything that takes several steps, without doing any of it. What is one transaction
    /// is tried as a whole instead.
    ///
    /// # Errors
    /// [`ReplaceError::NotAllowed`], which says what to grant.
    pub async fn must_be_allowed_to_replace(&self, plan: &Replacement) -> Result<(), ReplaceError> {
        if plan.is_transaction() {
            return Ok(());
        }
        let held =
            std::iter::once((&plan.users, &plan.key)).chain(plan.links.iter().map(|link| (&link.table, &link.column)));
        for (table, column) in held {
            let is_altered = *table == plan.users
                || plan.altered.iter().any(|altered| altered.table == *table && !altered.retyped.is_empty())
                || plan.dropped_keys().any(|key| key.table == *table);
            if self.is_refused(sql::try_update(table, &column.name)).await? {
                return Err(ReplaceError::NotAllowed { grant: format!("GRANT SELECT, UPDATE ON {table}") });
            }
            if is_altered && self.is_refused(sql::try_alter(table, &column.name)).await? {
                return Err(ReplaceError::NotAllowed { grant: format!("GRANT ALTER ON {table}") });
            }
        }
        for key in plan.dropped_keys() {
            if self.is_refused(sql::try_refer(key)).await? {
                return Err(ReplaceError::NotAllowed { grant: format!("GRANT REFERENCES ON {}", key.to_table) });
            }
        }
        Ok(())
    }

    /// Runs a statement that changes nothing, and returns whether the database user may not run it.
    async fn is_refused(&self, statement: String) -> Result<bool, WriteError> {
        match self.run(&Script::of([statement])).await.map_err(Failure::into_error) {
            Err(WriteError::NotAllowed { .. }) => Ok(true),
            Err(error) if error.is_passing() => Err(error),
            _ => Ok(false),
        }
    }

    /// Runs one step of a replacement, as its script has it.
    ///
    /// # Errors
    /// [`WriteError`], if a check of it fails, or the database refuses something of it.
    pub async fn run_step(&self, statements: &[String]) -> Result<(), WriteError> {
        self.must_write()?;
        let hello = sql::HELLO.iter().map(|statement| Step::Do((*statement).to_owned()));
        let lock = Script { steps: hello.chain([Step::Ask(sql::LOCK.to_owned())]).collect(), undo: sql::UNDO.to_vec() };
        let told = self.run(&lock).await.map_err(Failure::into_error)?.told;
        if told.into_iter().flatten().next().flatten().as_deref() != Some("1") {
            let why = "another run is at it, or the server is still at what a run that was cut short told it";
            return Err(WriteError::Busy(why.to_owned()));
        }
        let all = statements.iter().cloned().chain([sql::GOODBYE.to_owned()]);
        self.run(&Script::of(all).or_else(sql::UNDO)).await.map_err(|failure| told_by_check(failure.into_error()))?;
        Ok(())
    }
}

/// The type that holds Clerk IDs, as `--add-column` has it.
const VARCHAR: &str = "varchar(191)";

/// The type that keeps bytes until they are Clerk IDs; another one for a column that has it from the beginning.
const VARBINARY: [&str; 2] = ["varbinary(191)", "varbinary(192)"];

/// Gives a check that failed its own words: the server takes them for a statement that it does not understand.
fn told_by_check(error: WriteError) -> WriteError {
    match error {
        WriteError::Refused(told) => {
            let why = told.split_once("'db2clerk: ").and_then(|(_, rest)| rest.split_once('\''));
            WriteError::Refused(why.map_or(told.clone(), |(why, _)| why.to_owned()))
        }
        other => other,
    }
}

/// Finds how a column is made in the statement that makes its table, which has a line for each.
fn definition(create: &str, column: &Column) -> Option<String> {
    let begin = format!("\n  {} ", quote(Engine::MySql, &column.name));
    let (_, rest) = create.split_once(&begin)?;
    let definition = rest.lines().next()?;
    let definition = definition.strip_suffix(',').unwrap_or(definition);
    definition.to_lowercase().starts_with(&column.type_name.to_lowercase()).then(|| definition.to_owned())
}

/// Finds an index that could be one that the server has made for a foreign key.
fn support(create: &str, key: &ForeignKey) -> Option<Support> {
    let columns: Vec<String> = key.columns.iter().map(|column| quote(Engine::MySql, column)).collect();
    let end = format!("` ({})", columns.join(","));
    let lines = create.lines().map(|line| line.trim().trim_end_matches(','));
    let mut plain = lines.filter_map(|line| Some((line, line.strip_prefix("KEY `")?.strip_suffix(&end)?)));
    plain.next().map(|(line, name)| Support { name: name.replace("``", "`"), definition: line.to_owned() })
}

/// Finds how far a table has counted.
fn counted(create: &str) -> Option<u64> {
    let options = create.lines().last()?;
    let (_, rest) = options.split_once(" AUTO_INCREMENT=")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "CREATE TABLE `a` (\n  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, `b` int',\n  \
        `b``c` binary(16) DEFAULT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4";

    fn column(name: &str, type_name: &str) -> Column {
        Column {
            name: name.to_owned(),
            family: Family::Other,
            type_name: type_name.to_owned(),
            longest: None,
            nullable: false,
            generated: false,
            on_update: false,
            collation: None,
        }
    }

    #[test]
    fn a_column_is_found_in_the_statement_that_makes_its_table() {
        for (name, type_name, expected) in [
            ("id", "int(10) unsigned", Some("int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, `b` int'")),
            ("b`c", "binary(16)", Some("binary(16) DEFAULT NULL")),
            ("b`c", "binary(20)", None),
            ("b", "int", None),
        ] {
            assert_eq!(definition(CREATE, &column(name, type_name)).as_deref(), expected, "{name}");
        }
        assert_eq!(counted(CREATE), Some(17));
        let create = "CREATE TABLE `t` (\n  `a` int,\n  UNIQUE KEY `u` (`a`,`b`),\n  KEY `o``x` (`a`,`b`),\n  KEY `p` (`a`,`b` DESC)\n) ENGINE";
        let table = TableName { schema: None, table: "t".to_owned() };
        let key = |columns: &[&str]| ForeignKey {
            name: None,
            table: table.clone(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            to_table: table.clone(),
            to_columns: Vec::new(),
            on_delete: String::new(),
            on_update: String::new(),
        };
        let found = support(create, &key(&["a", "b"])).expect("an index");
        assert_eq!((found.name.as_str(), found.definition.as_str()), ("o`x", "KEY `o``x` (`a`,`b`)"));
        assert_eq!(support(create, &key(&["b"])), None);
        assert_eq!(counted("CREATE TABLE `a` (\n  `id` int COMMENT ' AUTO_INCREMENT=3'\n) ENGINE=InnoDB"), None);
    }

    #[test]
    fn a_check_that_failed_is_told_in_its_own_words() {
        let told = "You have an error in your SQL syntax; ... near ''db2clerk: rows refer to nobody'' at line 1";
        assert_eq!(
            told_by_check(WriteError::Refused(told.to_owned())).to_string(),
            "the database refuses: rows refer to nobody"
        );
        let other = WriteError::Refused("Unknown column 'x'".to_owned());
        assert_eq!(told_by_check(other).to_string(), "the database refuses: Unknown column 'x'");
    }
}
