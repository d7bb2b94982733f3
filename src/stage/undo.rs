//! What a ledger brought into Clerk, taken out again: users deleted, users given back, Clerk IDs taken out of the rows.
//!
//! Only what this ledger created is deleted. Each page of users is read from Clerk before anything of it is deleted: who has signed
//! in since is left alone, who is gone already counts as deleted. That is also why it can be cut short at any moment and run
//! again: a user that was deleted and not recorded is found to be gone.

use std::collections::HashMap;

use anyhow::Result;
use futures_util::{StreamExt, stream};

use super::Progress;
use super::brake::Brake;
use super::push::End;
use crate::clerk::{ClerkUser, Client, Error, Turn};
use crate::database::{Cleared, Database, Target, WriteError};
use crate::ledger::{Ledger, ToWrite, Undoable};
use crate::record::UserId;
use crate::shutdown::Shutdown;

/// Users handled and recorded together; as many as one question to Clerk asks for.
const PAGE: u32 = 100;
/// Rows emptied in one transaction.
const BATCH: u32 = 1000;

/// What is to become of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not in Clerk any more.
    GoneAlready,
    /// To be deleted.
    Deleted,
    /// Left alone: the user has signed in since.
    SignedIn,
    /// Left alone: somebody has given the user another user ID, so that it belongs to something else now.
    Reassigned,
}

/// How many users share each fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fates {
    /// Not in Clerk any more.
    pub gone_already: u64,
    /// Deleted, or to be.
    pub deleted: u64,
    /// Left alone, for they have signed in since.
    pub signed_in: u64,
    /// Left alone, for they have another user ID by now.
    pub reassigned: u64,
}

impl Fates {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::GoneAlready => &mut self.gone_already,
            Fate::Deleted => &mut self.deleted,
            Fate::SignedIn => &mut self.signed_in,
            Fate::Reassigned => &mut self.reassigned,
        } += 1;
    }
}

/// How undoing went.
#[derive(Debug)]
pub struct Undone {
    /// How it ended.
    pub end: End,
    /// What became of the users it came to.
    pub fates: Fates,
    /// Users that Clerk did not let go, with the reason.
    pub failed: Vec<(UserId, Error)>,
}

/// Counts what deleting would do, and deletes nothing.
///
/// # Errors
/// If Clerk cannot be asked, or the ledger cannot be read.
pub async fn survey(ledger: &Ledger, client: &Client, include_signed_in: bool, progress: &Progress) -> Result<Fates> {
    let (mut after, mut fates) = (0, Fates::default());
    loop {
        let page = ledger.created(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(fates) };
        after = last.id;
        progress.pulled.add(page.len() as u64);
        for (_, fate) in decide(client, page, include_signed_in).await? {
            fates.count(fate);
        }
    }
}

/// Deletes the users that this ledger created, but for those who have signed in since, unless `include_signed_in` says so.
///
/// # Errors
/// If the ledger cannot be read or written: then no request goes out any more.
pub async fn delete(
    ledger: &Ledger,
    client: &Client,
    include_signed_in: bool,
    progress: &Progress,
    shutdown: Shutdown,
) -> Result<Undone> {
    let brake = Brake::new(ledger.counts().await?.in_clerk(), shutdown.clone());
    let mut undone = Undone { end: End::Complete, fates: Fates::default(), failed: Vec::new() };
    let mut after = 0;
    while !brake.is_on() {
        let page = ledger.created(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let Some(decided) = decide_unless(&brake, client, page, include_signed_in).await else { break };
        let (doomed, others): (Vec<_>, Vec<_>) = decided.into_iter().partition(|(_, fate)| *fate == Fate::Deleted);
        let mut done: Vec<i64> = Vec::new();
        for (user, fate) in others {
            undone.fates.count(fate);
            progress.undone.add(1);
            done.extend((fate == Fate::GoneAlready).then_some(user.id));
        }
        let deleting = doomed.into_iter().map(|(user, _)| async {
            let deleted = brake.persist(client, |turn: Turn| client.delete_user(turn, &user.clerk_id)).await;
            (user, deleted)
        });
        let deleted: Vec<_> = stream::iter(deleting).buffer_unordered(client.at_once()).collect().await;
        for (user, deleted) in deleted {
            match deleted {
                Ok(Some(())) => {
                    done.push(user.id);
                    undone.fates.count(Fate::Deleted);
                    progress.undone.add(1);
                }
                Ok(None) => {}
                Err(error) => undone.failed.push((user.user_id, error)),
            }
        }
        ledger.record_undone(&done).await?;
    }
    undone.end = end(&brake, &shutdown);
    Ok(undone)
}

/// Takes our user ID away again from Clerk users that were taken over. What became of them is counted as deleted.
///
/// # Errors
/// If the ledger cannot be read or written.
pub async fn unlink(ledger: &Ledger, client: &Client, shutdown: Shutdown) -> Result<Undone> {
    let brake = Brake::new(0, shutdown.clone());
    let mut undone = Undone { end: End::Complete, fates: Fates::default(), failed: Vec::new() };
    let mut after = 0;
    while !brake.is_on() {
        let page = ledger.linked(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let Some(decided) = decide_unless(&brake, client, page, true).await else { break };
        let mut done = Vec::new();
        for (user, fate) in decided {
            // Who bears another user ID by now, or is gone, has given ours back already.
            let free = match fate {
                Fate::GoneAlready | Fate::Reassigned => Ok(Some(())),
                Fate::Deleted | Fate::SignedIn => {
                    let take = |turn: Turn| client.set_external_id(turn, &user.clerk_id, None);
                    brake.persist(client, take).await.map(|taken| taken.map(drop))
                }
            };
            match free {
                Ok(Some(())) => {
                    undone.fates.count(Fate::Deleted);
                    done.push(user.id);
                }
                Ok(None) => {}
                Err(error) => undone.failed.push((user.user_id, error)),
            }
        }
        ledger.record_undone(&done).await?;
    }
    undone.end = end(&brake, &shutdown);
    Ok(undone)
}

/// Empties rows that still bear the Clerk ID which their users had before they were deleted and created anew, so that the new one
/// can be written.
///
/// # Errors
/// If the ledger cannot be read or written, or the database does not let it.
pub async fn clear_former_ids(ledger: &Ledger, database: &Database, target: &Target) -> Result<()> {
    loop {
        let batch = ledger.former_ids(BATCH).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let pairs: Vec<_> = batch.iter().map(|row: &ToWrite| (row.row_key.clone(), row.clerk_id.clone())).collect();
        database.clear_clerk_ids(target, &pairs).await?;
        ledger.forget_former_ids(&batch.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    }
}

/// How emptying the column went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Rows that bear no Clerk ID any more.
    pub cleared: u64,
    /// Rows left alone: they bear something else by now, are empty or are gone.
    pub others: u64,
    /// Rows that the database did not let us empty, or that somebody has locked.
    pub refused: u64,
}

/// Empties the column in the rows that got their Clerk ID from this ledger and still bear it.
///
/// # Errors
/// If the ledger cannot be read or written.
pub async fn clear_column(
    ledger: &Ledger,
    database: &Database,
    target: &Target,
    shutdown: &Shutdown,
) -> Result<Result<Emptied, WriteError>> {
    let (mut after, mut emptied) = (0, Emptied::default());
    while !shutdown.requested() {
        let batch = ledger.written_ids(after, BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = last.id;
        let pairs: Vec<_> = batch.iter().map(|row: &ToWrite| (row.row_key.clone(), row.clerk_id.clone())).collect();
        let cleared = match database.clear_clerk_ids(target, &pairs).await {
            Ok(cleared) => cleared,
            Err(error) => return Ok(Err(error)),
        };
        let mut done = Vec::new();
        for (row, cleared) in batch.iter().zip(&cleared) {
            match cleared {
                Cleared::Cleared => emptied.cleared += 1,
                Cleared::AlreadyEmpty | Cleared::Held(_) | Cleared::RowGone => emptied.others += 1,
                Cleared::Refused(_) | Cleared::Locked => {
                    emptied.refused += 1;
                    continue;
                }
            }
            done.push(row.id);
        }
        ledger.record_cleared(&done).await?;
    }
    Ok(Ok(emptied))
}

/// Decides what is to become of users, unless nothing new is to be begun.
async fn decide_unless(
    brake: &Brake,
    client: &Client,
    page: Vec<Undoable>,
    include_signed_in: bool,
) -> Option<Vec<(Undoable, Fate)>> {
    let decided = brake.unless_on(decide(client, page, include_signed_in)).await?;
    decided.inspect_err(|error| brake.stop_for(error)).ok()
}

/// Reads users from Clerk, and decides what is to become of each.
async fn decide(client: &Client, page: Vec<Undoable>, include_signed_in: bool) -> Result<Vec<(Undoable, Fate)>, Error> {
    let ids: Vec<_> = page.iter().map(|user| user.clerk_id.clone()).collect();
    let there = client.users_by_clerk_id(&ids).await?;
    let there: HashMap<&str, &ClerkUser> = there.iter().map(|user| (user.id.as_str(), user)).collect();
    let fate = |user: &Undoable| match there.get(user.clerk_id.as_str()) {
        None => Fate::GoneAlready,
        Some(clerk_user) if clerk_user.external_id.as_deref() != Some(user.user_id.as_str()) => Fate::Reassigned,
        Some(clerk_user) if clerk_user.last_sign_in_at.is_some() && !include_signed_in => Fate::SignedIn,
        Some(_) => Fate::Deleted,
    };
    Ok(page.into_iter().map(|user| (fate(&user), user)).map(|(fate, user)| (user, fate)).collect())
}

fn end(brake: &Brake, shutdown: &Shutdown) -> End {
    match brake.error() {
        Some(error) => End::Stopped(error),
        None if shutdown.requested() => End::Interrupted,
        None => End::Complete,
    }
}
