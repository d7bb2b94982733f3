//! What stands in the way of a change of the columns that refer to users.

use super::{Reference, users};
use crate::database::{Dependent, DependentKind, Schema, TableName, Target};

/// Something that would stop or disturb a change, or be disturbed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is: `view`, `trigger`, `composite foreign key`...
    pub kind: &'static str,
    /// Its name; of a key without one, its columns.
    pub name: String,
    /// The table it hangs on.
    pub table: TableName,
    /// The columns of that table it is about; none for the table as a whole.
    pub columns: Vec<String>,
    /// Whether it is in the way of filling a column beside.
    pub of_column: bool,
    /// What it means, in words.
    pub why: &'static str,
}

/// Returns what hangs on the users' key and the columns that refer to it.
pub(super) fn obstacles(schema: &Schema, target: &Target, found: &[Reference]) -> Vec<Obstacle> {
    let Some(users) = users(schema, target) else { return Vec::new() };
    let mut columns: Vec<(&TableName, &str)> = vec![(&users.name, &target.key)];
    columns.extend(
        found
            .iter()
            .filter(|reference| reference.is_of_key(target))
            .map(|reference| (&reference.link.table, reference.link.column.name.as_str())),
    );
    let mut obstacles = Vec::new();
    for (table, column) in &columns {
        for dependent in schema.dependents.iter().filter(|dependent| dependent.hangs_on(table, column)) {
            add(&mut obstacles, of_dependent(dependent, table), is_about_columns(dependent).then_some(*column));
        }
        let primary = schema.table(table).map_or(&[][..], |table| &table.primary_key);
        if primary.len() > 1 && primary.iter().any(|part| part == column) {
            let obstacle = of_key("composite primary key", primary.join(", "), table, PRIMARY);
            add(&mut obstacles, obstacle, Some(*column));
        }
    }
    for reference in found.iter().filter(|reference| reference.is_of_key(target)) {
        for key in reference.constraints.iter().filter(|key| key.columns.len() > 1) {
            let name = key.name.clone().unwrap_or_else(|| key.columns.join(", "));
            let obstacle = of_key("composite foreign key", name, &key.table, FOREIGN);
            add(&mut obstacles, obstacle, Some(&reference.link.column.name));
        }
    }
    obstacles
}

/// Adds an obstacle once; another column of the same one is added to it.
fn add(obstacles: &mut Vec<Obstacle>, obstacle: Obstacle, column: Option<&str>) {
    let same =
        |other: &Obstacle| other.kind == obstacle.kind && other.name == obstacle.name && other.table == obstacle.table;
    let at = obstacles.iter().position(same).unwrap_or(obstacles.len());
    if at == obstacles.len() {
        obstacles.push(obstacle);
    }
    let columns = &mut obstacles[at].columns;
    if let Some(column) = column.filter(|column| !columns.iter().any(|known| known == column)) {
        columns.push(column.to_owned());
    }
}

fn of_key(kind: &'static str, name: String, table: &TableName, why: &'static str) -> Obstacle {
    Obstacle { kind, name, table: table.clone(), columns: Vec::new(), of_column: false, why }
}

fn of_dependent(dependent: &Dependent, table: &TableName) -> Obstacle {
    let (of_column, why) = match dependent.kind {
        DependentKind::View => (false, VIEW),
        DependentKind::MaterializedView => (false, MATERIALIZED),
        DependentKind::GeneratedColumn => (false, GENERATED),
        DependentKind::Trigger => (true, TRIGGER),
        DependentKind::OtherTrigger => (false, OTHER_TRIGGER),
        DependentKind::Policy => (true, POLICY),
        DependentKind::Rule => (true, RULE),
        DependentKind::Check => (false, CHECK),
    };
    let (kind, name) = (dependent.kind.word(), dependent.name.clone());
    Obstacle { kind, name, table: table.clone(), columns: Vec::new(), of_column, why }
}

fn is_about_columns(dependent: &Dependent) -> bool {
    dependent.table.is_some() && (dependent.column.is_some() || dependent.made_of.is_some())
}

const VIEW: &str = "shows the IDs: it would show other ones, and must be dropped and made again where the type changes";
const MATERIALIZED: &str =
    "keeps a copy of the IDs until it is refreshed, and must be dropped and made again where the type changes";
const GENERATED: &str = "is made of the ID and would change with it";
const TRIGGER: &str = "may run at every row that is changed, and change more";
const OTHER_TRIGGER: &str = "does not run at updates, but may expect an ID of the old type";
const POLICY: &str =
    "may hide rows from the database user, or keep it from changing them, and may compare the old ID with something";
const RULE: &str = "replaces the statements that change the table";
const CHECK: &str = "was made for IDs as they are, and may let no other pass";
const PRIMARY: &str = "the ID is part of it: its index is made anew";
const FOREIGN: &str = "the ID refers together with other columns: all of them must fit again";
