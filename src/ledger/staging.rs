//! A pull on its way in: its users staged as they come, in plain tables that nothing else looks at.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Sqlite};

use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::duplicates::IdentifierHash;
use crate::record::{Content, Identifier, IdentifierKind, ImportUser, Reason, UserId};

/// One user of a pull.
#[derive(Debug, Clone)]
pub enum Staged {
    /// Mapped, and passed by our checks.
    Valid {
        /// The user.
        user: Box<ImportUser>,
        /// By which rule the primary e-mail address counts as verified, as a word.
        email_basis: &'static str,
    },
    /// Refused by our checks, or left out on request.
    Invalid {
        /// The user ID, if the row had one.
        user_id: Option<UserId>,
        /// Everything that is wrong.
        reasons: Vec<Reason>,
        /// Left out on request rather than by an error.
        skipped: bool,
    },
}

/// Rows put into one statement. More saves nothing measurable.
const ROWS_A_STATEMENT: usize = 200;

impl Ledger {
    /// Forgets whatever an earlier pull left half done.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn begin_pull(&self) -> Result<(), LedgerError> {
        sqlx::raw_sql("DELETE FROM staged; DELETE FROM staged_identifier;")
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Stages users. `first` is the number of the first of them within the pull, from 1.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn stage(&self, first: i64, users: &[Staged]) -> Result<(), LedgerError> {
        let rows: Vec<StagedRow> =
            (first..).zip(users).map(|(id, user)| self.staged_row(id, user)).collect::<Result<_, _>>()?;
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let mut transaction = connection.begin().await.map_err(&failed)?;
        for chunk in rows.chunks(ROWS_A_STATEMENT) {
            insert_staged(&mut transaction, chunk).await.map_err(&failed)?;
        }
        let identifiers: Vec<_> =
            rows.iter().flat_map(|row| row.identifiers.iter().map(|identifier| (row.id, identifier))).collect();
        for chunk in identifiers.chunks(ROWS_A_STATEMENT) {
            insert_identifiers(&mut transaction, chunk).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::BatchStaged);
        Ok(())
    }

    fn staged_row(&self, id: i64, staged: &Staged) -> Result<StagedRow, LedgerError> {
        let key = self.hash_key();
        Ok(match staged {
            Staged::Valid { user, email_basis } => {
                let payload = serde_json::to_string(user).map_err(|error| self.damaged(error.to_string()))?;
                let hashed = |identifier: &Identifier| (identifier.kind, key.identifier(identifier));
                StagedRow {
                    id,
                    user_id: Some(user.user_id.to_string()),
                    row_key: user.key.clone(),
                    content: Some(Content::of(user, &key).to_bytes()),
                    payload: Some(payload),
                    email_basis,
                    reasons: None,
                    skipped: false,
                    identifiers: user.identifiers().iter().map(hashed).collect(),
                }
            }
            Staged::Invalid { user_id, reasons, skipped } => StagedRow {
                id,
                user_id: user_id.as_ref().map(ToString::to_string),
                row_key: None,
                payload: None,
                content: None,
                email_basis: "none",
                reasons: Some(serde_json::to_string(reasons).map_err(|error| self.damaged(error.to_string()))?),
                skipped: *skipped,
                identifiers: Vec::new(),
            },
        })
    }
}

struct StagedRow {
    id: i64,
    user_id: Option<String>,
    row_key: Option<String>,
    payload: Option<String>,
    content: Option<Vec<u8>>,
    email_basis: &'static str,
    reasons: Option<String>,
    skipped: bool,
    identifiers: Vec<(IdentifierKind, IdentifierHash)>,
}

async fn insert_staged(connection: &mut SqliteConnection, rows: &[StagedRow]) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO staged (id, user_id, row_key, payload, content, email_basis, reasons, skipped) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.id)
            .push_bind(row.user_id.as_deref())
            .push_bind(row.row_key.as_deref())
            .push_bind(row.payload.as_deref())
            .push_bind(row.content.as_deref())
            .push_bind(row.email_basis)
            .push_bind(row.reasons.as_deref())
            .push_bind(row.skipped);
    });
    query.build().execute(connection).await.map(drop)
}

async fn insert_identifiers(
    connection: &mut SqliteConnection,
    rows: &[(i64, &(IdentifierKind, IdentifierHash))],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO staged_identifier (staged, kind, hash) ");
    query.push_values(rows, |mut values, (staged, (kind, hash))| {
        values.push_bind(*staged).push_bind(kind.field()).push_bind(hash.as_slice());
    });
    query.build().execute(connection).await.map(drop)
}
