//! The ledger: the local memory of what each user's import is waiting for and how it ended.
//!
//! A SQLite file of its own, opened ready: locked against a second process, migrated, checked to belong to this Clerk
//! instance and this source. It is the only memory of what was done to Clerk, so every commit is on the disk before it is
//! believed (`synchronous = FULL`). It knows no SQL of the source, no HTTP, and prints nothing.

mod batch;
mod belonging;
mod changes;
mod comparison;
pub mod entry;
mod files;
mod insert;
mod matching;
mod merge;
mod queue;
mod replacement;
mod staging;
mod store;
mod summary;
mod undo;
mod write_back;

pub use batch::{Batch, Staged};
pub use belonging::{Belonging, Source};
pub use changes::{Change, UpdateEnd, Updated};
pub use comparison::{ComparedRow, Holder, KeptUser, Known, Misplaced, Remembered, WithoutRow};
pub use entry::{Failure, Outcome, State, WriteBack};
pub use matching::{ClerkSide, Matched, RowSide};
pub use merge::{Extent, Merged, Terms};
pub use queue::{Answer, Entry, Sent};
pub use replacement::{ReplacedIds, ReplacingStep};
pub use store::{Ledger, LedgerError};
pub use summary::{Counts, Of, Problem, Problems, ReasonCount};
pub use undo::{CameToLight, Doubtful, Undoable};
pub use write_back::{RowResult, ToWrite};
