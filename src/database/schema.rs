//! The whole schema of a database, as its catalog has it: tables and columns, what refers to what, and what hangs on it.

mod read;

use super::sql::{TableName, spelled};
use crate::engine::Engine;

/// The tables of a database, and what ties them together. System tables and views are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The kind of database.
    pub engine: Engine,
    /// The schema that is meant where none is named.
    pub current: Option<String>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// What hangs on tables and columns.
    pub dependents: Vec<Dependent>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name; on Postgres always with its schema, on MySQL with the database if it is another one.
    pub name: TableName,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the key's order.
    pub primary_key: Vec<String>,
    /// Whether it is a partition: what its parent says holds for it.
    pub is_partition: bool,
    /// Whether its rows stand in partitions.
    pub is_partitioned: bool,
    /// SQLite: whether its rows are kept by their primary key, and have no number.
    pub without_rowid: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the catalog spells it.
    pub type_name: String,
    /// What kind of values its type is for.
    pub family: Family,
    /// The most characters it takes, if its type says so.
    pub longest: Option<u64>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether the database makes its value of other columns.
    pub generated: bool,
    /// MySQL: whether it is set to the current time at each update.
    pub on_update: bool,
    /// MySQL: its collation and character set.
    pub collation: Option<Collation>,
}

/// How MySQL stores and compares a column's texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collation {
    /// The collation.
    pub name: String,
    /// The character set.
    pub charset: String,
}

/// What kind of values a type is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Text.
    Text,
    /// A uuid type.
    Uuid,
    /// Whole numbers.
    Integer,
    /// Bytes.
    Binary,
    /// SQLite: a column without a type, or of one that binds nothing.
    Any,
    /// Anything by which no user is named.
    Other,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name; SQLite tells none.
    pub name: Option<String>,
    /// The table that refers.
    pub table: TableName,
    /// The columns that refer, in the constraint's order.
    pub columns: Vec<String>,
    /// The table referred to.
    pub to_table: TableName,
    /// The columns referred to, one for each that refers.
    pub to_columns: Vec<String>,
    /// What happens when the row referred to is deleted: `CASCADE`, say.
    pub on_delete: String,
    /// What happens when the value referred to changes.
    pub on_update: String,
}

/// Something that hangs on a table or a column of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// What it is.
    pub kind: DependentKind,
    /// The table it hangs on; of a view or trigger whose text must tell, `None`.
    pub table: Option<TableName>,
    /// Its own name.
    pub name: String,
    /// The column it hangs on; `None` for the whole table, and where nothing tells.
    pub column: Option<String>,
    /// What it is made of, as SQL, where only that tells what it hangs on.
    pub made_of: Option<String>,
}

/// What hangs on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DependentKind {
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A column made of others.
    GeneratedColumn,
    /// A trigger that may run when a row is updated.
    Trigger,
    /// A trigger that runs at other times only.
    OtherTrigger,
    /// A row-level-security policy in force.
    Policy,
    /// A rewrite rule.
    Rule,
    /// A check constraint.
    Check,
}

impl DependentKind {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::GeneratedColumn => "generated column",
            Self::Trigger | Self::OtherTrigger => "trigger",
            Self::Policy => "policy",
            Self::Rule => "rule",
            Self::Check => "check constraint",
        }
    }
}

impl Schema {
    /// Finds a table. Without a schema it is looked for in the current one first, and then anywhere, if only one table has the name.
    #[must_use]
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        let find = |schema: Option<&str>, exactly: bool| {
            let mut found = self.tables.iter().filter(move |table| {
                let same = if exactly { table.name.table == name.table } else { alike(&table.name.table, &name.table) };
                same && (table.name.schema.as_deref() == schema)
            });
            found.next()
        };
        let lenient = self.engine != Engine::Postgres;
        let asked = name.schema.as_deref();
        // On MySQL the current database goes without saying, on Postgres no schema does.
        let schema = match self.engine {
            Engine::MySql => asked.filter(|schema| Some(*schema) != self.current.as_deref()),
            Engine::Postgres => asked.or(self.current.as_deref()),
            Engine::Sqlite => None,
        };
        find(schema, true).or_else(|| lenient.then(|| find(schema, false)).flatten()).or_else(|| {
            let mut others = self.tables.iter().filter(|table| asked.is_none() && table.name.table == name.table);
            others.next().filter(|_| others.next().is_none())
        })
    }

    /// Returns whether two names of columns mean the same one. Only in Postgres do they differ by case alone.
    #[must_use]
    pub fn same_column(&self, one: &str, other: &str) -> bool {
        if self.engine == Engine::Postgres { one == other } else { alike(one, other) }
    }

    /// Returns the foreign keys of which a column is part on the side that refers.
    pub fn keys_of<'a>(&'a self, table: &'a TableName, column: &'a str) -> impl Iterator<Item = &'a ForeignKey> {
        self.foreign_keys
            .iter()
            .filter(move |key| key.table == *table && key.columns.iter().any(|other| self.same_column(other, column)))
    }

    /// Gives foreign keys and dependents the names that the tables have themselves: catalogs may fold them.
    fn in_its_own_spelling(mut self) -> Self {
        let mut keys = std::mem::take(&mut self.foreign_keys);
        for key in &mut keys {
            for (name, columns) in [(&mut key.table, &mut key.columns), (&mut key.to_table, &mut key.to_columns)] {
                let Some(table) = self.table(name) else { continue };
                *name = table.name.clone();
                for column in columns {
                    if let Some(own) = table.column(column, self.engine) {
                        column.clone_from(&own.name);
                    }
                }
            }
        }
        self.foreign_keys = keys;
        self
    }
}

impl Table {
    /// Finds a column by its name.
    #[must_use]
    pub fn column(&self, name: &str, engine: Engine) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            let mut columns = self.columns.iter();
            if engine == Engine::Postgres { None } else { columns.find(|column| alike(&column.name, name)) }
        })
    }
}

impl Dependent {
    /// Returns whether it hangs on a column of a table. Where only its text tells, a text that names both may be about both.
    #[must_use]
    pub fn hangs_on(&self, table: &TableName, column: &str) -> bool {
        if let Some(own) = &self.table {
            let about = match (&self.column, &self.made_of) {
                (Some(own), _) => own == column,
                (None, Some(text)) => mentions(text, column),
                (None, None) => true,
            };
            return own == table && about;
        }
        // A view that may not be looked into may rest on anything.
        self.made_of.as_deref().is_none_or(|text| text.is_empty() || mentions(text, &table.table))
    }
}

fn alike(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Returns whether a name stands in a statement as a word of its own, quoted or not.
pub(super) fn mentions(sql: &str, name: &str) -> bool {
    let (sql, name) = (sql.to_lowercase(), name.to_lowercase());
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let doubled = ['"', '`'].map(|quote| name.replace(quote, &format!("{quote}{quote}")));
    [name].iter().chain(&doubled).filter(|name| !name.is_empty()).any(|name| {
        sql.match_indices(name.as_str()).any(|(at, _)| {
            let before = sql[..at].chars().next_back();
            let after = sql[at + name.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    })
}

/// A column of a table, named so that it can be typed again: `posts.author_id`, or quoted where it must be.
#[must_use]
pub fn column_path(table: &TableName, column: &str) -> String {
    let schema = table.schema.as_deref().map_or(String::new(), |schema| spelled(schema) + ".");
    format!("{schema}{}.{}", spelled(&table.table), spelled(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_of_its_own_and_in_no_other() {
        for (sql, name, found) in [
            ("select * from users", "users", true),
            ("select * from \"Users\" u", "users", true),
            ("select * from `app`.`users`", "users", true),
            ("select * from users_old", "users", false),
            ("select * from superusers", "users", false),
            ("select users.id from x", "users", true),
            ("select * from `a``b`", "a`b", true),
            ("", "users", false),
        ] {
            assert_eq!(mentions(sql, name), found, "{sql} {name}");
        }
    }
}
