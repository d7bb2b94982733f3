//! The commands: each opens the parts, hands them to stages, and shows the result.

mod backfill;
mod beside;
mod clerk_target;
mod consent;
mod database_source;
mod demo;
mod export;
mod import;
mod ledger_file;
mod migrate;
mod plan;
mod references;
mod replace_ids;
mod run;
mod simulator;
mod status;
mod summary;
mod undo;
mod verify;
mod write_target;

use std::path::PathBuf;

use clap::Subcommand;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::Console;
use crate::shutdown::{Shutdown, Urgency};
use crate::stage::Interrupted;

/// What every command is given.
#[derive(Debug)]
pub struct Context {
    /// The settings below the flags.
    pub config: Config,
    /// Where to speak.
    pub console: Console,
    /// Hears of Ctrl-C.
    pub shutdown: Shutdown,
    /// Where log files go.
    pub folder: PathBuf,
    /// The options given before any command (`--env-file`, `--config`), for a command line to be shown.
    pub options: String,
    /// The whole command line, to be typed again; without secrets.
    pub again: String,
}

impl Context {
    /// Awaits one of the steps before anything is sent or written, unless a stop is asked for first.
    ///
    /// # Errors
    /// [`Interrupted`].
    async fn or_interrupted<T>(&self, step: impl Future<Output = T>) -> Result<T, Interrupted> {
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => Err(Interrupted),
            done = step => Ok(done),
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole job on a sample database against a local Clerk: no account, no server.
    Demo(demo::Args),
    /// Move the users of a database into Clerk, and their Clerk IDs back.
    Migrate(Box<migrate::Args>),
    /// Write the users of a database to `users.json`; needs no Clerk account.
    Export(Box<export::Args>),
    /// Bring the users of a file into Clerk.
    Import(Box<import::Args>),
    /// Write Clerk IDs into the database, of users who are in Clerk already.
    Backfill(Box<backfill::Args>),
    /// List the columns that refer to the users table, and what would stop a change of them.
    References(Box<references::Args>),
    /// Delete from Clerk what the ledger created, and nothing else.
    Undo(Box<undo::Args>),
    /// Compare database, ledger and Clerk, user by user; or let Clerk check one password.
    Verify(Box<verify::Args>),
    /// Tell where it stands, and what to run next.
    Status(status::Args),
    /// Serve a local Clerk, to try things out.
    Simulator(simulator::Args),
}

impl Command {
    /// Returns whether the command reads settings. The demo must not meet somebody's real database, nor trip over a setting.
    #[must_use]
    pub fn reads_settings(&self) -> bool {
        !matches!(self, Self::Demo(_) | Self::Simulator(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`], if it was refused or failed; problems with single users are no failure, but an [`Exit`].
    pub async fn run(self, context: Context) -> Result<Exit, Failure> {
        match self {
            Self::Demo(args) => Box::pin(demo::run(args, context)).await,
            Self::Migrate(args) => Box::pin(migrate::run(*args, context)).await,
            Self::Export(args) => Box::pin(export::run(*args, context)).await,
            Self::Import(args) => Box::pin(import::run(*args, context)).await,
            Self::Backfill(args) => Box::pin(backfill::run(*args, context)).await,
            Self::References(args) => Box::pin(references::run(*args, context)).await,
            Self::Undo(args) => Box::pin(undo::run(*args, context)).await,
            Self::Verify(args) => Box::pin(verify::run(*args, context)).await,
            Self::Status(args) => status::run(args, context).await,
            Self::Simulator(args) => simulator::run(args, context).await,
        }
    }
}
