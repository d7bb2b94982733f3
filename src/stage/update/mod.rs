//! Source to Clerk once more: users who are in Clerk and whose rows changed, brought up to date attribute by attribute.
//!
//! Every attempt begins by reading the user from Clerk: what is right there already is not sent again, so that an answer that got
//! lost, or a run that was cut short, needs no other care than to be run again.

mod contacts;
mod steps;

use anyhow::Result;
use futures_util::{StreamExt, stream};

use self::steps::{Step, Steps};
use super::Progress;
use super::brake::{Brake, FAILURES_A_RUN};
use super::push::End;
use super::settle;
use crate::clerk::{Client, Error, Kind, Turn, UserPace};
use crate::ledger::{Change, Failure, Ledger, LedgerError, UpdateEnd, Updated};
use crate::record::{Attribute, Identifier, IdentifierKind, Part, Reason};
use crate::shutdown::Shutdown;

/// Changes handled and recorded together.
const PAGE: u32 = 100;

/// Sends every change that the last pull noted.
///
/// # Errors
/// If the ledger cannot be read or written: then no request goes out whose answer could not be kept.
pub async fn update(ledger: &Ledger, client: &Client, progress: &Progress, shutdown: Shutdown) -> Result<End> {
    let users = ledger.count_changes_to_send().await?;
    progress.to_send.add(users);
    let brake = Brake::new(users, shutdown.clone());
    let mut after = 0;
    while !brake.is_on() {
        let page = ledger.changes_to_send(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let updating = page.into_iter().map(|change| bring_up_to_date(ledger, client, &brake, change));
        let updated: Vec<_> = stream::iter(updating).buffer_unordered(client.at_once()).collect().await;
        let updated: Vec<Updated> = updated.into_iter().collect::<Result<_, _>>()?;
        ledger.record_updates(&updated).await?;
        for updated in &updated {
            match updated.end {
                UpdateEnd::Sent(_) => &progress.updated,
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

/// What is known of a change that is under way.
struct Tries {
    change: Change,
    pace: UserPace,
    /// The parts that Clerk has by now.
    sent: Vec<Part>,
    added: Vec<Identifier>,
    removed: Vec<Identifier>,
    /// As it was just before a request that set it anew and was not answered clearly.
    password_before: Option<PasswordAsRead>,
}

/// When a user's password had been set, if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PasswordAsRead(Option<i64>);

/// Why an attempt ended without an end.
enum Stumble {
    Clerk(Error),
    Ledger(LedgerError),
}

impl From<Error> for Stumble {
    fn from(error: Error) -> Self {
        Self::Clerk(error)
    }
}

impl From<LedgerError> for Stumble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

async fn bring_up_to_date(
    ledger: &Ledger,
    client: &Client,
    brake: &Brake,
    change: Change,
) -> Result<Updated, LedgerError> {
    let mut tries = Tries {
        change,
        pace: UserPace::default(),
        sent: Vec::new(),
        added: Vec::new(),
        removed: Vec::new(),
        password_before: None,
    };
    let mut failures = 0;
    let end = loop {
        let error = match attempt(ledger, client, brake, &mut tries).await {
            Ok(end) => break end,
            Err(Stumble::Ledger(error)) => return Err(error),
            Err(Stumble::Clerk(error)) => error,
        };
        match error.kind {
            // An address that is gone: the next look at the user tells what is left to do.
            Kind::StopsRun if error.is_gone() => {}
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
    let Tries { change, sent, added, removed, .. } = tries;
    Ok(Updated { id: change.id, sent, added, removed, end })
}

/// Reads the user, and sends what is not right yet.
async fn attempt(ledger: &Ledger, client: &Client, brake: &Brake, tries: &mut Tries) -> Result<UpdateEnd, Stumble> {
    let found = client.users_by_clerk_id(std::slice::from_ref(&tries.change.clerk_id));
    let Some(found) = brake.unless_on(found).await else { return Ok(UpdateEnd::PutOff(None)) };
    let Some(now) = found?.into_iter().next() else { return Ok(UpdateEnd::Refused(gone())) };
    if tries.password_before.take().is_some_and(|before| before != PasswordAsRead(now.password_at)) {
        // It was set in the moment since, and by whom else than by our own request?
        tries.change.password_at = now.password_at;
    }
    let change = tries.change.clone();
    let steps = Steps::of(&change, &tries.sent, &now, &ledger.hash_key());
    let put_off = Ok(UpdateEnd::PutOff(None));
    if !send_attributes(ledger, client, brake, tries, &steps.attributes, now.password_at).await? {
        return put_off;
    }
    if !steps.metadata.is_empty() {
        let Some(turn) = turn_for_user(&tries.pace, brake, client).await else { return put_off };
        client.merge_metadata(turn, &change.clerk_id, &steps.metadata).await?;
        tries.sent.extend(steps.metadata.iter().map(|(part, _)| part.clone()));
    }
    for step in &steps.others {
        let Some(turn) = brake.turn(client).await else { return put_off };
        take_step(client, turn, tries, step).await?;
    }
    if !send_attributes(ledger, client, brake, tries, &steps.last, now.password_at).await? {
        return put_off;
    }
    brake.succeeded();
    let is_left = |part: &Part| steps.left.iter().any(|(left, _)| left == part);
    tries.sent = change.parts.iter().filter(|part| !is_left(part)).cloned().collect();
    Ok(UpdateEnd::Sent(steps.left))
}

/// Sets attributes by one request; false if nothing new is to be begun.
async fn send_attributes(
    ledger: &Ledger,
    client: &Client,
    brake: &Brake,
    tries: &mut Tries,
    attributes: &[Attribute],
    password_at: Option<i64>,
) -> Result<bool, Stumble> {
    if attributes.is_empty() {
        return Ok(true);
    }
    let Some(turn) = turn_for_user(&tries.pace, brake, client).await else { return Ok(false) };
    let change = &tries.change;
    let sends_password = attributes.contains(&Attribute::Password);
    let updated = client.update_user(turn, &change.clerk_id, &change.user, attributes).await;
    let updated = updated.inspect_err(|error| {
        tries.password_before = (sends_password && error.in_doubt).then_some(PasswordAsRead(password_at));
    })?;
    if sends_password {
        ledger.note_password(change.id, updated.password_at).await?;
    }
    if attributes.contains(&Attribute::Username) {
        let username = change.user.username.iter();
        tries.added.extend(username.map(|name| Identifier::new(IdentifierKind::Username, name)));
    }
    let parts = change.parts.iter().filter(|part| attributes.contains(&part.attribute));
    tries.sent.extend(parts.cloned());
    Ok(true)
}

/// Sends a request about an address, a number or the user's standing, and notes what it changed.
async fn take_step(client: &Client, turn: Turn, tries: &mut Tries, step: &Step<'_>) -> Result<(), Error> {
    let owner = &tries.change.clerk_id;
    match step {
        Step::Add(contact) => {
            client.add_contact(turn, owner, contact).await?;
            tries.added.push(Identifier::new(contact.kind.identifier(), contact.value));
        }
        Step::Verify { kind, id, primary } => client.verify_contact(turn, *kind, id, *primary).await?,
        Step::Remove { kind, contact } => {
            client.remove_contact(turn, *kind, &contact.id).await?;
            tries.removed.push(Identifier::new(kind.identifier(), &contact.value));
        }
        Step::ReplaceByReserved { email, others } => {
            client.replace_emails_by_reserved(turn, owner, email).await?;
            tries.added.push(Identifier::new(IdentifierKind::Email, email));
            tries.removed.extend(others.iter().map(|email| Identifier::new(IdentifierKind::Email, &email.value)));
        }
        Step::Stand(standing) => client.set_standing(turn, owner, *standing).await?,
    }
    Ok(())
}

/// Waits for the turn of a request that Clerk also counts for the user it changes.
async fn turn_for_user(pace: &UserPace, brake: &Brake, client: &Client) -> Option<Turn> {
    brake.unless_on(pace.pass()).await?;
    brake.turn(client).await
}

fn gone() -> Failure {
    let message = "the user is not in Clerk any more; somebody deleted it there";
    Failure { reason: Reason::new("", "gone_from_clerk", message), trace_id: None }
}
