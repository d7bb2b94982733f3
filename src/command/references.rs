//! `references`: the columns that refer to the users table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{Context, backfill, database_source, write_target};
use crate::args::{DatabaseArgs, QueryArgs, TargetArgs};
use crate::database::{Access, Database, Target, column_path, spelled};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::output::{Bar, Phase, count, number, table};
use crate::stage::Progress;
use crate::stage::references::{self, Obstacle, Reference, References, names};

/// Lists every column that refers to the users table: by foreign key, and by guess where there is none but name, type and values
/// fit. Tells what would stop a change of them, and when none is needed. Reads only, and each of these tables whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk references --preset authjs-prisma")]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Add what was found to the configuration file, for `--references` to read.
    #[arg(long)]
    write_config: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let url = database_source::url(args.database, &context).or_refuse()?;
    let header = backfill::header(args.query, &url, &context).or_refuse()?;
    let place = write_target::place(args.target, header.as_ref(), &context).or_refuse()?;
    let place = place.ok_or_else(no_table).or_refuse()?;
    let config = args.write_config.then(|| ConfigFile::open(&context)).transpose().or_refuse()?;
    let database = context.or_interrupted(Database::connect(&url, Access::Read)).await??;
    let target = context.or_interrupted(database.inspect(&place.table, &place.key, &place.column)).await?;
    let target = target.with_context(|| format!("failed to find the users in {url}")).or_refuse()?;
    context.console.note(format!("Source:   {url}, table `{}`, key `{}`", target.table, target.key));
    let progress = Arc::new(Progress::default());
    let bar = Bar::start(context.console, Phase::Measuring, &progress);
    let found = context.or_interrupted(references::find(&database, &target, &progress.pulled)).await?;
    drop(bar);
    let found = found.with_context(|| format!("failed to look for what refers to `{}`", target.table))?;
    let block = block(&target, &found);
    if let Some(config) = config {
        config.add(&block).or_refuse()?;
    }
    context.console.result(text(&target, &found, &block), &in_json(&target, &found, &block));
    Ok(Exit::Done)
}

fn no_table() -> anyhow::Error {
    anyhow::anyhow!(
        "nothing says which table holds the users\n\
         hint: say `--preset NAME`, or `--table NAME` and `--key COLUMN`"
    )
}

fn text(target: &Target, found: &References, block: &str) -> String {
    let users = format!("`{}`.`{}` ({}, {})", target.table, target.key, target.key_type, count(target.rows, "row"));
    let mut text = if found.found.is_empty() {
        format!("No column refers to {users}.\n")
    } else {
        format!("{} to {users}\n\n{}\n", refers(found.found.len()), columns(target, &found.found))
    };
    text.push_str(
        "\nIDs inside JSON, arrays and other texts, in other databases and in files are not seen by any of this.\n",
    );
    if !found.obstacles.is_empty() {
        let _ = write!(text, "\nIn the way of a change\n\n{}\n", obstacles(&found.obstacles));
    }
    if !found.found.is_empty() {
        let _ = write!(
            text,
            "\nFor `{CONFIG}`, from where `db2clerk backfill --references` takes the columns (`--write-config` adds it):\n\n{block}"
        );
    }
    let _ = write!(text, "\n{}", when_nothing_is_needed(found.key_takes_clerk_ids));
    text
}

fn refers(columns: usize) -> String {
    format!("{} {}", count(columns as u64, "column"), if columns == 1 { "refers" } else { "refer" })
}

fn columns(target: &Target, found: &[Reference]) -> String {
    let head =
        ["column", "type", "by", "ON DELETE", "ON UPDATE", "NULL", "rows", "users", "refer to nobody", "user IDs"];
    let row = |reference: &Reference| {
        let (link, measured) = (&reference.link, &reference.measured);
        let first = reference.constraints.first();
        let to = if reference.is_of_key(target) { String::new() } else { format!(", to `{}`", link.to.name) };
        let by = match first {
            Some(key) => key.name.clone().unwrap_or_else(|| "foreign key".to_owned()) + &to,
            None => "guess".to_owned(),
        };
        let action =
            |action: fn(&crate::database::ForeignKey) -> &String| first.map_or("-", |key| action(key).as_str());
        vec![
            column_path(&link.table, &link.column.name),
            link.column.type_name.clone(),
            by,
            action(|key| &key.on_delete).to_owned(),
            action(|key| &key.on_update).to_owned(),
            if link.column.nullable { "yes" } else { "no" }.to_owned(),
            number(measured.rows),
            number(measured.values),
            number(measured.orphans()),
            share(reference).map_or_else(|| "-".to_owned(), percent),
        ]
    };
    table::grid(&head, &found.iter().map(row).collect::<Vec<_>>(), &[6, 7, 8, 9])
}

/// Returns the share of the values that are users', by rows; `None` without any value.
pub(super) fn share(reference: &Reference) -> Option<f64> {
    let measured = &reference.measured;
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with one digit")]
    let share = |found: u64, filled: u64| found as f64 / filled as f64;
    (measured.filled > 0).then(|| share(measured.found, measured.filled))
}

/// Writes a share; what is not all never looks like all.
pub(super) fn percent(share: f64) -> String {
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.1} %", (share * 1000.0).floor() / 10.0) }
}

fn obstacles(found: &[Obstacle]) -> String {
    let row = |obstacle: &Obstacle| {
        let columns = match obstacle.columns.as_slice() {
            [] => String::new(),
            columns => format!(" ({})", columns.join(", ")),
        };
        vec![
            format!("{} `{}`", obstacle.kind, obstacle.name),
            format!("{}{columns}", obstacle.table),
            if obstacle.of_column { "a column beside, new IDs" } else { "new IDs" }.to_owned(),
            obstacle.why.to_owned(),
        ]
    };
    table::grid(&["what", "on", "in the way of", "it"], &found.iter().map(row).collect::<Vec<_>>(), &[])
}

/// The configuration file where none is named.
const CONFIG: &str = "db2clerk.toml";

/// Writes the columns as a setting. Guesses that are not certain are written and put out of force.
fn block(target: &Target, found: &References) -> String {
    let mut block = format!(
        "# The columns that refer to `{}`, as `db2clerk references` found them, each with the name of the column for Clerk IDs\n\
         # beside it.\nreferences = [\n",
        one_line(&target.table.to_string())
    );
    for reference in found.found.iter().filter(|reference| reference.is_of_key(target)) {
        let link = &reference.link;
        let beside = names::beside(&link.column.name);
        let entry = format!("{}={}", column_path(&link.table, &link.column.name), spelled(&beside));
        // As JSON writes a text, so does TOML; nothing of it ends the line, which may be a comment.
        let entry = Value::from(entry).to_string().replace('\u{7f}', "\\u007f");
        let share = share(reference).map_or_else(String::new, percent);
        let (mark, remark) = match (reference.constraints.is_empty(), reference.is_sure) {
            (false, _) => ("", String::new()),
            (true, true) => ("", "  # a guess: all of its values are user IDs".to_owned()),
            (true, false) => ("# ", format!("  # a guess: {share} of its values are user IDs")),
        };
        let _ = writeln!(block, "  {mark}{entry},{remark}");
    }
    block + "]\n"
}

/// Leaves out of a name what would end a line.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// The configuration file, to which the columns are to be added.
struct ConfigFile {
    path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Reads the file, which may be missing, before anything long is done in vain.
    fn open(context: &Context) -> Result<Self> {
        let path = context.config.path().unwrap_or(Path::new(CONFIG)).to_owned();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("failed to read `{}`", path.display()))?,
        };
        if context.config.references(crate::args::ReferencesArgs::default()).references.is_some() {
            bail!(
                "`{}` says already which columns refer to users\nhint: take `references` out of it, or edit it by hand",
                path.display()
            );
        }
        Ok(Self { path, text })
    }

    fn add(self, block: &str) -> Result<()> {
        let Self { path, mut text } = self;
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        std::fs::write(&path, text + block).with_context(|| format!("failed to write `{}`", path.display()))
    }
}

const SESSION_TOKEN: &str = r#"{"userId": "{{user.external_id || user.id}}"}"#;

fn when_nothing_is_needed(key_takes_clerk_ids: bool) -> String {
    let first = format!(
        "None of this is needed where only the application's own requests have to know the user: keep the old IDs, and put\n\n  \
         {SESSION_TOKEN}\n\ninto the session token (Clerk's dashboard, Sessions, Customize session token). \
         `sessionClaims.userId` is then the old ID\nof whoever was moved. "
    );
    let second = if key_takes_clerk_ids {
        "Whoever signs up later has a Clerk ID there, which fits these columns too: nothing in the database changes.\n"
    } else {
        "Whoever signs up later has a Clerk ID there, which these columns do not take: give such a user a row of its own, and its ID\n\
         to Clerk as `external_id`, before anything refers to it; or take one of the other ways.\n"
    };
    first + second
}

fn in_json(target: &Target, found: &References, block: &str) -> Value {
    let reference = |reference: &Reference| {
        let (link, measured) = (&reference.link, &reference.measured);
        let constraints: Vec<Value> = reference
            .constraints
            .iter()
            .map(|key| {
                json!({
                    "name": key.name, "columns": key.columns,
                    "to": {"schema": key.to_table.schema, "table": key.to_table.table, "columns": key.to_columns},
                    "onDelete": key.on_delete, "onUpdate": key.on_update,
                })
            })
            .collect();
        json!({
            "schema": link.table.schema, "table": link.table.table, "column": link.column.name, "type": link.column.type_name,
            "to": link.to.name, "constraints": constraints, "guess": link.is_guess, "certain": reference.is_sure,
            "nullable": link.column.nullable, "rows": measured.rows, "filled": measured.filled, "users": measured.values,
            "found": measured.found, "share": share(reference), "beside": names::beside(&link.column.name),
        })
    };
    let obstacle = |obstacle: &Obstacle| {
        json!({
            "kind": obstacle.kind, "name": obstacle.name, "schema": obstacle.table.schema, "table": obstacle.table.table,
            "columns": obstacle.columns, "ofColumnBeside": obstacle.of_column, "message": obstacle.why,
        })
    };
    json!({
        "schema": target.table.schema, "table": target.table.table, "key": target.key, "keyType": target.key_type,
        "rows": target.rows, "keyTakesClerkIds": found.key_takes_clerk_ids,
        "references": found.found.iter().map(reference).collect::<Vec<_>>(),
        "obstacles": found.obstacles.iter().map(obstacle).collect::<Vec<_>>(),
        "config": block, "sessionToken": SESSION_TOKEN,
    })
}
