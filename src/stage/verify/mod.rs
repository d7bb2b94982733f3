//! Source, ledger and Clerk compared: every row with its Clerk user, what the ledger says, and the Clerk IDs in the table.
//!
//! Nothing is written but the temporary ledger, into which [`super::match_clerk::walk_clerk`] has put the users of Clerk before.
//! Memory does not grow with the users: whatever is found goes out as it is found.

mod column;
mod difference;
mod facts;
mod judge;
mod rest;
mod rows;
mod unlike;

use std::collections::BTreeMap;

use anyhow::Result;

pub use self::column::compare_column;
pub use self::difference::{Difference, Kind};
pub(super) use self::facts::Facts;
pub use self::rest::compare_rest;
pub use self::rows::compare_rows;
use crate::ledger::ReasonCount;
use crate::record::Reason;

/// What a comparison has found, in numbers.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows of the source.
    pub rows: u64,
    /// Rows whose user is in Clerk as the source has it.
    pub alike: u64,
    /// Rows left out on request (`--unverified skip`), and not in Clerk.
    pub skipped: u64,
    /// Rows of the table whose Clerk ID was read.
    pub column_rows: u64,
    /// Users not in Clerk, by the state in which the ledger has them.
    pub missing: BTreeMap<&'static str, u64>,
    counts: BTreeMap<Kind, u64>,
    reasons: BTreeMap<(String, String), (u64, String)>,
}

impl Tally {
    /// Returns how many differences of a kind there are.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Returns how many differences there are.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns why rows are invalid, the most frequent reasons first.
    #[must_use]
    pub fn reasons(&self) -> Vec<ReasonCount> {
        let mut reasons: Vec<ReasonCount> = self
            .reasons
            .iter()
            .map(|((field, code), (users, example))| ReasonCount {
                state: Kind::Invalid.word().to_owned(),
                field: field.clone(),
                code: code.clone(),
                example: example.clone(),
                users: *users,
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.users));
        reasons
    }

    fn count_reasons(&mut self, reasons: &[Reason]) {
        for reason in reasons {
            let key = (reason.field.clone(), reason.code.clone());
            let (users, _) = self.reasons.entry(key).or_insert_with(|| (0, reason.message.clone()));
            *users += 1;
        }
    }
}

/// A comparison on its way: what it has found so far, and who is told of each difference.
pub struct Findings<'a> {
    tally: Tally,
    tell: &'a mut (dyn FnMut(&Difference) -> Result<()> + Send),
}

impl<'a> Findings<'a> {
    /// Begins with nothing found.
    pub fn new(tell: &'a mut (dyn FnMut(&Difference) -> Result<()> + Send)) -> Self {
        Self { tally: Tally::default(), tell }
    }

    /// Ends the comparison and returns the numbers.
    #[must_use]
    pub fn tally(self) -> Tally {
        self.tally
    }

    fn add(&mut self, difference: &Difference) -> Result<()> {
        *self.tally.counts.entry(difference.kind).or_default() += 1;
        (self.tell)(difference)
    }
}

/// Users compared in one go: enough for few statements, few enough for little memory.
const BATCH: usize = 500;

/// Returns an ID that may be shown: who gave it is not known, and other applications may have put an address there.
fn showable(id: &str) -> Option<String> {
    let plain = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    plain.then(|| id.to_owned())
}
