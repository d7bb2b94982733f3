//! `undo`: deletes from Clerk what this ledger created, and nothing else.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use super::clerk_target::ClerkTarget;
use super::write_target::{self, WriteTarget};
use super::{Context, backfill, clerk_target, consent, database_source, ledger_file, run};
use crate::args::{ClerkArgs, ConsentArgs, DatabaseArgs, LedgerArgs, QueryArgs, TargetArgs};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Ledger, Source};
use crate::output::{Bar, Phase, count, number, table};
use crate::stage::Progress;
use crate::stage::look_up::settle_doubts;
use crate::stage::push::End;
use crate::stage::undo::{self, Emptied, Fates, Undone};

/// Deletes from Clerk the users that the ledger created, and nothing else: never one that was there before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk undo --dry-run")]
pub struct Args {
    /// Count what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    clerk: ClerkArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// What is undone beside the deletion of users who never signed in.
#[derive(Debug, Clone, Copy, clap::Args)]
struct What {
    /// Delete also users who have signed in since they were created; without it they are left alone.
    #[arg(long)]
    include_signed_in: bool,
    /// Take the user ID away again from Clerk users that `--on-conflict link` took over.
    #[arg(long)]
    unlink: bool,
    /// Empty the `clerk_id` of rows that got it from this ledger and still bear it.
    #[arg(long)]
    clear_column: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    let clerk = clerk_target::open(args.clerk, &context).await?;
    if !args.dry_run {
        clerk.guard()?;
    }
    let path = ledger_file::of_instance(context.config.ledger(args.ledger).ledger, &clerk.instance.id);
    let ledger = open_ledger(&path, args.dry_run, &clerk).await?;
    let rows = if args.what.clear_column {
        Some(open_rows(args.database, args.query, args.target, &ledger, &context).await?)
    } else {
        None
    };
    let undo = Undo { clerk, ledger, rows, what: args.what, progress: Arc::default() };
    let exit = undo.run(&path, args.dry_run, args.consent, &context).await;
    let checkpointed = undo.ledger.checkpoint().await;
    let exit = exit?;
    checkpointed?;
    Ok(exit)
}

/// A dry run works on a copy: looking up users in doubt writes what it finds.
async fn open_ledger(path: &Path, dry_run: bool, clerk: &ClerkTarget) -> Result<Ledger, Failure> {
    let ledger = Ledger::open_existing(path).await.or_refuse()?;
    ledger.check_instance(&clerk.instance.id).await.or_refuse()?;
    if !dry_run {
        return Ok(ledger);
    }
    drop(ledger);
    Ledger::temporary(Some(path)).await.or_refuse()
}

async fn open_rows(
    database: DatabaseArgs,
    query: QueryArgs,
    target: TargetArgs,
    ledger: &Ledger,
    context: &Context,
) -> Result<WriteTarget, Failure> {
    let url = database_source::url(database, context).or_refuse()?;
    let header = backfill::header(query, &url, context).or_refuse()?;
    let place = write_target::place(target, header.as_ref(), context).or_refuse()?;
    let place = place.ok_or_else(write_target::no_table).or_refuse()?;
    let asked = Source { name: url.identity(), table: Some(place.table.to_string()) };
    ledger.check_database(&asked).await.or_refuse()?;
    let replaced = ledger.replacement().await?;
    context.or_interrupted(write_target::open(&url, place, replaced.as_ref())).await?
}

struct Undo {
    clerk: ClerkTarget,
    ledger: Ledger,
    /// Where Clerk IDs are taken out again, if they are.
    rows: Option<WriteTarget>,
    what: What,
    progress: Arc<Progress>,
}

impl Undo {
    async fn run(&self, path: &Path, dry_run: bool, args: ConsentArgs, context: &Context) -> Result<Exit, Failure> {
        let console = context.console;
        let mut lines = self.clerk.describe();
        lines.push(format!("Ledger:   {}", path.display()));
        lines.extend(self.rows.iter().flat_map(WriteTarget::describe));
        console.say(lines.join("\n"));
        let found = context.or_interrupted(self.settle()).await?.context("failed to look up users in doubt")?;
        if found > 0 {
            console.note(format!("{} came to light whose answer an earlier run did not see", count(found, "user")));
        }
        let bar = Bar::start(console, Phase::Reading, &self.progress);
        let survey = undo::survey(&self.ledger, &self.clerk.client, self.what.include_signed_in, &self.progress);
        let expected = context.or_interrupted(survey).await?.context("failed to look up what would be deleted")?;
        drop(bar);
        let linked = if self.what.unlink { self.ledger.counts().await?.linked } else { 0 };
        console.say(format!("\nPlan\n{}\n", table::counts(&plan(&expected, linked))));
        if dry_run {
            Self::tell_dry_run(&expected, linked, context);
            return Ok(Exit::Done);
        }
        if expected.deleted > 0 || linked > 0 || self.rows.is_some() {
            consent::ask(run::asked(&self.clerk), args, context).await?;
        }
        self.undo(&expected, context).await
    }

    async fn settle(&self) -> anyhow::Result<u64> {
        settle_doubts(&self.ledger, &self.clerk.client, false).await
    }

    async fn undo(&self, expected: &Fates, context: &Context) -> Result<Exit, Failure> {
        let (client, shutdown) = (&self.clerk.client, &context.shutdown);
        let bar = Bar::start(context.console, Phase::Undoing(expected.deleted), &self.progress);
        let undone =
            undo::delete(&self.ledger, client, self.what.include_signed_in, &self.progress, shutdown.clone()).await?;
        let (mut undone, mut given_back) = (undone, 0);
        if undone.end == End::Complete && self.what.unlink {
            let unlinked = undo::unlink(&self.ledger, client, shutdown.clone()).await?;
            given_back = unlinked.fates.deleted;
            undone.end = unlinked.end;
            undone.failed.extend(unlinked.failed);
        }
        let end = undone.end.clone();
        drop(bar);
        let emptied = match &self.rows {
            Some(rows) if end == End::Complete => {
                Some(undo::clear_column(&self.ledger, &rows.database, &rows.target, shutdown).await?)
            }
            _ => None,
        };
        let (emptied, column_error) = match emptied {
            Some(Ok(emptied)) => (Some(emptied), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        self.tell(&undone, given_back, emptied.as_ref(), context).await?;
        for (user_id, error) in undone.failed.iter().take(MOST_TOLD) {
            context.console.say(format!("error: user `{user_id}` was not let go: {error}"));
        }
        if let End::Stopped(error) = &end {
            context.console.say(format!("error: stopped before everything was undone: {}", error.message));
        }
        if let Some(error) = &column_error {
            context.console.say(format!("error: the column was not emptied to the end: {error}"));
        }
        let refused = emptied.is_some_and(|emptied| emptied.refused > 0);
        Ok(match end {
            _ if shutdown.requested() => {
                context.console.say(format!("To go on from here: {}", context.again));
                Exit::Interrupted
            }
            End::Complete if undone.failed.is_empty() && column_error.is_none() && !refused => Exit::Done,
            _ => {
                context.console.say(format!("To go on from here: {}", context.again));
                Exit::Problems
            }
        })
    }

    fn tell_dry_run(expected: &Fates, linked: u64, context: &Context) {
        let text = "This was a dry run: nothing was deleted, and nothing was written anywhere.";
        let json = json!({
            "toDelete": expected.deleted,
            "goneAlready": expected.gone_already,
            "signedIn": expected.signed_in,
            "reassigned": expected.reassigned,
            "toUnlink": linked,
        });
        context.console.result(text, &json);
    }

    async fn tell(
        &self,
        undone: &Undone,
        given_back: u64,
        emptied: Option<&Emptied>,
        context: &Context,
    ) -> anyhow::Result<()> {
        let counts = self.ledger.counts().await?;
        let Fates { gone_already, deleted, signed_in, reassigned } = undone.fates;
        let failed = undone.failed.len() as u64;
        let (cleared, refused) = emptied.map_or((0, 0), |emptied| (emptied.cleared, emptied.refused));
        let mut rows = vec![("deleted".to_owned(), deleted, String::new())];
        for (what, how_many, remark) in [
            ("gone already", gone_already, "they were not in Clerk any more"),
            ("left: signed in since", signed_in, "`--include-signed-in` deletes them too"),
            ("left: another user ID", reassigned, "somebody gave them another one in Clerk"),
            ("not deleted", failed, "Clerk did not let them go"),
            ("given back", given_back, "taken over before; without your user ID again"),
            ("rows emptied", cleared, "of the Clerk ID we had written"),
            ("rows not emptied", refused, "refused or locked; run the same command again"),
        ] {
            if how_many > 0 {
                rows.push((what.to_owned(), how_many, remark.to_owned()));
            }
        }
        let mut text = format!("Undone\n{}", table::counts(&rows));
        if counts.in_clerk() > 0 {
            let left = format!(
                "\n\n{} of this ledger {} still in Clerk: {} were there before, {} we made.",
                count(counts.in_clerk(), "user"),
                if counts.in_clerk() == 1 { "is" } else { "are" },
                number(counts.of(crate::ledger::State::Adopted)),
                number(counts.of(crate::ledger::State::Created)),
            );
            text.push_str(&left);
        }
        text.push_str("\n`db2clerk migrate --recreate` (or `import --recreate`) brings deleted users back.");
        let json = json!({
            "deleted": deleted,
            "goneAlready": gone_already,
            "signedIn": signed_in,
            "reassigned": reassigned,
            "failed": failed,
            "unlinked": given_back,
            "rowsCleared": cleared,
            "rowsNotCleared": refused,
            "inClerk": counts.in_clerk(),
        });
        context.console.result(text, &json);
        Ok(())
    }
}

/// The most users told one by one.
const MOST_TOLD: usize = 20;

fn plan(expected: &Fates, linked: u64) -> Vec<(String, u64, String)> {
    let mut rows = vec![("users to be DELETED from Clerk".to_owned(), expected.deleted, String::new())];
    for (what, users, remark) in [
        ("gone already", expected.gone_already, "they count as deleted"),
        ("left alone: signed in since", expected.signed_in, "`--include-signed-in` deletes them too"),
        ("left alone: another user ID", expected.reassigned, "somebody gave them another one in Clerk"),
        ("taken over, to be given back", linked, "they stay in Clerk, without your user ID"),
    ] {
        if users > 0 {
            rows.push((what.to_owned(), users, remark.to_owned()));
        }
    }
    rows
}
