//! The valid users in the order in which they came, numbered from 1: where each one's element is and what is counted of it, in a
//! file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::refusals::Refusals;
use super::rivals::Losers;
use crate::mapping::Traits;
use crate::scratch::Cursor;
use crate::users_file::{Element, Elements};

/// Takes users.
pub(super) struct Seats {
    count: u32,
    file: Arc<File>,
    writer: BufWriter<Cursor>,
    sorts: Sorts,
}

/// What is to be known of a user in the end. Few users are the only ones of their sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sort {
    pub(super) traits: Traits,
    /// Whether the file's form carries the user.
    pub(super) carried: bool,
}

/// The sorts of users there are, by number, and how many there are of each.
#[derive(Default)]
struct Sorts {
    numbers: HashMap<Sort, u32>,
    users: Vec<(Sort, u64)>,
}

/// The bytes of a seat: the end of its element, and the number of its sort.
const SEAT: u64 = 12;

impl Seats {
    /// Keeps them in an empty file.
    pub(super) fn new(file: File) -> Self {
        let file = Arc::new(file);
        let writer = BufWriter::with_capacity(64 * 1024, Cursor::new(&file, 0));
        Self { count: 0, file, writer, sorts: Sorts::default() }
    }

    /// Gives a user a seat.
    pub(super) fn add(&mut self, element: Element, traits: Traits) -> Result<u32> {
        let next = self.count.checked_add(1);
        self.count = next.context("failed to export more than 4,294,967,295 users at once")?;
        let sort = self.sorts.number_of(Sort { traits, carried: element.carried });
        let seat = [&element.end.to_le_bytes()[..], &sort.to_le_bytes()].concat();
        self.writer.write_all(&seat).context(WRITE)?;
        Ok(self.count)
    }

    /// Takes no more users.
    pub(super) fn taken(mut self) -> Result<Taken> {
        self.writer.flush().context(WRITE)?;
        Ok(Taken { file: self.file, count: self.count, users: self.sorts.users })
    }
}

impl Sorts {
    fn number_of(&mut self, sort: Sort) -> u32 {
        let number = match self.numbers.entry(sort) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                // Never more than users.
                let next = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
                self.users.push((sort, 0));
                *new.insert(next)
            }
        };
        self.users[number as usize].1 += 1;
        number
    }
}

/// Seats that are all taken.
pub(super) struct Taken {
    file: Arc<File>,
    count: u32,
    /// The sorts there are, and how many users of each.
    pub(super) users: Vec<(Sort, u64)>,
}

impl Taken {
    /// Returns where the element of a user is.
    pub(super) fn element(&self, seat: u32) -> io::Result<Range<u64>> {
        let end = |seat: u32| {
            let Some(before) = seat.checked_sub(1) else { return Ok(0) };
            let mut end = [0; 8];
            Cursor::new(&self.file, u64::from(before) * SEAT).read_exact(&mut end)?;
            io::Result::Ok(u64::from_le_bytes(end))
        };
        Ok(end(seat.saturating_sub(1))?..end(seat)?)
    }

    /// Leaves out of the file the users who lost an identifier to others, and those that its form does not carry.
    pub(super) fn leave_out(
        &mut self,
        elements: Elements,
        mut losers: Losers,
        refused: &mut Refusals,
    ) -> Result<Elements> {
        let mut loser = losers.next()?;
        if loser.is_none() && self.users.iter().all(|(sort, _)| sort.carried) {
            return Ok(elements);
        }
        let mut seats = BufReader::with_capacity(64 * 1024, Cursor::new(&self.file, 0));
        let mut chooser = elements.choose();
        let mut start = 0;
        for seat in 1..=self.count {
            let (mut end, mut sort) = ([0; 8], [0; 4]);
            seats.read_exact(&mut end).and_then(|()| seats.read_exact(&mut sort)).context(READ)?;
            let element = start..u64::from_le_bytes(end);
            start = element.end;
            let (sort, users) = &mut self.users[u32::from_le_bytes(sort) as usize];
            if let Some(lost) = loser.take_if(|loser| loser.seat == seat) {
                *users -= 1;
                refused.add(Some(&lost.user_id), &lost.reasons)?;
                loser = losers.next()?;
            } else if sort.carried {
                chooser.keep(element).context("failed to write the users file")?;
            }
        }
        chooser.finish().context("failed to write the users file")
    }
}

const READ: &str = "failed to read a temporary file again";
const WRITE: &str = "failed to write a temporary file";
