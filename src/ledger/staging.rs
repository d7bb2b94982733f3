//! A pull on its way in: its users staged as they come, in a temporary database that nothing else looks at. SQLite keeps it in a
//! file without a name, which is gone with this process, however that ends.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::insert::insert;
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::{Content, Identifier, ImportUser, Reason, UserId};

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

impl Ledger {
    /// Makes room for a pull, and forgets whatever an earlier one left half done.
    ///
    /// # Errors
    /// [`LedgerError`], if there is no room for temporary files.
    pub async fn begin_pull(&self) -> Result<(), LedgerError> {
        self.forget_pull().await?;
        let mut connection = self.connection().await;
        make_room(&mut connection).await.map_err(self.failed("make room beside"))
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
        let key = self.hash_key();
        let (mut valid, mut invalid, mut identifiers, mut payloads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, user) in (first..).zip(users) {
            match user {
                Staged::Valid { user, email_basis } => {
                    let payload = serde_json::to_string(user).map_err(|error| self.damaged(error.to_string()))?;
                    let content = Content::of_payload(&payload, &key).to_bytes();
                    valid.push((id, user.user_id.to_string(), user.key.clone(), content, *email_basis));
                    let hashed =
                        |identifier: &Identifier| (id, key.identifier(identifier).to_vec(), identifier.kind.field());
                    identifiers.extend(user.identifiers().iter().map(hashed));
                    payloads.push((id, payload));
                }
                Staged::Invalid { user_id, reasons, skipped } => {
                    let reasons = serde_json::to_string(reasons).map_err(|error| self.damaged(error.to_string()))?;
                    invalid.push((id, user_id.as_ref().map(ToString::to_string), reasons, *skipped));
                }
            }
        }
        let mut connection = self.connection().await;
        let failed = self.failed("write");
        let mut transaction = connection.begin().await.map_err(&failed)?;
        insert(&mut transaction, STAGE_VALID, "(?, ?, ?, 'pending', ?, ?)", valid, |query, user| {
            let (id, user_id, row_key, content, email_basis) = user;
            query.bind(id).bind(user_id).bind(row_key).bind(content).bind(email_basis)
        })
        .await
        .map_err(&failed)?;
        insert(&mut transaction, STAGE_INVALID, "(?, ?, 'invalid', ?, ?)", invalid, |query, user| {
            let (id, user_id, reasons, skipped) = user;
            query.bind(id).bind(user_id).bind(reasons).bind(skipped)
        })
        .await
        .map_err(&failed)?;
        insert(&mut transaction, STAGE_IDENTIFIERS, "(?, ?, ?)", identifiers, |query, (id, hash, kind)| {
            query.bind(id).bind(hash).bind(kind)
        })
        .await
        .map_err(&failed)?;
        insert(&mut transaction, STAGE_PAYLOADS, "(?, ?)", payloads, |query, (id, payload)| query.bind(id).bind(payload))
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::BatchStaged);
        Ok(())
    }
}

const STAGE_VALID: &str = "INSERT INTO staged (id, user_id, row_key, state, content, email_basis)";
const STAGE_INVALID: &str = "INSERT INTO staged (id, user_id, state, reasons, skipped)";
/// One user may have the same identifier twice.
const STAGE_IDENTIFIERS: &str = "INSERT OR IGNORE INTO staged_identifier (user, hash, kind)";
const STAGE_PAYLOADS: &str = "INSERT INTO staged_payload (user, text)";

/// Nothing of it must outlive a crash.
const STAGING: &str = "
ATTACH '' AS pull;
PRAGMA pull.journal_mode = MEMORY;
PRAGMA pull.synchronous = OFF;
PRAGMA pull.secure_delete = OFF;
PRAGMA pull.cache_size = -4000;";

/// The tables that a pull goes into, and where it is staged for them.
const STAGED: [(&str, &str); 3] =
    [("user", "staged"), ("payload", "staged_payload"), ("identifier", "staged_identifier")];

/// Makes the tables of a pull: the ledger's own over again, so that a first pull can be copied as it is. A user's number is that
/// within the pull. The indexes that are not in this order are made by the merge, when all users are there.
async fn make_room(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(STAGING).execute(&mut *connection).await?;
    for (table, staged) in STAGED {
        let sql = "SELECT type, name, sql FROM main.sqlite_schema
             WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL
                 AND name NOT IN ('user_by_user_id', 'identifier_by_hash')
             ORDER BY type DESC";
        let made: Vec<(String, String, String)> =
            sqlx::query_as(sql).bind(table).fetch_all(&mut *connection).await?;
        for (kind, name, sql) in made {
            let definition = sql.find('(').map_or("", |start| &sql[start..]);
            let make = match kind.as_str() {
                "table" => format!("CREATE TABLE pull.{staged} {definition}"),
                _ => format!("CREATE INDEX pull.{name} ON {staged} {definition}"),
            };
            sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}
