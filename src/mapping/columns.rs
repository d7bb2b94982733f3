//! A query's columns, understood once; its rows, mapped one by one.

use std::collections::HashSet;
use std::sync::Arc;

use super::draft::{Draft, Place, Rules, Slots, Target};
use super::field::Field;
use super::options::Options;
use super::outcome::{Mapped, Refused};
use super::password::UnknownHasher;
use super::user;
use crate::row::{Column, Row};

/// Maps the rows of one query.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Which of the columns each field is.
    slots: Slots,
    /// Which of the columns go into metadata.
    places: Vec<(usize, Arc<Place>)>,
    rules: Rules,
}

/// Why a query's columns cannot be mapped. Nothing has been read then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// A column outside the import schema.
    #[error(
        "column `{column}` is not in the import schema; the nearest name is `{nearest}`: give it that name with `AS`, put it \
         into metadata with `AS \"publicMetadata.{column}\"`, or say `--extra-columns ignore`"
    )]
    Unknown {
        /// The column.
        column: String,
        /// The nearest known name.
        nearest: &'static str,
    },
    /// Two columns of one name.
    #[error("column `{column}` is selected twice; give one of the two another name with `AS`, or select it once")]
    Duplicate {
        /// The column.
        column: String,
    },
    /// Two columns that mean one field.
    #[error("columns `{first}` and `{second}` both mean `{field}`; select one of them")]
    SameField {
        /// The first column.
        first: String,
        /// The second column.
        second: String,
        /// The field both mean.
        field: &'static str,
    },
    /// Two columns for one place in metadata.
    #[error("columns `{first}` and `{second}` want the same place in metadata; rename one of them with `AS`")]
    SamePlace {
        /// The first column.
        first: String,
        /// The second column.
        second: String,
    },
    /// No column with the user ID.
    #[error(
        "no column is called `userId`; select the key of the users table under that name, as in `SELECT id AS userId, ...`"
    )]
    NoUserId,
    /// Passwords without a word on who is verified.
    #[error(
        "the query selects `password` and not `emailVerified`: an address that nobody proved would let whoever registered it \
         keep a password into the real owner's account; select `emailVerified`, or say `--unverified reserve|skip|verify` for \
         all of them"
    )]
    PasswordWithoutVerified,
    /// `--password-hasher` names no hasher.
    #[error(transparent)]
    UnknownHasher(#[from] UnknownHasher),
}

impl Mapping {
    /// Understands a query's columns.
    ///
    /// # Errors
    /// [`ColumnsError`], if a column is unknown, two columns mean one thing, the user ID is missing, or passwords come without
    /// a word on who is verified.
    pub fn of_columns(columns: &[Column], options: Options) -> Result<Self, ColumnsError> {
        let mut rules = Rules::new(options)?;
        let targets = targets(columns, &rules)?;
        let selects = |field| targets.contains(&Target::Field(field));
        if !selects(Field::UserId) {
            return Err(ColumnsError::NoUserId);
        }
        let selects_address = selects(Field::Email) || selects(Field::EmailAddresses);
        rules.silence_is_doubt = selects(Field::Password) && selects_address && !selects(Field::EmailVerified);
        if rules.silence_is_doubt && rules.options.unverified.is_none() {
            return Err(ColumnsError::PasswordWithoutVerified);
        }
        let (mut slots, mut places) = (Slots::new(), Vec::new());
        for (at, target) in targets.into_iter().enumerate() {
            match target {
                Target::Field(field) => slots.set(field, at),
                Target::Metadata(place) => places.push((at, place)),
                Target::Nowhere => {}
            }
        }
        Ok(Self { slots, places, rules })
    }

    /// Returns whether the query has a column for a field, or for a place inside it.
    #[must_use]
    pub fn selects(&self, field: Field) -> bool {
        self.slots.has(field) || self.places.iter().any(|(_, place)| place.field == field)
    }

    /// Maps a row; `number` counts them from 1 and names those that have no user ID.
    ///
    /// # Errors
    /// [`Refused`], with everything that is wrong with the user.
    pub fn user(&self, row: Row, number: u64) -> Result<Mapped, Refused> {
        user::make(Draft::of_row(number, &self.slots, &self.places, row), &self.rules)
    }
}

fn targets(columns: &[Column], rules: &Rules) -> Result<Vec<Target>, ColumnsError> {
    let mut targets: Vec<Target> = Vec::with_capacity(columns.len());
    let mut seen = HashSet::new();
    for (at, column) in columns.iter().enumerate() {
        let name = column.name.as_str();
        let target = Target::of(name, rules.options.extra_columns)
            .ok_or_else(|| ColumnsError::Unknown { column: name.to_owned(), nearest: Field::nearest(name).key() })?;
        if target != Target::Nowhere && !seen.insert(name) {
            return Err(ColumnsError::Duplicate { column: name.to_owned() });
        }
        if let Some(before) = targets.iter().position(|other| collide(other, &target)) {
            return Err(collision(&columns[before].name, &columns[at].name, &target));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// Returns whether two columns want the same field, or places in metadata of which one lies inside the other.
fn collide(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Field(one), Target::Field(other)) => one == other,
        (Target::Metadata(one), Target::Metadata(other)) => {
            one.field == other.field && (one.path.starts_with(&other.path) || other.path.starts_with(&one.path))
        }
        _ => false,
    }
}

fn collision(first: &str, second: &str, target: &Target) -> ColumnsError {
    let (first, second) = (first.to_owned(), second.to_owned());
    match target {
        Target::Field(field) => ColumnsError::SameField { first, second, field: field.key() },
        Target::Metadata(_) | Target::Nowhere => ColumnsError::SamePlace { first, second },
    }
}
