//! The plan to replace the users' IDs by their Clerk IDs: all columns that hold user IDs, or none.

use super::find::by_constraint;
use super::obstacles::obstacles;
use super::{ChooseError, Reference, Wanted, choose};
use crate::database::{Database, Measured, QueryError, ReplaceError, Replacement, Target};
use crate::engine::Engine;

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

/// Computes the plan. Columns with a constraint are part of it in any case, and others as wanted.
///
/// # Errors
/// [`NoReplacement`], if there can be none.
pub async fn replacement(database: &Database, target: &Target, wanted: &Wanted) -> Result<Replacement, NoReplacement> {
    let schema = database.schema(target).await?;
    let mut links: Vec<_> =
        by_constraint(&schema, target).into_iter().filter(|(link, _)| link.to.name == target.key).collect();
    for (link, _) in choose(database, target, wanted).await? {
        if !links.iter().any(|(known, _)| *known == link) {
            links.push((link, Vec::new()));
        }
    }
    let references: Vec<Reference> = links
        .iter()
        .map(|(link, constraints)| Reference {
            link: link.clone(),
            constraints: constraints.clone(),
            measured: Measured::default(),
            is_sure: true,
        })
        .collect();
    let plan = database.replacement(target, &schema, links.into_iter().map(|(link, _)| link).collect()).await?;
    let changes_type =
        Replacement::changes_type(&plan.key) || plan.links.iter().any(|link| Replacement::changes_type(&link.column));
    for obstacle in obstacles(&schema, target, &references) {
        let hint = match obstacle.kind {
            // SQLite keeps views as text, and triggers are out of force meanwhile.
            "view" | "trigger" if schema.engine == Engine::Sqlite => continue,
            "view" | "materialized view" if changes_type => {
                "drop it before, and make it again after the script has run"
            }
            "trigger" if obstacle.of_column => {
                "disable the trigger meanwhile (`ALTER TABLE ... DISABLE TRIGGER`), and look whether it has to change"
            }
            "policy" | "rule" | "generated column" => {
                "drop it before, and make it again for Clerk IDs after the script has run"
            }
            _ => continue,
        };
        let (kind, name, table, why) = (obstacle.kind, obstacle.name, obstacle.table.to_string(), obstacle.why);
        return Err(NoReplacement::Obstacle { kind, name, table, why, hint });
    }
    Ok(plan)
}
