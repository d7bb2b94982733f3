//! The scripts of a replacement as files: where they go, and what stands above the statements for those who read them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::ReplaceArgs;
use crate::database::Replacement;
use crate::engine::Engine;

/// Which of the two scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Forth,
    Back,
}

/// Returns the files to write. None of them may be there.
///
/// # Errors
/// If one is, or a name cannot be one.
pub(super) fn files(args: &ReplaceArgs, now: chrono::DateTime<chrono::Utc>) -> Result<Vec<(PathBuf, Which)>> {
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

/// Writes a script to a new file.
///
/// # Errors
/// If it cannot be written, or the file is there.
pub(super) fn save(path: &Path, script: &str) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(failed)?;
    file.write_all(script.as_bytes()).with_context(failed)
}

/// Returns the text of a script.
#[must_use]
pub(super) fn text(plan: &Replacement, which: Which) -> String {
    match (which, plan.is_transaction()) {
        (Which::Forth, true) => forth(plan),
        (Which::Forth, false) => forth_in_steps(plan),
        (Which::Back, _) => back(plan),
    }
}

fn forth_in_steps(plan: &Replacement) -> String {
    format!(
        "-- Replaces the user IDs of {} by Clerk IDs. MySQL cannot take back the change of a table, so this goes step by step; the IDs\n\
         -- themselves all change in one transaction. It stops if the database is not as it was when this was written, if a user has no\n\
         -- Clerk ID, or if anything is missing at the end. A check that fails shows as an error of syntax that quotes the reason. Every\n\
         -- step looks first whether it is done: after whatever stopped it, run it again and it goes on. The old IDs stay in legacy_id;\n\
         -- with them, the script beside this one brings them back, from wherever this one has come to.\n{}\n{}",
        one_line(plan),
        how(plan),
        plan.script()
    )
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
    let in_what = if plan.is_transaction() {
        "In one transaction."
    } else {
        "It can be run again\n-- after whatever stopped it, and goes on."
    };
    format!(
        "-- The way back: user IDs of {} are again those of legacy_id, which is dropped in the end. {in_what}\n{since}\n{}\n{}",
        one_line(plan),
        how(plan),
        plan.way_back()
    )
}

/// How the script is run, where that is not plain.
fn how(plan: &Replacement) -> &'static str {
    match plan.engine {
        Engine::Postgres => "",
        Engine::MySql => {
            "-- Run it with `mysql DATABASE < SCRIPT`, or any other program that stops at the first error.\n"
        }
        Engine::Sqlite => {
            "-- Run it with `sqlite3 -bail FILE < SCRIPT`, or any other program that stops at the first error, on a connection of its own.\n"
        }
    }
}

/// Names the table so that no comment ends with it.
fn one_line(plan: &Replacement) -> String {
    plan.users.to_string().chars().filter(|letter| !letter.is_control()).collect()
}
