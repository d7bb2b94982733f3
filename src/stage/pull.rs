//! Source to ledger: every user read once, mapped, checked, staged, and merged as a whole.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::sync::mpsc;

use super::source::Source;
use super::{Interrupted, Progress};
use crate::ledger::{Batch, Extent, Ledger, Merged, Staged, Terms};
use crate::mapping::{Coverage, Mapped, Refused};
use crate::record::duplicates::HashKey;
use crate::shutdown::{Shutdown, Urgency};

/// What a pull brought.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Users of the source that were wanted, valid or not.
    pub users: u64,
    /// What the valid ones have.
    pub coverage: Coverage,
    /// What changed in the ledger.
    pub merged: Merged,
    /// The users asked for by ID that the source does not have.
    pub missing: Vec<String>,
}

/// What a pull may do with users who are in Clerk, or were.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether known user IDs may carry other identifiers than before.
    pub accept_changed_identifiers: bool,
    /// Whether users whose rows changed are to be sent again.
    pub update: bool,
    /// Whether users that were deleted again are to be created anew.
    pub recreate: bool,
}

/// Users staged in one transaction. More cost memory, for some such batches are on their way at one time; fewer cost a transaction each,
/// and a few turns between threads.
const BATCH: usize = 1000;

/// Reads the whole source into the ledger.
///
/// # Errors
/// If the source breaks off, the ledger cannot be written, known user IDs carry other people's identifiers, or a stop is asked
/// for. The ledger is then as it was before.
pub async fn pull(
    source: &mut Source,
    ledger: &Arc<Ledger>,
    options: Options,
    progress: &Progress,
    shutdown: Shutdown,
) -> Result<Pulled> {
    ledger.begin_pull().await?;
    // The next users are read and mapped while the last ones are staged.
    let (batches, to_stage) = mpsc::channel(2);
    let staging = tokio::spawn(stage(Arc::clone(ledger), to_stage));
    let read = read(source, &ledger.hash_key(), batches, progress, shutdown).await;
    staging.await??;
    let mut pulled = read?;
    pulled.missing = source.missing();
    let extent = if source.is_whole() { Extent::Whole } else { Extent::Part };
    let Options { accept_changed_identifiers, update, recreate } = options;
    let offered = source.attributes();
    pulled.merged = ledger.merge(&Terms { extent, accept_changed_identifiers, update, recreate, offered }).await?;
    Ok(pulled)
}

async fn read(
    source: &mut Source,
    key: &HashKey,
    batches: mpsc::Sender<Batch>,
    progress: &Progress,
    mut shutdown: Shutdown,
) -> Result<Pulled> {
    let mut pulled = Pulled::default();
    let (mut batch, mut first) = (Vec::with_capacity(BATCH), 1);
    loop {
        let users = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => bail!(Interrupted),
            users = source.next_batch() => users.context("reading the users broke off, and nothing of it was taken over")?,
        };
        let ended = users.is_none();
        let users = users.unwrap_or_default();
        pulled.users += users.len() as u64;
        progress.pulled.add(users.len() as u64);
        for user in users {
            if let Ok(mapped) = &user {
                pulled.coverage.count(mapped);
            }
            batch.push(staged(user));
        }
        if ended || batch.len() >= BATCH {
            let staged = batches.send(Batch::of(first, &batch, key)).await;
            first += i64::try_from(batch.len())?;
            batch.clear();
            // Whoever stages says itself why it has stopped.
            if ended || staged.is_err() {
                return Ok(pulled);
            }
        }
    }
}

/// Stages users as they come.
async fn stage(ledger: Arc<Ledger>, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
    while let Some(batch) = batches.recv().await {
        ledger.stage(batch).await?;
    }
    Ok(())
}

fn staged(user: Result<Mapped, Refused>) -> Staged {
    match user {
        Ok(mapped) => Staged::Valid { user: Box::new(mapped.user), email_basis: mapped.email.as_str() },
        Err(refused) => {
            Staged::Invalid { user_id: refused.user_id, reasons: refused.reasons, skipped: refused.skipped }
        }
    }
}
