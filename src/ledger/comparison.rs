//! The users of Clerk, the rows of the source and a ledger side by side: for `verify`, in a temporary ledger, which may be a copy
//! of the ledger that is compared.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::entry::State;
use super::store::{Ledger, LedgerError};
use crate::record::duplicates::IdentifierHash;
use crate::record::{ClerkId, Reason};

/// What is known of a user ID.
#[derive(Debug, Default)]
pub struct Known {
    /// The Clerk user who has it.
    pub clerk: Option<KeptUser>,
    /// What the ledger says of it.
    pub ledger: Option<Remembered>,
}

/// A Clerk user, as far as it is needed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The Clerk ID.
    pub clerk_id: ClerkId,
    /// The user ID, if it has one.
    pub external_id: Option<String>,
}

/// A kept Clerk user, with what was kept of it.
#[derive(Debug)]
pub struct KeptUser {
    /// The Clerk ID.
    pub clerk_id: ClerkId,
    /// What the walk through Clerk kept.
    pub facts: Vec<u8>,
}

/// A user of the ledger.
#[derive(Debug)]
pub struct Remembered {
    /// Its state.
    pub state: State,
    /// Whether it was left out on request.
    pub skipped: bool,
    /// The Clerk ID that the ledger knows.
    pub clerk_id: Option<ClerkId>,
    /// The Clerk user who has that ID, if there still is one.
    pub holder: Option<Holder>,
    /// The first reason why it is not in Clerk.
    pub reason: Option<Reason>,
}

impl Remembered {
    /// Returns the Clerk ID of a user who should be in Clerk.
    #[must_use]
    pub fn in_clerk(&self) -> Option<&ClerkId> {
        self.clerk_id.as_ref().filter(|_| matches!(self.state, State::Created | State::Adopted))
    }
}

/// A row of the source that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedRow {
    /// The user ID.
    pub user_id: String,
    /// The key of its row, in the spelling that the table's rows come in.
    pub row_key: Option<String>,
    /// The Clerk user whose ID the row may bear.
    pub clerk_id: Option<ClerkId>,
    /// Whether it should bear it.
    pub due: bool,
}

/// A Clerk user whose user ID no row of the source has.
#[derive(Debug)]
pub struct WithoutRow {
    /// The user.
    pub user: Holder,
    /// Whether the ledger knows this user ID.
    pub remembered: bool,
}

/// A user in Clerk by the ledger, of whom the source has no row, and who is not there under the ledger's Clerk ID.
#[derive(Debug)]
pub struct Misplaced {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The user ID.
    pub user_id: String,
    /// The Clerk ID that the ledger knows.
    pub clerk_id: ClerkId,
    /// The Clerk user who has this user ID instead.
    pub instead: Option<ClerkId>,
}

impl Ledger {
    /// Returns what is known of these user IDs; nothing of those nobody knows.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or something in it is damaged.
    pub async fn known(&self, user_ids: &[&str]) -> Result<HashMap<String, Known>, LedgerError> {
        let wanted = serde_json::json!(user_ids).to_string();
        let mut known: HashMap<String, Known> = HashMap::with_capacity(user_ids.len());
        let kept = "SELECT external_id, clerk_id, facts FROM clerk_user
             WHERE external_id IN (SELECT value FROM json_each(?))";
        for row in self.all(kept, &wanted).await? {
            let user = KeptUser { clerk_id: self.clerk_id(row.get(1))?, facts: row.get(2) };
            known.entry(row.get(0)).or_default().clerk = Some(user);
        }
        let remembered = "SELECT user_id, state, skipped, user.clerk_id, reasons, clerk_user.clerk_id, external_id
             FROM user LEFT JOIN clerk_user ON clerk_user.clerk_id = user.clerk_id
             WHERE user_id IN (SELECT value FROM json_each(?))";
        for row in self.all(remembered, &wanted).await? {
            known.entry(row.get(0)).or_default().ledger = Some(self.remembered(&row)?);
        }
        Ok(known)
    }

    fn remembered(&self, row: &SqliteRow) -> Result<Remembered, LedgerError> {
        let state = State::from_word(row.get(1)).ok_or_else(|| self.damaged("a user has an unknown state"))?;
        let clerk_id = row.get::<Option<String>, _>(3).map(|id| self.clerk_id(id)).transpose()?;
        let holder = row.get::<Option<String>, _>(5).map(|id| self.clerk_id(id)).transpose()?;
        let reasons = row.get::<Option<String>, _>(4);
        let reasons: Vec<Reason> = reasons.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Remembered {
            state,
            skipped: row.get(2),
            clerk_id,
            holder: holder.map(|clerk_id| Holder { clerk_id, external_id: row.get(6) }),
            reason: reasons.into_iter().next(),
        })
    }

    /// Returns the kept Clerk users who hold one of these identifiers, by the identifier.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub async fn holders(&self, hashes: &[IdentifierHash]) -> Result<HashMap<IdentifierHash, Holder>, LedgerError> {
        let wanted = serde_json::json!(hashes.iter().map(hex::encode).collect::<Vec<_>>()).to_string();
        let sql = "SELECT hash, clerk_id, external_id FROM clerk_identifier JOIN clerk_user USING (clerk_id)
             WHERE hash IN (SELECT unhex(value) FROM json_each(?)) ORDER BY clerk_id";
        let mut holders = HashMap::new();
        for row in self.all(sql, &wanted).await? {
            let Ok(hash) = IdentifierHash::try_from(row.get::<Vec<u8>, _>(0)) else { continue };
            let holder = Holder { clerk_id: self.clerk_id(row.get(1))?, external_id: row.get(2) };
            holders.entry(hash).or_insert(holder);
        }
        Ok(holders)
    }

    /// Notes rows that were compared, and returns of each whether it is the first of its user ID. Only the first one counts.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_compared(&self, rows: &[ComparedRow]) -> Result<Vec<bool>, LedgerError> {
        let given: Vec<_> =
            rows.iter().map(|row| (&row.user_id, &row.row_key, row.clerk_id.as_ref(), row.due)).collect();
        let noted: Vec<String> = sqlx::query_scalar(
            "INSERT OR IGNORE INTO compared_row (user_id, row_key, clerk_id, due)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) RETURNING user_id",
        )
        .bind(serde_json::json!(given).to_string())
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("write"))?;
        let mut noted: HashSet<String> = noted.into_iter().collect();
        Ok(rows.iter().map(|row| noted.remove(&row.user_id)).collect())
    }

    /// Notes that something was told of these Clerk users.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_told(&self, clerk_ids: &[ClerkId]) -> Result<(), LedgerError> {
        sqlx::query("UPDATE clerk_user SET told = 1 WHERE clerk_id IN (SELECT value FROM json_each(?))")
            .bind(serde_json::json!(clerk_ids).to_string())
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Returns up to `most` kept Clerk users after `after` whose user ID no compared row has, and of whom nothing was told.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub async fn without_row(&self, after: Option<&ClerkId>, most: u32) -> Result<Vec<WithoutRow>, LedgerError> {
        let rows = sqlx::query(
            "SELECT clerk_user.clerk_id, external_id, user.id IS NOT NULL
             FROM clerk_user LEFT JOIN user ON user.user_id = external_id
             WHERE clerk_user.clerk_id > ? AND told = 0
                 AND NOT EXISTS (SELECT 1 FROM compared_row WHERE compared_row.user_id = external_id)
             ORDER BY clerk_user.clerk_id LIMIT ?",
        )
        .bind(after.map_or("", ClerkId::as_str))
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter()
            .map(|row| {
                let user = Holder { clerk_id: self.clerk_id(row.get(0))?, external_id: row.get(1) };
                Ok(WithoutRow { user, remembered: row.get(2) })
            })
            .collect()
    }

    /// Returns up to `most` users after the entry `after` who should be in Clerk, of whom no row was compared, and whose Clerk ID
    /// is not in Clerk under their user ID.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub async fn misplaced(&self, after: i64, most: u32) -> Result<Vec<Misplaced>, LedgerError> {
        let rows = sqlx::query(
            "SELECT user.id, user.user_id, user.clerk_id, clerk_user.clerk_id
             FROM user LEFT JOIN clerk_user ON clerk_user.external_id = user.user_id
             WHERE user.id > ? AND state IN ('created', 'adopted') AND clerk_user.clerk_id IS NOT user.clerk_id
                 AND NOT EXISTS (SELECT 1 FROM compared_row WHERE compared_row.user_id = user.user_id)
             ORDER BY user.id LIMIT ?",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter()
            .map(|row| {
                let instead = row.get::<Option<String>, _>(3).map(|id| self.clerk_id(id)).transpose()?;
                let clerk_id = self.clerk_id(row.get(2))?;
                Ok(Misplaced { id: row.get(0), user_id: row.get(1), clerk_id, instead })
            })
            .collect()
    }

    /// Returns the compared rows that have one of these keys, by the key, and notes that the table has them.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or written, or something in it is damaged.
    pub async fn compared_rows(&self, keys: &[&str]) -> Result<HashMap<String, ComparedRow>, LedgerError> {
        let wanted = serde_json::json!(keys).to_string();
        let sql = "UPDATE compared_row SET seen = 1 WHERE row_key IN (SELECT value FROM json_each(?))
             RETURNING row_key, user_id, clerk_id, due";
        let rows = self.all(sql, &wanted).await?;
        rows.iter().map(|row| Ok((row.get(0), self.compared_row(row)?))).collect()
    }

    fn compared_row(&self, row: &SqliteRow) -> Result<ComparedRow, LedgerError> {
        let clerk_id = row.get::<Option<String>, _>(2).map(|id| self.clerk_id(id)).transpose()?;
        Ok(ComparedRow { row_key: row.get(0), user_id: row.get(1), clerk_id, due: row.get(3) })
    }

    /// Returns which of these Clerk IDs are in Clerk, each with the user ID of the compared row that the user belongs to.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn owners(&self, clerk_ids: &HashSet<&str>) -> Result<HashMap<String, Option<String>>, LedgerError> {
        let wanted = serde_json::json!(clerk_ids).to_string();
        let sql = "SELECT clerk_user.clerk_id, compared_row.user_id
             FROM clerk_user LEFT JOIN compared_row ON compared_row.user_id = external_id
             WHERE clerk_user.clerk_id IN (SELECT value FROM json_each(?))";
        Ok(self.all(sql, &wanted).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Returns up to `most` compared rows after the user ID `after` that should bear a Clerk ID, and that the table was not seen
    /// to have.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub async fn unseen_rows(&self, after: &str, most: u32) -> Result<Vec<ComparedRow>, LedgerError> {
        let rows = sqlx::query(
            "SELECT row_key, user_id, clerk_id, due FROM compared_row
             WHERE user_id > ? AND due = 1 AND seen = 0 ORDER BY user_id LIMIT ?",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        rows.iter().map(|row| self.compared_row(row)).collect()
    }

    async fn all(&self, sql: &'static str, wanted: &str) -> Result<Vec<SqliteRow>, LedgerError> {
        sqlx::query(sql).bind(wanted).fetch_all(&mut *self.connection().await).await.map_err(self.failed("read"))
    }

    fn clerk_id(&self, text: String) -> Result<ClerkId, LedgerError> {
        ClerkId::new(text).map_err(|error| self.damaged(format!("a Clerk ID in it {error}")))
    }
}
