//! Write-back apart from SQL: keys made ready, a refused batch halved until the guilty rows stand alone, answers put in order.

use std::collections::HashMap;
use std::ops::Range;

use super::error::WriteError;
use super::inspect::{KeyKind, Target};
use crate::record::ClerkId;

/// What became of one row's Clerk ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It stands there now, and did not before.
    Written,
    /// It stood there before.
    AlreadyRight,
    /// The row holds another ID, this one, and was left alone.
    Held(String),
    /// No row has this key.
    RowGone,
    /// The database does not take it, for this reason.
    Refused(String),
}

/// One key and the ID that goes to its row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) id: String,
}

/// A row's key in its column's own type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(String),
    Integer(i128),
    Binary(Vec<u8>),
}

/// What a row's column held before and after the write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// Whether the row was found again after the write.
    pub(super) again: bool,
}

impl Found {
    pub(super) fn before(before: Option<String>) -> Self {
        Self { before, after: None, again: false }
    }

    pub(super) fn set_after(&mut self, after: Option<String>) {
        (self.after, self.again) = (after, true);
    }
}

/// Checks that every row found before the write was found after it: asked before the transaction is committed.
pub(super) fn all_still_there(found: &[Option<Found>]) -> Result<(), Failure> {
    if found.iter().flatten().all(|found| found.again) {
        Ok(())
    } else {
        Err(Failure::Row("writing it changes its key, so nothing was kept; a trigger may be at work".to_owned()))
    }
}

/// Why a transaction was not taken.
#[derive(Debug)]
pub(super) enum Failure {
    /// A row of it was refused, for this reason; the others may be fine.
    Row(String),
    /// It would fail with any rows.
    Whole(WriteError),
}

/// A batch on its way: gives out ranges of items to write, and takes what came of them.
#[derive(Debug)]
pub(super) struct Work {
    items: Vec<Item>,
    outcomes: Vec<Outcome>,
    /// For each entry of the batch, its item (entries may share one), or the answer that is known before.
    entries: Vec<(String, Result<usize, Written>)>,
    todo: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum Outcome {
    Gone,
    Found(Found),
    Refused(String),
}

impl Work {
    pub(super) fn new(target: &Target, batch: &[(String, ClerkId)]) -> Self {
        let mut work = Self { items: Vec::new(), outcomes: Vec::new(), entries: Vec::new(), todo: Vec::new() };
        let mut known: HashMap<Key, usize> = HashMap::new();
        for (text, id) in batch {
            let entry = if target.column_longest.is_some_and(|longest| longest < id.as_str().len() as u64) {
                Err(Written::Refused("the column is too narrow for this Clerk ID".to_owned()))
            } else if let Some(key) = key(&target.key_kind, text) {
                Ok(*known.entry(key.clone()).or_insert_with(|| {
                    work.items.push(Item { key, id: id.to_string() });
                    work.items.len() - 1
                }))
            } else {
                Err(Written::RowGone)
            };
            work.entries.push((id.to_string(), entry));
        }
        work.outcomes = vec![Outcome::Gone; work.items.len()];
        if !work.items.is_empty() {
            work.todo.push(0..work.items.len());
        }
        work
    }

    /// Returns the next items to write in one transaction.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.todo.pop()
    }

    pub(super) fn items(&self, range: &Range<usize>) -> &[Item] {
        &self.items[range.clone()]
    }

    /// Takes what came of a range; halves it, if a row of it was refused.
    pub(super) fn record(
        &mut self,
        range: &Range<usize>,
        result: Result<Vec<Option<Found>>, Failure>,
    ) -> Result<(), WriteError> {
        match result {
            Ok(found) => {
                for (outcome, found) in self.outcomes[range.clone()].iter_mut().zip(found) {
                    *outcome = found.map_or(Outcome::Gone, Outcome::Found);
                }
            }
            Err(Failure::Whole(error)) => return Err(error),
            Err(Failure::Row(why)) if range.len() == 1 => self.outcomes[range.start] = Outcome::Refused(why),
            Err(Failure::Row(_)) => {
                let middle = range.start + range.len() / 2;
                self.todo.push(middle..range.end);
                self.todo.push(range.start..middle);
            }
        }
        Ok(())
    }

    /// Returns the answers in the order of the batch.
    pub(super) fn finish(self) -> Vec<Written> {
        let Self { entries, outcomes, .. } = self;
        entries
            .into_iter()
            .map(|(id, entry)| entry.map_or_else(|known| known, |at| answer(&id, &outcomes[at])))
            .collect()
    }
}

fn answer(id: &str, outcome: &Outcome) -> Written {
    let Found { before, after, .. } = match outcome {
        Outcome::Gone => return Written::RowGone,
        Outcome::Refused(why) => return Written::Refused(why.clone()),
        Outcome::Found(found) => found,
    };
    // A char(n) column pads with spaces, which no Clerk ID has.
    let holds_it = |held: &Option<String>| held.as_deref().is_some_and(|held| held.trim_end() == id);
    match after {
        Some(_) if holds_it(after) && holds_it(before) => Written::AlreadyRight,
        Some(_) if holds_it(after) => Written::Written,
        Some(other) => Written::Held(other.clone()),
        None => Written::Refused("the database left the column empty; a trigger may be at work".to_owned()),
    }
}

/// Reads a key given as text; `None` if no row of such a column can have it.
fn key(kind: &KeyKind, text: &str) -> Option<Key> {
    if text.contains('\0') {
        return None;
    }
    match kind {
        KeyKind::Text { longest, .. } => {
            // Longer than the type: a lenient MySQL would cut it, and find another row.
            let fits = longest.is_none_or(|longest| text.chars().count() as u64 <= longest);
            fits.then(|| Key::Text(text.to_owned()))
        }
        KeyKind::Uuid => uuid(text).map(Key::Text),
        KeyKind::Integer { min, max, .. } => {
            let number: i128 = text.parse().ok()?;
            (number.to_string() == text && (min..=max).contains(&&number)).then_some(Key::Integer(number))
        }
        KeyKind::Binary => bytes(text).map(Key::Binary),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().or_else(|| hex::decode(uuid(text)?.replace('-', "")).ok())
}

/// Reads a UUID, with or without dashes, and returns it as databases write it.
fn uuid(text: &str) -> Option<String> {
    let digits = text.replace('-', "").to_lowercase();
    let fits = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| [0..8, 8..12, 12..16, 16..20, 20..32].map(|part: Range<usize>| digits[part].to_owned()).join("-"))
}

impl Key {
    /// Returns the key as text; bytes as hexadecimal digits.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Binary(bytes) => hex::encode(bytes),
        }
    }

    /// Returns the key as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Binary(bytes) => bytes.clone(),
            other => other.text().into_bytes(),
        }
    }
}
