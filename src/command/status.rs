//! `status`: where it stands, and what to run next.

use serde_json::{Map, json};

use super::plan::reasons;
use super::{Context, ledger_file};
use crate::args::LedgerArgs;
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Counts, Ledger, ReplacedIds, State, WriteBack};
use crate::output::{number, table};

/// Tells where the users of a ledger stand, and what to run next. Needs neither Clerk nor the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk status")]
pub struct Args {
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if there is no ledger, or it cannot be read.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let path = ledger_file::only(context.config.ledger(args.ledger).ledger).or_refuse()?;
    let ledger = Ledger::open_to_look(&path).await.or_refuse()?;
    let counts = ledger.counts().await?;
    let mut text = vec![format!("Ledger {}", path.display())];
    let belonging = ledger.belonging().await?;
    if let Some(belonging) = &belonging {
        let kind = if belonging.production { "production" } else { "development" };
        text.push(format!(
            "\n  Clerk {kind} instance `{}`, users from {}",
            belonging.instance_id,
            belonging.source.describe()
        ));
    }
    text.push(format!("\n\nUsers\n{}", table::counts(&users(&counts))));
    text.push(reasons(&ledger.reasons().await?, &["invalid", "conflict", "rejected", "pending", "skipped"]));
    text.push(format!("\n\nWritten back\n{}", table::counts(&rows(&counts))));
    let replacement = ledger.replacement().await?.filter(|replacement| !replacement.is_finished);
    text.extend(replacement.as_ref().map(unfinished));
    text.push(format!("\n\nNext: {}", next(&counts, belonging.as_ref().and_then(|own| own.source.table.as_deref()))));
    ledger.checkpoint().await?;
    context.console.result(text.concat(), &in_json(&counts, replacement.as_ref()));
    Ok(if counts.problems() > 0 { Exit::Problems } else { Exit::Done })
}

fn steps_done(replacement: &ReplacedIds) -> usize {
    replacement.steps.iter().filter(|step| step.is_done).count()
}

/// Says how far a replacement of IDs has come that was begun and is not finished. Only the ledger is asked: somebody may have led it
/// back since.
fn unfinished(replacement: &ReplacedIds) -> String {
    format!(
        "\n\nReplacement of the IDs of `{}` unfinished, {} of {} steps; run: `db2clerk backfill --replace-ids --apply` with the same \
         options,\n  which goes on from there, unless the way back, `{}`, has been run",
        replacement.source.table.as_deref().unwrap_or_default(),
        steps_done(replacement),
        replacement.steps.len(),
        replacement.way_back
    )
}

fn users(counts: &Counts) -> Vec<(String, u64, String)> {
    let mut rows: Vec<_> = State::ALL
        .into_iter()
        .filter(|state| counts.of(*state) > 0)
        .map(|state| (state.word().to_owned(), counts.of(state), meaning(state).to_owned()))
        .collect();
    if counts.skipped > 0 {
        rows.push(("skipped".to_owned(), counts.skipped, "left out on request".to_owned()));
    }
    for (what, users, remark) in [
        ("  taken over", counts.linked, "of the adopted: in Clerk before, without a user ID"),
        ("  changed", counts.changed, "in Clerk, and their rows changed since; `migrate --update` sends that"),
        (
            "  not updated",
            counts.not_updated,
            "of the changed: `--update` was tried and did not succeed; the log says why",
        ),
        ("  vanished", counts.vanished, "in Clerk, and no longer in the source; left alone"),
        (
            "  in doubt",
            counts.in_doubt,
            "a request without an answer may have made them; looked up before anything is sent",
        ),
    ] {
        if users > 0 {
            rows.push((what.to_owned(), users, remark.to_owned()));
        }
    }
    if rows.is_empty() {
        rows.push(("none".to_owned(), 0, String::new()));
    }
    rows
}

fn meaning(state: State) -> &'static str {
    match state {
        State::Created => "in Clerk, made by us",
        State::Adopted => "in Clerk before us",
        State::Pending => "to be sent",
        State::Sending => "sent without an answer; looked up first by the next run",
        State::Invalid => "refused by our checks, never sent",
        State::Conflict => "another Clerk user is in the way",
        State::Rejected => "refused by Clerk",
        State::Gone => "no longer in the source, never sent",
        State::Deleted => "made or taken over by us, and undone again; `--recreate` brings them back",
    }
}

fn rows(counts: &Counts) -> Vec<(String, u64, String)> {
    WriteBack::ALL
        .into_iter()
        .filter(|state| counts.written_back(*state) > 0 || *state == WriteBack::Written)
        .map(|state| {
            let remark = match state {
                WriteBack::Written => "rows that bear their Clerk ID",
                WriteBack::Waiting => "asked for, not done yet",
                WriteBack::Held => "rows that bear another ID, left alone; often one of a development instance",
                WriteBack::RowGone => "no row has the key any more",
                WriteBack::Refused => "the database said no",
                WriteBack::None => "not tried yet",
            };
            let word = if state == WriteBack::None { "not written" } else { state.word() };
            (word.to_owned(), counts.written_back(state), remark.to_owned())
        })
        .collect()
}

/// What helps next, the most urgent first.
fn next(counts: &Counts, table: Option<&str>) -> String {
    let written = |state| counts.written_back(state) > 0;
    let backfill = format!("`db2clerk backfill --table '{}' --key COLUMN`", table.unwrap_or("TABLE"));
    let refused = counts.of(State::Invalid) + counts.of(State::Conflict) + counts.of(State::Rejected);
    let mut lines = Vec::new();
    if counts.to_send() > 0 {
        lines.push("the same `db2clerk migrate` or `db2clerk import` again: it goes on where it stopped".to_owned());
    }
    if written(WriteBack::Waiting) || written(WriteBack::None) {
        lines.push(format!("{backfill}, if the database is to know the Clerk IDs"));
    }
    if written(WriteBack::Held) {
        lines.push(format!("{backfill} with `--overwrite`, if the IDs that stand in the rows are old ones"));
    }
    if counts.dangling > 0 {
        lines.push(format!(
            "`db2clerk undo --clear-column` with table and key: {} a deleted user's Clerk ID",
            if counts.dangling == 1 {
                "1 row bears".to_owned()
            } else {
                format!("{} rows bear", number(counts.dangling))
            }
        ));
    }
    if counts.changed > 0 {
        lines.push(
            "`db2clerk migrate --update` with the same options, if Clerk is to learn what changed in the source"
                .to_owned(),
        );
    }
    if counts.in_clerk() > 0 && counts.to_send() == 0 {
        lines.push("`db2clerk verify` with the same options, for the proof that everybody is there".to_owned());
    }
    if refused > 0 {
        lines.push("mend the users above in the source or in Clerk, then the same command again".to_owned());
    }
    if lines.is_empty() {
        lines.push("nothing; new users of the source are added by running the same command again".to_owned());
    }
    lines.join("\n      ")
}

fn in_json(counts: &Counts, replacement: Option<&ReplacedIds>) -> serde_json::Value {
    let users: Map<String, serde_json::Value> =
        State::ALL.into_iter().map(|state| (state.word().to_owned(), counts.of(state).into())).collect();
    let rows = |state| counts.written_back(state);
    let mut json = serde_json::Value::Object(users);
    json["skipped"] = counts.skipped.into();
    json["linked"] = counts.linked.into();
    json["changed"] = counts.changed.into();
    json["vanished"] = counts.vanished.into();
    json["inDoubt"] = counts.in_doubt.into();
    json["writeBack"] = json!({
        "written": rows(WriteBack::Written),
        "waiting": rows(WriteBack::Waiting),
        "heldByOther": rows(WriteBack::Held),
        "rowGone": rows(WriteBack::RowGone),
        "refused": rows(WriteBack::Refused),
        "none": rows(WriteBack::None),
    });
    json["replacement"] = replacement.map_or(serde_json::Value::Null, |replacement| {
        json!({
            "table": replacement.source.table, "steps": replacement.steps.len(), "stepsDone": steps_done(replacement),
            "wayBack": replacement.way_back,
        })
    });
    json
}
