//! A pull on its way in: its users staged as they come, in a temporary database that nothing else looks at. SQLite keeps it in a
//! file without a name, which is gone with this process, however that ends.

use std::sync::Arc;

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::insert::insert;
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::duplicates::HashKey;
use crate::record::{Content, ImportUser, Reason, UserId};

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

    /// Stages users.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written.
    pub async fn stage(&self, batch: Batch) -> Result<(), LedgerError> {
        let failed = self.failed("write");
        let mut connection = self.connection().await;
        let mut transaction = connection.begin().await.map_err(&failed)?;
        batch.insert(&mut transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        kill_point::reach(Point::BatchStaged);
        Ok(())
    }
}

/// Users of a pull as the ledger keeps them, each with its number within the pull. Written and hashed by whoever read the users: their
/// many small values are given back fastest where they were made.
pub struct Batch {
    valid: Vec<ValidUser>,
    invalid: Vec<(i64, Option<String>, String, bool)>,
    identifiers: Vec<(i64, Vec<u8>, Arc<str>)>,
    payloads: Vec<(i64, String)>,
}

struct ValidUser {
    id: i64,
    user_id: String,
    row_key: Option<String>,
    content: Vec<u8>,
    email_basis: Arc<str>,
}

impl Batch {
    /// Writes users down. `first` is the number of the first of them within the pull, from 1.
    #[must_use]
    pub fn of(first: i64, users: &[Staged], key: &HashKey) -> Self {
        let mut batch = Self {
            valid: Vec::with_capacity(users.len()),
            invalid: Vec::new(),
            identifiers: Vec::with_capacity(users.len()),
            payloads: Vec::with_capacity(users.len()),
        };
        let mut words = Words::default();
        for (id, user) in (first..).zip(users) {
            match user {
                Staged::Valid { user, email_basis } => {
                    let payload = json(user);
                    batch.valid.push(ValidUser {
                        id,
                        user_id: user.user_id.to_string(),
                        row_key: user.key.clone(),
                        content: Content::of_payload(&payload, key).to_bytes(),
                        email_basis: words.word(email_basis),
                    });
                    batch.payloads.push((id, payload));
                    for identifier in user.identifiers() {
                        let kind = words.word(identifier.kind.field());
                        batch.identifiers.push((id, key.identifier(&identifier).to_vec(), kind));
                    }
                }
                Staged::Invalid { user_id, reasons, skipped } => {
                    batch.invalid.push((id, user_id.as_ref().map(ToString::to_string), json(reasons), *skipped));
                }
            }
        }
        batch
    }

    async fn insert(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let Self { valid, invalid, identifiers, payloads } = self;
        let into = "INSERT INTO staged (id, user_id, row_key, state, content, email_basis)";
        insert(connection, into, "(?, ?, ?, 'pending', ?, ?)", valid, |query, user| {
            let ValidUser { id, user_id, row_key, content, email_basis } = user;
            query.bind(id).bind(user_id).bind(row_key).bind(content).bind(email_basis)
        })
        .await?;
        let into = "INSERT INTO staged (id, user_id, state, reasons, skipped)";
        insert(connection, into, "(?, ?, 'invalid', ?, ?)", invalid, |query, (id, user_id, reasons, skipped)| {
            query.bind(id).bind(user_id).bind(reasons).bind(skipped)
        })
        .await?;
        let into = "INSERT INTO staged_identifier (user, hash, kind)";
        insert(connection, into, "(?, ?, ?)", identifiers, |query, (id, hash, kind)| {
            query.bind(id).bind(hash).bind(kind)
        })
        .await?;
        let into = "INSERT INTO staged_payload (user, text)";
        insert(connection, into, "(?, ?)", payloads, |query, (id, payload)| query.bind(id).bind(payload)).await
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("every field of a user, and every reason, has a JSON form")
}

/// The few words that stand beside every user of a batch, each made once.
#[derive(Default)]
struct Words(Vec<Arc<str>>);

impl Words {
    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *word) {
            return Arc::clone(known);
        }
        let new = Arc::from(word);
        self.0.push(Arc::clone(&new));
        new
    }
}

/// Nothing of it must outlive a crash. A journal there is, because an index of user IDs that repeat cannot be made; it is a file without
/// a name, too, once it is of any size.
const STAGING: &str = "
ATTACH '' AS pull;
PRAGMA pull.journal_mode = DELETE;
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
        let own: Vec<(String, String, String)> = sqlx::query_as(sql).bind(table).fetch_all(&mut *connection).await?;
        for (kind, name, sql) in own {
            let definition = sql.find('(').map_or("", |start| &sql[start..]);
            let made = match kind.as_str() {
                "table" => format!("CREATE TABLE pull.{staged} {definition}"),
                _ if sql.starts_with("CREATE UNIQUE") => {
                    format!("CREATE UNIQUE INDEX pull.{name} ON {staged} {definition}")
                }
                _ => format!("CREATE INDEX pull.{name} ON {staged} {definition}"),
            };
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::ledger::merge::{INDEX_IDENTIFIERS, INDEX_USER_IDS};

    #[tokio::test]
    async fn a_first_pull_is_copied_record_by_record() {
        let ledger = Ledger::temporary(None).await.expect("a ledger");
        ledger.begin_pull().await.expect("a pull begins");
        let mut connection = ledger.connection().await;
        for sql in [INDEX_USER_IDS, INDEX_IDENTIFIERS] {
            sqlx::raw_sql(sql).execute(&mut *connection).await.expect("an index");
        }
        for (table, staged) in STAGED {
            let sql = AssertSqlSafe(format!("EXPLAIN INSERT INTO {table} SELECT * FROM {staged}"));
            let steps = sqlx::query(sql).fetch_all(&mut *connection).await.expect("a program");
            let copies = steps.iter().any(|step| matches!(step.get::<&str, _>("opcode"), "RowCell" | "RowData"));
            assert!(copies, "`{staged}` is no longer like `{table}`: SQLite takes its records apart");
        }
    }
}
