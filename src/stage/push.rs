//! Ledger to Clerk: the pending users, created at the pace Clerk allows, and every answer recorded.
//!
//! ```text
//!  feed: pending ──look-up of 100──▶ found: settled at once
//!                                └─▶ nobody: marked `sending` ──▶ create (many at once) ──▶ record
//! ```
//! The order is what keeps users from being made twice: Clerk is asked before the first attempt, the ledger knows of the request
//! before it goes out, and after any doubt Clerk is asked again before anything is sent again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::look_up::{LookedUp, look_up};
use super::{Progress, settle};
use crate::clerk::{Client, Error, Kind, Taken, backoff};
use crate::ledger::{Answer, Entry, Ledger, Outcome};
use crate::record::Identifier;
use crate::shutdown::{Shutdown, Urgency};

/// How push goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most create requests on their way at one time.
    pub concurrency: usize,
    /// Whether the Clerk IDs are to be written back.
    pub write_back: bool,
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

/// How often a user may fail in one run before it waits for the next, and how many requests it may take, those refused for pace
/// among them.
const FAILURES_A_RUN: u32 = 8;
const REQUESTS_A_RUN: u32 = 90;
/// Users that one look-up asks for; Clerk takes no more.
const LOOK_UP: u32 = 100;
/// Failures in a row, over all users, after which this is taken for an outage and the run ends.
const OUTAGE: u32 = 60;
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
    progress.to_send.add(ledger.count_to_send().await?);
    let (stop, stopped) = watch::channel(None);
    let (to_create, entries) = mpsc::channel(LOOK_UP as usize);
    let (answers, answered) = mpsc::channel(1024);
    let run = Arc::new(Run {
        ledger: Arc::clone(ledger),
        client: client.clone(),
        stop,
        stopped,
        failures_in_a_row: std::sync::atomic::AtomicU32::new(0),
        answers,
    });
    let feeding = tokio::spawn(feed(Arc::clone(&run), to_create, shutdown.clone()));
    let recording = tokio::spawn(record(Arc::clone(ledger), Arc::clone(progress), answered, options.write_back));
    let creating = dispatch(Arc::clone(&run), entries, options.concurrency, shutdown.clone());
    // The recorder ends when the last sender of answers is gone, which `run` holds; so it comes last.
    let mut recording = recording;
    let finished = async {
        creating.await;
        feeding.await?
    };
    tokio::pin!(finished);
    let fed = tokio::select! {
        fed = &mut finished => fed,
        early = &mut recording => {
            // The recorder only ends early if it cannot write. Nothing may go out any more.
            return early?.map(|()| End::Interrupted);
        }
    };
    let end = run.stopped.borrow().clone();
    drop(run);
    recording.await??;
    fed?;
    Ok(match end {
        Some(error) => End::Stopped(error),
        None if shutdown.requested() => End::Interrupted,
        None => End::Complete,
    })
}

struct Run {
    ledger: Arc<Ledger>,
    client: Client,
    /// Set once, by whoever meets an error that concerns every further user alike.
    stop: watch::Sender<Option<Error>>,
    stopped: watch::Receiver<Option<Error>>,
    failures_in_a_row: std::sync::atomic::AtomicU32,
    answers: mpsc::Sender<Answer>,
}

impl Run {
    fn stop_for(&self, error: &Error) {
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(error.clone());
            }
            first
        });
    }

    fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    async fn answer(&self, answer: Answer) {
        // The recorder is only gone if the ledger cannot be written; the entry is then found again as `sending`.
        let _ = self.answers.send(answer).await;
    }

    /// Notes a passing failure; too many in a row are an outage.
    fn failed(&self, error: &Error) {
        // A refusal for pace is Clerk at work, not out of work.
        if error.is_rate_limit() {
            return;
        }
        let failures = self.failures_in_a_row.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if failures >= OUTAGE {
            let mut error = error.clone();
            error.message = format!("Clerk has not answered well {failures} times in a row; last: {}", error.message);
            self.stop_for(&error);
        }
    }

    fn succeeded(&self) {
        self.failures_in_a_row.store(0, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Takes users from the ledger, asks Clerk for them, and hands on those whom Clerk does not know.
async fn feed(run: Arc<Run>, to_create: mpsc::Sender<Entry>, mut shutdown: Shutdown) -> Result<()> {
    let mut stopped = run.stopped.clone();
    let mut after = 0;
    loop {
        let page = run.ledger.pending(after, LOOK_UP).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        // Only the question may be dropped: from then on every user is accounted for.
        let looked_up = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => return Ok(()),
            _ = stopped.wait_for(Option::is_some) => return Ok(()),
            looked_up = look_up(&run.client, page) => looked_up,
        };
        match looked_up {
            Ok(looked_up) => hand_on(&run, looked_up, &to_create).await?,
            Err(error) => {
                run.stop_for(&error);
                return Ok(());
            }
        }
    }
}

/// Records the users that are in Clerk, and hands on the others, marked as `sending`.
async fn hand_on(run: &Run, looked_up: LookedUp, to_create: &mpsc::Sender<Entry>) -> Result<()> {
    for (entry, outcome) in looked_up.settled {
        run.answer(unsent(&entry, outcome)).await;
    }
    let ids: Vec<i64> = looked_up.unknown.iter().map(|entry| entry.id).collect();
    run.ledger.mark_sending(&ids).await?;
    for entry in looked_up.unknown {
        if let Err(refused) = to_create.send(entry).await {
            // Nobody takes them any more, and nothing was sent.
            run.answer(unsent(&refused.0, Outcome::Pending(None))).await;
        }
    }
    Ok(())
}

/// Keeps up to `concurrency` create requests on their way, and awaits them all at the end.
async fn dispatch(run: Arc<Run>, mut entries: mpsc::Receiver<Entry>, concurrency: usize, mut shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(concurrency.max(1)));
    let mut tasks = JoinSet::new();
    let mut stopped = run.stopped.clone();
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            Some((permit, entries.recv().await?))
        };
        let next = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => None,
            _ = stopped.wait_for(Option::is_some) => None,
            next = next => next,
        };
        let Some((permit, entry)) = next else { break };
        let run = Arc::clone(&run);
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            let answer = bring_in(&run, &entry, shutdown).await;
            tracing::trace!(user_id = %entry.user.user_id, requests = answer.requests, event = ?answer.outcome.event(), "user");
            run.answer(answer).await;
            drop(permit);
        });
        while tasks.try_join_next().is_some() {}
    }
    entries.close();
    // Never sent: back to pending, so that the next run need not doubt.
    while let Some(entry) = entries.recv().await {
        run.answer(unsent(&entry, Outcome::Pending(None))).await;
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    let insisted = async {
        shutdown.wait_for(Urgency::Graceful).await;
        tokio::select! {
            () = shutdown.wait_for(Urgency::Now) => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
    };
    tokio::select! {
        () = all => {}
        () = insisted => {}
    }
}

/// The answer for a user for whom nothing was sent.
fn unsent(entry: &Entry, outcome: Outcome) -> Answer {
    Answer { id: entry.id, requests: 0, in_doubt: entry.in_doubt, outcome }
}

/// Creates one user, as often as it takes and makes sense.
async fn bring_in(run: &Run, entry: &Entry, mut shutdown: Shutdown) -> Answer {
    let (mut requests, mut failures, mut in_doubt) = (0, 0, entry.in_doubt);
    let mut stopped = run.stopped.clone();
    let outcome = loop {
        let turn = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => break Outcome::Pending(None),
            _ = stopped.wait_for(Option::is_some) => break Outcome::Pending(None),
            turn = run.client.turn() => turn,
        };
        requests += 1;
        let error = match run.client.create_user(turn, &entry.user).await {
            Ok(user) => {
                run.succeeded();
                break Outcome::Created(user.id);
            }
            Err(error) => error,
        };
        in_doubt |= error.in_doubt;
        match error.kind {
            Kind::StopsRun => {
                run.stop_for(&error);
                break settle::put_off(&error);
            }
            Kind::Rejected => {
                run.succeeded();
                break settle::rejected(&error);
            }
            Kind::IdentifierExists { param } => {
                run.succeeded();
                break identifier_exists(run, entry, &error, param, in_doubt).await;
            }
            Kind::Passing => run.failed(&error),
        }
        tracing::debug!(user_id = %entry.user.user_id, requests, code = error.code, in_doubt, "failed for now");
        // Being refused for pace is no failure of this user's: the next turn comes when Clerk's pause is over.
        failures += u32::from(!error.is_rate_limit());
        if failures >= FAILURES_A_RUN || requests >= REQUESTS_A_RUN || run.is_stopped() || shutdown.requested() {
            break settle::put_off(&error);
        }
        tokio::select! {
            () = tokio::time::sleep(backoff::delay(failures, fastrand::f64())) => {}
            () = shutdown.wait_for(Urgency::Graceful) => break settle::put_off(&error),
        }
        if error.in_doubt {
            match look_up_again(run, entry, in_doubt).await {
                Ok(Some(outcome)) => break outcome,
                Ok(None) => {}
                Err(error) => break settle::put_off(&error),
            }
        }
    };
    Answer { id: entry.id, requests, in_doubt, outcome }
}

/// A held identifier may be held by the very user that our own earlier request made: Clerk is asked before it is a conflict.
async fn identifier_exists(run: &Run, entry: &Entry, error: &Error, param: Taken, in_doubt: bool) -> Outcome {
    match look_up_again(run, entry, in_doubt).await {
        Ok(Some(outcome)) => return outcome,
        Ok(None) => {}
        Err(error) => return settle::put_off(&error),
    }
    let wanted = |identifier: &&Identifier| match param {
        Taken::Identifier(kind) => identifier.kind == kind,
        Taken::ExternalId => false,
        Taken::Unknown => true,
    };
    for identifier in entry.user.identifiers().iter().filter(wanted) {
        match run.client.user_by_identifier(identifier).await {
            // It has come to light between the two questions.
            Ok(Some(holder)) if holder.external_id.as_deref() == Some(entry.user.user_id.as_str()) => {
                return settle::found(&entry.user, &holder, in_doubt);
            }
            Ok(Some(holder)) => return settle::held_by_other(error, Some((identifier, &holder))),
            Ok(None) => {}
            Err(error) => return settle::put_off(&error),
        }
    }
    settle::held_by_other(error, None)
}

async fn look_up_again(run: &Run, entry: &Entry, in_doubt: bool) -> Result<Option<Outcome>, Error> {
    let user = Entry { in_doubt, ..entry.clone() };
    let looked_up = look_up(&run.client, vec![user]).await.inspect_err(|error| {
        if error.kind == Kind::StopsRun {
            run.stop_for(error);
        }
    })?;
    Ok(looked_up.settled.into_iter().next().map(|(_, outcome)| outcome))
}

/// Records answers as they come, as many to a transaction as have gathered.
async fn record(
    ledger: Arc<Ledger>,
    progress: Arc<Progress>,
    mut answers: mpsc::Receiver<Answer>,
    write_back: bool,
) -> Result<()> {
    let mut batch = Vec::new();
    while answers.recv_many(&mut batch, 512).await > 0 {
        ledger.record(&batch, write_back).await?;
        tracing::debug!(answers = batch.len(), "recorded");
        for answer in batch.drain(..) {
            match answer.outcome {
                Outcome::Created(_) => &progress.created,
                Outcome::Adopted(_) => &progress.adopted,
                Outcome::Conflict(_) => &progress.conflicts,
                Outcome::Rejected(_) => &progress.rejected,
                Outcome::Pending(_) => &progress.put_off,
            }
            .add(1);
        }
    }
    Ok(())
}
