//! The plan carried out: in one transaction, or step by step, each noted in the ledger.

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::{left, or_refused};
use crate::args::{ConsentArgs, LedgerArgs};
use crate::command::consent::{self, Asked};
use crate::command::write_target::Place;
use crate::command::{Context, ledger_file};
use crate::database::{Database, DatabaseUrl, LEGACY_COLUMN, OldIds, Replacement, WriteError};
use crate::engine::Engine;
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Ledger, LedgerError, ReplacedIds, ReplacingStep, Source};
use crate::stage::references::{Reference, StepsEnd, run_steps};

/// Returns the database and the table as the ledger remembers them.
#[must_use]
pub(super) fn source(url: &DatabaseUrl, place: &Place) -> Source {
    Source { name: url.identity(), table: Some(place.table.to_string()) }
}

/// Opens the ledger that is to know of the switch. One transaction needs none, and leaves a ledger of other users alone; steps do,
/// and a ledger that was named is made for them.
///
/// # Errors
/// A refusal, if there is none and one is needed, or another process holds it.
pub(super) async fn ledger(
    args: LedgerArgs,
    url: &DatabaseUrl,
    place: &Place,
    context: &Context,
) -> Result<Option<Ledger>, Failure> {
    let named = context.config.ledger(args).ledger;
    if url.engine() == Engine::MySql {
        let path = named.map_or_else(|| ledger_file::only(None), Ok);
        let path = path.context(
            "MySQL cannot take back the change of a table, so every step is noted in a ledger, and there is none yet",
        );
        let ledger = Ledger::open(&path.or_refuse()?).await.or_refuse()?;
        ledger.check_database(&source(url, place)).await.or_refuse()?;
        return Ok(Some(ledger));
    }
    let Ok(path) = ledger_file::only(named.clone()) else { return Ok(None) };
    let ledger = Ledger::open_existing(&path).await.or_refuse()?;
    match ledger.check_database(&source(url, place)).await {
        Err(LedgerError::OtherSource { .. }) if named.is_none() => Ok(None),
        checked => checked.map(|()| Some(ledger)).or_refuse(),
    }
}

/// Goes on with a replacement that the ledger knows to be unfinished; `None` if there is none.
///
/// # Errors
/// [`Failure`], if a step of it fails.
pub(super) async fn go_on(
    ledger: Option<&Ledger>,
    database: &Database,
    url: &DatabaseUrl,
    place: &Place,
    given: ConsentArgs,
    context: &Context,
) -> Result<Option<Exit>, Failure> {
    let Some(ledger) = ledger else { return Ok(None) };
    let unfinished =
        ledger.replacement().await?.filter(|known| !known.is_finished && known.source == source(url, place));
    let Some(unfinished) = unfinished else { return Ok(None) };
    let exit = match database.old_ids(&place.table).await? {
        // Nothing has been changed, or all of it has been taken back.
        OldIds::Nowhere => return Ok(None),
        OldIds::Kept => {
            ledger.note_replacement_finished().await?;
            Exit::Done
        }
        OldIds::Unfinished => {
            let done = unfinished.steps.iter().filter(|step| step.is_done).count();
            context.console.say(format!(
                "Database: {url}\nThe replacement of the IDs of `{}` was begun, and {done} of its {} steps are noted as done. It goes on as it \
                 was planned; the way back is `{}`.",
                place.table,
                unfinished.steps.len(),
                unfinished.way_back
            ));
            consent::ask(Asked { word: "replace", given: false }, given, context).await?;
            steps(database, ledger, &unfinished, context).await?
        }
    };
    let json = json!({ "applied": exit == Exit::Done });
    context.console.result(told(exit, None).trim_start(), &json);
    Ok(Some(exit))
}

/// Carries the plan out.
///
/// # Errors
/// [`Failure`], if the database refuses something of it.
pub(super) async fn run(
    database: &Database,
    plan: &Replacement,
    ledger: Option<&Ledger>,
    source: Source,
    way_back: String,
    context: &Context,
) -> Result<Exit, Failure> {
    let step = |step: crate::database::ReplaceStep| ReplacingStep {
        what: step.what,
        statements: step.statements,
        is_done: false,
    };
    let steps_of_plan = plan.steps().into_iter().map(step).collect();
    let is_finished = plan.is_transaction();
    let replaced = ReplacedIds { source, way_back, is_finished, steps: steps_of_plan };
    if let (false, Some(ledger)) = (is_finished, ledger) {
        ledger.note_replacement(&replaced).await?;
        return steps(database, ledger, &replaced, context).await;
    }
    // Not to be interrupted: the server is at it, and does all of it or nothing.
    or_refused(
        database.replace(plan).await,
        "the database did not take the plan as a whole, and everything is as it was; if the connection broke at the very end, \
         the same command tells whether that was after it",
    )?;
    if let Some(ledger) = ledger {
        ledger.note_replacement(&replaced).await?;
        ledger.checkpoint().await?;
    }
    Ok(Exit::Done)
}

async fn steps(
    database: &Database,
    ledger: &Ledger,
    replacing: &ReplacedIds,
    context: &Context,
) -> Result<Exit, Failure> {
    let total = replacing.steps.len();
    let tell = |number: usize, what: &str| context.console.note(format!("  {number} of {total}: {what}"));
    let end = run_steps(database, ledger, &replacing.steps, &context.shutdown, tell).await?;
    ledger.checkpoint().await?;
    match end {
        StepsEnd::Complete => Ok(Exit::Done),
        StepsEnd::Interrupted => {
            context.console.say(format!(
                "Interrupted between two steps. The same command goes on from here; the way back is `{}`.",
                replacing.way_back
            ));
            Ok(Exit::Interrupted)
        }
        // The first of them only looks.
        StepsEnd::Failed { number: 1, error, .. } if !matches!(error, WriteError::Busy(_)) => {
            Err(anyhow!(error).context("the plan does not fit, and everything is as it was")).or_refuse()
        }
        StepsEnd::Failed { number, what, error } => Err(anyhow!(error)
            .context(format!(
                "step {number} of {total} was not done (it {what}), and those before it stand: see to it, and run the same command again, \
                 which goes on from here; or run the way back, `{}`",
                replacing.way_back
            ))
            .into()),
    }
}

/// Says how it ended. `left` are the columns that look as if they referred to users and were not changed; `None`, if they are not
/// known any more.
#[must_use]
pub(super) fn told(exit: Exit, left: Option<&[Reference]>) -> String {
    if exit != Exit::Done {
        return "\nNot finished.".to_owned();
    }
    let columns = match left {
        None => ", in every column of the plan".to_owned(),
        Some([]) => ", in every column found to hold them".to_owned(),
        Some(left) => format!(", in every column of the plan, and NOT in {}", left::names(left)),
    };
    format!("\nDone: the users' IDs are Clerk IDs{columns}. The old ones are in `{LEGACY_COLUMN}`.")
}
