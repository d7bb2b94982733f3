//! The walk over a table whose rows get Clerk IDs: a part at a time, in the order in which its engine keeps the rows, so that each
//! part is a range that can be found without reading what lies before it: by blocks on Postgres, by the primary key on MySQL, by row
//! number on SQLite.
//!
//! What is to be done is what the rows hold: a walk that was cut short is begun again, and changes only what is still empty.

use super::beside::{Beside, Written};
use super::error::WriteError;
use super::inspect::Target;
use super::schema::{Collation, Column, Family, Table};
use super::script::Script;
use super::sql::beside::{self as sql, Part};
use super::write::Failure;
use super::{Database, TableName};
use crate::engine::Engine;

/// How a table is walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walk {
    /// Postgres: block by block.
    Blocks,
    /// Postgres: block by block, all partitions at a time.
    Partitions,
    /// SQLite: by the number of the row, which goes by this name.
    RowNumbers(&'static str),
    /// By a key.
    Keys(Vec<KeyPart>),
    /// MySQL without a key: whatever is still empty, which the new column's index finds.
    Rest,
}

/// A column of the key that a table is walked by, and how its values become SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPart {
    pub(super) column: String,
    /// Whether the database itself writes its values as SQL.
    pub(super) as_written: bool,
    /// Whether its values are written as hexadecimal digits.
    pub(super) in_hex: bool,
    /// Whether they are numbers.
    pub(super) is_number: bool,
    /// How texts among them are compared.
    pub(super) collation: Option<Collation>,
}

/// How far a walk has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    at: At,
    /// How many blocks there are; 0 where nothing is known.
    blocks: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Block(u64),
    Key(Option<Vec<String>>),
    Rest,
    End,
}

/// What came of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// The rows that were filled.
    pub filled: u64,
    /// How many units of the walk it was: blocks, or rows.
    pub units: u64,
}

impl Walk {
    /// Returns how a table is walked.
    pub(super) fn of(engine: Engine, table: &Table, target: &Target, users: &TableName) -> Self {
        let keys = |names: &[String]| -> Option<Vec<KeyPart>> {
            let parts = names.iter().map(|name| key_part(engine, table.column(name, engine)?));
            parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
        };
        match engine {
            Engine::Postgres if table.is_partitioned => Self::Partitions,
            Engine::Postgres => Self::Blocks,
            Engine::Sqlite if !table.without_rowid => {
                let free = |alias: &&str| table.column(alias, engine).is_none();
                // A table that has all three as columns of its own is not walked but taken whole, like one without a key.
                ["rowid", "_rowid_", "oid"].into_iter().find(free).map_or(Self::Keys(Vec::new()), Self::RowNumbers)
            }
            Engine::Sqlite => Self::Keys(keys(&table.primary_key).unwrap_or_default()),
            Engine::MySql => {
                let own_key = if table.name == *users { keys(std::slice::from_ref(&target.key)) } else { None };
                keys(&table.primary_key).or(own_key).map_or(Self::Rest, Self::Keys)
            }
        }
    }
}

impl Spot {
    /// Returns the beginning of the walk over a table.
    fn begin(beside: &Beside) -> Self {
        let at = match &beside.walk {
            Walk::Blocks | Walk::Partitions => At::Block(0),
            Walk::RowNumbers(_) | Walk::Keys(_) => At::Key(None),
            Walk::Rest => At::Rest,
        };
        Self { at, blocks: 0 }
    }

    /// Returns whether the walk is over.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.at == At::End
    }

    /// Returns how many units the whole walk has, if they are blocks.
    #[must_use]
    pub fn blocks(&self) -> Option<u64> {
        (self.blocks > 0).then_some(self.blocks)
    }
}

impl Database {
    /// Begins a walk over the table.
    ///
    /// # Errors
    /// [`WriteError`], if the database cannot be asked how large it is.
    pub async fn begin_beside(&self, beside: &Beside) -> Result<Spot, WriteError> {
        let mut spot = Spot::begin(beside);
        if matches!(beside.walk, Walk::Blocks | Walk::Partitions) {
            spot.blocks = self.ask_number(sql::blocks(beside)).await?;
            if spot.blocks == 0 {
                spot.at = At::End;
            }
        }
        Ok(spot)
    }

    /// Fills a part of the table from a place on, about so many units of it, in one short transaction, and returns the place
    /// after it.
    ///
    /// # Errors
    /// [`WriteError`], if the part was not taken; nothing of it was kept.
    pub async fn fill_beside(
        &self,
        beside: &Beside,
        spot: &Spot,
        units: u64,
        written: Written,
    ) -> Result<(Filled, Spot), WriteError> {
        let (part, at, units) = self.next_part(beside, spot, units).await?;
        let Some(part) = part else { return Ok((Filled::default(), Spot { at, ..spot.clone() })) };
        let answers = self.run(&sql::fill(beside, &part, written)).await.map_err(Failure::into_error)?;
        let filled = answers.changed;
        let at = if at == At::Rest && filled == 0 { At::End } else { at };
        Ok((Filled { filled, units }, Spot { at, ..spot.clone() }))
    }

    /// Passes over a part of the table: it comes again in the next walk.
    ///
    /// # Errors
    /// [`WriteError`], if the database cannot be asked where the part ends.
    pub async fn pass_over(&self, beside: &Beside, spot: &Spot, units: u64) -> Result<Spot, WriteError> {
        let (_, at, _) = self.next_part(beside, spot, units).await?;
        let at = if at == At::Rest { At::End } else { at };
        Ok(Spot { at, ..spot.clone() })
    }

    async fn next_part(&self, beside: &Beside, spot: &Spot, units: u64) -> Result<(Option<Part>, At, u64), WriteError> {
        Ok(match &spot.at {
            At::Block(from) => {
                let to = from.saturating_add(units).min(spot.blocks);
                let next = if to >= spot.blocks { At::End } else { At::Block(to) };
                (Some(Part::Blocks(*from, to)), next, to - from)
            }
            // No key at all: whole.
            At::Key(_) if matches!(&beside.walk, Walk::Keys(parts) if parts.is_empty()) => {
                (Some(Part::Keys(None, None)), At::End, units)
            }
            At::Key(after) => {
                let question = sql::key_after(beside, after.as_deref(), units);
                let answers = self.run(&Script::asking(question)).await.map_err(Failure::into_error)?;
                let told = answers.told.into_iter().next().unwrap_or_default();
                let upto = literals(&beside.walk, told)?;
                let next = upto.clone().map_or(At::End, |key| At::Key(Some(key)));
                (Some(Part::Keys(after.clone(), upto)), next, units)
            }
            At::Rest => (Some(Part::Some(units)), At::Rest, units),
            At::End => (None, At::End, 0),
        })
    }
}

fn key_part(engine: Engine, column: &Column) -> Option<KeyPart> {
    let temporal = ["date", "time", "year"].into_iter().any(|word| column.type_name.starts_with(word));
    let is_exotic = matches!(column.family, Family::Any | Family::Other) && !temporal;
    // An enum, say, is kept in another order than that of its words.
    if is_exotic && engine == Engine::MySql {
        return None;
    }
    Some(KeyPart {
        column: column.name.clone(),
        as_written: engine == Engine::Sqlite,
        in_hex: matches!(column.family, Family::Text | Family::Binary),
        is_number: column.family == Family::Integer,
        collation: column.collation.clone(),
    })
}

/// Makes SQL of a key that was told; `None`, if none was.
fn literals(walk: &Walk, told: Vec<Option<String>>) -> Result<Option<Vec<String>>, WriteError> {
    let told: Option<Vec<String>> = told.into_iter().collect();
    let Some(told) = told.filter(|told| !told.is_empty()) else { return Ok(None) };
    let literals = match walk {
        Walk::Keys(parts) => parts.iter().zip(&told).map(|(part, told)| part.literal(told)).collect(),
        _ => Some(told),
    };
    let unreadable = || WriteError::Refused("a row's key cannot be read".to_owned());
    literals.ok_or_else(unreadable).map(Some)
}
