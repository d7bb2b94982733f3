//! `backfill --replace-ids`: the Clerk ID becomes the users' key, by a script for people to review and run.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;

use super::Context;
use super::consent::{self, Asked};
use super::write_target::Place;
use crate::args::{ConsentArgs, ReferencesArgs};
use crate::database::{Access, Database, DatabaseUrl, Replacement, Target, WriteError, column_path};
use crate::engine::Engine;
use crate::exit::{Exit, Failure, OrRefuse};
use crate::output::count;
use crate::stage::references::{Wanted, replacement};

/// What becomes of the plan.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ReplaceArgs {
    /// Replace the users' IDs by their Clerk IDs, everywhere: computes the whole plan and writes it as a script (PostgreSQL, SQLite).
    #[arg(long, help_heading = "Replacing IDs", conflicts_with_all = ["overwrite", "from"])]
    pub(super) replace_ids: bool,
    /// File for the script; the way back goes beside it, as `<name>-back.sql`.
    #[arg(long, value_name = "FILE", requires = "replace_ids", help_heading = "Replacing IDs")]
    pub(super) sql: Option<PathBuf>,
    /// Write the script as a migration of this name into `prisma/migrations`.
    #[arg(long, value_name = "NAME", requires = "replace_ids", help_heading = "Replacing IDs")]
    pub(super) prisma_migration: Option<String>,
    /// Run the script inside a transaction and take it back. The tables are locked meanwhile.
    #[arg(long, requires = "replace_ids", help_heading = "Replacing IDs")]
    pub(super) dry_run: bool,
    /// Run the script, in one transaction. The tables are locked meanwhile.
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
    let files = files(&args, chrono::Utc::now()).or_refuse()?;
    if args.apply && files.is_empty() {
        return Err(anyhow!(
            "`--apply` wants the way back to be there before\nhint: say `--sql FILE` too, which writes it beside the script"
        ))
        .or_refuse();
    }
    let access = if args.dry_run || args.apply { Access::Write } else { Access::Read };
    let database = context.or_interrupted(Database::connect(url, access)).await??;
    let target = context.or_interrupted(database.inspect(&place.table, &place.key, &place.column)).await?;
    let target = target.with_context(|| format!("failed to find the users in {url}")).or_refuse()?;
    let wanted = context.config.references(references).references.unwrap_or(Wanted::All);
    let plan = context.or_interrupted(replacement(&database, &target, &wanted)).await?;
    let plan = plan.with_context(|| format!("no plan was made for {url}")).or_refuse()?;
    let mut text = describe(&plan, &target);
    if args.dry_run {
        let tried = context.or_interrupted(database.try_replacement(&plan)).await?;
        or_refused(tried, "the database refuses the plan, and everything is as it was")?;
        text.push_str("\nTried, and taken back: the database does all of it, and its checks hold.\n");
    }
    if args.apply {
        context.console.say(format!("Database: {url}\n{text}"));
        consent::ask(Asked { word: "replace", given: false }, given, context).await?;
    }
    for (path, script) in &files {
        let script = if *script == Which::Forth { forth(&plan) } else { back(&plan) };
        save(path, &script).or_refuse()?;
        let _ = write!(text, "\nWritten: {}", path.display());
    }
    if args.apply {
        // Not to be interrupted: the server is at it, and does all of it or nothing.
        let replaced = database.replace(&plan).await;
        or_refused(
            replaced,
            "the database did not take the plan as a whole, and everything is as it was; if the connection broke at the very end, \
             the same command tells whether that was after it",
        )?;
        text.push_str("\nDone: the users' IDs are Clerk IDs, everywhere. The old ones are in `legacy_id`.");
    } else if !files.is_empty() {
        text.push_str(
            "\n\nRead the script before you run it, on a copy of the database first, and with the application stopped: it locks what \
             it changes\nuntil it is done. Afterwards user IDs are Clerk IDs, and the presets take \
             the old ones\nfrom `legacy_id`; a query of your own has to give `legacy_id` as the user ID.",
        );
    }
    let columns = plan.links.iter().map(|link| column_path(&link.table, &link.column.name));
    let json = json!({
        "users": target.rows, "columns": columns.collect::<Vec<_>>(), "tried": args.dry_run, "applied": args.apply,
        "written": files.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(),
    });
    context.console.result(text, &json);
    Ok(Exit::Done)
}

/// Refuses what the database user may not do: nothing of it was kept.
fn or_refused(done: Result<(), WriteError>, what: &'static str) -> Result<(), Failure> {
    let not_allowed = matches!(done, Err(WriteError::NotAllowed { .. } | WriteError::ReadOnly(_)));
    let done = done.context(what);
    if not_allowed { done.or_refuse() } else { Ok(done?) }
}

/// Which of the two scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Forth,
    Back,
}

/// Returns the files to write. None of them may be there.
fn files(args: &ReplaceArgs, now: chrono::DateTime<chrono::Utc>) -> Result<Vec<(PathBuf, Which)>> {
    let mut files = Vec::new();
    if let Some(path) = &args.sql {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        files.push((path.clone(), Which::Forth));
        files.push((path.with_file_name(format!("{stem}-back.sql")), Which::Back));
    }
    if let Some(name) = &args.prisma_migration {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            anyhow::bail!("`{name}` cannot be a migration's name\nhint: letters, digits, `_` and `-`");
        }
        let folder = Path::new("prisma/migrations").join(format!("{}_{name}", now.format("%Y%m%d%H%M%S")));
        files.push((folder.join("migration.sql"), Which::Forth));
        files.push((folder.join("way-back.sql"), Which::Back));
    }
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        anyhow::bail!("`{}` is there already\nhint: name another file", path.display());
    }
    Ok(files)
}

fn save(path: &Path, script: &str) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(failed)?;
    file.write_all(script.as_bytes()).with_context(failed)
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
            "  its type changes from `{}` to `text`, and new rows have to be given an ID",
            plan.key.type_name
        );
    }
    let _ = writeln!(text, "  {} with it:", count(plan.links.len() as u64, "column"));
    for link in &plan.links {
        let change = if Replacement::changes_type(&link.column) {
            format!(", from `{}` to `text`", link.column.type_name)
        } else {
            String::new()
        };
        let _ = writeln!(text, "    {}{change}", column_path(&link.table, &link.column.name));
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

fn forth(plan: &Replacement) -> String {
    format!(
        "-- Replaces the user IDs of {} by Clerk IDs, in one transaction: all of it, or nothing.\n\
         -- It stops if the database is not as it was when this was written, if a user has no Clerk ID, or if anything is missing at the\n\
         -- end. The old IDs stay in legacy_id; with them, the script beside this one brings them back.\n{}\n{}",
        one_line(plan),
        how(plan),
        plan.script()
    )
}

fn back(plan: &Replacement) -> String {
    let since = if Replacement::changes_type(&plan.key) {
        "-- Users made since have no legacy_id, and a Clerk ID does not fit the old type: while there are any, this stops. Give each of\n\
         -- them a legacy_id first. Rows that refer to them are then taken along."
    } else {
        "-- Users made since have no legacy_id: they keep the Clerk ID as their ID, and so do the rows that refer to them."
    };
    format!(
        "-- The way back: user IDs of {} are again those of legacy_id, which is dropped in the end. In one transaction.\n{since}\n{}\n{}",
        one_line(plan),
        how(plan),
        plan.way_back()
    )
}

/// How the script is run, where that is not plain.
fn how(plan: &Replacement) -> &'static str {
    if plan.engine == Engine::Sqlite {
        "-- Run it with `sqlite3 -bail FILE < SCRIPT`, or any other program that stops at the first error, on a connection of its own.\n"
    } else {
        ""
    }
}

/// Names the table so that no comment ends with it.
fn one_line(plan: &Replacement) -> String {
    plan.users.to_string().chars().filter(|letter| !letter.is_control()).collect()
}
