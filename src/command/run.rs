//! What `migrate` and `import` share: read, plan, consent, then push and write-back side by side.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use tokio::sync::watch;

use super::clerk_target::ClerkTarget;
use super::consent::{self, Asked};
use super::plan::Plan;
use super::summary::Summary;
use super::write_target::WriteTarget;
use super::{Context, beside};
use crate::args::{ConsentArgs, TopUpArgs};
use crate::database::QueryError;
use crate::exit::{Exit, Failure};
use crate::ledger::{Ledger, LedgerError};
use crate::mapping::ElementError;
use crate::output::{Bar, Phase, count};
use crate::shutdown::{Shutdown, Urgency};
use crate::stage::Progress;
use crate::stage::look_up::settle_doubts;
use crate::stage::pull::{self, Pulled};
use crate::stage::push::{self, push};
use crate::stage::source::Source;
use crate::stage::undo::clear_former_ids;
use crate::stage::update::update;
use crate::stage::write_back::{self, Whose, write_back};
use crate::users_file::ReadError;

/// Everything a run needs, opened.
pub(super) struct Job {
    /// The ledger, claimed.
    pub ledger: Arc<Ledger>,
    /// The Clerk instance.
    pub clerk: ClerkTarget,
    /// Where IDs are written, if they are.
    pub write: Option<WriteTarget>,
    /// The columns that refer to users and get Clerk IDs beside them, if any do.
    pub beside: Option<beside::Plan>,
    /// The users.
    pub source: Source,
    /// What may be done with users who are in Clerk already.
    pub top_up: TopUpArgs,
    /// The consent given beforehand.
    pub consent: ConsentArgs,
    /// What to run to write the IDs back later, if they are not written now.
    pub backfill: Option<String>,
}

/// How the stages ended.
pub(super) struct Ends {
    /// Push, or the update after it.
    pub push: push::End,
    /// The write-back, if there was one and nobody insisted on stopping.
    pub write: Option<write_back::End>,
    /// The columns that refer to users, if any were filled.
    pub beside: Option<beside::Outcome>,
    /// Whether IDs were to be written back.
    pub writes: bool,
}

/// Reads the source into the ledger, asks for consent, sends, writes back, and tells how it ended.
///
/// # Errors
/// [`Failure`], if it was refused or failed on the way; the ledger then knows how far it came.
pub(super) async fn run(job: Job, context: &Context) -> Result<Exit, Failure> {
    let ledger = Arc::clone(&job.ledger);
    let ended = Box::pin(read_and_send(job, context)).await;
    ledger.forget_change_payloads().await?;
    let checkpointed = ledger.checkpoint().await;
    let exit = ended?;
    checkpointed?;
    Ok(exit)
}

async fn read_and_send(mut job: Job, context: &Context) -> Result<Exit, Failure> {
    let mut started = Instant::now();
    let progress = Arc::new(Progress::default());
    let mut lines = job.clerk.describe();
    lines.extend(job.write.iter().flat_map(WriteTarget::describe));
    lines.extend(job.beside.iter().flat_map(beside::Plan::describe));
    context.console.say(lines.join("\n"));
    let doubts = settle_doubts(&job.ledger, &job.clerk.client, job.write.is_some());
    let doubts = context
        .or_interrupted(doubts)
        .await?
        .context("failed to look up the users whose answer the last run did not see")?;
    if doubts > 0 {
        context.console.note(format!("Looked up {} whose answer the last run did not see", count(doubts, "user")));
    }
    let pulled = read(&mut job.source, &job.ledger, job.top_up, &progress, context).await?;
    let plan = Plan::of(&job.ledger, &job.clerk, job.write.is_some()).await?;
    context.console.say(plan.describe(&pulled));
    tell_missing(&pulled, context);
    if !plan.is_empty() || job.beside.is_some() {
        let asked_at = Instant::now();
        consent::ask(asked(&job.clerk), job.consent, context).await?;
        // How long somebody thinks it over is not how long the run takes.
        started += asked_at.elapsed();
        if let Some(write) = &mut job.write {
            write.prepare().await?;
            clear_former_ids(&job.ledger, &write.database, &write.target).await?;
            job.ledger.ask_write_back().await?;
        }
    }
    let write = job.write.take().map(Arc::new);
    let mut ends = send(&job, write.clone(), &progress, context).await?;
    let is_over = matches!(ends.write, Some(write_back::End::Complete));
    if let (Some(plan), Some(write)) = (job.beside.take().filter(|_| is_over), &write) {
        ends.beside = Some(plan.run(write, &progress, context).await?);
    }
    let summary = Summary { job: &job, ends: &ends, pulled: &pulled, progress: &progress, started };
    Ok(summary.tell(context).await?)
}

/// Warns of users asked for by ID that the source does not have.
pub(super) fn tell_missing(pulled: &Pulled, context: &Context) {
    for user_id in &pulled.missing {
        context.console.warn(format!("the source has no user `{user_id}`"));
    }
}

/// Which word gives consent, and whether a setting has given it.
#[must_use]
pub(super) fn asked(clerk: &ClerkTarget) -> Asked<'static> {
    let word = if clerk.is_production() { "production" } else { "development" };
    Asked { word, given: !clerk.is_production() && clerk.dev_allowed }
}

/// Reads the source into the ledger, showing how far it is.
///
/// # Errors
/// A refusal if the ledger's users are other people's; a failure if the source or the ledger breaks off. Nothing is taken over.
pub(super) async fn read(
    source: &mut Source,
    ledger: &Arc<Ledger>,
    top_up: TopUpArgs,
    progress: &Arc<Progress>,
    context: &Context,
) -> Result<Pulled, Failure> {
    let bar = Bar::start(context.console, Phase::Reading, progress);
    let TopUpArgs { accept_changed_identifiers, update, recreate, .. } = top_up;
    let options = pull::Options { accept_changed_identifiers, update, recreate };
    let pulled = pull::pull(source, ledger, options, progress, context.shutdown.clone()).await;
    drop(bar);
    match pulled {
        Ok(pulled) => {
            tracing::debug!(users = pulled.users, "read into the ledger");
            Ok(pulled)
        }
        Err(error) => {
            // Half a pull holds digests and is of no use.
            ledger.forget_pull().await?;
            ledger.checkpoint().await?;
            Err(of_source(error))
        }
    }
}

/// Tells a source that is not what it should be from one that is out of reach.
#[must_use]
pub(super) fn of_source(error: anyhow::Error) -> Failure {
    if is_refusal(&error) { Failure::Refused(error) } else { Failure::Failed(error) }
}

/// Whether the source is not what it should be, rather than out of reach.
fn is_refusal(error: &anyhow::Error) -> bool {
    let query = error.downcast_ref::<QueryError>();
    query.is_some_and(|error| !matches!(error, QueryError::Broken(_) | QueryError::Connect(_)))
        || matches!(error.downcast_ref(), Some(LedgerError::OtherPeople { .. } | LedgerError::ClerkIdAsUserId { .. }))
        || error.is::<ReadError>()
        || error.is::<ElementError>()
}

async fn send(job: &Job, write: Option<Arc<WriteTarget>>, progress: &Arc<Progress>, context: &Context) -> Result<Ends> {
    let _bar = Bar::start(context.console, Phase::Sending, progress);
    let (push_is_on, more_to_come) = watch::channel(true);
    let mut ends = Ends { push: push::End::Interrupted, write: None, beside: None, writes: write.is_some() };
    let writing = write.map(|write| {
        let (ledger, progress) = (Arc::clone(&job.ledger), Arc::clone(progress));
        tokio::spawn(async move {
            let WriteTarget { database, target, .. } = &*write;
            let job = write_back::Job {
                ledger: &ledger,
                database,
                target,
                whose: Whose::Waiting,
                overwrite: false,
                progress: &progress,
            };
            write_back(job, more_to_come, Shutdown::never()).await
        })
    });
    let pushed = push_and_update(job, ends.writes, progress, context).await;
    push_is_on.send_replace(false);
    if let Some(mut writing) = writing {
        let mut shutdown = context.shutdown.clone();
        tokio::select! {
            written = &mut writing => ends.write = Some(written.context("the write-back broke off")??),
            () = shutdown.wait_for(Urgency::Now) => writing.abort(),
        }
    }
    ends.push = pushed?;
    Ok(ends)
}

async fn push_and_update(
    job: &Job,
    write_back: bool,
    progress: &Arc<Progress>,
    context: &Context,
) -> Result<push::End> {
    let (clerk, shutdown) = (&job.clerk, &context.shutdown);
    let on_conflict = job.top_up.on_conflict;
    let options = push::Options { write_back, on_conflict, clerk_is_empty: clerk.has_no_users().await };
    let end = push(&job.ledger, &clerk.client, options, progress, shutdown.clone()).await?;
    if end == push::End::Complete && job.top_up.update {
        return update(&job.ledger, &clerk.client, progress, shutdown.clone()).await;
    }
    Ok(end)
}
