//! Moments at which a test can end the process, as `kill -9` or a power cut would: the risky seams of a run, by name.
//!
//! Without the Cargo feature `kill-points` nothing of this is compiled in, and [`reach`] and [`watch`] are empty. `cargo test`
//! builds the program with the feature (the package is a development dependency of itself); `cargo build` and `cargo install`
//! never do. With it, `DB2CLERK_KILL_AT=create-answered:7` ends the process at the 7th time it passes that point.
//!
//! This is the one place beside `config` that reads the environment: no setting, but a wire from a test into the middle of a
//! program that must not know of it.

use sqlx::sqlite::SqliteConnection;

/// The points, in the order in which a run comes to them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// The ledger's folder is made, and git not told to leave it alone.
    FolderMade,
    /// The ledger's file is made, and empty.
    LedgerMade,
    /// SQLite has gone another ten steps on the ledger, in the middle of whatever statement it runs: of a migration, of the
    /// merge, of a record of answers.
    LedgerStep,
    /// A transaction on the ledger is about to be committed, whichever.
    LedgerCommit,
    /// The ledger's schema is up to date.
    LedgerMigrated,
    /// The ledger knows for the first time to which instance and source it belongs.
    LedgerClaimed,
    /// A batch of a pull is staged.
    BatchStaged,
    /// The merge has begun, and changed nothing.
    MergeBegun,
    /// Duplicates are settled, and no user is taken over.
    MergeHalfDone,
    /// The merge is committed.
    Merged,
    /// The column for Clerk IDs is about to be added.
    ColumnToAdd,
    /// Another statement of those that add the column and its index is about to run.
    ColumnStep,
    /// Column and index are there.
    ColumnAdded,
    /// A write of nothing was let through by the database, and is not taken back yet.
    WriteRehearsed,
    /// Another statement of those that put Clerk IDs beside columns that refer to users is about to run.
    Statement,
    /// SQLite has gone another ten steps on the application's database, opened for writing.
    DatabaseStep,
    /// A step of a replacement of the users' IDs is done, and the ledger does not know.
    StepDone,
    /// Users were looked up, and are about to be marked as `sending`.
    SendingToMark,
    /// Users are marked as `sending`, and no request for them is out.
    SendingMarked,
    /// A create request is about to go out.
    CreateGoesOut,
    /// A create request has its answer, good or bad, and nobody knows yet.
    CreateAnswered,
    /// Answers are about to be recorded.
    AnswersToRecord,
    /// Answers are recorded.
    AnswersRecorded,
    /// A batch of Clerk IDs is about to go to the database.
    RowsToWrite,
    /// A batch is written, and its transaction not committed.
    RowsUncommitted,
    /// A batch is committed in the database, and the ledger does not know.
    RowsCommitted,
    /// The ledger knows of the batch.
    RowsRecorded,
    /// The run is over, and the ledger's log is about to be emptied.
    CheckpointBegins,
    /// The ledger's log is emptied.
    CheckpointDone,
}

impl Point {
    /// All points, in the order of the enum.
    pub const ALL: [Self; 29] = [
        Self::FolderMade,
        Self::LedgerMade,
        Self::LedgerStep,
        Self::LedgerCommit,
        Self::LedgerMigrated,
        Self::LedgerClaimed,
        Self::BatchStaged,
        Self::MergeBegun,
        Self::MergeHalfDone,
        Self::Merged,
        Self::ColumnToAdd,
        Self::ColumnStep,
        Self::ColumnAdded,
        Self::WriteRehearsed,
        Self::Statement,
        Self::DatabaseStep,
        Self::StepDone,
        Self::SendingToMark,
        Self::SendingMarked,
        Self::CreateGoesOut,
        Self::CreateAnswered,
        Self::AnswersToRecord,
        Self::AnswersRecorded,
        Self::RowsToWrite,
        Self::RowsUncommitted,
        Self::RowsCommitted,
        Self::RowsRecorded,
        Self::CheckpointBegins,
        Self::CheckpointDone,
    ];

    /// Returns the point's name in `DB2CLERK_KILL_AT`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FolderMade => "folder-made",
            Self::LedgerMade => "ledger-made",
            Self::LedgerStep => "ledger-step",
            Self::LedgerCommit => "ledger-commit",
            Self::LedgerMigrated => "ledger-migrated",
            Self::LedgerClaimed => "ledger-claimed",
            Self::BatchStaged => "batch-staged",
            Self::MergeBegun => "merge-begun",
            Self::MergeHalfDone => "merge-half-done",
            Self::Merged => "merged",
            Self::ColumnToAdd => "column-to-add",
            Self::ColumnStep => "column-step",
            Self::ColumnAdded => "column-added",
            Self::WriteRehearsed => "write-rehearsed",
            Self::Statement => "statement",
            Self::DatabaseStep => "database-step",
            Self::StepDone => "step-done",
            Self::SendingToMark => "sending-to-mark",
            Self::SendingMarked => "sending-marked",
            Self::CreateGoesOut => "create-goes-out",
            Self::CreateAnswered => "create-answered",
            Self::AnswersToRecord => "answers-to-record",
            Self::AnswersRecorded => "answers-recorded",
            Self::RowsToWrite => "rows-to-write",
            Self::RowsUncommitted => "rows-uncommitted",
            Self::RowsCommitted => "rows-committed",
            Self::RowsRecorded => "rows-recorded",
            Self::CheckpointBegins => "checkpoint-begins",
            Self::CheckpointDone => "checkpoint-done",
        }
    }
}

/// Passes a point; ends the process there and then if a test asked for it. No destructor runs, no signal handler of ours, and
/// nothing buffered is written: what is not with the operating system by now is lost.
#[cfg(feature = "kill-points")]
pub fn reach(point: Point) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ASKED: OnceLock<Option<(Point, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let asked = ASKED.get_or_init(|| read(&std::env::var("DB2CLERK_KILL_AT").ok()?));
    if let Some((_, passage)) = asked.filter(|(asked, _)| *asked == point)
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == passage
    {
        std::process::abort();
    }
}

/// Passes a point: nothing, in this build.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn reach(_: Point) {}

/// Makes a SQLite connection pass a point every ten steps of its machine, and another before each of its commits.
///
/// # Errors
/// If the connection is gone.
#[cfg(feature = "kill-points")]
pub async fn watch(connection: &mut SqliteConnection, step: Point, commit: Option<Point>) -> sqlx::Result<()> {
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(10, move || {
        reach(step);
        true
    });
    if let Some(commit) = commit {
        handle.set_commit_hook(move || {
            reach(commit);
            true
        });
    }
    Ok(())
}

/// Does nothing, in this build.
///
/// # Errors
/// None.
#[cfg(not(feature = "kill-points"))]
#[expect(clippy::unused_async, reason = "with kill points it waits")]
pub async fn watch(_: &mut SqliteConnection, _: Point, _: Option<Point>) -> sqlx::Result<()> {
    Ok(())
}

/// Reads `point:passage`. What names no point asks for nothing: the test that expects to kill will tell.
#[cfg(feature = "kill-points")]
fn read(text: &str) -> Option<(Point, u64)> {
    let (word, passage) = text.split_once(':')?;
    let point = Point::ALL.into_iter().find(|point| point.word() == word)?;
    Some((point, passage.parse().ok()?))
}

#[cfg(all(test, feature = "kill-points"))]
mod tests {
    use super::*;

    #[test]
    fn a_point_and_its_passage_are_read_and_anything_else_asks_for_nothing() {
        for point in Point::ALL {
            assert_eq!(read(&format!("{}:7", point.word())), Some((point, 7)));
        }
        for nothing in ["", "merged", "merged:", "merged:x", "nowhere:1", ":1"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
