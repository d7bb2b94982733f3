//! Users as they come, whether from rows or from a file: mapped, and narrowed to those asked for.

use std::collections::HashSet;

use anyhow::Result;
use tokio::sync::mpsc;

use crate::database::Rows;
use crate::mapping::{ElementError, ElementMapping, Field, Mapped, Mapping, Refused};
use crate::record::Attribute;
use crate::users_file::ReadError;

/// Where users come from, mapped on the way.
pub struct Source {
    origin: Origin,
    selection: Selection,
    /// Rows or elements read so far.
    read: u64,
    /// Users given out so far.
    given: u64,
    /// The users asked for by ID that have not come yet.
    missing: HashSet<String>,
}

/// The two kinds of sources.
pub enum Origin {
    /// A query's rows.
    Rows {
        /// The rows.
        rows: Rows,
        /// What they mean.
        mapping: Mapping,
    },
    /// A users file's elements.
    Elements {
        /// The elements, with their numbers from 1.
        elements: mpsc::Receiver<Result<(u64, serde_json::Value), ReadError>>,
        /// What they mean.
        mapping: ElementMapping,
    },
}

/// Which users of the source are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Skip this many first.
    pub offset: u64,
    /// Then take at most this many.
    pub limit: Option<u64>,
    /// If not empty: only these user IDs.
    pub users: HashSet<String>,
}

impl Selection {
    /// Returns whether this is all of the source.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.limit.is_none() && self.users.is_empty()
    }
}

impl Source {
    /// Narrows an origin to a selection.
    #[must_use]
    pub fn new(origin: Origin, selection: Selection) -> Self {
        Self { origin, missing: selection.users.clone(), selection, read: 0, given: 0 }
    }

    /// Returns whether this is all there is. Of a users file nobody knows: the users may come in several.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.selection.is_whole() && matches!(self.origin, Origin::Rows { .. })
    }

    /// Returns whether the source has a field at all. Of a users file nobody knows before its end, so it has them all.
    #[must_use]
    pub fn selects(&self, field: Field) -> bool {
        match &self.origin {
            Origin::Rows { mapping, .. } => mapping.selects(field),
            Origin::Elements { .. } => true,
        }
    }

    /// Returns the attributes that the source's columns can give a user; `None` for a users file, of which nobody knows.
    #[must_use]
    pub fn attributes(&self) -> Option<Vec<Attribute>> {
        let Origin::Rows { mapping, .. } = &self.origin else { return None };
        let given = |attribute: &Attribute| fields_of(*attribute).into_iter().any(|field| mapping.selects(field));
        Some(Attribute::all().filter(given).collect())
    }

    /// Returns how many rows or elements were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Returns the users asked for by ID that did not come.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.missing.iter().cloned().collect();
        missing.sort_unstable();
        missing
    }

    /// Returns the next user, or why it was refused; `None` at the end.
    ///
    /// # Errors
    /// If the source breaks off, or is not what it should be as a whole.
    pub async fn next(&mut self) -> Result<Option<Result<Mapped, Refused>>> {
        loop {
            let enough = self.selection.limit.is_some_and(|limit| self.given >= limit);
            let found_all = !self.selection.users.is_empty() && self.missing.is_empty();
            if enough || found_all {
                return Ok(None);
            }
            let Some(user) = self.origin.next(self.read + 1).await? else { return Ok(None) };
            self.read += 1;
            if self.read > self.selection.offset && self.wants(&user) {
                self.given += 1;
                return Ok(Some(user));
            }
        }
    }

    fn wants(&mut self, user: &Result<Mapped, Refused>) -> bool {
        if self.selection.users.is_empty() {
            return true;
        }
        let user_id = match user {
            Ok(mapped) => Some(&mapped.user.user_id),
            Err(refused) => refused.user_id.as_ref(),
        };
        user_id.is_some_and(|user_id| {
            self.missing.remove(user_id.as_str());
            self.selection.users.contains(user_id.as_str())
        })
    }
}

/// The fields of the import schema that an attribute can come from.
fn fields_of(attribute: Attribute) -> Vec<Field> {
    match attribute {
        Attribute::Email | Attribute::EmailAddresses | Attribute::UnverifiedEmailAddresses => {
            vec![Field::Email, Field::EmailAddresses, Field::UnverifiedEmailAddresses]
        }
        Attribute::Phone | Attribute::PhoneNumbers | Attribute::UnverifiedPhoneNumbers => {
            vec![Field::Phone, Field::PhoneNumbers, Field::UnverifiedPhoneNumbers]
        }
        Attribute::FirstName | Attribute::LastName => vec![Field::FirstName, Field::LastName, Field::Name],
        Attribute::Password | Attribute::PasswordHasher => vec![Field::Password],
        other => Field::named(other.key()).into_iter().collect(),
    }
}

impl Origin {
    async fn next(&mut self, number: u64) -> Result<Option<Result<Mapped, Refused>>> {
        match self {
            Self::Rows { rows, mapping } => Ok(rows.next().await?.map(|row| mapping.user(row, number))),
            Self::Elements { elements, mapping } => {
                let Some(element) = elements.recv().await else { return Ok(None) };
                let (number, element) = element?;
                match mapping.user(element, number) {
                    Ok(mapped) => Ok(Some(Ok(mapped))),
                    Err(ElementError::Refused(refused)) => Ok(Some(Err(refused))),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}
