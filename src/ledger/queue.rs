//! The users on their way into Clerk: handed out by key, and their answers recorded.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::entry::{Event, Failure, Outcome, State};
use super::store::{Ledger, LedgerError};
use crate::kill_point::{self, Point};
use crate::record::duplicates::IdentifierHash;
use crate::record::{ClerkId, ImportUser, UserId};

/// A user to be sent.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The user.
    pub user: ImportUser,
    /// Whether an earlier request without a clear answer may have made the user: found in Clerk, it is ours.
    pub in_doubt: bool,
    /// The Clerk user that an earlier attempt was about to take over: found under our user ID, it was taken over.
    pub link_to: Option<ClerkId>,
    /// Whether the source itself says that the e-mail address is verified, or a trusted provider does.
    pub email_proved: bool,
    /// What earlier requests carried, for a user in doubt.
    pub sent: Sent,
}

/// What is known of requests whose answers were not clear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The hashes of the identifiers that they carried.
    pub identifiers: HashSet<IdentifierHash>,
    /// When the first of them was on its way, in milliseconds since 1970 by our clock.
    pub first_at: Option<i64>,
    /// When the last of them was.
    pub last_at: Option<i64>,
}

impl Sent {
    /// Returns whether a Clerk user who was made at this time (by Clerk's clock) can have been made by those requests. `stated` is
    /// the date of sign-up that they carried, if they did: Clerk then shows that one.
    #[must_use]
    pub fn can_have_made(&self, created_at: Option<i64>, stated: Option<i64>) -> bool {
        /// Clocks that differ.
        const BEFORE: i64 = 10 * 60 * 1000;
        /// Requests that waited for their turn, and answers that were late.
        const AFTER: i64 = 3 * 60 * 60 * 1000;
        match (created_at, stated, self.first_at.zip(self.last_at)) {
            (Some(created_at), Some(stated), _) => created_at == stated,
            (Some(created_at), None, Some((first, last))) => (first - BEFORE..=last + AFTER).contains(&created_at),
            _ => true,
        }
    }
}

/// How a user's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The entry.
    pub id: i64,
    /// Create requests sent for it.
    pub requests: u32,
    /// Whether one of them may have made the user, though no answer says so.
    pub in_doubt: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// When the password we sent was set, by Clerk's clock.
    pub password_at: Option<i64>,
}

impl Ledger {
    /// Returns up to `most` pending users of the last pull after the entry `after`.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or a payload in it is damaged.
    pub async fn pending(&self, after: i64, most: u32) -> Result<Vec<Entry>, LedgerError> {
        self.entries(
            "SELECT json_group_array(json_array(id, text, in_doubt, link_to, email_basis, first_sent_at, last_sent_at, identifiers))
             FROM (SELECT id, text, in_doubt, link_to, email_basis, first_sent_at, last_sent_at,
                     CASE WHEN in_doubt THEN
                         (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id) END AS identifiers
                 FROM user LEFT JOIN payload ON payload.user = user.id
                 WHERE state = 'pending' AND wanted = 1 AND id > ? ORDER BY id LIMIT CAST(? AS INTEGER))",
            after,
            most,
        )
        .await
    }

    /// Returns the entries and user IDs of up to `most` pending users of the last pull after the entry `after`: the same as
    /// [`Ledger::pending`] does, without what is to be sent.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or a user ID in it is damaged.
    pub async fn pending_ids(&self, after: i64, most: u32) -> Result<Vec<(i64, UserId)>, LedgerError> {
        let page = self.page(
            "SELECT json_group_array(json_array(id, user_id)) FROM (SELECT id, user_id FROM user
                 WHERE state = 'pending' AND wanted = 1 AND id > ? ORDER BY id LIMIT CAST(? AS INTEGER))",
            after,
            most,
        );
        let rows: Vec<(i64, String)> = self.read_page(&page.await?)?;
        let damaged = |id, error| self.damaged(format!("the user ID of entry {id} {error}"));
        rows.into_iter()
            .map(|(id, user_id)| Ok((id, UserId::new(user_id).map_err(|error| damaged(id, error))?)))
            .collect()
    }

    /// Returns up to `most` users whose request a crash cut short. Recorded, they are in doubt no more.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read or a payload in it is damaged.
    pub async fn in_doubt(&self, most: u32) -> Result<Vec<Entry>, LedgerError> {
        self.entries(
            // The crash came before the doubt was written down.
            "SELECT json_group_array(json_array(id, text, 1, link_to, email_basis, first_sent_at, last_sent_at, identifiers))
             FROM (SELECT id, text, link_to, email_basis, first_sent_at, last_sent_at,
                     (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id) AS identifiers
                 FROM user LEFT JOIN payload ON payload.user = user.id
                 WHERE state = 'sending' AND id > ? ORDER BY id LIMIT CAST(? AS INTEGER))",
            0,
            most,
        )
        .await
    }

    async fn entries(&self, sql: &'static str, after: i64, most: u32) -> Result<Vec<Entry>, LedgerError> {
        let page = self.page(sql, after, most).await?;
        let rows: Vec<EntryRow<'_>> = self.read_page(&page)?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    fn entry(&self, row: EntryRow<'_>) -> Result<Entry, LedgerError> {
        let EntryRow(id, payload, in_doubt, link_to, email_basis, first_at, last_at, identifiers) = row;
        // The error is not shown: it could quote the payload.
        let user = serde_json::from_str(&payload.unwrap_or_default())
            .map_err(|_| self.damaged(format!("the payload of entry {id} cannot be read")))?;
        let link_to = link_to.map(ClerkId::new).transpose();
        let link_to = link_to.map_err(|error| self.damaged(format!("the Clerk ID of entry {id} {error}")))?;
        let email_proved = matches!(email_basis, "stated" | "providers");
        let identifiers = hashes(identifiers.as_deref().unwrap_or("[]"));
        let identifiers =
            identifiers.ok_or_else(|| self.damaged(format!("an identifier of entry {id} cannot be read")))?;
        let sent = Sent { identifiers, first_at, last_at };
        Ok(Entry { id, user, in_doubt: in_doubt != 0, link_to, email_proved, sent })
    }

    /// Reads rows as one JSON text, which costs a fraction of as many rows. A limit that the planner can look into, as a bare
    /// parameter is, would have the statement prepared anew each time.
    async fn page(&self, sql: &'static str, after: i64, most: u32) -> Result<String, LedgerError> {
        sqlx::query_scalar(sql)
            .bind(after)
            .bind(most)
            .fetch_one(&mut *self.connection().await)
            .await
            .map_err(self.failed("read"))
    }

    fn read_page<'a, T: Deserialize<'a>>(&self, page: &'a str) -> Result<T, LedgerError> {
        // The error is not shown: it could quote a payload.
        serde_json::from_str(page).map_err(|_| self.damaged("some of its users cannot be read"))
    }

    /// Marks users as `sending`: Clerk was asked for them and knows nobody, and a create request is about to go out.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written. No request may go out then.
    pub async fn mark_sending(&self, ids: &[i64]) -> Result<(), LedgerError> {
        self.record_and_mark(&[], false, ids).await
    }

    /// Notes that a Clerk user is about to be taken over: if the answer is lost, it is known later not to be one that we made.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written. No request may go out then.
    pub async fn note_link(&self, id: i64, clerk_id: &ClerkId) -> Result<(), LedgerError> {
        sqlx::query("UPDATE user SET link_to = ? WHERE id = ?")
            .bind(clerk_id.as_str())
            .bind(id)
            .execute(&mut *self.connection().await)
            .await
            .map_err(self.failed("write"))?;
        Ok(())
    }

    /// Records how users' turns ended, and erases the payloads of those who are done, in one transaction. Created and adopted
    /// users wait for the write-back if `write_back` says so.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be written: no further request may go out then.
    pub async fn record(&self, answers: &[Answer], write_back: bool) -> Result<(), LedgerError> {
        self.record_and_mark(answers, write_back, &[]).await
    }

    /// Does what [`Self::record`] and [`Self::mark_sending`] do, and waits for the disk once. A statement that fails is not taken
    /// back by itself (`OR FAIL`), for which SQLite would keep a journal of it: the transaction is, as a whole.
    ///
    /// # Errors
    /// As theirs.
    pub async fn record_and_mark(
        &self,
        answers: &[Answer],
        write_back: bool,
        to_send: &[i64],
    ) -> Result<(), LedgerError> {
        let mut connection = self.connection().await;
        let failed = self.failed("record answers in");
        reach_if(!to_send.is_empty(), Point::SendingToMark);
        reach_if(!answers.is_empty(), Point::AnswersToRecord);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let mut rest = answers;
        while !rest.is_empty() {
            let (once_each, others) = rest.split_at(users_before_one_repeats(rest));
            rest = others;
            let mut by_event: HashMap<Event, Vec<Json>> = HashMap::new();
            for answer in once_each {
                by_event.entry(answer.outcome.event()).or_default().push(as_row(answer, write_back));
            }
            for (event, rows) in by_event {
                let answered = rows.len() as u64;
                let recorded = record_rows(&mut transaction, event, rows).await.map_err(&failed)?;
                if recorded != answered {
                    let strays = answered - recorded;
                    let what = format!("{strays} of {answered} entries are in no state that allows {event:?}");
                    return Err(self.damaged(what));
                }
            }
        }
        if !to_send.is_empty() {
            mark(&mut transaction, to_send).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)?;
        reach_if(!to_send.is_empty(), Point::SendingMarked);
        reach_if(!answers.is_empty(), Point::AnswersRecorded);
        Ok(())
    }

    /// Returns how many users of the last pull wait to be sent.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn count_to_send(&self) -> Result<u64, LedgerError> {
        // Each of the two states has an index of its own.
        let sql = "SELECT (SELECT COUNT(*) FROM user WHERE state = 'pending' AND wanted = 1)
             + (SELECT COUNT(*) FROM user WHERE state = 'sending' AND wanted = 1)";
        let count: i64 =
            sqlx::query_scalar(sql).fetch_one(&mut *self.connection().await).await.map_err(self.failed("read"))?;
        Ok(count.unsigned_abs())
    }
}

/// A user to be sent as a page holds it: entry, payload, whether it is in doubt, the Clerk user it may take over, by which rule its
/// e-mail address counts as verified, when requests were first and last on their way, and the hashes that they carried.
#[derive(Deserialize)]
struct EntryRow<'a>(i64, Option<String>, u8, Option<String>, &'a str, Option<i64>, Option<i64>, Option<String>);

fn reach_if(comes_there: bool, point: Point) {
    if comes_there {
        kill_point::reach(point);
    }
}

async fn mark(connection: &mut SqliteConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    debug_assert_eq!(State::Pending.after(Event::Handed), Some(State::Sending));
    sqlx::query(
        "UPDATE OR FAIL user SET state = 'sending', first_sent_at = COALESCE(first_sent_at, ?1), last_sent_at = ?1
         WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?2))",
    )
    .bind(chrono::Utc::now().timestamp_millis())
    .bind(serde_json::json!(ids).to_string())
    .execute(connection)
    .await
    .map(drop)
}

/// Reads a JSON list of hexadecimal hashes, as `json_group_array(hex(hash))` writes it.
pub(super) fn hashes(text: &str) -> Option<HashSet<IdentifierHash>> {
    let texts: Vec<String> = serde_json::from_str(text).ok()?;
    texts.into_iter().map(|text| hex::decode(text).ok()?.try_into().ok()).collect()
}

/// One statement changes a user once: a second answer to the same one needs another statement.
fn users_before_one_repeats(answers: &[Answer]) -> usize {
    let mut seen = HashSet::new();
    answers.iter().position(|answer| !seen.insert(answer.id)).unwrap_or(answers.len())
}

/// The answer as `record_rows` reads it: entry, state, Clerk ID, reasons, trace ID, requests, whether it is in doubt, whether it
/// was linked, when the password was set, whether the Clerk ID is to be written back.
fn as_row(answer: &Answer, write_back: bool) -> Json {
    let outcome = &answer.outcome;
    let (state, clerk_id, failure): (State, Option<&ClerkId>, Option<&Failure>) = match outcome {
        Outcome::Created(clerk_id) => (State::Created, Some(clerk_id), None),
        Outcome::Adopted(clerk_id) | Outcome::Linked(clerk_id) => (State::Adopted, Some(clerk_id), None),
        Outcome::Conflict(failure) => (State::Conflict, None, Some(failure)),
        Outcome::Rejected(failure) => (State::Rejected, None, Some(failure)),
        Outcome::Pending(failure) => (State::Pending, None, failure.as_ref()),
    };
    let reasons = failure.map(|failure| serde_json::json!([failure.reason]).to_string());
    let trace_id = failure.and_then(|failure| failure.trace_id.as_deref());
    serde_json::json!([
        answer.id,
        state.word(),
        clerk_id.map(ClerkId::as_str),
        reasons,
        trace_id,
        answer.requests,
        answer.in_doubt,
        matches!(outcome, Outcome::Linked(_)),
        answer.password_at,
        clerk_id.is_some() && write_back,
    ])
}

/// Records answers of one kind, and returns of how many users: others are in no state that this event may follow.
async fn record_rows(connection: &mut SqliteConnection, event: Event, rows: Vec<Json>) -> Result<u64, sqlx::Error> {
    let before = State::ALL.into_iter().filter(|state| state.after(event).is_some());
    let before: Vec<String> = before.map(|state| format!("'{state}'")).collect();
    let sql = format!(
        "UPDATE OR FAIL user SET state = answer.value ->> 1, clerk_id = answer.value ->> 2, reasons = answer.value ->> 3,
             trace_id = answer.value ->> 4, attempts = attempts + (answer.value ->> 5),
             in_doubt = in_doubt OR (answer.value ->> 6), linked = answer.value ->> 7,
             last_sent_at = CASE WHEN (answer.value ->> 5) > 0 THEN ?1 ELSE last_sent_at END,
             password_at = answer.value ->> 8,
             write_back = CASE WHEN answer.value ->> 9 THEN 'waiting' ELSE write_back END
         FROM json_each(?2) AS answer
         WHERE user.id = (answer.value ->> 0) AND user.state IN ({})",
        before.join(", ")
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(chrono::Utc::now().timestamp_millis())
        .bind(Json::Array(rows).to_string())
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
