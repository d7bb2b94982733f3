//! The stages: each moves users along one arrow of the flow, and prints nothing.
//!
//! A stage holds order, concurrency and hand-over. SQL, HTTP and printing have their homes elsewhere; what a person may want to
//! watch is counted in [`Progress`].

mod brake;
mod bring_in;
pub mod export;
pub mod look_up;
pub mod match_clerk;
mod permits;
pub mod pull;
pub mod push;
pub mod references;
mod settle;
pub mod source;
pub mod undo;
pub mod update;
pub mod verify;
pub mod write_back;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A stop was asked for, and the command ended without a result. What is done is in the ledger.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted; run the same command again to go on")]
pub struct Interrupted;

/// What happened so far in this run: written by stages, read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows or elements read from the source.
    pub pulled: Counter,
    /// Users that push and update have to send.
    pub to_send: Counter,
    /// Users created.
    pub created: Counter,
    /// Users found in Clerk and adopted.
    pub adopted: Counter,
    /// Users found in Clerk without a user ID and taken over.
    pub linked: Counter,
    /// Users that ended as conflict.
    pub conflicts: Counter,
    /// Users that Clerk refused.
    pub rejected: Counter,
    /// Users put off to a later run.
    pub put_off: Counter,
    /// Users in Clerk who were brought up to date.
    pub updated: Counter,
    /// Users in Clerk who were to be brought up to date and were not.
    pub not_updated: Counter,
    /// Users that undo is through with.
    pub undone: Counter,
    /// Rows that got a Clerk ID.
    pub written: Counter,
    /// Rows that bore the right Clerk ID already.
    pub already_right: Counter,
    /// Rows of tables that refer to users that were looked at.
    pub looked_at: Counter,
    /// Rows that got a user's Clerk ID beside the column that refers to the user.
    pub beside: Counter,
    /// What is being done to the column beside.
    pub beside_step: Step,
    /// Rows that bear another Clerk ID, are gone, or were refused.
    pub not_written: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts some more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Returns the number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is done to a column beside one that refers to users. Each may take minutes, in a large table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BesideStep {
    /// It is filled, a part of the table at a time.
    #[default]
    Filling,
    /// What it holds, and what is left, is counted.
    Counting,
    /// Its index is built.
    Indexing,
}

/// The step at which it is.
#[derive(Debug, Default)]
pub struct Step(Mutex<BesideStep>);

impl Step {
    /// Goes on to a step.
    pub fn set(&self, step: BesideStep) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// Returns the step.
    #[must_use]
    pub fn get(&self) -> BesideStep {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Returns how many users push is through with.
    #[must_use]
    pub fn sent(&self) -> u64 {
        [
            &self.created,
            &self.adopted,
            &self.linked,
            &self.conflicts,
            &self.rejected,
            &self.put_off,
            &self.updated,
            &self.not_updated,
        ]
        .map(Counter::get)
        .iter()
        .sum()
    }
}
