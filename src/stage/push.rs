//! Ledger to Clerk: the pending users, created at the pace Clerk allows, and every answer recorded.
//!
//! ```text
//!  feed: pending ──look-ups of 100, ahead──▶ found: settled at once ──────────────────────────▶ keep
//!                                        └─▶ nobody: marked `sending` (keep) ──▶ create (many at once) ──▶ keep
//! ```
//! The order is what keeps users from being made twice: Clerk is asked before the first attempt, the ledger knows of the request
//! before it goes out, and after any doubt Clerk is asked again before anything is sent again. Of an instance without users nothing
//! need be asked: should somebody else bring the same users in meanwhile, Clerk refuses ours, since a user ID is there once, and we
//! find them.

mod feed;
mod keep;
mod send;

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::{Mutex, Semaphore, mpsc};

use self::feed::feed;
use self::keep::keep;
use self::send::send_all;
use super::Progress;
use super::brake::Brake;
use super::permits::Permits;
use super::settle::Verdict;
use crate::clerk::{Client, Error};
use crate::ledger::{Answer, Entry, Ledger};
use crate::shutdown::Shutdown;

/// How push goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether the Clerk IDs are to be written back.
    pub write_back: bool,
    /// What to do where another Clerk user holds an identifier.
    pub on_conflict: OnConflict,
    /// Whether Clerk has said that the instance has no users: then there is nobody to look up before the first attempt.
    pub clerk_is_empty: bool,
}

/// What to do with a user of whom another Clerk user holds an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnConflict {
    /// Leave both alone, and report a conflict
    #[default]
    Report,
    /// Take over a Clerk user without an `external_id`, by an e-mail address or phone number verified on both sides
    Link,
}

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every user was tried.
    Complete,
    /// A stop was asked for; the rest waits.
    Interrupted,
    /// Something that concerns every further user alike; the rest waits.
    Stopped(Error),
}

/// The most users that are marked as `sending` and wait for their create request; at least one look-up's.
const HANDED_ON: usize = 500;
/// The most answers that wait to be recorded, besides those that are being recorded: enough that requests go on meanwhile, and few
/// users are in doubt if the ledger cannot be written any more. A request whose answer finds no room keeps its permit until there is.
const UNRECORDED: usize = 256;

/// Sends every pending user of the last pull.
///
/// # Errors
/// If the ledger cannot be read or written: then no request goes out whose answer could not be kept.
pub async fn push(
    ledger: &Arc<Ledger>,
    client: &Client,
    options: Options,
    progress: &Arc<Progress>,
    shutdown: Shutdown,
) -> Result<End> {
    let to_send = ledger.count_to_send().await?;
    progress.to_send.add(to_send);
    let (to_create, entries) = mpsc::unbounded_channel();
    let (notes, to_keep) = mpsc::channel(UNRECORDED);
    let run = Arc::new(Run {
        ledger: Arc::clone(ledger),
        client: client.clone(),
        brake: Brake::new(to_send, shutdown.clone()),
        on_conflict: options.on_conflict,
        linking: Mutex::new(()),
        seats: Semaphore::new(HANDED_ON),
        notes,
    });
    let permits = Arc::new(Permits::default());
    let feeding = tokio::spawn(feed(Arc::clone(&run), Arc::clone(&permits), options.clerk_is_empty));
    let keeping = tokio::spawn(keep(Arc::clone(ledger), Arc::clone(progress), to_keep, to_create, options.write_back));
    let sending = send_all(Arc::clone(&run), permits, entries);
    // The keeper ends when the last sender of notes is gone, which `run` holds; so it comes last.
    let mut keeping = keeping;
    let finished = async {
        sending.await;
        feeding.await?
    };
    tokio::pin!(finished);
    let fed = tokio::select! {
        fed = &mut finished => fed,
        early = &mut keeping => {
            // The keeper only ends early if it cannot write. Nothing may go out any more.
            return early?.map(|()| End::Interrupted);
        }
    };
    let end = run.brake.error();
    drop(run);
    keeping.await??;
    fed?;
    Ok(match end {
        Some(error) => End::Stopped(error),
        None if shutdown.requested() => End::Interrupted,
        None => End::Complete,
    })
}

/// What all workers of a push share.
pub(super) struct Run {
    pub ledger: Arc<Ledger>,
    pub client: Client,
    pub brake: Brake,
    pub on_conflict: OnConflict,
    /// Held by whoever takes a Clerk user over.
    pub linking: Mutex<()>,
    /// One for each user that may be marked as `sending` and wait for its create request.
    seats: Semaphore,
    notes: mpsc::Sender<Note>,
}

/// What the ledger is to keep. One task writes all of it, as much in one transaction as has gathered: each waits for the disk.
enum Note {
    /// An answer.
    Answer(Answer),
    /// Users whom Clerk does not know: to be marked as `sending`, and then created.
    ToSend(Vec<Entry>),
    /// No more users to send will come.
    Fed,
}

impl Run {
    async fn answer(&self, answer: Answer) {
        self.note(Note::Answer(answer)).await;
    }

    async fn note(&self, note: Note) {
        // The keeper is only gone if the ledger cannot be written; whoever is in doubt is then found again as `sending`.
        let _ = self.notes.send(note).await;
    }
}

/// The answer for a user for whom nothing was sent.
fn unsent(entry: &Entry, verdict: Verdict) -> Answer {
    verdict.answer(entry, 0, entry.in_doubt)
}
