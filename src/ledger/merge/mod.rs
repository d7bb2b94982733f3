//! A staged pull taken over as a whole, in one transaction, or not at all.

mod apply;
mod rivals;

use sqlx::Connection;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;

use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::Attribute;
use crate::record::duplicates::losers;

/// How much of the source a pull brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it: who is absent is gone.
    Whole,
    /// A part: nothing is known of the others.
    Part,
}

/// How a pull is to be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How much of the source it brought.
    pub extent: Extent,
    /// Whether known user IDs may carry other identifiers than before.
    pub accept_changed_identifiers: bool,
    /// Whether users in Clerk whose rows changed are to be sent again: their payloads are kept until then.
    pub update: bool,
    /// Whether users that `undo` deleted are to be created again.
    pub recreate: bool,
    /// The attributes that the source can give a user; `None`: nobody knows. What it cannot give has not changed.
    pub offered: Option<Vec<Attribute>>,
}

impl Terms {
    /// Returns the usual terms: nothing of what is in Clerk already is touched.
    #[must_use]
    pub fn of(extent: Extent) -> Self {
        Self { extent, accept_changed_identifiers: false, update: false, recreate: false, offered: None }
    }
}

/// What a merged pull changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Users the ledger had not seen before.
    pub new: u64,
    /// Users in Clerk already whose content differs from what was sent.
    pub changed: u64,
    /// Users not sent yet that the whole pull did not bring.
    pub gone: u64,
    /// Users in Clerk already that the whole pull did not bring.
    pub vanished: u64,
}

impl Ledger {
    /// Merges what was staged: duplicates are settled, new users added, the ones not yet in Clerk brought up to date, and after a
    /// whole pull those that are gone marked. Of users in Clerk it is noted what changed. All in one transaction.
    ///
    /// # Errors
    /// [`LedgerError::OtherPeople`], if known user IDs now belong to other people; [`LedgerError::ClerkIdAsUserId`], if user IDs are
    /// Clerk IDs that the ledger knows; [`LedgerError`], if the ledger cannot be written. Nothing is merged then.
    pub async fn merge(&self, terms: &Terms) -> Result<Merged, LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("merge the pull into");
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        kill_point::reach(Point::MergeBegun);
        // Rows without a user ID cannot be told apart from one pull to the next, so each pull brings its own.
        run(&mut transaction, "DELETE FROM user WHERE user_id IS NULL").await.map_err(&failed)?;
        let is_first = is_first(&mut transaction).await.map_err(&failed)?;
        index_staged(&mut transaction).await.map_err(&failed)?;
        rivals::refuse_clerk_ids(&mut transaction, &failed).await?;
        meet(&mut transaction, is_first).await.map_err(&failed)?;
        if !terms.accept_changed_identifiers {
            rivals::refuse_other_people(&mut transaction, terms.extent, &failed).await?;
        }
        let candidates = rivals::candidates(&mut transaction, is_first).await.map_err(&failed)?;
        let held = rivals::held(&mut transaction, terms.extent, is_first).await.map_err(&failed)?;
        for (staged, reasons) in losers(candidates, held) {
            let reasons = serde_json::to_string(&reasons).map_err(|error| self.damaged(error.to_string()))?;
            rivals::refuse(&mut transaction, staged, &reasons).await.map_err(&failed)?;
        }
        kill_point::reach(Point::MergeHalfDone);
        let (gone, vanished) = apply::update_known(&mut transaction, terms).await.map_err(&failed)?;
        // Of those who are in Clerk: before a million others are there to be looked at.
        let changed = self.note_changes(&mut transaction, terms).await?;
        let new = apply::add_new(&mut transaction, is_first).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::Merged);
        drop(connection);
        self.forget_pull().await?;
        Ok(Merged { new, changed, gone, vanished })
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

/// Makes the indexes of the staged users that were not kept while they came. That two rows have one user ID shows when the index
/// cannot be made: to look for them first takes as long again, and hardly any source has them.
async fn index_staged(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    match run(connection, INDEX_USER_IDS).await {
        Err(error) if error.as_database_error().is_some_and(DatabaseError::is_unique_violation) => {
            run(connection, REFUSE_REPEATED_USER_IDS).await?;
            run(connection, INDEX_USER_IDS).await?;
        }
        indexed => indexed?,
    }
    run(connection, INDEX_IDENTIFIERS).await
}

pub(super) const INDEX_USER_IDS: &str = "CREATE UNIQUE INDEX pull.user_by_user_id ON staged (user_id)";
pub(super) const INDEX_IDENTIFIERS: &str = "CREATE INDEX pull.identifier_by_hash ON staged_identifier (hash)";

/// The first row of a user ID keeps it. The others are kept as invalid rows without one, so that they are counted.
const REFUSE_REPEATED_USER_IDS: &str = "
CREATE INDEX pull.staged_by_user_id ON staged (user_id);
CREATE TABLE pull.repeated (id INTEGER PRIMARY KEY);
INSERT INTO repeated
    SELECT staged.id FROM (SELECT user_id, MIN(id) AS first FROM staged WHERE user_id IS NOT NULL GROUP BY user_id HAVING COUNT(*) > 1)
        AS again CROSS JOIN staged ON staged.user_id = again.user_id AND staged.id > first;
UPDATE staged SET
    reasons = json_array(json_object('field', 'userId', 'code', 'duplicate', 'message',
        'row ' || id || ' repeats the user ID `' || user_id || '` of an earlier row; a query that joins a table may return a user '
        || 'several times')),
    state = 'invalid', content = NULL, user_id = NULL, skipped = 0
WHERE id IN (SELECT id FROM repeated);
DELETE FROM staged_identifier WHERE user IN (SELECT id FROM repeated);
DELETE FROM staged_payload WHERE user IN (SELECT id FROM repeated);
DROP INDEX pull.staged_by_user_id;";

/// Returns whether the ledger knows nobody yet: then there is nobody to look for.
async fn is_first(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM user)").fetch_one(connection).await
}

/// Notes which staged users the ledger knows already. Everything after this goes by the two numbers.
async fn meet(connection: &mut SqliteConnection, is_first: bool) -> Result<(), sqlx::Error> {
    run(connection, "CREATE TABLE pull.met (staged INTEGER PRIMARY KEY, user INTEGER NOT NULL)").await?;
    if !is_first {
        run(connection, MEET).await?;
    }
    run(connection, "CREATE UNIQUE INDEX pull.met_by_user ON met (user)").await
}

const MEET: &str = "
INSERT INTO met SELECT staged.id, user.id FROM staged CROSS JOIN user ON user.user_id = staged.user_id ORDER BY staged.id;";
