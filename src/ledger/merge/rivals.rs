//! Who shares identifiers with whom: within a pull, and between it and what the ledger knows.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::Extent;
use crate::ledger::LedgerError;
use crate::record::duplicates::{Candidate, IdentifierHash};
use crate::record::{IdentifierKind, UserId};

/// So many people may change all their addresses in a small application without its being taken for another one.
const FEW_PEOPLE: u64 = 5;

/// Refuses user IDs that are Clerk IDs of users whom the ledger knows by other IDs. Hardly anybody's IDs begin like those: then it is
/// one look into an index.
pub(super) async fn refuse_clerk_ids(
    connection: &mut SqliteConnection,
    failed: &impl Fn(sqlx::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT staged.user_id FROM staged CROSS JOIN user ON user.clerk_id = staged.user_id
         WHERE staged.user_id >= 'user_' AND staged.user_id < 'user`' AND user.user_id IS NOT staged.user_id LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(failed)?;
    found.map_or(Ok(()), |clerk_id| Err(LedgerError::ClerkIdAsUserId { clerk_id }))
}

/// A tenth of the known users with no identifier in common with before, or half of a handful, is no longer people changing their
/// addresses.
pub(super) async fn refuse_other_people(
    connection: &mut SqliteConnection,
    extent: Extent,
    failed: &impl Fn(sqlx::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE staged.content IS NOT user.content AND NOT EXISTS (
             SELECT 1 FROM identifier CROSS JOIN staged_identifier USING (hash)
             WHERE identifier.user = met.user AND staged_identifier.user = met.staged))
         FROM met CROSS JOIN user ON user.id = met.user CROSS JOIN staged ON staged.id = met.staged
         WHERE user.state IN ('created', 'adopted')
             AND EXISTS (SELECT 1 FROM identifier WHERE identifier.user = met.user)
             AND EXISTS (SELECT 1 FROM staged_identifier WHERE staged_identifier.user = met.staged)",
    )
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    let (known, differing) = (row.get::<i64, _>(0).unsigned_abs(), row.get::<i64, _>(1).unsigned_abs());
    let most = extent == Extent::Whole && differing * 2 > known;
    let looks_like_a_copy = most || (differing >= FEW_PEOPLE && differing * 10 >= known);
    if looks_like_a_copy { Err(LedgerError::OtherPeople { differing, known }) } else { Ok(()) }
}

/// The staged users that share an identifier, with each other or with somebody in the ledger that this pull did not bring or
/// that is in Clerk already.
pub(super) async fn candidates(
    connection: &mut SqliteConnection,
    is_first: bool,
) -> Result<Vec<Candidate>, sqlx::Error> {
    let rows = sqlx::query(
        "WITH shared AS (
             SELECT hash FROM staged_identifier GROUP BY hash HAVING COUNT(*) > 1
             UNION SELECT hash FROM staged_identifier CROSS JOIN identifier USING (hash)
                 LEFT JOIN met ON met.staged = staged_identifier.user
                 WHERE ? AND met.user IS NOT identifier.user)
         SELECT staged.id, staged.user_id, staged_identifier.kind, staged_identifier.hash
         FROM shared CROSS JOIN staged_identifier USING (hash) CROSS JOIN staged ON staged.id = staged_identifier.user
         ORDER BY staged.id",
    )
    .bind(!is_first)
    .fetch_all(connection)
    .await?;
    let mut candidates: Vec<Candidate> = Vec::new();
    for row in rows {
        let (seat, kind): (i64, String) = (row.get(0), row.get(2));
        let (Ok(user_id), Ok(hash)) = (UserId::new(row.get::<String, _>(1)), row.get::<Vec<u8>, _>(3).try_into())
        else {
            continue;
        };
        if candidates.last().is_none_or(|last| last.seat != seat) {
            candidates.push(Candidate { seat, user_id, identifiers: Vec::new() });
        }
        if let Some(last) = candidates.last_mut() {
            last.identifiers.push((kind_of(&kind), hash));
        }
    }
    Ok(candidates)
}

fn kind_of(word: &str) -> IdentifierKind {
    IdentifierKind::ALL.into_iter().find(|kind| kind.field() == word).unwrap_or(IdentifierKind::Email)
}

/// Who holds an identifier that a staged user brings: users in Clerk, and beside a part of the source also users waiting to be sent
/// whom it did not bring. (A whole pull does not bring them because they are gone.)
pub(super) async fn held(
    connection: &mut SqliteConnection,
    extent: Extent,
    is_first: bool,
) -> Result<HashMap<IdentifierHash, UserId>, sqlx::Error> {
    if is_first {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT DISTINCT identifier.hash, user.user_id
         FROM staged_identifier CROSS JOIN identifier USING (hash)
             LEFT JOIN met ON met.staged = staged_identifier.user
             CROSS JOIN user ON user.id = identifier.user
         WHERE met.user IS NOT identifier.user
             AND (user.state IN ('created', 'adopted', 'sending')
                 OR (? AND user.state = 'pending' AND NOT EXISTS (SELECT 1 FROM met AS own WHERE own.user = user.id)))",
    )
    .bind(extent == Extent::Part)
    .fetch_all(connection)
    .await?;
    let pair = |row: &sqlx::sqlite::SqliteRow| {
        let hash = row.get::<Vec<u8>, _>(0).try_into().ok()?;
        Some((hash, UserId::new(row.get::<String, _>(1)).ok()?))
    };
    Ok(rows.iter().filter_map(pair).collect())
}

/// Refuses a staged user, and forgets what it would have been sent with.
pub(super) async fn refuse(connection: &mut SqliteConnection, staged: i64, reasons: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE staged SET state = 'invalid', content = NULL, reasons = ? WHERE id = ?")
        .bind(reasons)
        .bind(staged)
        .execute(&mut *connection)
        .await?;
    for sql in ["DELETE FROM staged_identifier WHERE user = ?", "DELETE FROM staged_payload WHERE user = ?"] {
        sqlx::query(sql).bind(staged).execute(&mut *connection).await?;
    }
    Ok(())
}
