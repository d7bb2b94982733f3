//! Clerk users and source rows brought together, whoever imported the users.

use anyhow::{Result, bail};

use super::source::Source;
use super::{Interrupted, Progress};
use crate::clerk::Client;
use crate::ledger::{ClerkSide, Ledger, Matched, RowSide};
use crate::record::ClerkId;
use crate::shutdown::Shutdown;

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

/// Walks all users of the instance, then all rows of the source, and lets the rows that belong to a Clerk user wait for the
/// write-back in `ledger`, a temporary one.
///
/// # Errors
/// If Clerk or the source cannot be read to the end, or a stop is asked for.
pub async fn match_clerk(
    source: &mut Source,
    client: &Client,
    ledger: &Ledger,
    progress: &Progress,
    shutdown: &Shutdown,
) -> Result<Matching> {
    let mut matching = Matching { clerk_users: walk(client, ledger, shutdown).await?, ..Matching::default() };
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(user) = source.next().await? {
        if shutdown.requested() {
            bail!(Interrupted);
        }
        matching.rows += 1;
        progress.pulled.add(1);
        let row = match user {
            Ok(mapped) => Some(RowSide {
                identifiers: mapped.user.identifiers(),
                row_key: mapped.user.key,
                user_id: mapped.user.user_id,
            }),
            // Whoever imported the users may have taken what our checks refuse.
            Err(refused) => refused.user_id.map(|user_id| RowSide {
                identifiers: refused.identifiers,
                row_key: refused.key,
                user_id,
            }),
        };
        match row {
            Some(row) => batch.push(row),
            None => matching.rows_without_id += 1,
        }
        if batch.len() == BATCH {
            add(&mut matching.matched, ledger.match_rows(&batch).await?);
            batch.clear();
        }
    }
    add(&mut matching.matched, ledger.match_rows(&batch).await?);
    matching.clerk_users_without_row = ledger.clerk_users_without_row(matching.matched.disagreeing).await?;
    Ok(matching)
}

async fn walk(client: &Client, ledger: &Ledger, shutdown: &Shutdown) -> Result<u64> {
    let mut users = 0;
    let mut after: Option<ClerkId> = None;
    loop {
        if shutdown.requested() {
            bail!(Interrupted);
        }
        let page = client.list_users(after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(users) };
        after = Some(last.id.clone());
        users += page.len() as u64;
        let page: Vec<ClerkSide> = page
            .into_iter()
            .map(|user| ClerkSide { clerk_id: user.id, external_id: user.external_id, identifiers: user.identifiers })
            .collect();
        ledger.keep_clerk_users(&page).await?;
    }
}

fn add(sum: &mut Matched, more: Matched) {
    sum.matched += more.matched;
    sum.without_clerk_user += more.without_clerk_user;
    sum.disagreeing += more.disagreeing;
    sum.repeated += more.repeated;
}
