//! `migrate`: database to Clerk, and back to `clerk_id`.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::clerk_target::ClerkTarget;
use super::database_source::{self, DatabaseSource};
use super::plan::Plan;
use super::run::{self, Job};
use super::write_target::{DEFAULT_COLUMN, Place};
use super::{Context, beside, clerk_target, ledger_file, write_target};
use crate::args::{
    ClerkArgs, ConsentArgs, DatabaseArgs, LedgerArgs, MappingArgs, QueryArgs, ReferencesArgs, SelectionArgs,
    TargetArgs, TopUpArgs, WriteBackArgs,
};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Belonging, Ledger, LedgerError, Source};

/// Moves the users of a database into Clerk; run again, it adds what is new and leaves the rest alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk migrate --preset authjs-prisma --write-back --add-column")]
pub struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    clerk: ClerkArgs,
    #[command(flatten)]
    write_back: WriteBackArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    references: ReferencesArgs,
    #[command(flatten)]
    top_up: TopUpArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Read, check and count; print what would be sent and written, and write nothing anywhere.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let url_from_flag = args.database.database_url.is_some();
    let clerk = clerk_target::open(args.clerk, &context).await?;
    if !args.dry_run {
        clerk.guard()?;
    }
    let named_ledger = context.config.ledger(args.ledger).ledger;
    let replaced =
        ledger_file::replaced_ids(named_ledger.clone(), &clerk.instance.id, args.dry_run).await.or_refuse()?;
    let replaced = replaced.as_ref();
    let database =
        database_source::open(args.database, args.query, args.mapping, Some(args.selection), replaced, &context)
            .await?;
    let mut source = database.start().await?;
    let DatabaseSource { url, query, .. } = database;
    let writes = context.config.write_back(args.write_back).write_back == Some(true);
    if args.references.references.is_some() && !writes {
        return Err(anyhow!("`--references` needs the Clerk IDs in the users table\nhint: say `--write-back` too"))
            .or_refuse();
    }
    let place = match write_target::place(args.target, Some(&query), &context) {
        // Only a write-back needs to know where.
        Err(_) if !writes => None,
        place => place.or_refuse()?,
    };
    let table = place.as_ref().map(|place| place.table.to_string());
    let backfill =
        (!writes).then(|| backfill_command(place.as_ref(), named_ledger.as_deref(), url_from_flag, &context.options));
    let write = match (writes, place) {
        (true, Some(place)) => Some(write_target::open(&url, place, replaced).await?),
        (true, None) => return Err(write_target::no_table()).or_refuse(),
        (false, _) => None,
    };
    let beside = match &write {
        Some(write) => beside::open_wanted(write, args.references, false, &context).await?,
        None => None,
    };
    let belonging = Belonging {
        instance_id: clerk.instance.id.clone(),
        production: clerk.is_production(),
        source: Source { name: url.identity(), table },
    };
    let path = ledger_file::of_instance(named_ledger, &clerk.instance.id);
    let ledger = Arc::new(open_ledger(&path, args.dry_run, &belonging).await.or_refuse()?);
    if args.dry_run {
        let mut lines = clerk.describe();
        lines.extend(write.iter().flat_map(write_target::WriteTarget::describe));
        lines.extend(beside.iter().flat_map(beside::Plan::describe));
        context.console.say(lines.join("\n"));
        return dry_run(&mut source, &ledger, &clerk, write.is_some(), args.top_up, &context).await;
    }
    let job = Job { ledger, clerk, write, beside, source, top_up: args.top_up, consent: args.consent, backfill };
    run::run(job, &context).await
}

/// The command that writes the IDs back later, to the same place, whether the column is there or not.
fn backfill_command(
    place: Option<&Place>,
    ledger: Option<&std::path::Path>,
    url_from_flag: bool,
    options: &str,
) -> String {
    let url = if url_from_flag { " --database-url URL" } else { "" };
    let ledger = ledger_file::flag(ledger);
    match place {
        Some(place) => {
            let column =
                if place.column == DEFAULT_COLUMN { String::new() } else { format!(" --column '{}'", place.column) };
            format!(
                "db2clerk{options} backfill{url} --table '{}' --key '{}'{column} --add-column{ledger}",
                place.table_as_given, place.key
            )
        }
        None => format!("db2clerk{options} backfill{url} --table TABLE --key COLUMN --add-column{ledger}"),
    }
}

async fn open_ledger(path: &std::path::Path, dry_run: bool, belonging: &Belonging) -> Result<Ledger, LedgerError> {
    let ledger = if dry_run { Ledger::temporary(Some(path)).await? } else { Ledger::open(path).await? };
    ledger.claim(belonging).await?;
    Ok(ledger)
}

async fn dry_run(
    source: &mut crate::stage::source::Source,
    ledger: &Arc<Ledger>,
    clerk: &ClerkTarget,
    writes: bool,
    top_up: TopUpArgs,
    context: &Context,
) -> Result<Exit, Failure> {
    let progress = Arc::default();
    let pulled = run::read(source, ledger, top_up, &progress, context).await?;
    run::tell_missing(&pulled, context);
    let plan = Plan::of(ledger, clerk, writes).await.context("failed to read the temporary ledger")?;
    let text =
        format!("{}\nThis was a dry run: nothing was sent, and nothing was written anywhere.", plan.describe(&pulled));
    let json = json!({
        "pulled": pulled.users,
        "pending": plan.to_send(),
        "invalid": plan.invalid(),
        "skipped": plan.skipped(),
        "gone": pulled.merged.gone,
        "changed": pulled.merged.changed,
        "vanished": pulled.merged.vanished,
        "toUpdate": plan.to_update(),
        "estimatedSeconds": plan.takes().map(|takes| takes.as_secs_f64()),
        "toWriteBack": if writes { plan.to_send() + plan.to_write() } else { 0 },
    });
    context.console.result(text, &json);
    Ok(if plan.invalid() > 0 || !pulled.missing.is_empty() { Exit::Problems } else { Exit::Done })
}
