//! How a run ended: for people, for programs, in the log and in the exit code.

use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::plan::{basis_rows, reasons};
use super::run::{Ends, Job};
use super::{Context, beside};
use crate::exit::Exit;
use crate::ledger::{Counts, Of, Problems, State, WriteBack};
use crate::mapping::EmailBasis;
use crate::output::{count, duration, number, table, write_log};
use crate::stage::Progress;
use crate::stage::pull::Pulled;
use crate::stage::{push, write_back};

/// Everything there is to tell of a run that has ended.
pub(super) struct Summary<'a> {
    pub job: &'a Job,
    pub ends: &'a Ends,
    pub pulled: &'a Pulled,
    pub progress: &'a Progress,
    pub started: Instant,
}

impl Summary<'_> {
    /// Writes the log, gives the result, and returns how the run ended.
    ///
    /// # Errors
    /// If the ledger cannot be read or the log cannot be written.
    pub(super) async fn tell(&self, context: &Context) -> Result<Exit> {
        let ledger = &self.job.ledger;
        let counts = ledger.counts().await?;
        let page = async |after| Ok(ledger.problems(Problems::All, after, 500).await?);
        let log = context.console.or_warn(write_log(&context.folder, page).await);
        let bases = ledger.email_bases(Of::Created, &EmailBasis::ALL.map(EmailBasis::as_str)).await?;
        let mut text = vec![self.in_words(&counts, &bases)];
        text.push(reasons(&ledger.reasons().await?, &["invalid", "conflict", "rejected", "pending"]));
        if let Some(log) = &log {
            text.push(format!(
                "\n\nEverybody who did not get in, changed or vanished, with the reasons: {}",
                log.display()
            ));
        }
        let beside = self.ends.beside.as_ref();
        text.extend(beside.map(beside::Outcome::in_words));
        text.push(self.next(&counts, &context.again));
        let mut json = self.json(&counts);
        if let Some(beside) = beside {
            json["references"] = beside.in_json();
        }
        context.console.result(text.concat(), &json);
        if let Some(error) = beside.and_then(beside::Outcome::error) {
            context.console.say(format!("error: {error}"));
        }
        if let push::End::Stopped(error) = &self.ends.push {
            context.console.say(format!("error: stopped before all users were sent: {}", error.message));
        }
        if let Some(write_back::End::Stopped(error)) = &self.ends.write {
            context.console.say(format!("error: the write-back stopped: {error}"));
        }
        Ok(match &self.ends.push {
            push::End::Interrupted => Exit::Interrupted,
            // Somebody insisted on stopping while IDs were written.
            push::End::Complete if self.wants_to_go_on() => Exit::Interrupted,
            push::End::Complete if beside.is_some_and(|beside| beside.exit() == Exit::Interrupted) => Exit::Interrupted,
            push::End::Stopped(_) => Exit::Problems,
            push::End::Complete if counts.problems() > 0 || !self.pulled.missing.is_empty() => Exit::Problems,
            push::End::Complete => beside.map_or(Exit::Done, beside::Outcome::exit),
        })
    }

    fn in_words(&self, counts: &Counts, bases: &[(&'static str, u64)]) -> String {
        let progress = self.progress;
        let (created, adopted) = (progress.created.get(), progress.adopted.get());
        let in_clerk = format!("{} created now, {} found there", number(created), number(adopted));
        let changed = if self.job.top_up.update {
            "their rows say something that could not be sent; the log names it"
        } else {
            "their rows changed since they were sent; `--update` sends that"
        };
        let mut rows = vec![("users in Clerk".to_owned(), counts.in_clerk(), in_clerk)];
        rows.extend(basis_rows(bases));
        if self.job.top_up.update {
            let failed = format!("{} could not be", number(progress.not_updated.get()));
            rows.push(("brought up to date".to_owned(), progress.updated.get(), failed));
        }
        if self.ends.writes {
            rows.extend(self.written_back(counts));
        }
        for (what, users, remark) in [
            ("still to be sent", counts.to_send(), "a later run sends them"),
            ("invalid", counts.of(State::Invalid), "our checks refused them; never sent"),
            ("conflict", counts.of(State::Conflict), "another Clerk user is in the way"),
            ("rejected", counts.of(State::Rejected), "Clerk refused them"),
            ("skipped", counts.skipped, "left out on request"),
            ("gone", counts.of(State::Gone), "no longer in the source, never sent"),
            ("deleted", counts.of(State::Deleted), "created by us and deleted again; `--recreate` brings them back"),
            ("taken over", counts.linked, "in Clerk before, without a user ID; they have yours now"),
            ("changed", counts.changed, changed),
            ("vanished", counts.vanished, "in Clerk, and no longer in the source; left alone"),
        ] {
            if users > 0 {
                rows.push((what.to_owned(), users, remark.to_owned()));
            }
        }
        let stats = self.job.clerk.client.stats();
        let took = duration(self.started.elapsed());
        format!(
            "Summary: {} in {took}, {}{}\n{}",
            count(progress.sent() - progress.put_off.get(), "user"),
            count(stats.requests, "request"),
            if stats.rate_limited > 0 {
                format!(", {} refused for pace", number(stats.rate_limited))
            } else {
                String::new()
            },
            table::counts(&rows)
        )
    }

    /// What became of the rows.
    fn written_back(&self, counts: &Counts) -> Vec<(String, u64, String)> {
        let now = format!("{} now", number(self.progress.written.get()));
        let mut rows = vec![("rows that bear their Clerk ID".to_owned(), counts.written_back(WriteBack::Written), now)];
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
        rows
    }

    /// Whether the run ended before its time.
    fn wants_to_go_on(&self) -> bool {
        self.ends.push != push::End::Complete || self.ends.writes && self.ends.write.is_none()
    }

    /// What to run next, if anything is left.
    fn next(&self, counts: &Counts, again: &str) -> String {
        let mut text = vec![format!("\nThe ledger of this run: {}", self.job.ledger.path().display())];
        if counts.to_send() > 0 || self.wants_to_go_on() {
            text.push(format!("\nTo go on from here: {again}"));
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
            "linked": self.progress.linked.get(),
            "updated": self.progress.updated.get(),
            "notUpdated": self.progress.not_updated.get(),
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
            "changed": counts.changed,
            "vanished": counts.vanished,
            "heldByOther": counts.written_back(WriteBack::Held),
            "writeBackFailed": failed.iter().sum::<u64>(),
        })
    }
}
