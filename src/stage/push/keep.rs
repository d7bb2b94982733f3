//! Answers to ledger: written by one task, as much in one transaction as has gathered.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::mpsc;

use super::{Note, UNRECORDED, unsent};
use crate::ledger::{Answer, Entry, Ledger, Outcome};
use crate::stage::Progress;

/// Keeps what comes, as much to a transaction as has gathered, and lets users go once they are marked as `sending`.
pub(super) async fn keep(
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
