//! The whole program, measured: real data, real servers, the real binary in a process of its own. `scripts/benchmark`
//! runs it.
//!
//! Each group of measurements is a file; it makes what it needs with the [`rig`], and puts its rows on the [`sheet`].
//! Every measurement also checks its result: rows written, users made, lines of a file.

mod ceiling;
mod clerk;
mod cost;
mod data;
mod growth;
mod machine;
mod measured;
mod memory;
mod pace;
mod reading;
mod references;
mod rig;
mod sheet;
mod writing;

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/it"]
mod it {
    pub(crate) mod servers;
}

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use rig::Rig;
use sheet::Sheet;

/// Measure the whole program.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure. Default: everything
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,

    /// Users in the largest measurements; the others take a hundredth of it, or a tenth
    #[arg(long, default_value_t = FULL, value_parser = clap::value_parser!(u64).range(1000..))]
    rows: u64,

    /// How often each measurement is made; medians are told
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Also measure memory at ten times the rows
    #[arg(long)]
    huge: bool,

    /// The program as it is handed out
    #[arg(long, hide = true)]
    program: PathBuf,

    /// The program, built with the profile `dist`
    #[arg(long, hide = true)]
    dist: Option<PathBuf>,
}

/// The size of a published table.
const FULL: u64 = 1_000_000;

/// Measurements that share data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Against Clerk's limit, at several latencies
    Pace,
    /// Without a limit, against wrk
    Ceiling,
    /// Peak memory of the commands
    Memory,
    /// Pull and export, against the engines' own clients
    Reading,
    /// Write-back, against hand-written statements
    Writing,
    /// Clerk IDs beside columns that refer to users, in as many rows and in ten times as many
    References,
    /// From a thousandth of the rows to all of them
    Growth,
    /// Processor, size and start-up
    Cost,
    /// A build from nothing
    Build,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let runtime = Runtime::new().expect("a runtime");
    let code = match arguments.next().as_deref() {
        Some(clerk::SERVE) => runtime.block_on(clerk::serve(arguments.collect())),
        Some("--bench") => Ok(by_cargo()),
        Some(measured::RUN) => runtime.block_on(measured::serve(arguments.collect())),
        _ => runtime.block_on(measure(Args::parse())),
    };
    runtime.shutdown_background();
    code.unwrap_or_else(|error| {
        let _ = writeln!(stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

/// What `cargo bench` runs: it has no program to measure that is as people get it.
fn by_cargo() -> ExitCode {
    let _ = writeln!(stderr(), "The whole program is measured by scripts/benchmark.");
    ExitCode::SUCCESS
}

/// Measures what is asked for. Dropping what is under way, as Ctrl-C does, ends every process and removes every file.
async fn measure(args: Args) -> Result<ExitCode> {
    let rig = Rig::new(&args)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let measured = tokio::select! {
        measured = measure_groups(&args, &rig) => measured,
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    };
    measured::end_all();
    measured
}

async fn measure_groups(args: &Args, rig: &Rig) -> Result<ExitCode> {
    let publish = args.rows == FULL && args.runs >= 3;
    let groups = if args.groups.is_empty() { Group::value_variants() } else { &args.groups };
    let machine = machine::describe().await;
    let mut sheet = Sheet::default();
    for group in groups {
        match group {
            Group::Pace => pace::measure(rig, &mut sheet).await,
            Group::Ceiling => ceiling::measure(rig, &mut sheet).await,
            Group::Memory => memory::measure(rig, &mut sheet).await,
            Group::Reading => reading::measure(rig, &mut sheet).await,
            Group::Writing => writing::measure(rig, &mut sheet).await,
            Group::References => references::measure(rig, &mut sheet).await,
            Group::Growth => growth::measure(rig, &mut sheet).await,
            Group::Cost => cost::measure(rig, &mut sheet).await,
            Group::Build => cost::measure_build(rig, &mut sheet).await,
        }
        if publish {
            // After each group: what was measured stays, whatever becomes of the next one.
            sheet.publish(&machine, args.runs)?;
        }
    }
    sheet.print(&machine, args.runs)?;
    Ok(if sheet.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
