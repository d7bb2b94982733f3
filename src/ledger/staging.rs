//! A pull on its way in: its users staged as they come, in a temporary database that nothing else looks at. SQLite keeps it in a
//! file without a name, which is gone with this process, however that ends.

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
const ROWS_A_STATEMENT: usize = 250;

impl Ledger {
    /// Makes room for a pull, and forgets whatever an earlier one left half done.
    ///
    /// # Errors
    /// [`LedgerError`], if there is no room for temporary files.
    pub async fn begin_pull(&self) -> Result<(), LedgerError> {
        self.forget_pull().await?;
        sqlx::raw_sql(STAGING).execute(&mut *self.connection().await).await.map_err(self.failed("make room beside"))?;
        Ok(())
    }

    /// Forgets what was staged: half a pull is of no use, and a merged one neither.
    ///
    /// # Errors
    /// [`LedgerError`], if the temporary file cannot be closed.
    pub async fn forget_pull(&self) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let attached = "SELECT EXISTS (SELECT 1 FROM pragma_database_list WHERE name = 'pull')";
        if sqlx::query_scalar(attached).fetch_one(&mut *connection).await.map_err(&failed)? {
            // A statement that is kept for later would hold on to it.
            connection.clear_cached_statements().await.map_err(&failed)?;
            sqlx::raw_sql("DETACH pull").execute(&mut *connection).await.map_err(&failed)?;
        }
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
        let payloads: Vec<_> = rows.iter().filter_map(|row| Some((row.id, row.payload.as_deref()?))).collect();
        for chunk in payloads.chunks(ROWS_A_STATEMENT) {
            insert_payloads(&mut transaction, chunk).await.map_err(&failed)?;
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
                    content: Some(Content::of_payload(&payload, &key).to_bytes()),
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

/// The staged users, and apart from them what most of the merge does not look at. Nothing of it must outlive a crash.
const STAGING: &str = "
ATTACH '' AS pull;
PRAGMA pull.journal_mode = OFF;
PRAGMA pull.synchronous = OFF;
PRAGMA pull.secure_delete = OFF;
PRAGMA pull.cache_size = -4000;
CREATE TABLE pull.staged (
    id INTEGER PRIMARY KEY,
    user_id TEXT,
    row_key TEXT,
    -- NULL: the user is refused.
    content BLOB,
    email_basis TEXT NOT NULL,
    reasons TEXT,
    skipped INTEGER NOT NULL
) STRICT;
CREATE TABLE pull.staged_identifier (
    staged INTEGER NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (staged, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE pull.staged_payload (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;";

async fn insert_staged(connection: &mut SqliteConnection, rows: &[StagedRow]) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO staged (id, user_id, row_key, content, email_basis, reasons, skipped) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.id)
            .push_bind(row.user_id.as_deref())
            .push_bind(row.row_key.as_deref())
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
    // One user may have the same identifier twice.
    let mut query = QueryBuilder::<Sqlite>::new("INSERT OR IGNORE INTO staged_identifier (staged, hash, kind) ");
    query.push_values(rows, |mut values, (staged, (kind, hash))| {
        values.push_bind(*staged).push_bind(hash.as_slice()).push_bind(kind.field());
    });
    query.build().execute(connection).await.map(drop)
}

async fn insert_payloads(connection: &mut SqliteConnection, rows: &[(i64, &str)]) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO staged_payload (id, text) ");
    query.push_values(rows, |mut values, (id, text)| {
        values.push_bind(*id).push_bind(*text);
    });
    query.build().execute(connection).await.map(drop)
}
