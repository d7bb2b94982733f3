//! The machine and the versions, in words that name no host and no path.

use std::fs::read_to_string;
use std::path::Path;

use crate::it::servers::{self, TestDatabase};
use crate::measured::Program;
use crate::sheet::caught;

/// Programs that stand beside ours or make it, the flag that tells their version, and which word of the answer it is.
const PROGRAMS: [(&str, &str, usize); 5] =
    [("rustc", "-V", 1), ("psql", "-V", 2), ("mariadb", "-V", 4), ("sqlite3", "-version", 0), ("wrk", "-v", 1)];

/// One sentence on the machine, and one on what ran on it.
pub(crate) async fn describe() -> String {
    let mut machine = vec![format!("{} cores", std::thread::available_parallelism().map_or(0, std::num::NonZero::get))];
    machine.extend(labelled("/proc/cpuinfo", "model name", ':'));
    machine.extend(labelled("/proc/meminfo", "MemTotal", ':').and_then(|memory| {
        let kibibytes: f64 = memory.split_whitespace().next()?.parse().ok()?;
        Some(format!("{:.0} GiB of memory", kibibytes / 1_048_576.0))
    }));
    machine.extend(labelled("/etc/os-release", "PRETTY_NAME", '='));
    machine
        .extend(read_to_string("/proc/sys/kernel/osrelease").ok().map(|release| format!("kernel {}", release.trim())));
    let mut versions = vec![format!("db2clerk {}", env!("CARGO_PKG_VERSION"))];
    let postgres = "SELECT current_setting('server_version'), 'fsync ' || current_setting('fsync')";
    versions.push(server("PostgreSQL", Box::pin(servers::postgres()), postgres).await);
    versions.push(server("MariaDB", Box::pin(servers::mariadb()), "SELECT version()").await);
    for (program, flag, place) in PROGRAMS {
        versions.push(version(program, flag, place).await.unwrap_or_else(|| format!("no {program}")));
    }
    format!("Machine: {}. Versions: {}.", machine.join(", "), versions.join("; "))
}

/// The value behind a label, in a file of such lines.
fn labelled(file: &str, label: &str, between: char) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(label))?;
    Some(line.split_once(between)?.1.trim().trim_matches('"').to_owned())
}

/// What a server says of itself; a measurement that needs a missing one fails by itself.
async fn server(name: &str, start: impl Future<Output = TestDatabase>, sql: &str) -> String {
    let rows = caught(async { Ok(start.await.query(sql).await) }).await.unwrap_or_default();
    let told: Vec<String> = rows.into_iter().flatten().flatten().collect();
    if told.is_empty() { format!("no {name}") } else { format!("{name} {}", told.join(", ")) }
}

/// What a program says of its version.
async fn version(program: &str, flag: &str, place: usize) -> Option<String> {
    let run = Program::new(Path::new(program), &std::env::temp_dir()).args([flag]).end().await.ok()?;
    let word = run.stdout.split_whitespace().nth(place)?;
    Some(format!("{program} {}", word.trim_matches(',')))
}
