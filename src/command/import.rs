//! `import`: a users file to Clerk.

use std::path::PathBuf;

use super::run::{self, Job};
use super::{Context, clerk_target, database_source, ledger_file};
use crate::args::{ClerkArgs, ConsentArgs, LedgerArgs, MappingArgs, SelectionArgs, TopUpArgs};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Belonging, Ledger};
use crate::mapping::ElementMapping;
use crate::stage::source::{Origin, Source};
use crate::users_file;

/// Brings the users of a file into Clerk: a JSON array, or an object a line, as `export` and Clerk's own tools write them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: curl https://app.example.com/api/users | db2clerk import -")]
pub struct Args {
    /// The file; `-` reads stdin.
    #[arg(value_name = "FILE", default_value = "users.json")]
    file: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    clerk: ClerkArgs,
    #[command(flatten)]
    top_up: TopUpArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let options = database_source::options(context.config.mapping(args.mapping)).or_refuse()?;
    let selection = database_source::selected(&context, args.selection).or_refuse()?;
    let reader = users_file::open(&args.file).or_refuse()?;
    let clerk = clerk_target::open(args.clerk, &context).await?;
    clerk.guard()?;
    let named_ledger = context.config.ledger(args.ledger).ledger;
    let ledger_flag = ledger_file::flag(named_ledger.as_deref());
    let path = ledger_file::of_instance(named_ledger, &clerk.instance.id);
    let ledger = Ledger::open(&path).await.or_refuse()?;
    let belonging = Belonging {
        instance_id: clerk.instance.id.clone(),
        production: clerk.is_production(),
        source: crate::ledger::Source::users_file(),
    };
    ledger.claim(&belonging).await.or_refuse()?;
    context.console.note(format!(
        "Source:   {}",
        if args.file.as_os_str() == "-" { "stdin".into() } else { args.file.display().to_string() }
    ));
    let origin = Origin::Elements { elements: users_file::elements(reader), mapping: ElementMapping::new(options) };
    let job = Job {
        ledger: ledger.into(),
        clerk,
        write: None,
        beside: None,
        source: Source::new(origin, selection),
        top_up: args.top_up,
        consent: args.consent,
        backfill: Some(format!(
            "db2clerk{} backfill --database-url URL --table TABLE --key COLUMN{ledger_flag}",
            context.options
        )),
    };
    Box::pin(run::run(job, &context)).await
}
