//! The plan to replace the users' IDs by their Clerk IDs: all columns that hold user IDs, or none.

use super::choose::pick;
use super::obstacles::obstacles;
use super::{ChooseError, Reference, Wanted, constrained, guesses};
use crate::database::{Database, Link, Measured, QueryError, ReplaceError, Replacement, Target, WriteError};
use crate::engine::Engine;
use crate::ledger::{Ledger, LedgerError, ReplacingStep};
use crate::shutdown::Shutdown;
use crate::stage::Counter;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum NoReplacement {
    /// The columns cannot be had.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database is not such that it could be done safely.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// Something hangs on the columns that would be disturbed, or would disturb.
    #[error("the {kind} `{name}` on `{table}` is in the way: it {why}\nhint: {hint}")]
    Obstacle {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it hangs on.
        table: String,
        /// What it means.
        why: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

/// A plan, and what it leaves as it is.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Replacement,
    /// The columns that look as if they referred to users, and are not part of it.
    pub left: Vec<Reference>,
}

/// Computes the plan. Columns with a constraint are part of it in any case, and others as wanted.
///
/// # Errors
/// [`NoReplacement`], if there can be none.
pub async fn replacement(database: &Database, target: &Target, wanted: &Wanted) -> Result<Planned, NoReplacement> {
    let schema = database.schema(target).await?;
    let constrained = constrained(&schema, target);
    let guesses = guesses(database, &schema, target, &constrained, &Counter::default()).await?;
    let chosen = pick(&schema, target, wanted, &constrained, &guesses)?;
    let mut references: Vec<Reference> =
        constrained.into_iter().filter(|reference| reference.is_of_key(target)).collect();
    for (link, _) in chosen {
        if !is_among(&references, &link) {
            let (constraints, measured) = (Vec::new(), Measured::default());
            references.push(Reference { link, constraints, measured, is_sure: true });
        }
    }
    let left = guesses.into_iter().filter(|guess| !is_among(&references, &guess.link)).collect();
    let links = references.iter().map(|reference| reference.link.clone()).collect();
    let plan = database.replacement(target, &schema, links).await?;
    let changes_type =
        Replacement::changes_type(&plan.key) || plan.links.iter().any(|link| Replacement::changes_type(&link.column));
    for obstacle in obstacles(&schema, target, &references) {
        let hint = match obstacle.kind {
            // SQLite and MySQL keep views as text, and SQLite's triggers are out of force meanwhile.
            "view" if schema.engine != Engine::Postgres => continue,
            "trigger" if schema.engine == Engine::Sqlite => continue,
            "trigger" if schema.engine == Engine::MySql && obstacle.of_column => {
                "drop the trigger before, and make it again afterwards; look whether it has to change"
            }
            "view" | "materialized view" if changes_type => {
                "drop it before, and make it again after the script has run"
            }
            "trigger" if obstacle.of_column => {
                "disable the trigger meanwhile (`ALTER TABLE ... DISABLE TRIGGER`), and look whether it has to change"
            }
            "policy" | "rule" | "generated column" => {
                "drop it before, and make it again for Clerk IDs after the script has run"
            }
            "check constraint" => "drop it before, and make it again for Clerk IDs afterwards",
            _ => continue,
        };
        let (kind, name, table, why) = (obstacle.kind, obstacle.name, obstacle.table.to_string(), obstacle.why);
        return Err(NoReplacement::Obstacle { kind, name, table, why, hint });
    }
    Ok(Planned { plan, left })
}

fn is_among(references: &[Reference], link: &Link) -> bool {
    references.iter().any(|known| known.link.table == link.table && known.link.column == link.column)
}

/// How far the steps have come.
#[derive(Debug)]
pub enum StepsEnd {
    /// All of them are done.
    Complete,
    /// A stop was asked for, and the step after those that are done not begun.
    Interrupted,
    /// One failed. Those before it stand.
    Failed {
        /// Its number, from 1 on.
        number: usize,
        /// What it does, in words.
        what: String,
        /// Why it failed.
        error: WriteError,
    },
}

/// Runs the steps of a replacement, each noted in the ledger before and after, and told. All of them, from the first on: one that
/// is done finds that out itself, whoever did it.
///
/// # Errors
/// [`LedgerError`], if the ledger cannot be written.
pub async fn run_steps(
    database: &Database,
    ledger: &Ledger,
    steps: &[ReplacingStep],
    shutdown: &Shutdown,
    mut tell: impl FnMut(usize, &str),
) -> Result<StepsEnd, LedgerError> {
    for (number, step) in (1..).zip(steps) {
        // Never within a step: the server would go on with it.
        if shutdown.requested() {
            return Ok(StepsEnd::Interrupted);
        }
        tell(number, &step.what);
        ledger.note_step_begun(number).await?;
        if let Err(error) = database.run_step(&step.statements).await {
            return Ok(StepsEnd::Failed { number, what: step.what.clone(), error });
        }
        ledger.note_step_done(number).await?;
    }
    ledger.note_replacement_finished().await?;
    Ok(StepsEnd::Complete)
}
