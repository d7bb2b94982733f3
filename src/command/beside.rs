//! `--references`: Clerk IDs beside the columns that refer to users, once the users table has them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use super::Context;
use super::write_target::WriteTarget;
use crate::args::ReferencesArgs;
use crate::database::{Beside, BesideCounts, WrittenBeside, column_path};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::output::{Bar, LeftOutFile, Phase, count, number, table};
use crate::shutdown::{Shutdown, Urgency};
use crate::stage::references::fill::{self, End, fill};
use crate::stage::references::{Wanted, choose};
use crate::stage::{BesideStep, Progress};

/// The columns to fill, looked up and not touched yet.
#[derive(Debug)]
pub(super) struct Plan {
    columns: Vec<Column>,
    written: WrittenBeside,
}

#[derive(Debug)]
struct Column {
    beside: Beside,
    /// What stands there; of rows that are not filled, what stood there before.
    counts: BesideCounts,
    /// How many rows were filled.
    filled: u64,
}

/// How the filling ended.
#[derive(Debug)]
pub(super) struct Outcome {
    columns: Vec<Column>,
    end: End,
    /// The column at which it stopped, if it did.
    stopped_at: Option<String>,
    log: Option<PathBuf>,
}

/// Opens the columns that are asked for, by the flag or in the settings; `None`, if none are. Once the IDs are replaced, there is
/// nothing to stand beside them: the flag is refused then, and the setting, which is of before, passed over.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_wanted(
    write: &WriteTarget,
    args: ReferencesArgs,
    overwrite: bool,
    context: &Context,
) -> Result<Option<Plan>, Failure> {
    let is_flag = args.references.is_some();
    let Some(wanted) = context.config.references(args).references else { return Ok(None) };
    if !write.ids_are_replaced {
        return open(write, &wanted, overwrite, context).await.map(Some);
    }
    let why = "the IDs were replaced by Clerk IDs: nothing needs to stand beside columns that refer to users";
    if is_flag {
        return Err(anyhow!("{why}\nhint: leave `--references` out")).or_refuse();
    }
    context.console.note(format!("References: passed over; {why}"));
    Ok(None)
}

/// Finds the columns that are wanted, and checks that everything that is to be done may be done. Nothing is changed yet.
///
/// # Errors
/// A refusal, if a column cannot be had or filled; a failure, if the database cannot be read.
async fn open(write: &WriteTarget, wanted: &Wanted, overwrite: bool, context: &Context) -> Result<Plan, Failure> {
    let WriteTarget { database, target, .. } = write;
    let progress = Arc::new(Progress::default());
    let _bar = Bar::start(context.console, Phase::Measuring, &progress);
    let links = context.or_interrupted(choose(database, target, wanted)).await?;
    let links = links.context("failed to find the columns that refer to users").or_refuse()?;
    let planned = context.or_interrupted(fill::plan(database, target, &links)).await?;
    let planned =
        planned.context("failed to find out how to put Clerk IDs beside columns that refer to users").or_refuse()?;
    let mut columns = Vec::new();
    for beside in planned {
        let counts = context.or_interrupted(database.count_beside(&beside)).await??;
        progress.pulled.add(1);
        columns.push(Column { beside, counts, filled: 0 });
    }
    let written = if overwrite { WrittenBeside::Replace } else { WrittenBeside::Fill };
    Ok(Plan { columns, written })
}

impl Plan {
    /// Returns the lines that say what is going to be done.
    pub(super) fn describe(&self) -> Vec<String> {
        if self.columns.is_empty() {
            return vec!["References: no column refers to the users table".to_owned()];
        }
        let mut lines = Vec::new();
        for Column { beside, counts, .. } in &self.columns {
            let sql = beside.sql();
            let to_nobody = match counts.orphans {
                0 => String::new(),
                rows => format!(", {} of them to nobody who is there", number(rows)),
            };
            lines.push(format!(
                "          beside `{}` ({} with a user ID, of {}{to_nobody}), column `{}`{}",
                beside.path(),
                number(counts.referring),
                count(counts.rows, "row"),
                beside.name,
                if sql.is_empty() { "" } else { ", by" }
            ));
            lines.extend(sql.into_iter().map(|statement| format!("            {statement};")));
        }
        lines
    }

    /// Fills the columns, one after the other, and lists what cannot be filled.
    ///
    /// # Errors
    /// If a table cannot be read, or the list not be written.
    pub(super) async fn run(
        mut self,
        write: &WriteTarget,
        progress: &Arc<Progress>,
        context: &Context,
    ) -> Result<Outcome> {
        let database = &write.database;
        let rows = self.columns.iter().map(|column| column.counts.rows).sum();
        let bar = Bar::start(context.console, Phase::Filling(rows), progress);
        let job = fill::Job { database, written: self.written, progress };
        let mut stop = context.shutdown.clone();
        let (mut end, mut stopped_at) = (End::Complete, None);
        let mut file = LeftOutFile::new(&context.folder);
        for column in &mut self.columns {
            // The users' column may have been added since the plan was made.
            column.beside.clerk_column_exists = true;
            if !matches!(end, End::Complete) {
                continue;
            }
            let before = progress.beside.get();
            // Counting and building an index may take minutes: whoever insists need not wait for it.
            end = tokio::select! {
                end = fill_one(job, column, &mut file, context.shutdown.clone()) => end?,
                () = stop.wait_for(Urgency::Now) => End::Interrupted,
            };
            column.filled = progress.beside.get() - before;
            if matches!(end, End::Stopped(_)) {
                stopped_at = Some(column_path(&column.beside.link.table, &column.beside.name));
            }
        }
        drop(bar);
        let log = context.console.or_warn(file.finish());
        Ok(Outcome { columns: self.columns, end, stopped_at, log })
    }
}

/// Fills a column, counts what it then holds, and lists what cannot be filled.
async fn fill_one(job: fill::Job<'_>, column: &mut Column, file: &mut LeftOutFile, mut stop: Shutdown) -> Result<End> {
    let (end, counts) = fill(job, &mut column.beside, column.counts.rows, &mut stop).await?;
    if let Some(counts) = counts {
        column.counts = counts;
    } else if column.beside.exists {
        job.progress.beside_step.set(BesideStep::Counting);
        column.counts = job.database.count_beside(&column.beside).await?;
    }
    if matches!(end, End::Complete) && column.counts.orphans + column.counts.without_clerk_id > 0 {
        let mut left_out = job.database.left_out(&column.beside).await?;
        while let Some(id) = left_out.next().await? {
            file.add(&column.beside, &id)?;
        }
    }
    Ok(end)
}

impl Outcome {
    /// Tells in words how it ended; begins with an empty line.
    pub(super) fn in_words(&self) -> String {
        if self.columns.is_empty() {
            return String::new();
        }
        let row = |column: &Column| {
            let counts = &column.counts;
            let numbers = [
                column.filled,
                counts.referring,
                counts.empty,
                counts.differing,
                counts.without_clerk_id,
                counts.orphans,
            ];
            let names = [column.beside.path(), column.beside.name.clone()];
            names.into_iter().chain(numbers.map(number)).collect()
        };
        let rows: Vec<Vec<String>> = self.columns.iter().map(row).collect();
        let head = ["refers to users", "beside it", "filled now", "rows", "empty", "differ", "no Clerk ID", "nobody"];
        let mut text = format!("\n\nColumns that refer to users\n{}", table::grid(&head, &rows, &[2, 3, 4, 5, 6, 7]));
        let empty = match self.end {
            End::Complete => "left empty, locked perhaps: run the same command again to go on",
            End::Stopped(_) | End::Interrupted => "not filled yet: run the same command again to go on",
        };
        let sum = |of: fn(&BesideCounts) -> u64| self.columns.iter().map(|column| of(&column.counts)).sum::<u64>();
        for (rows, what) in [
            (sum(|counts| counts.empty), empty),
            (
                sum(|counts| counts.differing),
                "with something else than their user's Clerk ID: left alone; `backfill --overwrite` replaces it where the user has one",
            ),
            (sum(|counts| counts.without_clerk_id), "of users without a Clerk ID"),
        ] {
            if rows > 0 {
                let _ = write!(text, "\n  {} {what}", count(rows, "row"));
            }
        }
        match sum(|counts| counts.orphans) {
            0 => {}
            1 => text.push_str("\n  1 row that refers to nobody who is there"),
            rows => {
                let _ = write!(text, "\n  {} rows that refer to nobody who is there", number(rows));
            }
        }
        if let Some(log) = &self.log {
            let _ = write!(text, "\n  the user IDs without a Clerk ID, or without a user: {}", log.display());
        }
        text
    }

    /// Returns the same for programs.
    pub(super) fn in_json(&self) -> Value {
        let column = |column: &Column| {
            let (link, counts) = (&column.beside.link, &column.counts);
            json!({
                "schema": link.table.schema, "table": link.table.table, "column": link.column.name,
                "beside": column.beside.name, "rows": counts.rows, "referring": counts.referring, "filled": column.filled,
                "empty": counts.empty, "differing": counts.differing, "withoutClerkId": counts.without_clerk_id,
                "referToNobody": counts.orphans,
            })
        };
        self.columns.iter().map(column).collect()
    }

    /// Returns what stopped it, in words, if anything did.
    pub(super) fn error(&self) -> Option<String> {
        let (End::Stopped(error), Some(column)) = (&self.end, &self.stopped_at) else { return None };
        Some(format!("filling `{column}` stopped: {error}"))
    }

    /// Returns the exit that this asks for.
    pub(super) fn exit(&self) -> Exit {
        let is_problem = |column: &Column| {
            let counts = &column.counts;
            counts.empty + counts.differing + counts.without_clerk_id + counts.orphans > 0
        };
        match &self.end {
            End::Interrupted => Exit::Interrupted,
            End::Complete if !self.columns.iter().any(is_problem) => Exit::Done,
            End::Complete | End::Stopped(_) => Exit::Problems,
        }
    }
}
