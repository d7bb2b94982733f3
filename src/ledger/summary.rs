//! Where everything stands: counts, and the users that did not get in.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Row};

use super::entry::{State, WriteBack};
use super::store::{Ledger, LedgerError};
use crate::record::Reason;

/// The ledger in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    states: BTreeMap<&'static str, u64>,
    write_backs: BTreeMap<&'static str, u64>,
    /// Users left out on request; not counted as invalid.
    pub skipped: u64,
    /// Users in Clerk that were taken over; counted as adopted too.
    pub linked: u64,
    /// Users in Clerk whose row is not what was sent.
    pub changed: u64,
    /// Those of them whom an update did not bring up to date.
    pub not_updated: u64,
    /// Users in Clerk that the last whole pull did not bring.
    pub vanished: u64,
    /// Users not known to be in Clerk whom a request without a clear answer may have made.
    pub in_doubt: u64,
    /// Rows that bear the Clerk ID of a user who was deleted again.
    pub dangling: u64,
}

/// How often a reason stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCount {
    /// The state of the users it belongs to.
    pub state: String,
    /// The reason's field.
    pub field: String,
    /// The reason's code.
    pub code: String,
    /// One of its messages, as an example.
    pub example: String,
    /// How many users have it.
    pub users: u64,
}

/// A user that did not get in, or whose row did not get its Clerk ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The ledger's own number; pages run by it.
    pub id: i64,
    /// The user ID, if the row had one.
    pub user_id: Option<String>,
    /// The state: of the user, or of its write-back.
    pub state: String,
    /// Everything that is wrong.
    pub reasons: Vec<Reason>,
    /// Clerk's trace ID, if Clerk refused.
    pub trace_id: Option<String>,
    /// Create requests sent.
    pub attempts: u32,
}

/// Whose addresses to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Users still to be sent.
    ToSend,
    /// Users that Clerk made on our request.
    Created,
}

/// Which problems to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problems {
    /// Of users and of rows.
    All,
    /// Of rows that did not get their Clerk ID.
    OfRows,
}

impl Counts {
    /// Returns how many users are in a state. Those left out on request do not count as invalid.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.states.get(state.word()).copied().unwrap_or(0)
    }

    /// Returns how many users' Clerk IDs stand so on their way back.
    #[must_use]
    pub fn written_back(&self, state: WriteBack) -> u64 {
        self.write_backs.get(state.word()).copied().unwrap_or(0)
    }

    /// Returns how many users are still to be sent.
    #[must_use]
    pub fn to_send(&self) -> u64 {
        self.of(State::Pending) + self.of(State::Sending)
    }

    /// Returns how many users are in Clerk.
    #[must_use]
    pub fn in_clerk(&self) -> u64 {
        self.of(State::Created) + self.of(State::Adopted)
    }

    /// Returns how many users or rows somebody has to look at: what makes the exit code 1.
    #[must_use]
    pub fn problems(&self) -> u64 {
        self.to_send()
            + self.of(State::Invalid)
            + self.of(State::Conflict)
            + self.of(State::Rejected)
            + self.not_updated
            + self.problems_of_rows()
    }

    /// Returns how many rows did not get their user's Clerk ID.
    #[must_use]
    pub fn problems_of_rows(&self) -> u64 {
        let states = [WriteBack::Held, WriteBack::Refused, WriteBack::RowGone, WriteBack::Waiting];
        states.map(|state| self.written_back(state)).iter().sum()
    }
}

impl Ledger {
    /// Counts users by state.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn counts(&self) -> Result<Counts, LedgerError> {
        let in_state = State::ALL.map(|state| match state {
            State::Pending => format!("state = '{}'", state.word()),
            _ => format!("state = '{}' AND skipped = 0", state.word()),
        });
        let written = WriteBack::ALL
            .map(|written| format!("write_back = '{}' AND (state = 'created' OR state = 'adopted')", written.word()));
        let others =
            ["skipped = 1", "linked = 1 AND state = 'adopted'", "state = 'deleted' AND write_back = 'written'"];
        let conditions: Vec<&str> = in_state.iter().chain(&written).map(String::as_str).chain(others).collect();
        let mut connection = self.connection().await;
        // Nearly all users are alike, and as the last one: how many these are is known from the number of the others. Not grouped,
        // for which all of them would be sorted.
        let last = format!(
            "SELECT {}, state, skipped, write_back, linked FROM user ORDER BY id DESC LIMIT 1",
            conditions.join(", ")
        );
        let last =
            sqlx::query(AssertSqlSafe(last)).fetch_optional(&mut *connection).await.map_err(self.failed("read"))?;
        let Some(last) = last else { return Ok(Counts::default()) };
        let counts: Vec<String> =
            conditions.iter().map(|condition| format!("COUNT(*) FILTER (WHERE {condition})")).collect();
        let sql = format!(
            "SELECT {}, (SELECT COUNT(*) FROM user) - COUNT(*),
                 (SELECT COUNT(*) FROM user WHERE in_doubt = 1 AND clerk_id IS NULL),
                 (SELECT COUNT(*) FROM change), (SELECT COUNT(*) FROM change WHERE failed = 1),
                 (SELECT COUNT(*) FROM user WHERE vanished = 1)
             FROM user WHERE NOT (state = ? AND skipped = ? AND write_back = ? AND linked = ?)",
            counts.join(", ")
        );
        let of_last = |at: usize| conditions.len() + at;
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(last.try_get::<String, _>(of_last(0)).map_err(self.failed("read"))?)
            .bind(last.try_get::<i64, _>(of_last(1)).map_err(self.failed("read"))?)
            .bind(last.try_get::<String, _>(of_last(2)).map_err(self.failed("read"))?)
            .bind(last.try_get::<i64, _>(of_last(3)).map_err(self.failed("read"))?);
        let row = query.fetch_one(&mut *connection).await.map_err(self.failed("read"))?;
        let number = |at: usize| row.get::<i64, _>(at).unsigned_abs();
        let alike = number(conditions.len());
        let mut counted = (0..conditions.len()).map(|at| number(at) + if last.get::<bool, _>(at) { alike } else { 0 });
        let mut next = || counted.next().unwrap_or_default();
        let states = State::ALL.map(|state| (state.word(), next())).into();
        let write_backs = WriteBack::ALL.map(|written| (written.word(), next())).into();
        let (skipped, linked, dangling) = (next(), next(), next());
        let [in_doubt, changed, not_updated, vanished] = [1, 2, 3, 4].map(|further| number(conditions.len() + further));
        Ok(Counts { states, write_backs, skipped, linked, changed, not_updated, vanished, in_doubt, dangling })
    }

    /// Counts users by the rule that their e-mail address counts as verified by, most first: those to be sent, or those we made.
    /// `rules` are all there are, as words.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn email_bases(&self, of: Of, rules: &[&'static str]) -> Result<Vec<(&'static str, u64)>, LedgerError> {
        let whose = match of {
            Of::ToSend => "(state = 'pending' OR state = 'sending') AND wanted = 1",
            Of::Created => "state = 'created'",
        };
        // Not grouped, for which all of them would be sorted.
        let counts = vec!["COUNT(*) FILTER (WHERE email_basis = ?)"; rules.len()].join(", ");
        let sql = AssertSqlSafe(format!("SELECT {counts} FROM user WHERE {whose}"));
        let query = rules.iter().fold(sqlx::query(sql), |query, rule| query.bind(*rule));
        let row = query.fetch_one(&mut *self.connection().await).await.map_err(self.failed("read"))?;
        let counted = rules.iter().enumerate().map(|(at, rule)| (*rule, row.get::<i64, _>(at).unsigned_abs()));
        let mut counted: Vec<_> = counted.filter(|(_, users)| *users > 0).collect();
        counted.sort_by_key(|(rule, users)| (std::cmp::Reverse(*users), *rule));
        Ok(counted)
    }

    /// Counts the reasons of users that did not get in, most frequent first.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn reasons(&self) -> Result<Vec<ReasonCount>, LedgerError> {
        let rows = sqlx::query(
            "SELECT CASE WHEN skipped THEN 'skipped' ELSE state END AS shown,
                 reason.value ->> 'field', reason.value ->> 'code', MIN(reason.value ->> 'message'), COUNT(*) AS users
             FROM user CROSS JOIN json_each(user.reasons) AS reason
             WHERE user.reasons IS NOT NULL AND state IN ('invalid', 'conflict', 'rejected', 'pending')
             GROUP BY 1, 2, 3 ORDER BY users DESC, 1, 2, 3",
        )
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        Ok(rows
            .iter()
            .map(|row| ReasonCount {
                state: row.get(0),
                field: row.get(1),
                code: row.get(2),
                example: row.get(3),
                users: row.get::<i64, _>(4).unsigned_abs(),
            })
            .collect())
    }

    /// Returns up to `most` users after the entry `after` that did not get in, or whose row did not get its Clerk ID; with
    /// [`Problems::OfRows`] only the latter.
    ///
    /// # Errors
    /// [`LedgerError`], if the ledger cannot be read.
    pub async fn problems(&self, which: Problems, after: i64, most: u32) -> Result<Vec<Problem>, LedgerError> {
        let rows = sqlx::query(
            "SELECT id, user_id,
                 CASE WHEN skipped THEN 'skipped' WHEN clerk_id IS NULL THEN state
                     WHEN write_back IN ('held', 'refused', 'row gone') OR write_back_detail IS NOT NULL THEN write_back
                     WHEN vanished THEN 'vanished' ELSE 'changed' END,
                 user.reasons, write_back_detail, trace_id, attempts, vanished, change.parts, change.reasons
             FROM user LEFT JOIN change ON change.user = user.id
             WHERE id > ? AND state <> 'deleted' AND (write_back IN ('held', 'refused', 'row gone') OR write_back_detail IS NOT NULL
                 OR (? AND (state IN ('invalid', 'conflict', 'rejected', 'pending', 'sending') OR vanished OR parts IS NOT NULL)))
             ORDER BY id LIMIT ?",
        )
        .bind(after)
        .bind(which == Problems::All)
        .bind(most)
        .fetch_all(&mut *self.connection().await)
        .await
        .map_err(self.failed("read"))?;
        Ok(rows.iter().map(problem).collect())
    }
}

fn problem(row: &sqlx::sqlite::SqliteRow) -> Problem {
    let state: String = row.get(2);
    let read = |at: usize| {
        let text: Option<String> = row.get(at);
        text.and_then(|text| serde_json::from_str::<Vec<Reason>>(&text).ok()).unwrap_or_default()
    };
    let mut reasons = read(3);
    if let Some(detail) = row.get::<Option<String>, _>(4) {
        reasons.push(Reason::new("", format!("write_back_{}", state.replace(' ', "_")), detail));
    }
    if row.get(7) {
        let message = "the row is no longer in the source; the user in Clerk is left alone";
        reasons.push(Reason::new("", "vanished_from_source", message));
    }
    if let Some(parts) = row.get::<Option<String>, _>(8) {
        reasons.extend(changes(&parts, read(9)));
    }
    Problem { id: row.get(0), user_id: row.get(1), state, reasons, trace_id: row.get(5), attempts: row.get(6) }
}

/// A reason for each part of a user in Clerk that is not what the row says: why it was not sent, or that nobody asked to.
fn changes(parts: &str, mut reasons: Vec<Reason>) -> Vec<Reason> {
    let parts: Vec<String> = serde_json::from_str(parts).unwrap_or_default();
    for part in parts {
        if reasons.iter().all(|reason| reason.field != part) {
            let message = format!("`{part}` changed in the source since the user was sent; `--update` sends it");
            reasons.push(Reason::new(part, "changed_in_source", message));
        }
    }
    reasons
}
