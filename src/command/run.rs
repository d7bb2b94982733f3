//! What `migrate` and `import` share: plan, consent, push and write-back side by side, summary.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::sync::watch;

use super::Context;
use super::clerk_target::ClerkTarget;
use super::consent::{self, Asked};
use super::write_target::WriteTarget;
use crate::args::ConsentArgs;
use crate::database::QueryError;
use crate::exit::{Exit, Failure};
use crate::ledger::{Counts, Ledger, LedgerError, Of, Problems, ReasonCount, State, WriteBack};
use crate::mapping::{ElementError, EmailBasis};
use crate::output::{Bar, Phase, count, duration, number, table, write_log};
use crate::shutdown::Urgency;
use crate::stage::Progress;
use crate::stage::pull::{self, Pulled};
use crate::stage::push::{self, push};
use crate::stage::source::Source;
use crate::stage::write_back::{self, write_back};
use crate::users_file::ReadError;

/// Everything a run needs, opened.
pub(super) struct Job {
    /// The ledger, claimed.
    pub ledger: Ledger,
    /// The Clerk instance.
    pub clerk: ClerkTarget,
    /// Where IDs are written, if they are.
    pub write: Option<WriteTarget>,
    /// The users.
    pub source: Source,
    /// Whether known user IDs may carry other identifiers than before.
    pub accept_changed_identifiers: bool,
    /// The consent given beforehand.
    pub consent: ConsentArgs,
    /// What to run to write the IDs back later, if they are not written now.
    pub backfill: Option<String>,
    /// What to run to go on after an interruption.
    pub again: String,
}

/// Reads the source into the ledger, asks for consent, sends, writes back, and tells how it ended.
///
/// # Errors
/// [`Failure`], if it was refused or failed on the way; the ledger then knows how far it came.
pub(super) async fn run(mut job: Job, context: &Context) -> Result<Exit, Failure> {
    let started = Instant::now();
    let progress = Arc::new(Progress::default());
    let mut lines = job.clerk.describe();
    lines.extend(job.write.iter().flat_map(WriteTarget::describe));
    context.console.say(lines.join("\n"));
    let pulled = read(&mut job.source, &job.ledger, job.accept_changed_identifiers, &progress, context).await?;
    let plan = Plan::of(&job.ledger, job.write.is_some()).await?;
    context.console.say(plan.describe(&pulled));
    for user_id in &pulled.missing {
        context.console.warn(format!("the source has no user `{user_id}`"));
    }
    if !plan.is_empty() {
        consent::ask(asked(&job.clerk), job.consent, context).await?;
        if let Some(write) = &mut job.write {
            write.prepare().await?;
            job.ledger.ask_write_back(false).await?;
        }
    }
    let outcome = send(job, &progress, context).await;
    let (job, ends) = outcome?;
    let finish = Finish { job: &job, ends: &ends, pulled: &pulled, progress: &progress, started };
    let exit = finish.tell(context).await?;
    job.ledger.checkpoint().await?;
    Ok(exit)
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
    ledger: &Ledger,
    accept_changed_identifiers: bool,
    progress: &Arc<Progress>,
    context: &Context,
) -> Result<Pulled, Failure> {
    let bar = Bar::start(context.console, Phase::Reading, progress);
    let pulled = pull::pull(source, ledger, accept_changed_identifiers, progress, context.shutdown.clone()).await;
    drop(bar);
    match pulled {
        Ok(pulled) => Ok(pulled),
        Err(error) => {
            // Half a pull holds digests and is of no use.
            ledger.begin_pull().await?;
            ledger.checkpoint().await?;
            Err(if is_refusal(&error) { Failure::Refused(error) } else { Failure::Failed(error) })
        }
    }
}

/// Whether the source is not what it should be, rather than out of reach.
fn is_refusal(error: &anyhow::Error) -> bool {
    let query = error.downcast_ref::<QueryError>();
    query.is_some_and(|error| !matches!(error, QueryError::Broken(_) | QueryError::Connect(_)))
        || matches!(error.downcast_ref(), Some(LedgerError::OtherPeople { .. }))
        || error.is::<ReadError>()
        || error.is::<ElementError>()
}

/// What a run is about to do.
#[derive(Debug)]
pub(super) struct Plan {
    to_send: u64,
    to_write: u64,
    bases: Vec<(String, u64)>,
    reasons: Vec<ReasonCount>,
    counts: Counts,
}

impl Plan {
    /// Reads the plan from the ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) async fn of(ledger: &Ledger, writes: bool) -> Result<Self> {
        let counts = ledger.counts().await?;
        let written = counts.written_back(WriteBack::Written);
        Ok(Self {
            to_send: counts.to_send(),
            to_write: if writes { counts.in_clerk().saturating_sub(written) } else { 0 },
            bases: ledger.email_bases(Of::ToSend).await?,
            reasons: ledger.reasons().await?,
            counts,
        })
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.to_send == 0 && self.to_write == 0
    }

    /// Returns how many users our checks refused.
    #[must_use]
    pub(super) fn invalid(&self) -> u64 {
        self.counts.of(State::Invalid)
    }

    /// Tells the plan: who is sent, whose address counts as verified and why, and who is left out.
    #[must_use]
    pub(super) fn describe(&self, pulled: &Pulled) -> String {
        let mut rows = vec![
            ("read from the source".to_owned(), pulled.users, String::new()),
            ("to be sent to Clerk".to_owned(), self.to_send, String::new()),
        ];
        rows.extend(basis_rows(&self.bases));
        if self.to_write > 0 {
            rows.push(("in Clerk already, to be written back".to_owned(), self.to_write, String::new()));
        }
        for (what, users) in [
            ("in Clerk already", self.counts.in_clerk()),
            ("of them changed in the source since; left alone", pulled.merged.changed),
            ("left out on request", self.counts.skipped),
            ("gone from the source before they were sent", pulled.merged.gone),
            ("digests rewritten into Clerk's spelling", pulled.coverage.rewrites.values().sum()),
            ("passwords left behind, unusable in Clerk", pulled.coverage.password_dropped),
            ("invalid, not sent", self.invalid()),
        ] {
            if users > 0 {
                rows.push((what.to_owned(), users, String::new()));
            }
        }
        let mut text = format!("\nPlan\n{}", table::counts(&rows));
        text.push_str(&reasons(&self.reasons, &["invalid"]));
        text.push('\n');
        text
    }
}

/// How many users' addresses are verified, by which rule, and how many are not.
fn basis_rows(bases: &[(String, u64)]) -> impl Iterator<Item = (String, u64, String)> {
    let bases = bases.iter().filter_map(|(word, users)| Some((word.parse::<EmailBasis>().ok()?, *users)));
    bases.map(|(basis, users)| (format!("  {}", basis_in_words(basis)), users, String::new()))
}

fn basis_in_words(basis: EmailBasis) -> &'static str {
    match basis {
        EmailBasis::None => "without an e-mail address",
        EmailBasis::Stated => "address verified: the source says so",
        EmailBasis::Providers => "address verified: no password, and only trusted OAuth providers",
        EmailBasis::Unstated => "address verified: the source does not say, and that is Clerk's default",
        EmailBasis::Override => "address verified: by `--unverified verify`",
        EmailBasis::Reserved => "address not verified: created `reserved`",
    }
}

/// The most frequent reasons, with how many users have each.
#[must_use]
pub(super) fn reasons(reasons: &[ReasonCount], states: &[&str]) -> String {
    let rows: Vec<_> = reasons
        .iter()
        .filter(|reason| states.contains(&reason.state.as_str()))
        .take(12)
        .map(|reason| {
            let field = if reason.field.is_empty() { String::new() } else { format!(" {}:", reason.field) };
            let more = if reason.users > 1 { " (for example)" } else { "" };
            (format!("  {}{field}", reason.state), reason.users, format!("{}{more}", reason.example))
        })
        .collect();
    if rows.is_empty() { String::new() } else { format!("\n{}", table::counts(&rows)) }
}

/// How the two stages ended.
struct Ends {
    push: push::End,
    write: Option<write_back::End>,
}

async fn send(job: Job, progress: &Arc<Progress>, context: &Context) -> Result<(Job, Ends), Failure> {
    let Job { ledger, clerk, write, source, accept_changed_identifiers, consent, backfill, again } = job;
    let (ledger, write) = (Arc::new(ledger), write.map(Arc::new));
    let bar = Bar::start(context.console, Phase::Sending, progress);
    let (push_is_on, more_to_come) = watch::channel(true);
    let writing = write.as_ref().map(|write| {
        let (ledger, write, progress) = (Arc::clone(&ledger), Arc::clone(write), Arc::clone(progress));
        tokio::spawn(async move {
            write_back(&ledger, &write.database, &write.target, false, more_to_come, &progress).await
        })
    });
    let options = push::Options { concurrency: clerk.concurrency, write_back: write.is_some() };
    let pushed = push(&ledger, &clerk.client, options, progress, context.shutdown.clone()).await;
    push_is_on.send_replace(false);
    let written = match writing {
        Some(mut writing) => {
            let mut shutdown = context.shutdown.clone();
            tokio::select! {
                written = &mut writing => Some(written.context("the write-back broke off")??),
                () = shutdown.wait_for(Urgency::Now) => {
                    writing.abort();
                    let _ = writing.await;
                    None
                }
            }
        }
        None => None,
    };
    drop(bar);
    let ends = Ends { push: pushed?, write: written };
    let ledger = Arc::into_inner(ledger).context("a task still holds the ledger")?;
    let write = write.map(|write| Arc::into_inner(write).context("a task still holds the database")).transpose()?;
    let job = Job { ledger, clerk, write, source, accept_changed_identifiers, consent, backfill, again };
    Ok((job, ends))
}

struct Finish<'a> {
    job: &'a Job,
    ends: &'a Ends,
    pulled: &'a Pulled,
    progress: &'a Progress,
    started: Instant,
}

impl Finish<'_> {
    async fn tell(&self, context: &Context) -> Result<Exit> {
        let ledger = &self.job.ledger;
        let counts = ledger.counts().await?;
        let log =
            write_log(&context.folder, async |after| Ok(ledger.problems(Problems::All, after, 500).await?)).await?;
        let mut text = vec![self.summary(&counts, &ledger.email_bases(Of::Created).await?)];
        text.push(reasons(&ledger.reasons().await?, &["invalid", "conflict", "rejected", "pending"]));
        if let Some(log) = &log {
            text.push(format!("\n\nEvery user that did not get in, with the reasons: {}", log.display()));
        }
        text.push(self.next(&counts));
        context.console.result(text.concat(), &self.json(&counts));
        if let push::End::Stopped(error) = &self.ends.push {
            context.console.say(format!("error: stopped before all users were sent: {}", error.message));
        }
        if let Some(write_back::End::Stopped(error)) = &self.ends.write {
            context.console.say(format!("error: the write-back stopped: {error}"));
        }
        Ok(match &self.ends.push {
            push::End::Interrupted => Exit::Interrupted,
            push::End::Stopped(_) => Exit::Problems,
            push::End::Complete if counts.problems() > 0 || !self.pulled.missing.is_empty() => Exit::Problems,
            push::End::Complete => Exit::Done,
        })
    }

    fn summary(&self, counts: &Counts, bases: &[(String, u64)]) -> String {
        let progress = self.progress;
        let (created, adopted) = (progress.created.get(), progress.adopted.get());
        let in_clerk = format!("{} created now, {} found there", number(created), number(adopted));
        let mut rows = vec![("users in Clerk".to_owned(), counts.in_clerk(), in_clerk)];
        rows.extend(basis_rows(bases));
        for (what, users, remark) in [
            ("still to be sent", counts.to_send(), "a later run sends them"),
            ("invalid", counts.of(State::Invalid), "our checks refused them; never sent"),
            ("conflict", counts.of(State::Conflict), "another Clerk user is in the way"),
            ("rejected", counts.of(State::Rejected), "Clerk refused them"),
            ("skipped", counts.skipped, "left out on request"),
            ("gone", counts.of(State::Gone), "no longer in the source, never sent"),
            ("deleted", counts.of(State::Deleted), "created by us and deleted again"),
        ] {
            if users > 0 {
                rows.push((what.to_owned(), users, remark.to_owned()));
            }
        }
        if self.job.write.is_some() {
            let now = format!("{} now", number(progress.written.get()));
            rows.push(("rows that bear their Clerk ID".to_owned(), counts.written_back(WriteBack::Written), now));
            for (what, state, remark) in [
                ("rows waiting", WriteBack::Waiting, "`db2clerk backfill` finishes them"),
                (
                    "rows held",
                    WriteBack::Held,
                    "they bear another ID, often of a development instance; `backfill --overwrite` replaces it",
                ),
                ("rows gone", WriteBack::RowGone, "no row has the key any more"),
                ("rows refused", WriteBack::Refused, "the database said no"),
            ] {
                if counts.written_back(state) > 0 {
                    rows.push((what.to_owned(), counts.written_back(state), remark.to_owned()));
                }
            }
        }
        let stats = self.job.clerk.client.stats();
        let took = duration(self.started.elapsed());
        format!(
            "Summary: {} in {took}, {}{}\n{}",
            count(progress.sent(), "user"),
            count(stats.requests, "request"),
            if stats.rate_limited > 0 {
                format!(", {} refused for pace", number(stats.rate_limited))
            } else {
                String::new()
            },
            table::counts(&rows)
        )
    }

    /// What to run next, if anything is left.
    fn next(&self, counts: &Counts) -> String {
        let mut text = vec![format!("\nThe ledger of this run: {}", self.job.ledger.path().display())];
        if counts.to_send() > 0 {
            text.push(format!("\nTo go on from here: {}", self.job.again));
        }
        if let Some(backfill) = self.job.backfill.as_ref().filter(|_| counts.in_clerk() > 0) {
            text.push(format!("\nTo write the Clerk IDs into the database: {backfill}"));
        }
        text.concat()
    }

    fn json(&self, counts: &Counts) -> serde_json::Value {
        let stats = self.job.clerk.client.stats();
        let failed =
            [WriteBack::RowGone, WriteBack::Refused, WriteBack::Waiting].map(|state| counts.written_back(state));
        json!({
            "pulled": self.pulled.users,
            "created": self.progress.created.get(),
            "adopted": self.progress.adopted.get(),
            "writtenBack": self.progress.written.get(),
            "requests": stats.requests,
            "rateLimited": stats.rate_limited,
            "elapsedSeconds": (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            "invalid": counts.of(State::Invalid),
            "conflict": counts.of(State::Conflict),
            "rejected": counts.of(State::Rejected),
            "pending": counts.to_send(),
            "skipped": counts.skipped,
            "gone": counts.of(State::Gone),
            "heldByOther": counts.written_back(WriteBack::Held),
            "writeBackFailed": failed.iter().sum::<u64>(),
        })
    }
}
