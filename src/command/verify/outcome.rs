//! What a comparison came to: for people, for programs, and in the exit code.

use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::command::plan::reasons;
use crate::database::Target;
use crate::exit::Exit;
use crate::output::{count, table};
use crate::stage::verify::{Kind, Tally};

/// Everything there is to tell.
pub(super) struct Outcome {
    tally: Tally,
    clerk_users: u64,
    column: Option<String>,
}

impl Outcome {
    pub(super) fn of(tally: Tally, clerk_users: u64, target: Option<Target>) -> Self {
        let column = target.map(|target| format!("`{}` of `{}`", target.column, target.table));
        Self { tally, clerk_users, column }
    }

    /// Returns how the command ends.
    pub(super) fn exit(&self) -> Exit {
        if self.tally.differences() > 0 { Exit::Problems } else { Exit::Done }
    }

    /// Tells it, and what to do about it.
    pub(super) fn in_words(&self, file: Option<&Path>) -> String {
        let mut text = vec![format!("Compared\n{}", table::counts(&self.compared()))];
        if self.column.is_none() {
            text.push("\n   Clerk IDs in the database were not compared".to_owned());
        }
        let Some(file) = file else {
            text.push(format!("\n\n{}", self.no_differences()));
            return text.concat();
        };
        let differences = count(self.tally.differences(), "difference");
        text.push(format!("\n\n{differences}\n{}", table::counts(&self.differences())));
        let reasons = reasons(&self.tally.reasons(), &[Kind::Invalid.word()]);
        if !reasons.is_empty() {
            text.push(format!("\n\nWhy rows are invalid{reasons}"));
        }
        text.push(format!("\n\nEvery difference, user by user: {}", file.display()));
        text.extend(self.advice().iter().map(|advice| format!("\n\n{advice}")));
        text.concat()
    }

    fn no_differences(&self) -> String {
        let rows = if self.column.is_some() { ", and every row bears its Clerk ID" } else { "" };
        format!(
            "No differences: every user of the source is in Clerk as the source has them{rows}.\n\
             For the last proof, let Clerk check a password that you know: `db2clerk verify --sign-in EMAIL`"
        )
    }

    fn compared(&self) -> Vec<(String, u64, String)> {
        let tally = &self.tally;
        let mut rows = vec![
            ("rows of the source".to_owned(), tally.rows, String::new()),
            ("users in Clerk".to_owned(), self.clerk_users, String::new()),
        ];
        if let Some(column) = &self.column {
            rows.push(("rows of the table".to_owned(), tally.column_rows, format!("their Clerk IDs, {column}")));
        }
        rows.push(("rows whose user is in Clerk and alike".to_owned(), tally.alike, String::new()));
        if tally.skipped > 0 {
            rows.push(("rows left out on request".to_owned(), tally.skipped, "and not in Clerk".to_owned()));
        }
        rows
    }

    fn differences(&self) -> Vec<(String, u64, String)> {
        let mut rows = Vec::new();
        for kind in Kind::ALL.iter().filter(|kind| self.tally.of(**kind) > 0) {
            if *kind == Kind::Missing {
                let states = self.tally.missing.iter();
                rows.extend(states.map(|(state, users)| (missing(state), *users, remark_on_missing(state).to_owned())));
            } else {
                rows.push((kind.label().to_owned(), self.tally.of(*kind), remark(*kind).to_owned()));
            }
        }
        rows
    }

    /// What helps, for what was found.
    fn advice(&self) -> Vec<&'static str> {
        let any = |kinds: &[Kind]| kinds.iter().any(|kind| self.tally.of(*kind) > 0);
        let mut advice = Vec::new();
        if any(&[Kind::EmailVerifiedOnlyInClerk, Kind::PhoneVerifiedOnlyInClerk]) {
            advice.push(
                "Look at what is verified only in Clerk first. If its owner did not prove it in Clerk, whoever registered it keeps a \
                 way into\nthe account of its real owner: take the verification away, or the address, or the password.",
            );
        }
        if Kind::ALL.iter().any(|kind| ATTRIBUTES.contains(kind) && self.tally.of(*kind) > 0) {
            advice.push(
                "Addresses, names and other attributes: users may have changed them in Clerk since, and then all is well. What changed \
                 in the\nsource since it was sent, `db2clerk migrate --update` sends with the same options.",
            );
        }
        if any(&[Kind::ColumnMissing, Kind::ColumnWrong, Kind::ColumnDangling]) {
            advice.push(
                "Clerk IDs in the database: `db2clerk backfill --from clerk` with the same options writes those that are missing, and \
                 with\n`--overwrite` replaces those that are not the user's.",
            );
        }
        advice
    }

    /// Returns the object for programs: a number for each kind of difference, and what was compared.
    pub(super) fn json(&self) -> Json {
        let tally = &self.tally;
        let mut json = Map::new();
        for (key, number) in [
            ("rows", tally.rows),
            ("clerkUsers", self.clerk_users),
            ("columnRows", tally.column_rows),
            ("alike", tally.alike),
            ("skipped", tally.skipped),
            ("differences", tally.differences()),
        ] {
            json.insert(key.to_owned(), number.into());
        }
        json.extend(Kind::ALL.iter().map(|kind| (kind.word().to_owned(), tally.of(*kind).into())));
        Json::Object(json)
    }
}

/// What the advice on attributes is about: the order of the kinds is that of the table.
const ATTRIBUTES: RangeInclusive<Kind> = Kind::EmailMissing..=Kind::Banned;

fn missing(state: &str) -> String {
    let label = Kind::Missing.label();
    if state.is_empty() { label.to_owned() } else { format!("{label}: {state}") }
}

fn remark_on_missing(state: &str) -> &'static str {
    match state {
        "pending" => "still to be sent: `db2clerk migrate` again",
        "sending" => "sent without an answer: `db2clerk migrate` again looks them up first",
        "conflict" => "another Clerk user is in the way",
        "rejected" => "refused by Clerk",
        "invalid" => "refused in the last run, and mended since: `db2clerk migrate` again",
        "skipped" => "left out on request by the last run",
        "gone" => "not in the source at the last run: `db2clerk migrate` again",
        "deleted" => "undone by `undo`: `db2clerk migrate --recreate` brings them back",
        "not in the ledger" => "new in the source since the last run: `db2clerk migrate` again",
        _ => "`db2clerk migrate` brings them in",
    }
}

fn remark(kind: Kind) -> &'static str {
    match kind {
        Kind::Lost => "deleted in Clerk since; `db2clerk migrate` with a new `--ledger` would bring them in again",
        Kind::Invalid => "our checks refuse them: mend the rows, then `db2clerk migrate` again",
        Kind::InvalidInClerk => "our checks would not send them now",
        Kind::Repeated => "only the first row of a user ID counts",
        Kind::OtherPerson => "nothing else in common: the user ID of another application",
        Kind::ExternalIdMissing => {
            "`db2clerk migrate --on-conflict link` takes over those who can be proved to be the same"
        }
        Kind::ExternalIdOther => "two rows with one address, or another application's user",
        Kind::OtherClerkId => "deleted and made anew in Clerk; a new `--ledger` finds them as they are",
        Kind::Vanished => "left alone by all commands: delete them in Clerk, if they are to be gone there too",
        Kind::WithoutRow => "signed up in Clerk itself, or of another application; left alone by all commands",
        Kind::EmailVerifiedOnlyInClerk | Kind::PhoneVerifiedOnlyInClerk => {
            "the source does not vouch for them: look at these"
        }
        Kind::PasswordMissing => "these users cannot sign in with their password",
        Kind::Metadata => "keys that the source has and Clerk has otherwise",
        Kind::ColumnMissing => "`db2clerk backfill --from clerk` writes it",
        Kind::ColumnWrong | Kind::ColumnDangling => {
            "often of a development instance: `backfill --from clerk --overwrite`"
        }
        Kind::ColumnWithoutRow => "the row is gone, or `--key` is not the column that the query takes the user ID from",
        _ => "",
    }
}
