//! `backfill`: Clerk IDs into the database, from the ledger or from Clerk itself.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;
use tokio::sync::watch;

use super::consent::Asked;
use super::database_source;
use super::write_target::{self, WriteTarget};
use super::{Context, beside, clerk_target, consent, ledger_file, replace_ids, run};
use crate::args::{
    ClerkArgs, ConsentArgs, DatabaseArgs, LedgerArgs, MappingArgs, QueryArgs, ReferencesArgs, TargetArgs,
};
use crate::exit::{Exit, Failure, OrRefuse};
use crate::ledger::{Counts, Ledger, Problems, Source, State, WriteBack};
use crate::output::{Bar, Phase, count, number, table, write_log};
use crate::query_file::{self, QueryFile};
use crate::shutdown::Urgency;
use crate::stage::match_clerk::{Matching, match_rows, walk_clerk};
use crate::stage::write_back::{self, Whose, write_back};
use crate::stage::{Counter, Progress};

/// Where the Clerk IDs are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum From {
    /// The ledger of `migrate` or `import`
    #[default]
    Ledger,
    /// Clerk itself: all users of the instance, matched by `external_id`, whoever imported them
    Clerk,
}

/// Writes Clerk IDs into the database, of users who are in Clerk already. Only rows without an ID are written, and no other
/// column changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk backfill --from clerk --preset authjs-prisma --add-column")]
pub struct Args {
    /// Where the Clerk IDs are known.
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// Replace IDs that stand in rows and are not the user's: those of a development instance, say.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    references: ReferencesArgs,
    #[command(flatten)]
    replace_ids: replace_ids::ReplaceArgs,
    #[command(flatten)]
    clerk: ClerkArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl Args {
    fn dry_run(&self) -> bool {
        self.replace_ids.dry_run
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`], if it was refused or failed.
pub(super) async fn run(args: Args, context: Context) -> Result<Exit, Failure> {
    if args.replace_ids.replace_ids {
        return replace(args, &context).await;
    }
    match args.from {
        From::Ledger => from_ledger(args, &context).await,
        From::Clerk => from_clerk(args, &context).await,
    }
}

/// The Clerk IDs are in the database already: Clerk is not needed, and a ledger only to remember.
async fn replace(args: Args, context: &Context) -> Result<Exit, Failure> {
    let url = database_source::url(args.database, context).or_refuse()?;
    let header = header(args.query, &url, context).or_refuse()?;
    let place = write_target::place(args.target, header.as_ref(), context).or_refuse()?;
    let place = place.ok_or_else(write_target::no_table).or_refuse()?;
    replace_ids::run(args.replace_ids, args.references, args.ledger, args.consent, &url, place, context).await
}

async fn from_ledger(args: Args, context: &Context) -> Result<Exit, Failure> {
    let dry_run = args.dry_run();
    let path = ledger_file::only(context.config.ledger(args.ledger).ledger).or_refuse()?;
    let url = database_source::url(args.database, context).or_refuse()?;
    let header = header(args.query, &url, context).or_refuse()?;
    let place = write_target::place(args.target, header.as_ref(), context).or_refuse()?;
    let place = place.ok_or_else(write_target::no_table).or_refuse()?;
    let ledger = Ledger::open_existing(&path).await.or_refuse()?;
    let asked_source = Source { name: url.identity(), table: Some(place.table.to_string()) };
    ledger.check_database(&asked_source).await.or_refuse()?;
    let belonging = ledger.belonging().await?;
    let (instance, production) = belonging.map_or(("none".to_owned(), true), |own| (own.instance_id, own.production));
    let kind = if production { "production" } else { "development" };
    let replaced = ledger.replacement().await?;
    let write = context.or_interrupted(write_target::open(&url, place, replaced.as_ref())).await??;
    let beside = beside::open_wanted(&write, args.references, args.overwrite, context).await?;
    let in_clerk = ledger.count_in_clerk().await?;
    context.console.say(format!("Clerk:    {kind} instance `{instance}`, {} in the ledger", count(in_clerk, "user")));
    let settings = context.config.clerk(args.clerk).or_refuse()?;
    let given = !production && settings.import_to_dev_instance == Some(true);
    let job = Backfill {
        ledger,
        in_clerk,
        write,
        beside,
        overwrite: args.overwrite,
        dry_run,
        asked: Asked { word: kind, given },
        consent: args.consent,
    };
    job.run(None, context).await
}

async fn from_clerk(args: Args, context: &Context) -> Result<Exit, Failure> {
    let dry_run = args.dry_run();
    let clerk = clerk_target::open(args.clerk, context).await?;
    if !dry_run {
        clerk.guard()?;
    }
    // No password is sent anywhere, so that none can be left behind.
    let no_passwords = args.query.no_passwords.or(args.query.password_column.is_none().then_some(true));
    let query = QueryArgs { no_passwords, ..args.query };
    let database = database_source::open(args.database, query, args.mapping, None, None, context).await?;
    // A query that cannot be taken is told before the long walk, and none stays open during it.
    drop(database.start().await?);
    let place = write_target::place(args.target, Some(&database.query), context).or_refuse()?;
    let place = place.ok_or_else(write_target::no_table).or_refuse()?;
    let write = context.or_interrupted(write_target::open(&database.url, place, None)).await??;
    let beside = beside::open_wanted(&write, args.references, args.overwrite, context).await?;
    context.console.say(clerk.describe().join("\n"));
    let ledger = Ledger::temporary(None).await?;
    let progress = Arc::default();
    let bar = Bar::start(context.console, Phase::Reading, &progress);
    let clerk_users = context.or_interrupted(walk_clerk(&clerk.client, &ledger, &progress)).await??;
    let mut source = database.start().await?;
    let matching = context.or_interrupted(match_rows(&mut source, &ledger, clerk_users, &progress)).await?;
    let matching = matching.map_err(run::of_source)?;
    drop(bar);
    let (overwrite, asked) = (args.overwrite, run::asked(&clerk));
    let in_clerk = ledger.count_in_clerk().await?;
    let job = Backfill { ledger, in_clerk, write, beside, overwrite, dry_run, asked, consent: args.consent };
    job.run(Some(matching), context).await
}

/// The header of the query that the users came from, which names table and key; the query itself is not run.
pub(super) fn header(
    args: QueryArgs,
    url: &crate::database::DatabaseUrl,
    context: &Context,
) -> anyhow::Result<Option<QueryFile>> {
    let args = context.config.query(args);
    match (args.query, args.preset) {
        (Some(path), _) => Ok(Some(QueryFile::read(&path)?)),
        (None, Some(name)) => Ok(Some(query_file::preset(&name, url.engine())?.query(&[], None))),
        (None, None) => Ok(None),
    }
}

/// The users of a ledger that are not in Clerk, for whatever reason: their rows get no Clerk ID.
fn not_in_clerk(counts: &Counts) -> u64 {
    let states = [State::Invalid, State::Conflict, State::Rejected];
    counts.to_send() + counts.skipped + states.iter().map(|state| counts.of(*state)).sum::<u64>()
}

struct Backfill {
    ledger: Ledger,
    /// Users of it that are in Clerk.
    in_clerk: u64,
    write: WriteTarget,
    beside: Option<beside::Plan>,
    overwrite: bool,
    dry_run: bool,
    asked: Asked<'static>,
    consent: ConsentArgs,
}

impl Backfill {
    async fn run(mut self, matching: Option<Matching>, context: &Context) -> Result<Exit, Failure> {
        let mut lines = self.write.describe();
        lines.extend(self.beside.iter().flat_map(beside::Plan::describe));
        context.console.say(lines.join("\n"));
        let waiting = self.in_clerk;
        let replaces = if self.overwrite { "; IDs that stand there and differ are REPLACED" } else { "" };
        context.console.say(format!(
            "          {} to be compared with the rows, and written where none stands{replaces}\n",
            count(waiting, "Clerk ID")
        ));
        if self.dry_run {
            let json = json!({ "toCompare": waiting, "dryRun": true });
            context.console.result("This was a dry run: nothing was written anywhere.", &json);
            return Ok(Exit::Done);
        }
        if waiting > 0 || self.beside.is_some() {
            consent::ask(self.asked, self.consent, context).await?;
            self.write.prepare().await?;
        }
        let progress = Arc::new(Progress::default());
        let bar = Bar::start(context.console, Phase::Writing(waiting), &progress);
        // All of them are there.
        let (_all, more_to_come) = watch::channel(false);
        let WriteTarget { database, target, .. } = &self.write;
        let shown = Arc::clone(&progress);
        let (ledger, progress, overwrite) = (&self.ledger, &*progress, self.overwrite);
        let job = write_back::Job { ledger, database, target, whose: Whose::Everybody, overwrite, progress };
        let mut shutdown = context.shutdown.clone();
        let end = tokio::select! {
            end = write_back(job, more_to_come, context.shutdown.clone()) => Some(end?),
            () = shutdown.wait_for(Urgency::Now) => None,
        };
        drop(bar);
        let is_over = matches!(end, Some(write_back::End::Complete));
        let beside = match self.beside.take().filter(|_| is_over) {
            Some(plan) => Some(plan.run(&self.write, &shown, context).await?),
            None => None,
        };
        let exit = self.tell(end.as_ref(), matching, beside.as_ref(), &shown, context).await?;
        self.ledger.checkpoint().await?;
        Ok(exit)
    }

    async fn tell(
        &self,
        end: Option<&write_back::End>,
        matching: Option<Matching>,
        beside: Option<&beside::Outcome>,
        progress: &Progress,
        context: &Context,
    ) -> anyhow::Result<Exit> {
        let ledger = &self.ledger;
        let counts = ledger.counts().await.context("failed to count what was written")?;
        let page = async |after| Ok(ledger.problems(Problems::OfRows, after, 500).await?);
        // To look for a few among a million takes a second.
        let log = if counts.problems_of_rows() == 0 {
            None
        } else {
            context.console.or_warn(write_log(&context.folder, page).await)
        };
        let of = |state| counts.written_back(state);
        let tried = [&progress.written, &progress.already_right, &progress.not_written].map(Counter::get);
        let waiting = self.in_clerk.saturating_sub(tried.iter().sum());
        let mut rows = vec![
            ("rows written".to_owned(), progress.written.get(), String::new()),
            ("rows already right".to_owned(), progress.already_right.get(), String::new()),
        ];
        let held =
            "left alone. A column full of a development instance's IDs is the usual case: `--overwrite` replaces them";
        let mut problem = |what: &str, rows_there: u64, remark: &str| {
            if rows_there > 0 {
                rows.push((what.to_owned(), rows_there, remark.to_owned()));
            }
            rows_there
        };
        let mut problems = problem("rows that bear another ID", of(WriteBack::Held), held)
            + problem("rows refused", of(WriteBack::Refused), "the database said no")
            + problem("rows waiting", waiting, "run the same command again to go on");
        let gone = problem("users whose row is gone", of(WriteBack::RowGone), "no row has the key any more");
        problems += gone;
        let (mut without_user, mut without_row, mut disagreeing) = (not_in_clerk(&counts), gone, 0);
        if let Some(found) = matching {
            (without_user, without_row) =
                (found.matched.without_clerk_user + found.rows_without_id, found.clerk_users_without_row);
            disagreeing = found.matched.disagreeing;
            problem("Clerk users without a row", without_row, "of another application, or deleted here");
            problems += problem(
                "rows that disagree with their Clerk user",
                disagreeing,
                "same user ID, but no e-mail address, phone number, username or wallet in common: left alone",
            );
            problems +=
                problem("rows that repeat a user ID", found.matched.repeated, "the query returns a user several times");
        }
        problems +=
            problem("rows without a Clerk user", without_user, "not in Clerk yet: `db2clerk migrate` brings them in");
        let text = format!(
            "{}{}{}",
            table::counts(&rows),
            log.map_or(String::new(), |log| format!("\n\nDetails: {}", log.display())),
            beside.map_or(String::new(), beside::Outcome::in_words)
        );
        let mut json = json!({
            "written": progress.written.get(),
            "alreadyRight": progress.already_right.get(),
            "heldByOther": of(WriteBack::Held),
            "refused": of(WriteBack::Refused),
            "rowGone": of(WriteBack::RowGone),
            "waiting": waiting,
            "withoutClerkUser": without_user,
            "disagreeing": disagreeing,
            "clerkUsersWithoutRow": without_row,
        });
        if let Some(beside) = beside {
            json["references"] = beside.in_json();
        }
        context.console.result(text, &json);
        if let Some(error) = beside.and_then(beside::Outcome::error) {
            context.console.say(format!("error: {error}"));
        }
        match end {
            Some(write_back::End::Complete) => Ok(match beside.map_or(Exit::Done, beside::Outcome::exit) {
                Exit::Done if problems > 0 => Exit::Problems,
                exit => exit,
            }),
            Some(write_back::End::Stopped(error)) => {
                context
                    .console
                    .say(format!("error: the write-back stopped after {}: {error}", number(progress.written.get())));
                Ok(Exit::Problems)
            }
            Some(write_back::End::Interrupted) | None => Ok(Exit::Interrupted),
        }
    }
}
