//! Source to Clerk once more: users who are in Clerk and whose rows changed, brought up to date attribute by attribute.
//!
//! Every attempt begins by reading the user from Clerk: what is right there already is not sent again, so that an answer that got
//! lost, or a run that was cut short, needs no other care than to be run again.

mod steps;

use anyhow::Result;
use futures_util::{StreamExt, stream};

use self::steps::{Step, Steps};
use super::Progress;
use super::brake::{Brake, FAILURES_A_RUN};
use super::push::End;
use super::settle;
use crate::clerk::{Client, Error, Kind, Turn, UserPace};
use crate::ledger::{Change, Failure, Ledger, UpdateEnd, Updated};
use crate::record::{Attribute, Reason};
use crate::shutdown::Shutdown;

/// Changes handled and recorded together.
const PAGE: u32 = 100;

/// Sends every change that the last pull noted.
///
/// # Errors
/// If the ledger cannot be read or written: then no request goes out whose answer could not be kept.
pub async fn update(
    ledger: &Ledger,
    client: &Client,
    concurrency: usize,
    progress: &Progress,
    shutdown: Shutdown,
) -> Result<End> {
    let users = ledger.count_changes_to_send().await?;
    let brake = Brake::new(users, shutdown.clone());
    let mut after = 0;
    while !brake.is_on() {
        let page = ledger.changes_to_send(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let updating = page.into_iter().map(|change| bring_up_to_date(ledger, client, &brake, change));
        let updated: Vec<Updated> = stream::iter(updating).buffer_unordered(concurrency.max(1)).collect().await;
        ledger.record_updates(&updated).await?;
        for updated in &updated {
            match updated.end {
                UpdateEnd::Sent { .. } => &progress.updated,
                UpdateEnd::Refused(_) | UpdateEnd::PutOff(_) => &progress.not_updated,
            }
            .add(1);
        }
    }
    Ok(match brake.error() {
        Some(error) => End::Stopped(error),
        None if shutdown.requested() => End::Interrupted,
        None => End::Complete,
    })
}

async fn bring_up_to_date(ledger: &Ledger, client: &Client, brake: &Brake, mut change: Change) -> Updated {
    let mut failures = 0;
    let pace = UserPace::default();
    let mut password_in_doubt = false;
    let end = loop {
        let error = match attempt(ledger, client, brake, &pace, &mut change, password_in_doubt).await {
            Ok(end) => break end,
            Err(error) => error,
        };
        password_in_doubt |= error.in_doubt;
        match error.kind {
            _ if error.is_gone() => break UpdateEnd::Refused(gone()),
            Kind::StopsRun => {
                brake.stop_for(&error);
                break UpdateEnd::PutOff(Some(settle::failure_of(&error)));
            }
            Kind::Rejected | Kind::IdentifierExists { .. } => {
                brake.succeeded();
                break UpdateEnd::Refused(settle::failure_of(&error));
            }
            Kind::Passing => brake.failed(&error),
        }
        failures += u32::from(!error.is_rate_limit());
        if failures >= FAILURES_A_RUN || !brake.wait_after(failures).await {
            break UpdateEnd::PutOff(Some(settle::failure_of(&error)));
        }
    };
    Updated { id: change.id, end }
}

/// Reads the user, and sends what is not right yet.
async fn attempt(
    ledger: &Ledger,
    client: &Client,
    brake: &Brake,
    pace: &UserPace,
    change: &mut Change,
    password_in_doubt: bool,
) -> Result<UpdateEnd, Error> {
    if brake.is_on() {
        return Ok(UpdateEnd::PutOff(None));
    }
    let found = client.users_by_clerk_id(std::slice::from_ref(&change.clerk_id)).await?;
    let Some(now) = found.into_iter().next() else { return Ok(UpdateEnd::Refused(gone())) };
    if password_in_doubt {
        // A moment ago a request of ours may have set it: if it was set since, it was by us.
        change.password_at = now.password_at;
    }
    let change = &*change;
    let steps = Steps::of(change, &now, &ledger.hash_key());
    let (id, user) = (&change.clerk_id, &change.user);
    let mut password_at = None;
    if !steps.attributes.is_empty() {
        let Some(turn) = turn_for_user(pace, brake, client).await else { return Ok(UpdateEnd::PutOff(None)) };
        let updated = client.update_user(turn, id, user, &steps.attributes).await?;
        password_at = updated.password_at.filter(|_| steps.attributes.contains(&Attribute::Password));
    }
    if !steps.metadata.is_empty() {
        let Some(turn) = turn_for_user(pace, brake, client).await else { return Ok(UpdateEnd::PutOff(None)) };
        client.merge_metadata(turn, id, &steps.metadata).await?;
    }
    for step in &steps.others {
        let Some(turn) = brake.turn(client).await else { return Ok(UpdateEnd::PutOff(None)) };
        match step {
            Step::Add(contact) => client.add_contact(turn, id, contact).await?,
            Step::Verify { kind, id, primary } => client.verify_contact(turn, *kind, id, *primary).await?,
            Step::Remove { kind, id } => client.remove_contact(turn, *kind, id).await?,
            Step::ReplaceByReserved(email) => client.replace_emails_by_reserved(turn, id, email).await?,
            Step::Stand(standing) => client.set_standing(turn, id, *standing).await?,
        }
    }
    brake.succeeded();
    Ok(UpdateEnd::Sent { password_at, left: steps.left })
}

/// Waits for the turn of a request that Clerk also counts for the user it changes.
async fn turn_for_user(pace: &UserPace, brake: &Brake, client: &Client) -> Option<Turn> {
    tokio::select! {
        biased;
        () = brake.on() => return None,
        () = pace.pass() => {}
    }
    brake.turn(client).await
}

fn gone() -> Failure {
    let message = "the user is not in Clerk any more; somebody deleted it there";
    Failure { reason: Reason::new("", "gone_from_clerk", message), trace_id: None }
}
