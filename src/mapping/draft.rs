//! Values that have found their fields, before any meaning is put on them.

use std::mem::take;
use std::sync::Arc;

use super::field::{Field, fold};
use super::options::{ExtraColumns, Options};
use super::password::{Spelling, UnknownHasher};
use super::values;
use crate::record::Reason;
use crate::row::{Row, Value};

/// The options, worked out once for all users of a source.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) options: Options,
    /// `--password-hasher`, understood.
    pub(super) hasher: Option<Spelling>,
    /// A query that selects `password` and not `emailVerified`: its silence is no statement, and `--unverified` decides.
    pub(super) silence_is_doubt: bool,
}

impl Rules {
    pub(super) fn new(mut options: Options) -> Result<Self, UnknownHasher> {
        let hasher = options.password_hasher.as_deref().map(Spelling::named).transpose()?;
        for provider in &mut options.trusted_providers {
            *provider = provider.trim().to_lowercase();
        }
        Ok(Self { options, hasher, silence_is_doubt: false })
    }
}

/// Where a column's or key's values go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A field of the import schema.
    Field(Field),
    /// A place inside metadata.
    Metadata(Arc<Place>),
    /// Nowhere: `--extra-columns ignore`.
    Nowhere,
}

/// A place inside metadata, such as `publicMetadata.profile.plan`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the three metadata fields.
    pub(super) field: Field,
    /// The keys that lead to it, at least one.
    pub(super) path: Vec<String>,
}

impl Target {
    /// Finds the target of a column or key; `None` if it is outside the schema and extra columns are refused.
    pub(super) fn of(name: &str, extra: ExtraColumns) -> Option<Self> {
        if let Some(field) = Field::named(name) {
            return Some(Self::Field(field));
        }
        if let Some(place) = dotted(name) {
            return Some(Self::Metadata(Arc::new(place)));
        }
        let extra_place = |field| Self::Metadata(Arc::new(Place { field, path: vec![name.to_owned()] }));
        match extra {
            ExtraColumns::Refuse => None,
            ExtraColumns::Ignore => Some(Self::Nowhere),
            ExtraColumns::PublicMetadata => Some(extra_place(Field::PublicMetadata)),
            ExtraColumns::PrivateMetadata => Some(extra_place(Field::PrivateMetadata)),
        }
    }
}

/// Reads `publicMetadata.role`: the metadata field is folded like any name, the path is taken as written.
fn dotted(name: &str) -> Option<Place> {
    let (first, rest) = name.split_once('.')?;
    let folded = fold(first);
    let field = [Field::PublicMetadata, Field::PrivateMetadata, Field::UnsafeMetadata]
        .into_iter()
        .find(|field| field.key().eq_ignore_ascii_case(&folded))?;
    let path: Vec<String> = rest.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) { None } else { Some(Place { field, path }) }
}

/// What a source is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Row,
    Element,
}

impl Unit {
    /// Says in a reason where the user stands: without a user ID nothing else finds it.
    pub(super) fn told(self, number: u64, mut reason: Reason) -> Reason {
        let name = match self {
            Self::Row => "row",
            Self::Element => "element",
        };
        reason.message = format!("{} ({name} {number})", reason.message);
        reason
    }
}

/// One row or element, each value at its field.
pub(super) struct Draft {
    pub(super) unit: Unit,
    pub(super) number: u64,
    slots: Slots,
    values: Vec<Value>,
    pub(super) places: Vec<(Arc<Place>, Value)>,
    /// What was found wrong while the values were placed.
    pub(super) faults: Vec<Reason>,
}

/// At which of the values each field is.
#[derive(Debug, Clone)]
pub(super) struct Slots([Option<u16>; Field::COUNT]);

impl Slots {
    pub(super) fn new() -> Self {
        Self([None; Field::COUNT])
    }

    /// Lets a field be at a value. A row has fewer columns than a slot can number.
    pub(super) fn set(&mut self, field: Field, at: usize) {
        self.0[field as usize] = u16::try_from(at).ok();
    }

    /// Returns whether a field is at any value.
    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    fn get(&self, field: Field) -> Option<usize> {
        self.0[field as usize].map(usize::from)
    }
}

impl Draft {
    /// Begins an element, whose values are put one by one.
    pub(super) fn of_element(number: u64) -> Self {
        Self {
            unit: Unit::Element,
            number,
            slots: Slots::new(),
            values: Vec::new(),
            places: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Takes a row: `slots` tells where its fields are, and `places` where each value that goes into metadata is.
    pub(super) fn of_row(number: u64, slots: &Slots, places: &[(usize, Arc<Place>)], mut row: Row) -> Self {
        let taken =
            |(at, place): &(usize, Arc<Place>)| (Arc::clone(place), row.get_mut(*at).map(take).unwrap_or_default());
        let places = places.iter().map(taken).collect();
        Self { unit: Unit::Row, number, slots: slots.clone(), values: row, places, faults: Vec::new() }
    }

    /// Puts a value where it belongs. Returns whether its field was free.
    pub(super) fn put(&mut self, target: &Target, value: Value) -> bool {
        match target {
            Target::Field(field) => {
                if let Some(before) = self.slots.get(*field).and_then(|at| self.values.get_mut(at)) {
                    *before = value;
                    return false;
                }
                self.slots.set(*field, self.values.len());
                self.values.push(value);
            }
            Target::Metadata(place) => self.places.push((Arc::clone(place), value)),
            Target::Nowhere => {}
        }
        true
    }

    /// Returns whether the source has this field at all, be its value NULL.
    pub(super) fn gives(&self, field: Field) -> bool {
        self.slots.has(field)
    }

    /// Returns whether the field's value is more than nothing, readable or not.
    pub(super) fn holds_something(&self, field: Field) -> bool {
        self.slots.get(field).and_then(|at| self.values.get(at)).is_some_and(values::is_something)
    }

    /// Takes the field's value; NULL if there is none, or if it was taken before.
    pub(super) fn take(&mut self, field: Field) -> Value {
        self.slots.get(field).and_then(|at| self.values.get_mut(at)).map(take).unwrap_or_default()
    }
}
