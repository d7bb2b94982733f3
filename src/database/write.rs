//! Write-back apart from SQL: keys made ready, a refused batch halved until the guilty rows stand alone, answers put in order.

use std::collections::{HashMap, HashSet};

use super::error::WriteError;
use super::inspect::Target;
use super::key::{self, Key};
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
    /// Another transaction has a lock in the way, and the row was left alone: a passing state.
    Locked,
}

/// What became of one Clerk ID that was to leave its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleared {
    /// The column was set to NULL.
    Cleared,
    /// Nothing stood there before.
    AlreadyEmpty,
    /// The row holds something else, this, and was left alone.
    Held(String),
    /// No row has this key.
    RowGone,
    /// The database does not take it, for this reason.
    Refused(String),
    /// Another transaction has a lock in the way, and the row was left alone: a passing state.
    Locked,
}

/// Which rows of a batch are changed, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Those that hold nothing get their ID.
    Fill,
    /// Those that hold nothing, or another Clerk ID, get theirs.
    Replace,
    /// Those that hold their ID lose it.
    Clear,
}

/// One key and the ID that belongs to its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item<'a> {
    pub(super) key: &'a Key,
    pub(super) id: &'a str,
}

/// A row as it was read: the number of its item, and what its column holds.
pub(super) type Cell = (usize, Option<String>);

/// What a transaction found at an item's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// No row.
    Gone,
    /// A row that others hold locked.
    Locked,
    /// A row, and what its column held before and after the write.
    Row { before: Option<String>, after: Option<String> },
    /// A row that the write changed, so that it did not hold before what it should, and what its column held after that.
    Changed { after: Option<String> },
    /// A row that the write changed, and that was then seen to hold what it should.
    Done,
    /// Not looked at: the quick way changed other rows and left this one, whatever the reason.
    LeftForCare,
}

/// Why a transaction was not taken.
#[derive(Debug)]
pub(super) enum Failure {
    /// A row of it was refused, for this reason; the others may be fine.
    Row(String),
    /// Something that a row of it needs is locked; the others may be fine.
    Lock(WriteError),
    /// It would fail with any rows.
    Whole(WriteError),
}

impl Failure {
    /// Returns the same; a lock is one on everything.
    pub(super) fn of_all(self) -> Self {
        match self {
            Self::Lock(error) => Self::Whole(error),
            other => other,
        }
    }

    /// Returns the same as a failure of everything, whatever rows it has.
    pub(super) fn into_error(self) -> WriteError {
        match self {
            Self::Row(why) => WriteError::Refused(why),
            Self::Lock(error) | Self::Whole(error) => error,
        }
    }
}

/// Compares what was read with a lock before the write with what was read after it: asked before the transaction is committed.
pub(super) fn compare(items: usize, before: Vec<Cell>, after: Vec<Cell>) -> Result<Vec<Found>, Failure> {
    let mut found = vec![Found::Gone; items];
    let mut after: HashMap<usize, Option<String>> = after.into_iter().collect();
    for (at, before) in before {
        let Some(after) = after.remove(&at) else {
            return Err(Failure::Row(
                "writing it changes its key, so nothing was kept; a trigger may be at work".to_owned(),
            ));
        };
        if let Some(found) = found.get_mut(at) {
            *found = Found::Row { before, after };
        }
    }
    for at in after.into_keys() {
        if let Some(found) = found.get_mut(at) {
            *found = Found::Locked;
        }
    }
    Ok(found)
}

/// Counts the rows that the write changed.
pub(super) fn count_changed(found: &[Found]) -> usize {
    let is_changed = |found: &&Found| match found {
        Found::Gone | Found::Locked | Found::LeftForCare => false,
        Found::Row { before, after } => before != after,
        Found::Changed { .. } | Found::Done => true,
    };
    found.iter().filter(is_changed).count()
}

/// How often a batch is halved because of locks: enough to find one locked row of thousands, and an end to the waiting where
/// half the table is locked.
const HALVINGS_FOR_LOCKS: u32 = 15;

/// A batch on its way: gives out parts of it to write, and takes what came of them.
#[derive(Debug)]
pub(super) struct Work<'a> {
    entries: Vec<Entry<'a>>,
    /// The next one last.
    todo: Vec<Part>,
    /// Whether any part is committed.
    is_begun: bool,
    halvings_for_locks: u32,
}

/// One of the batch. There are thousands of them at a time, while memory is not to grow: nothing of it is there twice.
#[derive(Debug)]
struct Entry<'a> {
    id: &'a str,
    /// `None`: no row can have it.
    key: Option<Key>,
    outcome: Outcome,
}

/// Entries to write in one transaction.
#[derive(Debug)]
pub(super) struct Part {
    /// Their numbers. Without care, no two of them have one key.
    numbers: Vec<usize>,
    /// Which of their rows are changed.
    pub(super) mode: Mode,
    /// Whether each row must be looked at before it is changed.
    pub(super) with_care: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Found(Found),
    Refused(String),
}

impl<'a> Work<'a> {
    pub(super) fn new(target: &Target, batch: &'a [(String, ClerkId)], mode: Mode) -> Self {
        let longest = target.column_longest.filter(|_| mode != Mode::Clear).unwrap_or(u64::MAX);
        let entry = |(text, id): &'a (String, ClerkId)| {
            let id = id.as_str();
            if longest < id.len() as u64 {
                let too_narrow = Outcome::Refused("the column is too narrow for this Clerk ID".to_owned());
                return Entry { id, key: None, outcome: too_narrow };
            }
            Entry { id, key: key::read(&target.key_kind, text), outcome: Outcome::Found(Found::Gone) }
        };
        let entries: Vec<Entry> = batch.iter().map(entry).collect();
        let mut seen: HashSet<&Key> = HashSet::with_capacity(entries.len());
        let keyed = entries.iter().enumerate().filter_map(|(number, entry)| Some((number, entry.key.as_ref()?)));
        let (first, again): (Vec<_>, Vec<_>) = keyed.partition(|(_, key)| seen.insert(key));
        let part = |keyed: Vec<(usize, &Key)>, mode, with_care| Part {
            numbers: keyed.into_iter().map(|(number, _)| number).collect(),
            mode,
            with_care,
        };
        // What names a key again comes after what named it first, and never replaces what that left in the row.
        let mode_again = if mode == Mode::Replace { Mode::Fill } else { mode };
        let mut todo = vec![part(again, mode_again, true), part(first, mode, false)];
        todo.retain(|part| !part.numbers.is_empty());
        Self { entries, todo, is_begun: false, halvings_for_locks: HALVINGS_FOR_LOCKS }
    }

    /// Returns what is to be written next.
    pub(super) fn next(&mut self) -> Option<Part> {
        self.todo.pop()
    }

    pub(super) fn items(&self, part: &Part) -> Vec<Item<'_>> {
        let entries = part.numbers.iter().map(|number| &self.entries[*number]);
        entries.filter_map(|entry| Some(Item { key: entry.key.as_ref()?, id: entry.id })).collect()
    }

    /// Takes what came of a part; halves it, if a row of it was refused or needs what is locked.
    pub(super) fn record(&mut self, part: Part, result: Result<Vec<Found>, Failure>) -> Result<(), WriteError> {
        let alone = part.numbers.len() == 1;
        match result {
            Ok(found) => self.take(&part, found),
            // What is committed is known. The rest is tried again, as rows that are locked.
            Err(Failure::Whole(WriteError::Busy(_))) if self.is_begun => {
                let rest = std::mem::take(&mut self.todo);
                for part in rest.iter().chain([&part]) {
                    self.settle(part, &Outcome::Found(Found::Locked));
                }
            }
            Err(Failure::Whole(error)) => return Err(error),
            Err(Failure::Row(why)) if alone => self.settle(&part, &Outcome::Refused(why)),
            Err(Failure::Lock(_)) if alone || self.halvings_for_locks == 0 => {
                self.settle(&part, &Outcome::Found(Found::Locked));
            }
            Err(failure) => {
                self.halvings_for_locks -= u32::from(matches!(failure, Failure::Lock(_)));
                let Part { mut numbers, mode, with_care } = part;
                let second = numbers.split_off(numbers.len() / 2);
                self.todo.push(Part { numbers: second, mode, with_care });
                self.todo.push(Part { numbers, mode, with_care });
            }
        }
        Ok(())
    }

    fn take(&mut self, part: &Part, found: Vec<Found>) {
        self.is_begun = true;
        let mut left = Vec::new();
        for (number, found) in part.numbers.iter().zip(found) {
            if found == Found::LeftForCare {
                left.push(*number);
            } else {
                self.entries[*number].outcome = Outcome::Found(found);
            }
        }
        if !left.is_empty() {
            self.todo.push(Part { numbers: left, mode: part.mode, with_care: true });
        }
    }

    fn settle(&mut self, part: &Part, outcome: &Outcome) {
        for number in &part.numbers {
            self.entries[*number].outcome = outcome.clone();
        }
    }

    /// Returns the answers in the order of the batch, each made of the ID and what came of it.
    pub(super) fn finish<T>(self, answer: fn(&str, Outcome) -> T) -> Vec<T> {
        self.entries.into_iter().map(|entry| answer(entry.id, entry.outcome)).collect()
    }
}

/// Says what became of an ID that was to be written.
pub(super) fn written(id: &str, outcome: Outcome) -> Written {
    let (was_right, after) = match outcome {
        Outcome::Refused(why) => return Written::Refused(why),
        Outcome::Found(Found::Gone) => return Written::RowGone,
        Outcome::Found(Found::Locked | Found::LeftForCare) => return Written::Locked,
        Outcome::Found(Found::Row { before, after }) => (is(before.as_ref(), id), after),
        Outcome::Found(Found::Changed { after }) => (false, after),
        Outcome::Found(Found::Done) => return Written::Written,
    };
    match after {
        Some(_) if is(after.as_ref(), id) && was_right => Written::AlreadyRight,
        Some(_) if is(after.as_ref(), id) => Written::Written,
        Some(other) => Written::Held(other),
        None => Written::Refused(format!("the database left the column empty; {SOMETHING_AT_WORK}")),
    }
}

/// Says what became of an ID that was to leave its row.
pub(super) fn cleared(id: &str, outcome: Outcome) -> Cleared {
    let (was_there, after) = match outcome {
        Outcome::Refused(why) => return Cleared::Refused(why),
        Outcome::Found(Found::Gone) => return Cleared::RowGone,
        Outcome::Found(Found::Locked | Found::LeftForCare) => return Cleared::Locked,
        Outcome::Found(Found::Row { before, after }) => (is(before.as_ref(), id), after),
        Outcome::Found(Found::Changed { after }) => (true, after),
        Outcome::Found(Found::Done) => return Cleared::Cleared,
    };
    match after {
        None if was_there => Cleared::Cleared,
        None => Cleared::AlreadyEmpty,
        Some(_) if is(after.as_ref(), id) => {
            Cleared::Refused(format!("the database left the ID in the column; {SOMETHING_AT_WORK}"))
        }
        Some(other) => Cleared::Held(other),
    }
}

const SOMETHING_AT_WORK: &str = "a trigger or a row security policy may be at work";

fn is(held: Option<&String>, id: &str) -> bool {
    // A char(n) column pads with spaces, which no Clerk ID has.
    held.is_some_and(|held| held.trim_end() == id)
}

#[cfg(test)]
mod tests;
