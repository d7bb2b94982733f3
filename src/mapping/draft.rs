//! Values that have found their fields, before any meaning is put on them.

use std::sync::Arc;

use super::field::{Field, fold};
use super::options::{ExtraColumns, Options};
use super::password::{Spelling, UnknownHasher};
use super::values;
use crate::record::Reason;
use crate::row::Value;

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
    cells: [Value; Field::COUNT],
    given: u64,
    pub(super) places: Vec<(Arc<Place>, Value)>,
    /// What was found wrong while the values were placed.
    pub(super) faults: Vec<Reason>,
}

impl Draft {
    pub(super) fn new(unit: Unit, number: u64) -> Self {
        Self {
            unit,
            number,
            cells: [const { Value::Null }; Field::COUNT],
            given: 0,
            places: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Puts a value where it belongs. Returns whether its field was free.
    pub(super) fn put(&mut self, target: &Target, value: Value) -> bool {
        match target {
            Target::Field(field) => {
                let free = !self.gives(*field);
                self.given |= 1 << (*field as u64);
                self.cells[*field as usize] = value;
                free
            }
            Target::Metadata(place) => {
                self.places.push((Arc::clone(place), value));
                true
            }
            Target::Nowhere => true,
        }
    }

    /// Returns whether the source has this field at all, be its value NULL.
    pub(super) fn gives(&self, field: Field) -> bool {
        self.given & (1 << (field as u64)) != 0
    }

    /// Returns whether the field's value is more than nothing, readable or not.
    pub(super) fn holds_something(&self, field: Field) -> bool {
        values::is_something(&self.cells[field as usize])
    }

    /// Takes the field's value; NULL if there is none, or if it was taken before.
    pub(super) fn take(&mut self, field: Field) -> Value {
        std::mem::replace(&mut self.cells[field as usize], Value::Null)
    }
}
