//! Users looked up in Clerk by their user ID, before anything is sent and after any doubt.

use std::collections::HashMap;

use anyhow::Result;

use super::settle::{self, Verdict};
use crate::clerk::{ClerkUser, Client, Error, Kind};
use crate::ledger::{Answer, Entry, Ledger, Outcome};
use crate::record::UserId;

/// What Clerk knows of some users.
pub(super) struct LookedUp {
    /// Users that are there, and what that means.
    pub settled: Vec<(Entry, Verdict)>,
    /// Users that are not.
    pub unknown: Vec<Entry>,
}

/// Asks Clerk for users, up to a hundred at a time. A question that Clerk refuses for good is asked in halves, so that one
/// strange user ID is in nobody else's way; that user is put off.
pub(super) async fn look_up(client: &Client, entries: Vec<Entry>) -> Result<LookedUp, Error> {
    let mut looked_up = LookedUp { settled: Vec::new(), unknown: Vec::new() };
    let mut to_ask = vec![entries];
    while let Some(mut entries) = to_ask.pop() {
        let ids: Vec<UserId> = entries.iter().map(|entry| entry.user.user_id.clone()).collect();
        match client.users_by_external_id(&ids).await {
            Ok(found) => sort(entries, found, &mut looked_up),
            Err(error) if error.kind == Kind::Rejected => match entries.len() {
                0 => {}
                1 => looked_up.settled.extend(entries.pop().map(|entry| (entry, settle::put_off(&error).into()))),
                several => {
                    to_ask.push(entries.split_off(several / 2));
                    to_ask.push(entries);
                }
            },
            Err(error) => return Err(error),
        }
    }
    tracing::debug!(settled = looked_up.settled.len(), unknown = looked_up.unknown.len(), "looked up in Clerk");
    Ok(looked_up)
}

fn sort(entries: Vec<Entry>, found: Vec<ClerkUser>, looked_up: &mut LookedUp) {
    let mut found: HashMap<String, ClerkUser> =
        found.into_iter().filter_map(|user| Some((user.external_id.clone()?, user))).collect();
    for entry in entries {
        match found.remove(entry.user.user_id.as_str()) {
            Some(clerk_user) => {
                let verdict = settle::found(&entry, &clerk_user, entry.in_doubt);
                looked_up.settled.push((entry, verdict));
            }
            None => looked_up.unknown.push(entry),
        }
    }
}

/// Users in doubt that one look-up asks for.
const PAGE: u32 = 100;

/// Settles the users whose request a crash cut short: those that Clerk has are ours, the others wait again. Done before a pull,
/// so that the pull may then change or drop whoever waits. Nothing is sent.
///
/// # Errors
/// If Clerk cannot be asked, or the ledger cannot be written.
pub async fn settle_doubts(ledger: &Ledger, client: &Client, write_back: bool) -> Result<u64> {
    let mut settled = 0;
    loop {
        let page = ledger.in_doubt(PAGE).await?;
        if page.is_empty() {
            return Ok(settled);
        }
        settled += page.len() as u64;
        let looked_up = look_up(client, page).await?;
        let unknown = looked_up.unknown.into_iter().map(|entry| (entry, Outcome::Pending(None).into()));
        // The request may still be on its way: whoever is found later is ours all the same.
        let answers = looked_up.settled.into_iter().chain(unknown);
        let answers: Vec<Answer> = answers.map(|(entry, verdict)| verdict.answer(&entry, 0, true)).collect();
        ledger.record(&answers, write_back).await?;
    }
}
