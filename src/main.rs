//! Runs the program and ends the process with its exit code.

use std::process::ExitCode;

use clap::Parser;
use db2clerk::cli::Cli;
use db2clerk::output::Console;
use db2clerk::shutdown::{self, Trigger};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.verbose);
    let console = Console::new(cli.json, cli.quiet);
    let (trigger, shutdown) = shutdown::channel();
    tokio::spawn(hear_signals(trigger));
    match db2clerk::run(cli, shutdown).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.error(failure.error());
            failure.exit().into()
        }
    }
}

/// Only our own events: what libraries log may quote statements and addresses.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "db2clerk=debug",
        _ => "db2clerk=trace",
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr).init();
}

async fn hear_signals(trigger: Trigger) {
    loop {
        if signal().await.is_err() {
            return;
        }
        trigger.escalate();
    }
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
