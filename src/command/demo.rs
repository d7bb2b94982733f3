//! `demo`: the whole job, on a sample database against the local simulator.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args as _, FromArgMatches as _};

use super::{Context, migrate};
use crate::clerk::{ApiUrl, Client, SecretKey};
use crate::config::Config;
use crate::database::create_sqlite;
use crate::exit::{Exit, Failure};
use crate::record::{ImportUser, UserId};
use crate::simulator::{RateLimit, Settings, Simulator};

/// Shows the whole job on a sample Auth.js database against a local Clerk: no account, no server, nothing leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: db2clerk demo")]
pub struct Args {}

/// An Auth.js application's database as Prisma makes it, with a few hundred users, some of whom have problems.
const SAMPLE: &str = include_str!("../../samples/demo-sqlite.sql");
const KEY: &str = "sk_live_demo";

/// Runs the command.
///
/// # Errors
/// [`Failure`], if the folder or the simulator cannot be made.
pub(super) async fn run(_args: Args, context: Context) -> Result<Exit, Failure> {
    let folder = new_folder()?;
    let database = folder.join("app.db");
    create_sqlite(&database, SAMPLE).await.context("failed to make the sample database")?;
    let simulator = simulator().await?;
    somebody_was_there_before(&simulator).await?;
    let url = format!("sqlite:{}", database.display());
    context.console.say(format!(
        "Made: a sample Auth.js database, {},\nand a stand-in for Clerk on this machine, at {}. Nothing leaves this machine.\n\n\
         Running: db2clerk migrate --preset authjs-prisma --password-column password --write-back --add-column\n",
        database.display(),
        simulator.url()
    ));
    let ledger = folder.join("ledger.db");
    let arguments = [
        "migrate",
        "--preset=authjs-prisma",
        "--password-column=password",
        "--write-back",
        "--add-column",
        "--yes",
        "--database-url",
        &url,
        "--clerk-api-url",
        &simulator.url(),
        "--ledger",
        &ledger.display().to_string(),
    ]
    .map(str::to_owned);
    let console = context.console;
    let migrating =
        Context { config: Config::of("CLERK_SECRET_KEY", KEY, "this demo"), folder: folder.clone(), ..context };
    let exit = Box::pin(migrate::run(migrate_args(&arguments)?, migrating)).await;
    simulator.stop().await;
    let exit = exit?;
    console.say(where_to_look(&folder));
    Ok(exit)
}

fn migrate_args(arguments: &[String]) -> Result<migrate::Args> {
    let command = migrate::Args::augment_args(clap::Command::new("migrate"));
    Ok(migrate::Args::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

fn new_folder() -> Result<PathBuf> {
    for number in 1..1000 {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let folder = PathBuf::from(format!("db2clerk-demo{suffix}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to make the folder `{}`", folder.display()));
            }
        }
    }
    anyhow::bail!("there are a thousand folders `db2clerk-demo-...` here; remove some")
}

/// As quick as Clerk is from a good connection, and with the limit of a production instance.
async fn simulator() -> Result<Simulator> {
    let rate_limit = Some(RateLimit { requests: 1000, window: Duration::from_secs(10) });
    let (latency, jitter) = (Duration::from_millis(120), Duration::from_millis(60));
    let settings = Settings { latency, jitter, rate_limit, ..Settings::default() };
    crate::simulator::start(settings).await.context("failed to start the local Clerk")
}

/// Two users that are in Clerk before the move: one is the application's own, the other somebody else with the same address.
async fn somebody_was_there_before(simulator: &Simulator) -> Result<()> {
    let settings = crate::clerk::Settings::new(ApiUrl::parse(&simulator.url())?, SecretKey::parse(KEY)?);
    let client = Client::new(settings)?;
    for (user_id, email) in [("demo_0007", "user7@example.com"), ("other_app_1", "user8@example.com")] {
        let mut user = ImportUser::new(UserId::new(user_id)?);
        user.email = Some(email.to_owned());
        client.create_user(client.turn().await, &user).await.map_err(anyhow::Error::from)?;
    }
    Ok(())
}

fn where_to_look(folder: &Path) -> String {
    let folder = folder.display();
    // As it was started, so that the line can be pasted: it may not be on the path.
    let program = std::env::args().next().unwrap_or_else(|| "db2clerk".to_owned());
    format!(
        "\nSome of the sample's users have problems, so that you can see how they are told. Where to look:\n  \
         {folder}/app.db      the database: the column `clerk_id` of its table `User`\n  \
         {folder}/ledger.db   what db2clerk remembers, so that it can be stopped and run again\n  \
         {folder}/migration-log-*.json   every user that did not get in, with the reasons\n\n\
         With your own database, look first and write nothing:\n  \
         export DATABASE_URL=postgres://... CLERK_SECRET_KEY=sk_test_...\n  \
         {program} migrate --preset authjs-prisma --dry-run"
    )
}
