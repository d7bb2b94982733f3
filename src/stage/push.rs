//! Ledger to Clerk: the pending users, created at the pace Clerk allows, and every answer recorded.
//!
//! ```text
//!  feed: pending ──look-ups of 100, ahead──▶ found: settled at once ──────────────────────────▶ keep
//!                                        └─▶ nobody: marked `sending` (keep) ──▶ create (many at once) ──▶ keep
//! ```
//! The order is what keeps users from being made twice: Clerk is asked before the first attempt, the ledger knows of the request
//! before it goes out, and after any doubt Clerk is asked again before anything is sent again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::Progress;
use super::brake::Brake;
use super::bring_in::bring_in;
use super::look_up::{self, LookedUp, Told};
use super::permits::Permits;
use super::settle::Verdict;
use crate::clerk::{Client, Error, Kind};
use crate::ledger::{Answer, Entry, Ledger, Outcome};
use crate::record::UserId;
use crate::shutdown::{Shutdown, Urgency};

/// How push goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether the Clerk IDs are to be written back.
    pub write_back: bool,
    /// What to do where another Clerk user holds an identifier.
    pub on_conflict: OnConflict,
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

/// Users that one look-up asks for; Clerk takes no more.
const LOOK_UP: u32 = 100;
/// The most look-ups that are ahead of the create requests, and at most a tenth of what a window of Clerk's limit lets through: no
/// create request then waits for the answer to one, however long that takes.
const PAGES_AHEAD: u32 = 100;
/// The most users that are marked as `sending` and wait for their create request; at least one look-up's.
const HANDED_ON: usize = 500;
/// The most answers that wait to be recorded, besides those that are being recorded: enough that requests go on meanwhile, and few
/// users are in doubt if the ledger cannot be written any more. A request whose answer finds no room keeps its permit until there is.
const UNRECORDED: usize = 256;
/// The most tasks that send: with a connection each, more than systems commonly allow a process in open files.
const MOST_SENDERS: usize = 1_000;
/// How long requests on their way are awaited after a stop was asked for.
const PATIENCE: Duration = Duration::from_secs(45);

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
    let feeding = tokio::spawn(feed(Arc::clone(&run), Arc::clone(&permits)));
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

/// Feeds push with users, and says when there are no more.
async fn feed(run: Arc<Run>, permits: Arc<Permits>) -> Result<()> {
    let fed = feed_pages(&run, &permits).await;
    run.note(Note::Fed).await;
    fed
}

/// Asks Clerk for the users that wait in the ledger, some pages ahead, and hands on those whom Clerk does not know.
async fn feed_pages(run: &Arc<Run>, permits: &Arc<Permits>) -> Result<()> {
    let most_ahead = run.client.burst().map_or(PAGES_AHEAD, |burst| (burst / 10).clamp(2, PAGES_AHEAD)) as usize;
    let key = run.ledger.hash_key();
    let (mut ahead, mut last_asked, mut after) = (VecDeque::new(), Some(0), 0);
    loop {
        while let Some(from) = last_asked.filter(|_| ahead.len() < most_ahead) {
            let page = run.ledger.pending_ids(from, LOOK_UP).await?;
            last_asked = page.last().map(|(id, _)| *id);
            if let Some(last) = last_asked {
                let ids: Vec<UserId> = page.into_iter().map(|(_, user_id)| user_id).collect();
                ahead.push_back((last, ids.len(), tokio::spawn(ask(Arc::clone(run), Arc::clone(permits), ids))));
            }
        }
        let Some((last, users, told)) = ahead.pop_front() else { return Ok(()) };
        match told.await? {
            Some(Ok(told)) => {
                let entries = run.ledger.pending(after, u32::try_from(users)?).await?;
                if !hand_on(run, told.judge(entries, &key)).await? {
                    return Ok(());
                }
            }
            Some(Err(error)) => {
                run.brake.stop_for(&error);
                return Ok(());
            }
            None => return Ok(()),
        }
        after = last;
    }
}

/// Asks Clerk for users; `None` once nothing new is to be begun.
async fn ask(run: Arc<Run>, permits: Arc<Permits>, ids: Vec<UserId>) -> Option<Result<Told, Error>> {
    let told = async {
        let _permit = permits.acquire(&run.client).await;
        look_up::ask(&run.client, ids).await
    };
    run.brake.unless_on(told).await
}

/// Hands the users that are in Clerk to the ledger, and the others on, when there is room for them. Returns whether more may come.
async fn hand_on(run: &Run, looked_up: LookedUp) -> Result<bool> {
    for (entry, verdict) in looked_up.settled {
        run.answer(unsent(&entry, verdict)).await;
    }
    let seats = run.seats.acquire_many(u32::try_from(looked_up.unknown.len())?);
    let Some(seats) = run.brake.unless_on(seats).await else { return Ok(false) };
    seats?.forget();
    run.note(Note::ToSend(looked_up.unknown)).await;
    Ok(true)
}

/// Sends users, as many at one time as there are permits, and awaits all answers at the end.
async fn send_all(run: Arc<Run>, permits: Arc<Permits>, entries: mpsc::UnboundedReceiver<Entry>) {
    let entries = Arc::new(Mutex::new(entries));
    // One each for as many as there may ever be at one time: a task for each user would cost as much as its request.
    let mut senders = JoinSet::new();
    for _ in 0..run.client.most_at_once().min(MOST_SENDERS) {
        senders.spawn(send_each(Arc::clone(&run), Arc::clone(&permits), Arc::clone(&entries)));
    }
    tokio::select! {
        () = ended(&mut senders, &run.brake) => {}
        () = run.brake.on() => {}
    }
    // Never sent: back to pending, so that the next run need not doubt.
    let mut left = entries.lock().await;
    left.close();
    while let Some(entry) = left.recv().await {
        run.answer(unsent(&entry, Outcome::Pending(None).into())).await;
    }
    drop(left);
    let insisted = async {
        run.brake.asked(Urgency::Graceful).await;
        tokio::select! {
            () = run.brake.asked(Urgency::Now) => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
    };
    tokio::select! {
        () = ended(&mut senders, &run.brake) => {}
        () = insisted => {}
    }
}

/// Resolves once all senders have ended. One that broke off ends the run: the user it held is settled by the next one.
async fn ended(senders: &mut JoinSet<()>, brake: &Brake) {
    while let Some(ended) = senders.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            brake.stop_for(&broken_off());
        }
    }
}

fn broken_off() -> Error {
    let message = "a fault of this program broke a request off, and the rest waits; run the same command again, and please report what it said";
    Error {
        kind: Kind::StopsRun,
        status: None,
        code: "broken_off".to_owned(),
        message: message.to_owned(),
        field: None,
        trace_id: None,
        retry_after: None,
        in_doubt: true,
    }
}

/// Sends one user after the other, until there are no more, or nothing new is to be begun.
async fn send_each(run: Arc<Run>, permits: Arc<Permits>, entries: Arc<Mutex<mpsc::UnboundedReceiver<Entry>>>) {
    let next = || run.brake.unless_on(async { entries.lock().await.recv().await });
    while let Some(Some(entry)) = next().await {
        let Some(permit) = run.brake.unless_on(permits.acquire(&run.client)).await else {
            run.answer(unsent(&entry, Outcome::Pending(None).into())).await;
            break;
        };
        run.seats.add_permits(1);
        let answer = bring_in(&run, &entry).await;
        tracing::trace!(user_id = %entry.user.user_id, requests = answer.requests, event = ?answer.outcome.event(), "user");
        run.answer(answer).await;
        drop(permit);
    }
}

/// The answer for a user for whom nothing was sent.
fn unsent(entry: &Entry, verdict: Verdict) -> Answer {
    verdict.answer(entry, 0, entry.in_doubt)
}

/// Keeps what comes, as much to a transaction as has gathered, and lets users go once they are marked as `sending`.
async fn keep(
    ledger: Arc<Ledger>,
    progress: Arc<Progress>,
    mut notes: mpsc::Receiver<Note>,
    to_create: mpsc::UnboundedSender<Entry>,
    write_back: bool,
) -> Result<()> {
    let mut to_create = Some(to_create);
    let mut gathered = Vec::new();
    while notes.recv_many(&mut gathered, UNRECORDED).await > 0 {
        let (mut answers, mut to_send, mut fed) = (Vec::new(), Vec::new(), false);
        for note in gathered.drain(..) {
            match note {
                Note::Answer(answer) => answers.push(answer),
                Note::ToSend(entries) => to_send.extend(entries),
                Note::Fed => fed = true,
            }
        }
        let ids: Vec<i64> = to_send.iter().map(|entry| entry.id).collect();
        ledger.record_and_mark(&answers, write_back, &ids).await?;
        tracing::debug!(answers = answers.len(), to_send = ids.len(), "recorded");
        // Where nobody takes them any more, nothing was sent.
        let go = |entry| match &to_create {
            Some(to_create) => Some(to_create.send(entry).err()?.0),
            None => Some(entry),
        };
        let left: Vec<Entry> = to_send.into_iter().filter_map(go).collect();
        if !left.is_empty() {
            let unsent: Vec<Answer> = left.iter().map(|entry| unsent(entry, Outcome::Pending(None).into())).collect();
            ledger.record(&unsent, write_back).await?;
            answers.extend(unsent);
        }
        if fed {
            to_create = None;
        }
        for answer in &answers {
            count(&progress, &answer.outcome);
        }
    }
    Ok(())
}

fn count(progress: &Progress, outcome: &Outcome) {
    match outcome {
        Outcome::Created(_) => &progress.created,
        Outcome::Adopted(_) => &progress.adopted,
        Outcome::Linked(_) => &progress.linked,
        Outcome::Conflict(_) => &progress.conflicts,
        Outcome::Rejected(_) => &progress.rejected,
        Outcome::Pending(_) => &progress.put_off,
    }
    .add(1);
}
