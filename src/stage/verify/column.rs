//! The Clerk IDs that stand in the table, against the Clerk users they should name.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::difference::{Difference, Kind};
use super::{BATCH, Findings, showable};
use crate::database::{Database, TableRow, Target};
use crate::ledger::{ComparedRow, Ledger};
use crate::record::ClerkId;
use crate::stage::Progress;

/// Reads the key and the Clerk ID of every row of the table, and compares them with the rows compared before.
///
/// # Errors
/// If the table cannot be read to the end, or a difference cannot be told.
pub async fn compare_column(
    database: &Database,
    target: &Target,
    ledger: &Ledger,
    findings: &mut Findings<'_>,
    progress: &Progress,
) -> Result<()> {
    let mut ids = database.clerk_ids(target).await?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(row) = ids.next().await? {
        findings.tally.column_rows += 1;
        progress.pulled.add(1);
        batch.push(row);
        if batch.len() == BATCH {
            compare(&batch, target, ledger, findings).await?;
            batch.clear();
        }
    }
    compare(&batch, target, ledger, findings).await?;
    tell_unseen(target, ledger, findings).await
}

async fn compare(batch: &[TableRow], target: &Target, ledger: &Ledger, findings: &mut Findings<'_>) -> Result<()> {
    let keys: Vec<&str> = batch.iter().filter_map(|row| row.key.as_deref()).collect();
    let compared = ledger.compared_rows(&keys).await?;
    let held: HashSet<&str> = batch.iter().filter_map(|row| row.clerk_id.as_deref()).collect();
    let owners = ledger.owners(&held).await?;
    for row in batch {
        let own = row.key.as_deref().and_then(|key| compared.get(key));
        if let Some(difference) = judge(row, own, &owners, target) {
            findings.add(&difference)?;
        }
    }
    Ok(())
}

fn judge(
    row: &TableRow,
    own: Option<&ComparedRow>,
    owners: &HashMap<String, Option<String>>,
    target: &Target,
) -> Option<Difference> {
    let wanted = own.and_then(|own| own.clerk_id.as_ref());
    let (kind, message) = match row.clerk_id.as_deref() {
        None if own.is_some_and(|own| own.due) => {
            (Kind::ColumnMissing, "the user is in Clerk, and the row does not bear the Clerk ID".to_owned())
        }
        None => return None,
        Some(held) if wanted.is_some_and(|wanted| wanted.as_str() == held) => return None,
        Some(held) => match (owners.get(held), ClerkId::new(held)) {
            (None, Ok(held)) => (Kind::ColumnDangling, format!("the row bears `{held}`, and Clerk has no such user")),
            (None, Err(_)) => (Kind::ColumnDangling, "the row bears something that is no Clerk ID".to_owned()),
            // A row that the query leaves out may well have a user in Clerk: it is wrong only if another row has that one.
            (Some(None), _) if own.is_none() => return None,
            (Some(owner), _) => {
                let whose = owner.as_ref().map_or("no row's".to_owned(), |id| format!("that of the row `{id}`"));
                (Kind::ColumnWrong, format!("the row bears `{held}`, and that Clerk user is {whose}"))
            }
        },
    };
    let user_id = own.map(|own| own.user_id.clone()).or_else(|| showable(row.key.as_deref()?));
    Some(Difference { user_id, clerk_id: wanted.cloned(), kind, field: target.column.clone(), message })
}

/// Rows of the query whose key no row of the table has.
async fn tell_unseen(target: &Target, ledger: &Ledger, findings: &mut Findings<'_>) -> Result<()> {
    let mut after = String::new();
    loop {
        let page = ledger.unseen_rows(&after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.user_id);
        for row in page {
            findings.add(&Difference {
                user_id: Some(row.user_id),
                clerk_id: row.clerk_id,
                kind: Kind::ColumnWithoutRow,
                field: target.column.clone(),
                message: format!("no row of `{}` has this user's key in `{}`", target.table, target.key),
            })?;
        }
    }
}
