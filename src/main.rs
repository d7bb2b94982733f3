//! Runs the program and ends the process with its exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use db2clerk::cli::Cli;
use db2clerk::exit::Exit;
use db2clerk::output::Console;
use db2clerk::shutdown::{self, Trigger};
use mimalloc::MiMalloc;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

/// A user on the way is a few dozen small allocations, which glibc's own allocator takes a fifth of the time for: ours, and those of
/// SQLite, which this one serves too (its feature `override`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    cli.typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    log_to_stderr(cli.verbose);
    let console = Console::new(cli.json, cli.quiet);
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(&error.into());
            return Exit::Problems.into();
        }
    };
    let ended = runtime.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        tokio::spawn(hear_signals(trigger));
        db2clerk::run(cli, shutdown).await
    });
    // A thread may still wait for a terminal or for stdin; the end of the process must not wait for it.
    runtime.shutdown_background();
    match ended {
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
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

#[cfg(unix)]
async fn hear_signals(trigger: Trigger) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        trigger.escalate();
    }
}

#[cfg(not(unix))]
async fn hear_signals(trigger: Trigger) {
    while tokio::signal::ctrl_c().await.is_ok() {
        trigger.escalate();
    }
}
