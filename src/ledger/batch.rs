//! Users of a pull written down as the ledger keeps them, some at a time.

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use super::insert::insert;
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

/// Users of a pull as the ledger keeps them, each with its number within the pull. Written and hashed by whoever read the users: their
/// many small values are given back fastest where they were made.
pub struct Batch {
    valid: Vec<ValidUser>,
    invalid: Vec<(i64, Option<String>, String, bool)>,
    identifiers: Vec<(i64, Vec<u8>, &'static str)>,
    payloads: Vec<(i64, String)>,
}

struct ValidUser {
    id: i64,
    user_id: String,
    row_key: Option<String>,
    content: Vec<u8>,
    email_basis: &'static str,
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
        for (id, user) in (first..).zip(users) {
            match user {
                Staged::Valid { user, email_basis } => {
                    let payload = json(user);
                    batch.valid.push(ValidUser {
                        id,
                        user_id: user.user_id.to_string(),
                        row_key: user.key.clone(),
                        content: Content::of_payload(&payload, key).to_bytes(),
                        email_basis,
                    });
                    batch.payloads.push((id, payload));
                    for identifier in user.identifiers() {
                        let hash = key.identifier(&identifier).to_vec();
                        batch.identifiers.push((id, hash, identifier.kind.field()));
                    }
                }
                Staged::Invalid { user_id, reasons, skipped } => {
                    batch.invalid.push((id, user_id.as_ref().map(ToString::to_string), json(reasons), *skipped));
                }
            }
        }
        batch
    }

    pub(super) async fn insert(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
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
