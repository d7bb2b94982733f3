//! The users on their way into Clerk: handed out by key, and their answers recorded.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr};

use super::entry::{Event, Failure, Outcome, State, WriteBack};
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
            "SELECT id, text, in_doubt, link_to, email_basis, first_sent_at, last_sent_at,
                 CASE WHEN in_doubt THEN
                     (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id) END AS identifiers
             FROM user LEFT JOIN payload ON payload.user = user.id
             WHERE state = 'pending' AND wanted = 1 AND id > ? ORDER BY id LIMIT CAST(? AS INTEGER)",
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
            "SELECT id, text, 1 AS in_doubt, link_to, email_basis, first_sent_at, last_sent_at,
                 (SELECT json_group_array(hex(hash)) FROM identifier WHERE identifier.user = user.id) AS identifiers
             FROM user LEFT JOIN payload ON payload.user = user.id
             WHERE state = 'sending' AND id > ? ORDER BY id LIMIT CAST(? AS INTEGER)",
            0,
            most,
        )
        .await
    }

    /// Reads entries as one text: what is known of each as JSON, and behind it the payload as it stands there. Neither holds a
    /// control character, which JSON escapes.
    async fn entries(&self, rows: &str, after: i64, most: u32) -> Result<Vec<Entry>, LedgerError> {
        let sql = format!(
            "SELECT COALESCE(group_concat(
                 json_array(id, in_doubt, link_to, email_basis, first_sent_at, last_sent_at, identifiers)
                 || char({BEFORE_PAYLOAD}) || COALESCE(text, ''), char({BETWEEN_ENTRIES})), '') FROM ({rows})",
            BEFORE_PAYLOAD = u32::from(BEFORE_PAYLOAD),
            BETWEEN_ENTRIES = u32::from(BETWEEN_ENTRIES),
        );
        let page = self.page(AssertSqlSafe(sql), after, most).await?;
        page.split(BETWEEN_ENTRIES).filter(|text| !text.is_empty()).map(|text| self.entry(text)).collect()
    }

    fn entry(&self, text: &str) -> Result<Entry, LedgerError> {
        let (known, payload) = text.split_once(BEFORE_PAYLOAD).unwrap_or((text, ""));
        let EntryRow(id, in_doubt, link_to, email_basis, first_at, last_at, identifiers) = self.read_page(known)?;
        // The error is not shown: it could quote the payload.
        let user = serde_json::from_str(payload)
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

    /// Reads rows as one text, which costs a fraction of as many rows. A limit that the planner can look into, as a bare
    /// parameter is, would have the statement prepared anew each time.
    pub(super) async fn page(&self, sql: impl SqlSafeStr, after: i64, most: u32) -> Result<String, LedgerError> {
        sqlx::query_scalar(sql)
            .bind(after)
            .bind(most)
            .fetch_one(&mut *self.connection().await)
            .await
            .map_err(self.failed("read"))
    }

    pub(super) fn read_page<'a, T: Deserialize<'a>>(&self, page: &'a str) -> Result<T, LedgerError> {
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
            let mut by_event: HashMap<Event, Vec<&Answer>> = HashMap::new();
            for answer in once_each {
                by_event.entry(answer.outcome.event()).or_default().push(answer);
            }
            for (event, answers) in by_event {
                let answered = answers.len() as u64;
                let recorded = record_answers(&mut transaction, event, &answers, write_back).await.map_err(&failed)?;
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

/// Stands between an entry and its payload (ASCII's unit separator).
const BEFORE_PAYLOAD: char = '\x1f';

/// Stands between entries (ASCII's record separator).
const BETWEEN_ENTRIES: char = '\x1e';

/// What is known of a user to be sent: entry, whether it is in doubt, the Clerk user it may take over, by which rule its e-mail
/// address counts as verified, when requests were first and last on their way, and the hashes that they carried.
#[derive(Deserialize)]
struct EntryRow<'a>(i64, u8, Option<String>, &'a str, Option<i64>, Option<i64>, Option<String>);

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

/// How many values an answer has.
const VALUES_AN_ANSWER: usize = 10;

/// Answers that one statement records. Fewer are filled up with rows that concern nobody, so that it is always the same statement.
const ANSWERS_A_STATEMENT: usize = 50;

/// Records answers of one kind, and returns of how many users: others are in no state that this event may follow. The answers are
/// values of their own: taken out of JSON, one takes as long as everything else that SQLite does for a user.
async fn record_answers(
    connection: &mut SqliteConnection,
    event: Event,
    answers: &[&Answer],
    write_back: bool,
) -> Result<u64, sqlx::Error> {
    let before = State::ALL.into_iter().filter(|state| state.after(event).is_some());
    let before: Vec<String> = before.map(|state| format!("'{state}'")).collect();
    let row = format!("({})", ["?"; VALUES_AN_ANSWER].join(", "));
    let sql = format!(
        "WITH answer (id, state, clerk_id, reasons, trace_id, requests, in_doubt, linked, password_at, write_back) AS (VALUES {row}{})
         UPDATE OR FAIL user SET state = answer.state, clerk_id = answer.clerk_id, reasons = answer.reasons,
             trace_id = answer.trace_id, attempts = attempts + answer.requests, in_doubt = user.in_doubt OR answer.in_doubt,
             linked = answer.linked, last_sent_at = CASE WHEN answer.requests > 0 THEN ? ELSE last_sent_at END,
             password_at = answer.password_at, write_back = COALESCE(answer.write_back, user.write_back)
         FROM answer WHERE user.id = answer.id AND user.state IN ({})",
        format!(", {row}").repeat(ANSWERS_A_STATEMENT - 1),
        before.join(", ")
    );
    let mut recorded = 0;
    for answers in answers.chunks(ANSWERS_A_STATEMENT) {
        let rows = answers.iter().map(Some).chain(std::iter::repeat(None)).take(ANSWERS_A_STATEMENT);
        let statement = rows.fold(sqlx::query(AssertSqlSafe(sql.clone())), |statement, answer| match answer {
            Some(answer) => bind(statement, answer, write_back),
            None => (0..VALUES_AN_ANSWER).fold(statement, |statement, _| statement.bind(None::<i64>)),
        });
        let done = statement.bind(chrono::Utc::now().timestamp_millis()).execute(&mut *connection).await?;
        recorded += done.rows_affected();
    }
    Ok(recorded)
}

/// Binds an answer's values: entry, state, Clerk ID, reasons, trace ID, requests, whether it is in doubt, whether it was linked, when
/// the password was set, and the state of the write-back, if it is to be another.
fn bind(
    statement: Query<'static, Sqlite, SqliteArguments>,
    answer: &Answer,
    write_back: bool,
) -> Query<'static, Sqlite, SqliteArguments> {
    let outcome = &answer.outcome;
    let (state, clerk_id, failure): (State, Option<&ClerkId>, Option<&Failure>) = match outcome {
        Outcome::Created(clerk_id) => (State::Created, Some(clerk_id), None),
        Outcome::Adopted(clerk_id) | Outcome::Linked(clerk_id) => (State::Adopted, Some(clerk_id), None),
        Outcome::Conflict(failure) => (State::Conflict, None, Some(failure)),
        Outcome::Rejected(failure) => (State::Rejected, None, Some(failure)),
        Outcome::Pending(failure) => (State::Pending, None, failure.as_ref()),
    };
    statement
        .bind(answer.id)
        .bind(state.word())
        .bind(clerk_id.map(ClerkId::to_string))
        .bind(failure.map(|failure| serde_json::json!([failure.reason]).to_string()))
        .bind(failure.and_then(|failure| failure.trace_id.clone()))
        .bind(answer.requests)
        .bind(answer.in_doubt)
        .bind(matches!(outcome, Outcome::Linked(_)))
        .bind(answer.password_at)
        .bind((clerk_id.is_some() && write_back).then_some(WriteBack::Waiting.word()))
}
