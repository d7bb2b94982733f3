//! `verify`: database, ledger and Clerk compared, user by user; or one password, checked by Clerk.

mod column;
mod outcome;
mod prompt;
mod sign_in;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use self::outcome::Outcome;
use super::clerk_target::{self, ClerkTarget};
use super::database_source::{self, DatabaseSource};
use super::{Context, ledger_file, run};
use crate::args::{ClerkArgs, DatabaseArgs, LedgerArgs, MappingArgs, QueryArgs, TargetArgs};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Ledger, LedgerError, Source};
use crate::output::{Bar, Differences, Phase, count};
use crate::stage::Progress;
use crate::stage::match_clerk::walk_clerk;
use crate::stage::verify::{Difference, Findings, compare_column, compare_rest, compare_rows};

/// Compares the rows of the database, the ledger if there is one, and all users of Clerk. It writes nothing but a file of
/// differences: not to Clerk, not to the database, not to the ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: db2clerk verify --preset authjs-prisma\n          db2clerk verify --sign-in EMAIL")]
pub struct Args {
    /// Only this: ask for the password of the user with this e-mail address, and let Clerk check it. Needs no database.
    #[arg(long, value_name = "EMAIL")]
    sign_in: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    clerk: ClerkArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    match &args.sign_in {
        Some(email) => sign_in::run(email, args.clerk, &context).await,
        None => compare(args, &context).await,
    }
}

async fn compare(args: Args, context: &Context) -> Result<Exit, Failure> {
    if args.target.add_column == Some(true) {
        return Err(anyhow!("`--add-column` writes to the database, and `verify` writes nothing")).or_refuse();
    }
    let clerk = clerk_target::open(args.clerk, context).await?;
    let named_ledger = context.config.ledger(args.ledger).ledger;
    let replaced = ledger_file::replaced_ids(named_ledger.clone(), &clerk.instance.id, true).await.or_refuse()?;
    let database =
        database_source::open(args.database, args.query, args.mapping, None, replaced.as_ref(), context).await?;
    // A query that cannot be taken is told before the long walk, and none stays open during it.
    drop(database.start().await?);
    let place = column::place(args.target, &database, context).or_refuse()?;
    let table = place.table();
    let compared_to = open_ledger(named_ledger, &clerk, &database, table).await.or_refuse()?;
    let target = column::open(place, &database, context).await?;
    context.console.note(clerk.describe().join("\n"));
    context.console.note(format!("Ledger:   {}", compared_to.describe().await?));
    let mut file = Differences::new(&context.folder);
    let mut tell = |difference: &Difference| file.add(difference);
    let mut findings = Findings::new(&mut tell);
    let ledger = &compared_to.ledger;
    let clerk_users = walk(&clerk, ledger, context).await?;
    let progress = Arc::<Progress>::default();
    let bar = Bar::start(context.console, Phase::Reading, &progress);
    let mut source = database.start().await?;
    let has_ledger = compared_to.path.is_some();
    let rows = compare_rows(&mut source, ledger, target.as_ref(), has_ledger, &mut findings, &progress);
    context.or_interrupted(rows).await?.map_err(run::of_source)?;
    drop(source);
    if let Some(target) = &target {
        let column = compare_column(&database.database, target, ledger, &mut findings, &progress);
        context.or_interrupted(column).await??;
    }
    context.or_interrupted(compare_rest(ledger, &mut findings)).await??;
    drop(bar);
    let outcome = Outcome::of(findings.tally(), clerk_users, target);
    let file = file.finish()?;
    context.console.result(outcome.in_words(file.as_deref()), &outcome.json());
    Ok(outcome.exit())
}

async fn walk(clerk: &ClerkTarget, ledger: &Ledger, context: &Context) -> Result<u64, Failure> {
    let progress = Arc::default();
    let _bar = Bar::start(context.console, Phase::Walking(clerk.users), &progress);
    Ok(context.or_interrupted(walk_clerk(&clerk.client, ledger, &progress)).await??)
}

/// The temporary ledger of the comparison.
struct ComparedTo {
    ledger: Ledger,
    /// The ledger that it is a copy of, if there was one.
    path: Option<PathBuf>,
}

/// Copies the ledger of the instance, if there is one; one that was named must be there. Nobody writes it as long as the copy
/// is used: users who come into Clerk during the walk might be missed by it.
async fn open_ledger(
    named: Option<PathBuf>,
    clerk: &ClerkTarget,
    database: &DatabaseSource,
    table: Option<String>,
) -> Result<ComparedTo, LedgerError> {
    let must_be_there = named.is_some();
    let path = ledger_file::of_instance(named, &clerk.instance.id);
    if !path.exists() {
        if must_be_there {
            return Err(LedgerError::Missing(path));
        }
        return Ok(ComparedTo { ledger: Ledger::temporary(None).await?, path: None });
    }
    let ledger = Ledger::temporary(Some(&path)).await?;
    ledger.check_instance(&clerk.instance.id).await?;
    ledger.check_database(&Source { name: database.url.identity(), table }).await?;
    Ok(ComparedTo { ledger, path: Some(path) })
}

impl ComparedTo {
    async fn describe(&self) -> Result<String, LedgerError> {
        Ok(match &self.path {
            Some(path) => {
                let in_clerk = self.ledger.counts().await?.in_clerk();
                format!("{}, {} in Clerk by it", path.display(), count(in_clerk, "user"))
            }
            None => "none here; the database is compared with Clerk alone".to_owned(),
        })
    }
}
