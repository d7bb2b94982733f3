//! `backfill --replace-ids`: the Clerk ID becomes the users' key, by a script for people to review and run, or at once.

mod apply;
mod left;
mod scripts;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use self::scripts::Which;
use super::Context;
use super::consent::{self, Asked};
use super::write_target::Place;
use crate::args::{ConsentArgs, LedgerArgs, ReferencesArgs};
use crate::database::{
    Access, Database, DatabaseUrl, LEGACY_COLUMN, OldIds, Replacement, Target, WriteError, column_path,
};
use crate::engine::Engine;
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::ReplacedIds;
use crate::output::count;
use crate::stage::references::{Planned, Wanted, replacement};

/// What becomes of the plan.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ReplaceArgs {
    /// Replace the users' IDs by their Clerk IDs, in all columns that hold them: computes the whole plan, and writes, tries or runs it.
    #[arg(long, help_heading = "Replacing IDs", conflicts_with_all = ["overwrite", "from"])]
    pub(super) replace_ids: bool,
    /// File for the script; the way back goes beside it, as `<name>-back.sql`.
    #[arg(long, value_name = "FILE", requires = "replace_ids", help_heading = "Replacing IDs")]
    pub(super) sql: Option<PathBuf>,
    /// Write the script as a migration of this name into `prisma/migrations`.
    #[arg(long, value_name = "NAME", requires = "replace_ids", help_heading = "Replacing IDs")]
    pub(super) prisma_migration: Option<String>,
    /// Say what would be written, and write nothing. With `--replace-ids` the script is run inside a transaction and taken back; the
    /// tables are locked meanwhile. MySQL cannot take it back: there the plan is checked, and not run.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Run the script, in one transaction; the tables are locked meanwhile. On MySQL step by step: each is noted in the ledger, and the
    /// same command goes on after whatever stopped it.
    #[arg(long, requires = "replace_ids", conflicts_with = "dry_run", help_heading = "Replacing IDs")]
    pub(super) apply: bool,
}

/// Computes the plan, prints it, and writes or tries it.
///
/// # Errors
/// A refusal, if the IDs cannot be replaced safely; a failure, if the database refuses the plan when it is tried.
pub(super) async fn run(
    args: ReplaceArgs,
    references: ReferencesArgs,
    ledger: LedgerArgs,
    given: ConsentArgs,
    url: &DatabaseUrl,
    place: Place,
    context: &Context,
) -> Result<Exit, Failure> {
    if args.sql.is_none() && args.prisma_migration.is_none() && !args.dry_run && !args.apply {
        return Err(anyhow!(
            "nothing says what to do with the plan\n\
             hint: `--sql FILE` or `--prisma-migration NAME` writes it as a script, `--dry-run` tries it and takes it back, \
             `--apply` runs it"
        ))
        .or_refuse();
    }
    let access = if args.dry_run || args.apply { Access::Write } else { Access::Read };
    let database = context.or_interrupted(Database::connect(url, access)).await??;
    let ledger = if args.apply { apply::ledger(ledger, url, &place, context).await? } else { None };
    if let Some(exit) = apply::go_on(ledger.as_ref(), &database, url, &place, given, context).await? {
        return Ok(exit);
    }
    let target = context.or_interrupted(database.inspect(&place.table, &place.key, &place.column)).await?;
    let target = target.with_context(|| format!("failed to find the users in {url}")).or_refuse()?;
    let known = match &ledger {
        Some(ledger) => ledger.replacement().await?.filter(|known| known.source == apply::source(url, &place)),
        None => None,
    };
    refuse_what_is_done(&database, &target, known).await?;
    let files = scripts::files(&args, chrono::Utc::now()).or_refuse()?;
    if args.apply && files.is_empty() {
        return Err(anyhow!(
            "`--apply` wants the way back to be there before\nhint: say `--sql FILE` too, which writes it beside the script"
        ))
        .or_refuse();
    }
    // A setting was made for columns beside: only who names columns here has decided about the others.
    let is_decided = references.references.is_some();
    let wanted = context.config.references(references).references.unwrap_or(Wanted::All);
    let planned = context.or_interrupted(replacement(&database, &target, &wanted)).await?;
    let planned = planned.with_context(|| format!("no plan was made for {url}")).or_refuse()?;
    if args.apply && !is_decided && !planned.left.is_empty() {
        return Err(left::undecided(&planned)).or_refuse();
    }
    let mut text = describe(&planned.plan, &target) + &left::describe(&planned);
    let Planned { plan, left } = planned;
    if args.dry_run || args.apply {
        context.or_interrupted(database.must_be_allowed_to_replace(&plan)).await?.or_refuse()?;
    }
    if args.dry_run {
        text.push_str(try_it(&database, &plan, context).await?);
    }
    if args.apply {
        context.console.say(format!("Database: {url}\n{text}"));
        consent::ask(Asked { word: "replace", given: false }, given, context).await?;
        // Once is enough.
        text.clear();
    }
    for (path, which) in &files {
        scripts::save(path, &scripts::text(&plan, *which)).or_refuse()?;
        let _ = write!(text, "\nWritten: {}", path.display());
    }
    let mut exit = Exit::Done;
    if args.apply {
        let way_back = files.iter().find(|(_, which)| *which == Which::Back);
        let way_back = way_back.map_or(String::new(), |(path, _)| path.display().to_string());
        exit = apply::run(&database, &plan, ledger.as_ref(), apply::source(url, &place), way_back, context).await?;
        text.push_str(&apply::told(exit, Some(&left)));
    } else if !files.is_empty() {
        text.push_str(
            "\n\nRead the script before you run it, on a copy of the database first, and with the application stopped: it locks what \
             it changes\nuntil it is done. Afterwards user IDs are Clerk IDs, and the presets take \
             the old ones\nfrom `legacy_id`; a query of your own has to give `legacy_id` as the user ID.",
        );
    }
    let columns = plan.links.iter().map(|link| column_path(&link.table, &link.column.name));
    let json = json!({
        "users": target.rows, "columns": columns.collect::<Vec<_>>(), "tried": args.dry_run && plan.is_transaction(),
        "applied": args.apply && exit == Exit::Done, "notChanged": left::in_json(&left),
        "written": files.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(),
    });
    context.console.result(text.trim_start(), &json);
    Ok(exit)
}

/// Refuses to replace IDs that were replaced before, by the rows or by what the ledger knows, before anything else is said.
async fn refuse_what_is_done(database: &Database, target: &Target, known: Option<ReplacedIds>) -> Result<(), Failure> {
    let known = known.filter(|known| known.is_finished);
    let is_done = database.old_ids(&target.table).await? == OldIds::Kept
        && (known.is_some() || database.ids_are_replaced(&target.table, &target.key).await?);
    if !is_done {
        return Ok(());
    }
    let way_back = known.map_or(String::new(), |known| format!("; the way back is `{}`", known.way_back));
    Err(anyhow!(
        "the IDs of `{}` were replaced already: its key holds Clerk IDs, and `{LEGACY_COLUMN}` the old ones\n\
         hint: nothing is left to do{way_back}",
        target.table
    ))
    .or_refuse()
}

/// Tries the plan as far as the engine lets it be tried, and returns what to tell.
async fn try_it(database: &Database, plan: &Replacement, context: &Context) -> Result<&'static str, Failure> {
    if !plan.is_transaction() {
        return Ok(
            "\nChecked, and not tried: MySQL cannot take back the change of a table. The rows, the constraints and the rights of \
                   the database user\nare such that the plan can be carried out. Try the script on a copy of the database.\n",
        );
    }
    let tried = context.or_interrupted(database.try_replacement(plan)).await?;
    or_refused(tried, "the database refuses the plan, and everything is as it was")?;
    Ok("\nTried, and taken back: the database does all of it, and its checks hold.\n")
}

/// Refuses what the database user may not do: nothing of it was kept.
fn or_refused(done: Result<(), WriteError>, what: &'static str) -> Result<(), Failure> {
    let not_allowed = matches!(done, Err(WriteError::NotAllowed { .. } | WriteError::ReadOnly(_)));
    let done = done.context(what);
    if not_allowed { done.or_refuse() } else { Ok(done?) }
}

fn describe(plan: &Replacement, target: &Target) -> String {
    let mut text = format!(
        "Plan: the key `{}` of `{}` ({}) becomes the Clerk ID of `{}`; the old ID goes to `legacy_id`\n",
        plan.key.name,
        plan.users,
        count(target.rows, "row"),
        plan.clerk_column
    );
    if Replacement::changes_type(&plan.key) {
        let _ = writeln!(
            text,
            "  its type changes from `{}` to `{}`, and new rows have to be given an ID",
            plan.key.type_name,
            text_type(plan.engine)
        );
    }
    let _ = writeln!(text, "  {} with it:", count(plan.links.len() as u64, "column"));
    for link in &plan.links {
        let change = if Replacement::changes_type(&link.column) {
            format!(", from `{}` to `{}`", link.column.type_name, text_type(plan.engine))
        } else {
            String::new()
        };
        let _ = writeln!(text, "    {}{change}", column_path(&link.table, &link.column.name));
    }
    let dropped = plan.keys_made_again();
    if !dropped.is_empty() {
        let _ = writeln!(text, "  foreign keys dropped meanwhile, and made again as they were: {}", dropped.join(", "));
    }
    let again = plan.made_again();
    if !again.is_empty() {
        let names: Vec<String> = again.into_iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  made again from their own statements, for the types: {}", names.join(", "));
    }
    let triggers = plan.triggers();
    if !triggers.is_empty() {
        let _ = writeln!(
            text,
            "  these triggers do not run meanwhile, and stay as they are; look whether they go by old IDs: {}",
            triggers.join(", ")
        );
    }
    text
}

/// The type of a column that gets another one.
fn text_type(engine: Engine) -> &'static str {
    if engine == Engine::MySql { "varchar(191)" } else { "text" }
}
