//! Users as they come, whether from rows or from a file: mapped, and narrowed to those asked for.

use std::collections::HashSet;
use std::sync::Arc;
use std::vec;

use anyhow::Result;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::database::Rows;
use crate::mapping::{ElementError, ElementMapping, Field, Mapped, Mapping, Refused};
use crate::record::Attribute;
use crate::row::Row;
use crate::users_file::ReadError;

/// Where users come from, mapped on the way.
pub struct Source {
    origin: Origin,
    choice: Choice,
    /// Users mapped already that [`Source::next`] gives out.
    ready: vec::IntoIter<User>,
}

/// A user, or why it was refused.
pub type User = Result<Mapped, Refused>;

/// The two kinds of sources.
pub enum Origin {
    /// A query's rows.
    Rows {
        /// The rows.
        rows: Rows,
        /// What they mean.
        mapping: Arc<Mapping>,
    },
    /// A users file's elements.
    Elements {
        /// The elements, with their numbers from 1.
        elements: mpsc::Receiver<Result<(u64, Json), ReadError>>,
        /// What they mean.
        mapping: ElementMapping,
    },
}

/// Users that come together.
pub enum Chunk {
    /// Users.
    Users(Vec<User>),
    /// Rows, all of them wanted, that anybody may make users of, on whichever core is free.
    Rows {
        /// The rows.
        rows: Vec<Row>,
        /// The number of the first of them.
        first: u64,
        /// What they mean.
        mapping: Arc<Mapping>,
    },
}

impl Chunk {
    /// Returns the users, made of rows if need be, or why they were refused.
    #[must_use]
    pub fn users(self) -> Vec<User> {
        match self {
            Self::Users(users) => users,
            Self::Rows { rows, first, mapping } => {
                (first..).zip(rows).map(|(number, row)| mapping.user(row, number)).collect()
            }
        }
    }
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
        let missing = selection.users.clone();
        let choice = Choice { selection, read: 0, given: 0, missing, broken: None };
        Self { origin, choice, ready: Vec::new().into_iter() }
    }

    /// Returns whether this is all there is. Of a users file nobody knows: the users may come in several.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.choice.selection.is_whole() && matches!(self.origin, Origin::Rows { .. })
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

    /// Returns the users asked for by ID that did not come.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.choice.missing.iter().cloned().collect();
        missing.sort_unstable();
        missing
    }

    /// Returns the next user, or why it was refused; `None` at the end.
    ///
    /// # Errors
    /// If the source breaks off, or is not what it should be as a whole.
    pub async fn next(&mut self) -> Result<Option<User>> {
        loop {
            if let Some(user) = self.ready.next() {
                return Ok(Some(user));
            }
            match self.next_batch().await? {
                Some(batch) => self.ready = batch.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// Returns the users that come next, at least one, or why they were refused; `None` at the end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_batch(&mut self) -> Result<Option<Vec<User>>> {
        Ok(self.next_chunk().await?.map(Chunk::users))
    }

    /// Returns the users that come next, at least one, some of them not made yet; `None` at the end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if self.ready.len() > 0 {
            return Ok(Some(Chunk::Users(std::mem::take(&mut self.ready).collect())));
        }
        loop {
            if let Some(error) = self.choice.broken.take() {
                return Err(error);
            }
            if self.choice.is_complete() {
                // A query that is not read to its end would keep the table locked against the write-back.
                if let Origin::Rows { rows, .. } = &mut self.origin {
                    rows.close();
                }
                return Ok(None);
            }
            let batch = match &mut self.origin {
                Origin::Rows { rows, mapping } => {
                    let Some(rows) = rows.next_chunk().await? else { return Ok(None) };
                    if let Some(first) = self.choice.all_of(rows.len()) {
                        return Ok(Some(Chunk::Rows { rows, first, mapping: Arc::clone(mapping) }));
                    }
                    self.choice.of(rows, |row, number| Ok(mapping.user(row, number)))
                }
                Origin::Elements { elements, mapping } => {
                    let mut received = Vec::new();
                    if elements.recv_many(&mut received, ELEMENTS).await == 0 {
                        return Ok(None);
                    }
                    self.choice.of(received, |element, _| user_of(element, mapping))
                }
            };
            if !batch.is_empty() {
                return Ok(Some(Chunk::Users(batch)));
            }
        }
    }
}

/// How many elements of a users file are mapped at once.
const ELEMENTS: usize = 256;

fn user_of(element: Result<(u64, Json), ReadError>, mapping: &mut ElementMapping) -> Result<User> {
    let (number, element) = element?;
    match mapping.user(element, number) {
        Ok(mapped) => Ok(Ok(mapped)),
        Err(ElementError::Refused(refused)) => Ok(Err(refused)),
        Err(error) => Err(error.into()),
    }
}

/// A selection, and how much of it was seen.
struct Choice {
    selection: Selection,
    /// Rows or elements read so far.
    read: u64,
    /// Users given out so far.
    given: u64,
    /// The users asked for by ID that have not come yet.
    missing: HashSet<String>,
    /// Why nothing comes after the users given out last.
    broken: Option<anyhow::Error>,
}

impl Choice {
    /// Takes so many rows without a look, if all there are are wanted, and returns the number of the first.
    fn all_of(&mut self, rows: usize) -> Option<u64> {
        self.selection.is_whole().then(|| {
            let first = self.read + 1;
            self.read += rows as u64;
            self.given = self.read;
            first
        })
    }

    fn is_complete(&self) -> bool {
        let enough = self.selection.limit.is_some_and(|limit| self.given >= limit);
        enough || (!self.selection.users.is_empty() && self.missing.is_empty())
    }

    /// Maps what came, up to where there is enough, or the source turns out not to be what it should be.
    fn of<T>(&mut self, items: Vec<T>, mut map: impl FnMut(T, u64) -> Result<User>) -> Vec<User> {
        let mut wanted = Vec::with_capacity(items.len());
        for item in items {
            if self.is_complete() {
                break;
            }
            self.read += 1;
            match map(item, self.read) {
                Ok(user) if self.read > self.selection.offset && self.wants(&user) => {
                    self.given += 1;
                    wanted.push(user);
                }
                Ok(_) => {}
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        wanted
    }

    fn wants(&mut self, user: &User) -> bool {
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
