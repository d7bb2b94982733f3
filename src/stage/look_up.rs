//! Users looked up in Clerk by their user ID: before anything is sent, if Clerk has any users, and after any doubt.

use std::collections::HashMap;

use anyhow::Result;

use super::settle::{self, Verdict};
use crate::clerk::{ClerkUser, Client, Error, Kind};
use crate::ledger::{Answer, CameToLight, Doubtful, Entry, Ledger, Outcome};
use crate::record::UserId;
use crate::record::duplicates::HashKey;

/// What Clerk knows of some users.
#[derive(Default)]
pub(super) struct LookedUp {
    /// Users that are there, and what that means.
    pub settled: Vec<(Entry, Verdict)>,
    /// Users that are not.
    pub unknown: Vec<Entry>,
}

/// What Clerk answered when it was asked for user IDs: the users that are there, and what it would not say.
#[derive(Default)]
pub(super) struct Told {
    found: HashMap<String, ClerkUser>,
    refused: HashMap<UserId, Error>,
}

/// Asks Clerk for user IDs, up to a hundred at a time. A question that Clerk refuses for good is asked in halves, so that one
/// strange user ID is in nobody else's way.
pub(super) async fn ask(client: &Client, ids: Vec<UserId>) -> Result<Told, Error> {
    let mut told = Told::default();
    let mut to_ask = vec![ids];
    while let Some(mut ids) = to_ask.pop() {
        match client.users_by_external_id(&ids).await {
            Ok(found) => {
                told.found.extend(found.into_iter().filter_map(|user| Some((user.external_id.clone()?, user))));
            }
            Err(error) if error.kind == Kind::Rejected => match ids.len() {
                0 => {}
                1 => told.refused.extend(ids.pop().map(|id| (id, error))),
                several => {
                    to_ask.push(ids.split_off(several / 2));
                    to_ask.push(ids);
                }
            },
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

impl Told {
    /// Says what that means for users. One of whom Clerk would not say anything is put off.
    pub(super) fn judge(mut self, entries: Vec<Entry>, key: &HashKey) -> LookedUp {
        let mut looked_up = LookedUp::default();
        for entry in entries {
            let verdict = if let Some(clerk_user) = self.found.remove(entry.user.user_id.as_str()) {
                settle::found(&entry, &clerk_user, entry.in_doubt, key)
            } else if let Some(error) = self.refused.get(&entry.user.user_id) {
                settle::put_off(error).into()
            } else {
                looked_up.unknown.push(entry);
                continue;
            };
            looked_up.settled.push((entry, verdict));
        }
        tracing::debug!(settled = looked_up.settled.len(), unknown = looked_up.unknown.len(), "looked up in Clerk");
        looked_up
    }
}

/// Asks Clerk for users, and says what the answer means for them.
pub(super) async fn look_up(client: &Client, entries: Vec<Entry>, key: &HashKey) -> Result<LookedUp, Error> {
    let ids = entries.iter().map(|entry| entry.user.user_id.clone()).collect();
    Ok(ask(client, ids).await?.judge(entries, key))
}

/// Users in doubt that one look-up asks for.
const PAGE: u32 = 100;

/// Settles the users of whom it is not known whether a request made them: because a crash cut it short, or its answer was lost and
/// nobody could ask. Those that Clerk has are ours, the others wait again. Done before a pull, so that the pull may then change
/// or drop whoever waits. Nothing is sent. Returns how many a crash had cut short, and how many others came to light.
///
/// # Errors
/// If Clerk cannot be asked, or the ledger cannot be written.
pub async fn settle_doubts(ledger: &Ledger, client: &Client, write_back: bool) -> Result<u64> {
    Ok(settle_cut_short(ledger, client, write_back).await? + bring_to_light(ledger, client).await?)
}

/// Records users who are in Clerk by a request without a clear answer, whatever became of their rows since.
async fn bring_to_light(ledger: &Ledger, client: &Client) -> Result<u64> {
    let (mut after, mut found) = (0, 0);
    loop {
        let page = ledger.doubtful(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.id;
        let ids: Vec<UserId> = page.iter().map(|user| user.user_id.clone()).collect();
        let there = client.users_by_external_id(&ids).await?;
        let there: HashMap<&str, &ClerkUser> =
            there.iter().filter_map(|user| Some((user.external_id.as_deref()?, user))).collect();
        let came =
            page.iter().filter_map(|user| came_to_light(user, there.get(user.user_id.as_str())?, &ledger.hash_key()));
        let came: Vec<CameToLight> = came.collect();
        found += came.len() as u64;
        ledger.record_come_to_light(&came).await?;
    }
}

fn came_to_light(user: &Doubtful, clerk_user: &ClerkUser, key: &HashKey) -> Option<CameToLight> {
    let linked = user.link_to.as_deref() == Some(clerk_user.id.as_str());
    let was_sent = |identifier| user.sent.identifiers.contains(&key.identifier(&identifier));
    let shares = clerk_user.identifiers().into_iter().any(was_sent);
    let is_ours = linked || user.in_doubt && shares && made_by_us(user, clerk_user, key);
    is_ours.then(|| CameToLight { id: user.id, clerk_id: clerk_user.id.clone(), linked })
}

fn made_by_us(user: &Doubtful, clerk_user: &ClerkUser, key: &HashKey) -> bool {
    let shown = clerk_user.created_at.and_then(chrono::DateTime::from_timestamp_millis);
    let shown = shown.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    let stated = shown.and_then(|shown| user.content.as_ref()?.signed_up_at(&shown, key));
    stated.unwrap_or_else(|| user.sent.can_have_made(clerk_user.created_at, None))
}

async fn settle_cut_short(ledger: &Ledger, client: &Client, write_back: bool) -> Result<u64> {
    let mut settled = 0;
    loop {
        let page = ledger.in_doubt(PAGE).await?;
        if page.is_empty() {
            return Ok(settled);
        }
        settled += page.len() as u64;
        let looked_up = look_up(client, page, &ledger.hash_key()).await?;
        let unknown = looked_up.unknown.into_iter().map(|entry| (entry, Outcome::Pending(None).into()));
        // The request may still be on its way: whoever is found later is ours all the same.
        let answers = looked_up.settled.into_iter().chain(unknown);
        let answers: Vec<Answer> = answers.map(|(entry, verdict)| verdict.answer(&entry, 0, true)).collect();
        ledger.record(&answers, write_back).await?;
    }
}
