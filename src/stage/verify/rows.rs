//! The rows of the source, each with what Clerk and the ledger know of its user ID.

use std::collections::HashMap;

use anyhow::Result;

use super::difference::{Difference, Kind};
use super::judge::{Judge, Verdict};
use super::unlike::Given;
use super::{BATCH, Findings};
use crate::database::Target;
use crate::ledger::{Holder, Known, Ledger};
use crate::mapping::{Mapped, Refused};
use crate::record::duplicates::IdentifierHash;
use crate::record::{ClerkId, Identifier, UserId};
use crate::stage::Progress;
use crate::stage::source::Source;

/// A row with a user ID.
pub(super) struct Row {
    pub(super) user_id: UserId,
    pub(super) key: Option<String>,
    pub(super) identifiers: Vec<Identifier>,
    pub(super) user: std::result::Result<Mapped, Refused>,
}

/// Reads all rows of the source, and compares each with the Clerk user of its user ID. `target` says how the keys of the table's
/// rows are spelled, if they are to be found again. `has_ledger` says whether the ledger is a copy of one that was there.
///
/// # Errors
/// If the source cannot be read to the end, or a difference cannot be told.
pub async fn compare_rows(
    source: &mut Source,
    ledger: &Ledger,
    target: Option<&Target>,
    has_ledger: bool,
    findings: &mut Findings<'_>,
    progress: &Progress,
) -> Result<()> {
    let judge = Judge { given: Given::of(source), key: ledger.hash_key(), has_ledger };
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(user) = source.next().await? {
        findings.tally.rows += 1;
        progress.pulled.add(1);
        match row(user) {
            Ok(row) => batch.push(row),
            Err(refused) => tell_nameless(&refused, findings)?,
        }
        if batch.len() == BATCH {
            compare(&batch, ledger, target, &judge, findings).await?;
            batch.clear();
        }
    }
    compare(&batch, ledger, target, &judge, findings).await
}

fn row(user: std::result::Result<Mapped, Refused>) -> std::result::Result<Row, Refused> {
    match user {
        Ok(mapped) => Ok(Row {
            user_id: mapped.user.user_id.clone(),
            key: mapped.user.key.clone(),
            identifiers: mapped.user.identifiers(),
            user: Ok(mapped),
        }),
        Err(refused) => match refused.user_id.clone() {
            Some(user_id) => Ok(Row {
                user_id,
                key: refused.key.clone(),
                identifiers: refused.identifiers.clone(),
                user: Err(refused),
            }),
            None => Err(refused),
        },
    }
}

fn tell_nameless(refused: &Refused, findings: &mut Findings<'_>) -> Result<()> {
    findings.tally.count_reasons(&refused.reasons);
    findings.add(&Difference { user_id: None, ..super::judge::invalid(&refused.reasons) })
}

async fn compare(
    batch: &[Row],
    ledger: &Ledger,
    target: Option<&Target>,
    judge: &Judge,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let user_ids: Vec<&str> = batch.iter().map(|row| row.user_id.as_str()).collect();
    ledger.refuse_clerk_ids(user_ids.iter().copied()).await?;
    let known = ledger.known(&user_ids).await?;
    let holders = holders(batch, &known, ledger, judge).await?;
    let mut verdicts = Vec::with_capacity(batch.len());
    for row in batch {
        let known = known.get(row.user_id.as_str());
        verdicts.push(judge.verdict(row, known, holder(row, &holders, judge))?);
    }
    let compared: Vec<_> = batch.iter().zip(&verdicts).map(|(row, verdict)| verdict.compared(row, target)).collect();
    let first = ledger.note_compared(&compared).await?;
    let mut told = Vec::new();
    for ((row, verdict), first) in batch.iter().zip(verdicts).zip(first) {
        if first {
            tell(&verdict, findings)?;
            told.extend(verdict.told);
        } else {
            findings.add(&repeated(row))?;
        }
    }
    if told.is_empty() { Ok(()) } else { Ok(ledger.note_told(&told).await?) }
}

/// Of the rows whose user ID no Clerk user has, the Clerk users who hold their identifiers.
async fn holders(
    batch: &[Row],
    known: &HashMap<String, Known>,
    ledger: &Ledger,
    judge: &Judge,
) -> Result<HashMap<IdentifierHash, Holder>> {
    let in_clerk = |row: &&Row| known.get(row.user_id.as_str()).is_some_and(|known| known.clerk.is_some());
    let absent = batch.iter().filter(|row| row.user.is_ok() && !in_clerk(row));
    let hashes: Vec<IdentifierHash> =
        absent.flat_map(|row| &row.identifiers).map(|identifier| judge.key.identifier(identifier)).collect();
    if hashes.is_empty() { Ok(HashMap::new()) } else { Ok(ledger.holders(&hashes).await?) }
}

fn holder<'a>(
    row: &'a Row,
    holders: &'a HashMap<IdentifierHash, Holder>,
    judge: &Judge,
) -> Option<(&'a Identifier, &'a Holder)> {
    row.identifiers.iter().find_map(|identifier| Some((identifier, holders.get(&judge.key.identifier(identifier))?)))
}

fn tell(verdict: &Verdict, findings: &mut Findings<'_>) -> Result<()> {
    findings.tally.alike += u64::from(verdict.differences.is_empty() && !verdict.skipped);
    findings.tally.skipped += u64::from(verdict.skipped);
    if let Some(state) = verdict.missing {
        *findings.tally.missing.entry(state).or_default() += 1;
    }
    findings.tally.count_reasons(&verdict.reasons);
    verdict.differences.iter().try_for_each(|difference| findings.add(difference))
}

fn repeated(row: &Row) -> Difference {
    Difference {
        user_id: Some(row.user_id.to_string()),
        clerk_id: None::<ClerkId>,
        kind: Kind::Repeated,
        field: "userId".to_owned(),
        message:
            "repeats the user ID of an earlier row, and was not compared; a query that joins a table may return a user \
                  several times"
                .to_owned(),
    }
}
