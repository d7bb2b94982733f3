//! Moves the users of an Auth.js application into Clerk, straight from its database.
//!
//! ```text
//!  database ──pull──▶ ledger ──push──▶ Clerk
//!      ▲                │
//!      └───write back───┘
//!  database ──export──▶ users.json ──import──▶ ledger ──push──▶ Clerk
//! ```
//!
//! Imports run one way, downwards: commands ([`command`], [`output`]) over stages ([`stage`]) over parts ([`query_file`],
//! [`users_file`], [`database`], [`mapping`], [`ledger`], [`clerk`], [`simulator`]), which do not know each other, over words
//! ([`row`], [`record`], [`scratch`], [`engine`], [`secret`], [`shutdown`], [`kill_point`]).

pub mod args;
pub mod clerk;
pub mod cli;
pub mod command;
pub mod config;
pub mod database;
pub mod engine;
pub mod exit;
pub mod kill_point;
pub mod ledger;
pub mod mapping;
pub mod output;
pub mod query_file;
pub mod record;
pub mod row;
pub mod scratch;
pub mod secret;
pub mod shutdown;
pub mod simulator;
pub mod stage;
pub mod users_file;

use std::time::Duration;

use crate::cli::Cli;
use crate::command::Context;
use crate::config::Config;
use crate::exit::{Exit, Failure, OrRefuse};
use crate::output::Console;
use crate::shutdown::{Shutdown, Urgency};
use crate::stage::Interrupted;

/// Runs the program: everything but parsing the command line, hearing signals, and ending the process.
///
/// # Errors
/// [`Failure`], if the command was refused or failed; its message has not been printed yet.
pub async fn run(cli: Cli, shutdown: Shutdown) -> Result<Exit, Failure> {
    let config = if cli.command.reads_settings() {
        Config::load(cli.config.as_deref(), cli.env_file.as_deref()).or_refuse()?
    } else {
        Config::default()
    };
    let console = Console::new(cli.json, cli.quiet);
    let mut insisted = shutdown.clone();
    let asked = tokio::spawn(tell_of_stop(console, shutdown.clone()));
    let options = cli.options_in_words();
    let again = cli::in_words(&cli.typed);
    let context = Context { config, console, shutdown, folder: ".".into(), options, again };
    let running = Box::pin(cli.command.run(context));
    let ended = tokio::select! {
        ended = running => ended,
        () = async {
            insisted.wait_for(Urgency::Now).await;
            tokio::time::sleep(LAST_WORDS).await;
        } => Err(Interrupted.into()),
    };
    asked.abort();
    ended
}

/// Says that a stop was heard: what is on its way may take its time.
async fn tell_of_stop(console: Console, mut shutdown: Shutdown) {
    shutdown.wait_for(Urgency::Graceful).await;
    console.note("\nStopping: nothing new is begun, and what is on its way is awaited. Ctrl-C again stops at once.");
}

/// How long a command has to record and tell where it stands, once somebody insists on stopping.
const LAST_WORDS: Duration = Duration::from_secs(5);
