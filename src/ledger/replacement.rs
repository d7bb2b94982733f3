//! The users' IDs replaced by Clerk IDs in the database: that it was done, and how far it has come where it takes steps.

use sqlx::{Connection as _, Row};

use super::belonging::Source;
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::ClerkId;

/// A replacement of the users' IDs, as the ledger remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedIds {
    /// The database, and the users table as it was named.
    pub source: Source,
    /// The script that brings the old IDs back.
    pub way_back: String,
    /// Whether all of it is done.
    pub is_finished: bool,
    /// Its steps; none, if it was one transaction.
    pub steps: Vec<ReplacingStep>,
}

/// A step of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacingStep {
    /// What it does, in words.
    pub what: String,
    /// What is run, in this order.
    pub statements: Vec<String>,
    /// Whether it was done.
    pub is_done: bool,
}

impl Ledger {
    /// Notes a replacement that is about to begin, or one that is done already, and forgets the one before.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_replacement(&self, replaced: &ReplacedIds) -> Result<(), LedgerError> {
        let failed = self.failed("write");
        let mut connection = self.connection().await;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        sqlx::raw_sql("DELETE FROM replacement_step; DELETE FROM replacement")
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        sqlx::query(
            "INSERT INTO replacement (one, source, users_table, way_back, finished_at)
             VALUES (1, ?, ?, ?, CASE WHEN ? THEN strftime('%Y-%m-%dT%H:%M:%SZ', 'now') END)",
        )
        .bind(&replaced.source.name)
        .bind(replaced.source.table.as_deref().unwrap_or_default())
        .bind(&replaced.way_back)
        .bind(replaced.is_finished)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        for (number, step) in (1_i64..).zip(&replaced.steps) {
            sqlx::query("INSERT INTO replacement_step (number, what, statements) VALUES (?, ?, ?)")
                .bind(number)
                .bind(&step.what)
                .bind(serde_json::json!(step.statements).to_string())
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Returns the replacement that the ledger knows of.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read, or what stands there makes no sense.
    pub async fn replacement(&self) -> Result<Option<ReplacedIds>, LedgerError> {
        let failed = self.failed("read");
        let mut connection = self.connection().await;
        let row = sqlx::query("SELECT source, users_table, way_back, finished_at IS NOT NULL FROM replacement")
            .fetch_optional(&mut *connection)
            .await
            .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let steps = sqlx::query("SELECT what, statements, done_at IS NOT NULL FROM replacement_step ORDER BY number")
            .fetch_all(&mut *connection)
            .await
            .map_err(&failed)?;
        let step = |row: &sqlx::sqlite::SqliteRow| {
            let statements = serde_json::from_str(&row.get::<String, _>(1));
            let statements = statements.map_err(|_| self.damaged("the statements of a step cannot be read"))?;
            Ok(ReplacingStep { what: row.get(0), statements, is_done: row.get(2) })
        };
        Ok(Some(ReplacedIds {
            source: Source { name: row.get(0), table: Some(row.get(1)) },
            way_back: row.get(2),
            is_finished: row.get(3),
            steps: steps.iter().map(step).collect::<Result<_, LedgerError>>()?,
        }))
    }

    /// Notes that the step of a number, from 1 on, is about to be run.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_step_begun(&self, number: usize) -> Result<(), LedgerError> {
        let sql = "UPDATE replacement_step SET begun_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE number = ?";
        self.note_step(sql, number).await
    }

    /// Notes that the step of a number is done.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_step_done(&self, number: usize) -> Result<(), LedgerError> {
        kill_point::reach(Point::StepDone);
        let sql = "UPDATE replacement_step SET done_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE number = ?";
        self.note_step(sql, number).await
    }

    async fn note_step(&self, sql: &'static str, number: usize) -> Result<(), LedgerError> {
        sqlx::query(sql)
            .bind(i64::try_from(number).unwrap_or(i64::MAX))
            .execute(&mut *self.connection().await)
            .await
            .map(drop)
            .map_err(self.failed("write"))
    }

    /// Refuses user IDs that are the Clerk IDs of kept Clerk users, who have other user IDs: everybody would be a stranger.
    ///
    /// # Errors
    /// [`LedgerError::ClerkIdAsUserId`], if there is one; [`LedgerError`], if the ledger cannot be read.
    pub async fn refuse_clerk_ids(&self, user_ids: impl Iterator<Item = &str>) -> Result<(), LedgerError> {
        let alike: Vec<&str> = user_ids.filter(|user_id| ClerkId::new(*user_id).is_ok()).collect();
        if alike.is_empty() {
            return Ok(());
        }
        let found: Option<String> = sqlx::query_scalar(
            "SELECT clerk_id FROM clerk_user WHERE clerk_id IN (SELECT value FROM json_each(?))
             AND external_id IS NOT clerk_id ORDER BY clerk_id LIMIT 1",
        )
        .bind(serde_json::json!(alike).to_string())
        .fetch_optional(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        found.map_or(Ok(()), |clerk_id| Err(LedgerError::ClerkIdAsUserId { clerk_id }))
    }

    /// Notes that the replacement is finished.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn note_replacement_finished(&self) -> Result<(), LedgerError> {
        sqlx::query("UPDATE replacement SET finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')")
            .execute(&mut *self.connection().await)
            .await
            .map(drop)
            .map_err(self.failed("write"))
    }
}
