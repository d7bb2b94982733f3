//! What a run is about to do, in numbers and words, before consent is asked.

use std::time::Duration;

use anyhow::Result;

use super::clerk_target::ClerkTarget;
use crate::ledger::{Counts, Ledger, Of, ReasonCount, State};
use crate::mapping::EmailBasis;
use crate::output::{duration, table};
use crate::stage::pull::Pulled;

/// What a run is about to do.
#[derive(Debug)]
pub(super) struct Plan {
    to_send: u64,
    /// How long sending will take, as answers come by now; `None` where nobody knows.
    takes: Option<Duration>,
    to_write: u64,
    to_update: u64,
    bases: Vec<(&'static str, u64)>,
    reasons: Vec<ReasonCount>,
    counts: Counts,
}

impl Plan {
    /// Reads the plan from the ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) async fn of(ledger: &Ledger, clerk: &ClerkTarget, writes: bool) -> Result<Self> {
        let to_send = ledger.count_to_send().await?;
        let to_update = ledger.count_changes_to_send().await?;
        // A look-up finds a hundred users, unless there is nobody to find; an update reads the user first.
        let look_ups = if clerk.users == 0 { 0 } else { to_send.div_ceil(100) };
        // What was asked already counts against the same limit: ten thousand users fill ten windows, and these go into an eleventh.
        let requests = clerk.client.stats().requests + to_send + look_ups + 2 * to_update;
        Ok(Self {
            to_send,
            takes: clerk.client.time_for(requests),
            to_write: if writes { ledger.count_to_write().await? } else { 0 },
            to_update,
            bases: ledger.email_bases(Of::ToSend, &EmailBasis::ALL.map(EmailBasis::as_str)).await?,
            reasons: ledger.reasons().await?,
            counts: ledger.counts().await?,
        })
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.to_send == 0 && self.to_write == 0 && self.to_update == 0
    }

    /// Returns how many users are about to be sent.
    #[must_use]
    pub(super) fn to_send(&self) -> u64 {
        self.to_send
    }

    /// Returns how many users that are in Clerk already are about to be written back.
    #[must_use]
    pub(super) fn to_write(&self) -> u64 {
        self.to_write
    }

    /// Returns how many users that are in Clerk already are about to be brought up to date.
    #[must_use]
    pub(super) fn to_update(&self) -> u64 {
        self.to_update
    }

    /// Returns how many users our checks refused.
    #[must_use]
    pub(super) fn invalid(&self) -> u64 {
        self.counts.of(State::Invalid)
    }

    /// Returns how many users were left out on request.
    #[must_use]
    pub(super) fn skipped(&self) -> u64 {
        self.counts.skipped
    }

    /// Returns how long sending will take; `None` where nobody knows.
    #[must_use]
    pub(super) fn takes(&self) -> Option<Duration> {
        self.takes
    }

    fn in_time(&self) -> String {
        match self.takes {
            _ if self.to_send == 0 => String::new(),
            None => "as fast as Clerk answers".to_owned(),
            Some(takes) if takes < Duration::from_secs(1) => String::new(),
            Some(takes) if takes < Duration::from_secs(10) => "a few seconds".to_owned(),
            Some(takes) => format!("about {}", duration(takes)),
        }
    }

    /// Tells the plan: who is sent, whose address counts as verified and why, and who is left out.
    #[must_use]
    pub(super) fn describe(&self, pulled: &Pulled) -> String {
        let mut rows = vec![
            ("read from the source".to_owned(), pulled.users, String::new()),
            ("to be sent to Clerk".to_owned(), self.to_send, self.in_time()),
        ];
        rows.extend(basis_rows(&self.bases));
        let others = self.counts.to_send().saturating_sub(self.to_send);
        for (what, users) in [
            ("waiting from an earlier run, not of this one", others),
            ("in Clerk already", self.counts.in_clerk()),
            ("  of them to be written back", self.to_write),
            ("  of them changed in the source since, to be sent again", self.to_update),
            (
                "  of them changed in the source since; left alone (`--update` sends it)",
                pulled.merged.changed.saturating_sub(self.to_update),
            ),
            ("  of them no longer in the source; left alone", pulled.merged.vanished),
            ("left out on request", self.counts.skipped),
            ("gone from the source before they were sent", pulled.merged.gone),
            ("digests rewritten into Clerk's spelling", pulled.coverage.rewrites.values().sum()),
            ("passwords left behind, unusable in Clerk", pulled.coverage.password_dropped),
            ("names left behind, which Clerk would refuse (a URL, a phone number...)", pulled.coverage.name_dropped),
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
pub(super) fn basis_rows(bases: &[(&'static str, u64)]) -> impl Iterator<Item = (String, u64, String)> {
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

/// The most reasons told on the screen.
const MOST_REASONS: usize = 12;

/// The most frequent reasons, with how many users have each.
#[must_use]
pub(super) fn reasons(reasons: &[ReasonCount], states: &[&str]) -> String {
    let told = reasons.iter().filter(|reason| states.contains(&reason.state.as_str()));
    let mut rows: Vec<_> = told
        .clone()
        .take(MOST_REASONS)
        .map(|reason| {
            let field = if reason.field.is_empty() { String::new() } else { format!(" {}:", reason.field) };
            let more = if reason.users > 1 { " (for example)" } else { "" };
            (format!("  {}{field}", reason.state), reason.users, format!("{}{more}", reason.example))
        })
        .collect();
    let others: u64 = told.skip(MOST_REASONS).map(|reason| reason.users).sum();
    if others > 0 {
        rows.push(("  others".to_owned(), others, "for other reasons; the log names them all".to_owned()));
    }
    if rows.is_empty() { String::new() } else { format!("\n{}", table::counts(&rows)) }
}
