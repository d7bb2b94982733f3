//! Clerk users and source rows brought together, whoever imported the users.

use anyhow::Result;

use super::Progress;
use super::source::Source;
use super::verify::Facts;
use crate::clerk::Client;
use crate::ledger::{ClerkSide, Ledger, Matched, RowSide};
use crate::mapping::{Mapped, Refused};
use crate::record::ClerkId;

/// What was found on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matching {
    /// Users of the Clerk instance.
    pub clerk_users: u64,
    /// Rows of the source.
    pub rows: u64,
    /// Rows without a user ID.
    pub rows_without_id: u64,
    /// How the rows matched.
    pub matched: Matched,
    /// Clerk users that no row belongs to.
    pub clerk_users_without_row: u64,
}

/// Rows matched in one transaction.
const BATCH: usize = 1000;

/// Walks all users of the instance and keeps them in `ledger`, a temporary one. Returns how many there are.
///
/// # Errors
/// If Clerk cannot be read to the end.
pub async fn walk_clerk(client: &Client, ledger: &Ledger, progress: &Progress) -> Result<u64> {
    let mut users = 0;
    let mut after: Option<ClerkId> = None;
    loop {
        let page = client.list_users(after.as_ref()).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        users += page.len() as u64;
        progress.pulled.add(page.len() as u64);
        let key = ledger.hash_key();
        let page: Vec<ClerkSide> = page
            .into_iter()
            .map(|user| ClerkSide {
                identifiers: user.identifiers(),
                facts: Facts::of_clerk(&user, &key).to_bytes(),
                clerk_id: user.id,
                external_id: user.external_id,
            })
            .collect();
        ledger.keep_clerk_users(page).await?;
    }
    ledger.index_clerk_users().await?;
    Ok(users)
}

/// Reads all rows of the source, and lets those that belong to a kept Clerk user wait for the write-back.
///
/// # Errors
/// If the source cannot be read to the end.
pub async fn match_rows(
    source: &mut Source,
    ledger: &Ledger,
    clerk_users: u64,
    progress: &Progress,
) -> Result<Matching> {
    let mut matching = Matching { clerk_users, ..Matching::default() };
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(user) = source.next().await? {
        matching.rows += 1;
        progress.pulled.add(1);
        match row_side(user) {
            Some(row) => batch.push(row),
            None => matching.rows_without_id += 1,
        }
        if batch.len() == BATCH {
            add(&mut matching.matched, match_batch(ledger, &batch).await?);
            batch.clear();
        }
    }
    add(&mut matching.matched, match_batch(ledger, &batch).await?);
    matching.clerk_users_without_row = ledger.clerk_users_without_row(matching.matched.disagreeing).await?;
    Ok(matching)
}

async fn match_batch(ledger: &Ledger, batch: &[RowSide]) -> Result<Matched> {
    ledger.refuse_clerk_ids(batch.iter().map(|row| row.user_id.as_str())).await?;
    Ok(ledger.match_rows(batch).await?)
}

/// Whoever imported the users may have taken what our checks refuse: a refused row counts, if it has a user ID.
fn row_side(user: std::result::Result<Mapped, Refused>) -> Option<RowSide> {
    match user {
        Ok(mapped) => Some(RowSide {
            identifiers: mapped.user.identifiers(),
            gave_identifier: mapped.gave_identifier,
            row_key: mapped.user.key,
            user_id: mapped.user.user_id,
        }),
        Err(refused) => Some(RowSide {
            user_id: refused.user_id?,
            row_key: refused.key,
            identifiers: refused.identifiers,
            gave_identifier: refused.gave_identifier,
        }),
    }
}

fn add(sum: &mut Matched, more: Matched) {
    sum.matched += more.matched;
    sum.without_clerk_user += more.without_clerk_user;
    sum.disagreeing += more.disagreeing;
    sum.repeated += more.repeated;
}
