//! Rows and Clerk users brought together without an import of ours: for `backfill --from clerk`, in a temporary ledger. The Clerk users
//! that it keeps also serve `verify`.

use std::collections::HashMap;

use sqlx::{Connection, Row};

use super::insert::insert;
use super::store::{Ledger, LedgerError};
use crate::record::{ClerkId, Identifier, UserId};

/// A user of the Clerk instance.
#[derive(Debug, Clone)]
pub struct ClerkSide {
    /// The Clerk ID.
    pub clerk_id: ClerkId,
    /// The ID in the old system, if the user has one.
    pub external_id: Option<String>,
    /// All identifiers.
    pub identifiers: Vec<Identifier>,
    /// What else is to be compared of the user: the ledger keeps it as it is.
    pub facts: Vec<u8>,
}

/// A row of the source.
#[derive(Debug, Clone)]
pub struct RowSide {
    /// The user ID.
    pub user_id: UserId,
    /// The value that finds the row, where it is not the user ID.
    pub row_key: Option<String>,
    /// All identifiers that could be read.
    pub identifiers: Vec<Identifier>,
    /// Whether the row gave any, readable or not: then one must agree.
    pub gave_identifier: bool,
}

/// What matching a batch of rows brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matched {
    /// Rows whose Clerk user is known: they wait for the write-back now.
    pub matched: u64,
    /// Rows without a Clerk user of that ID.
    pub without_clerk_user: u64,
    /// Rows whose Clerk user shares no identifier with them.
    pub disagreeing: u64,
    /// Rows whose user ID an earlier row had too.
    pub repeated: u64,
}

impl Ledger {
    /// Keeps users of the Clerk instance. All of them must be there, and indexed, before they are asked for.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn keep_clerk_users(&self, users: Vec<ClerkSide>) -> Result<(), LedgerError> {
        let key = self.hash_key();
        let (mut kept, mut identifiers) = (Vec::with_capacity(users.len()), Vec::with_capacity(users.len()));
        for user in users {
            let clerk_id = user.clerk_id.to_string();
            let hashed = |identifier| (clerk_id.clone(), key.identifier(identifier).to_vec());
            identifiers.extend(user.identifiers.iter().map(hashed));
            kept.push((clerk_id, user.external_id, user.facts));
        }
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let mut transaction = connection.begin().await.map_err(&failed)?;
        insert(&mut transaction, KEEP_USERS, "(?, ?, ?)", kept, |query, (clerk_id, external_id, facts)| {
            query.bind(clerk_id).bind(external_id).bind(facts)
        })
        .await
        .map_err(&failed)?;
        insert(&mut transaction, KEEP_IDENTIFIERS, "(?, ?)", identifiers, |query, (clerk_id, hash)| {
            query.bind(clerk_id).bind(hash)
        })
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    /// Ends the keeping: makes the indexes, and forgets what was kept of a user before it was met again.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn index_clerk_users(&self) -> Result<(), LedgerError> {
        let done = sqlx::raw_sql(INDEX_CLERK_USERS).execute(&mut *self.connection().await).await;
        done.map(drop).map_err(self.failed("write"))
    }

    /// Matches rows with the kept Clerk users by user ID; where a row gives identifiers, one of them must agree. Matched rows
    /// become adopted users that wait for the write-back.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or written.
    pub async fn match_rows(&self, rows: &[RowSide]) -> Result<Matched, LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let mut transaction = connection.begin().await.map_err(&failed)?;
        let ids: Vec<&str> = rows.iter().map(|row| row.user_id.as_str()).collect();
        let found = sqlx::query(
            "SELECT external_id, clerk_id,
                 (SELECT json_group_array(hex(hash)) FROM clerk_identifier WHERE clerk_identifier.clerk_id = clerk_user.clerk_id)
             FROM clerk_user WHERE external_id IN (SELECT value FROM json_each(?))",
        )
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(&mut *transaction)
        .await
        .map_err(&failed)?;
        let found: HashMap<String, (String, String)> =
            found.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        let mut matched = Matched::default();
        let mut agreeing = Vec::with_capacity(rows.len());
        for row in rows {
            match found.get(row.user_id.as_str()) {
                None => matched.without_clerk_user += 1,
                Some((_, hashes)) if !self.agree(row, hashes) => matched.disagreeing += 1,
                Some((clerk_id, _)) => agreeing.push((&row.user_id, &row.row_key, clerk_id)),
            }
        }
        let new = sqlx::query(
            "INSERT OR IGNORE INTO user (user_id, row_key, state, clerk_id, write_back)
             SELECT value ->> 0, value ->> 1, 'adopted', value ->> 2, 'waiting' FROM json_each(?)",
        )
        .bind(serde_json::json!(agreeing).to_string())
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?
        .rows_affected();
        matched.matched = new;
        matched.repeated = agreeing.len() as u64 - new;
        transaction.commit().await.map_err(&failed)?;
        Ok(matched)
    }

    fn agree(&self, row: &RowSide, hashes: &str) -> bool {
        let key = self.hash_key();
        !row.gave_identifier
            || row.identifiers.iter().any(|identifier| hashes.contains(&hex::encode_upper(key.identifier(identifier))))
    }

    /// Counts the kept Clerk users whom no row of the source has for its user ID.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn clerk_users_without_row(&self, disagreeing: u64) -> Result<u64, LedgerError> {
        let unmatched: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM clerk_user
             WHERE NOT EXISTS (SELECT 1 FROM user WHERE user.clerk_id = clerk_user.clerk_id AND user.user_id = external_id)",
        )
        .fetch_one(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        Ok(unmatched.unsigned_abs().saturating_sub(disagreeing))
    }
}

const KEEP_USERS: &str = "INSERT INTO clerk_user (clerk_id, external_id, facts)";
const KEEP_IDENTIFIERS: &str = "INSERT INTO clerk_identifier (clerk_id, hash)";

/// Users who move backwards while Clerk is walked through, because somebody dates them back, are met twice.
const INDEX_CLERK_USERS: &str = "
CREATE INDEX clerk_user_by_clerk_id ON clerk_user (clerk_id);
CREATE INDEX clerk_user_by_external_id ON clerk_user (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX clerk_identifier_by_clerk_id ON clerk_identifier (clerk_id);
CREATE INDEX clerk_identifier_by_hash ON clerk_identifier (hash);
DELETE FROM clerk_user WHERE EXISTS (
    SELECT 1 FROM clerk_user AS later WHERE later.clerk_id = clerk_user.clerk_id AND later.rowid > clerk_user.rowid);";
