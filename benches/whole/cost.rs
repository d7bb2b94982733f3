//! What the program costs whoever runs or builds it.

use std::path::Path;

use anyhow::Result;
use db2clerk::engine::Engine;
use futures_util::future::try_join_all;

use crate::clerk::Clerk;
use crate::measured::Program;
use crate::pace::LIMIT;
use crate::rig::Rig;
use crate::sheet::{MEBIBYTE, Row, Samples, Sheet, float, thousands};

/// How often the start is measured.
const STARTS: usize = 20;

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = "User and system time over the time that passed, at Clerk's pace and 100 ms an answer, runs side \
        by side; the program as a file; the time that `--version` takes.";
    sheet.section("Cost", note);
    let what = format!("`migrate` of {} users at Clerk's pace", thousands(rig.few()));
    sheet.attempt(&what, processor(rig, &what)).await;
    sheet.add("size", size(rig));
    sheet.attempt("start-up", start(rig)).await;
}

pub(crate) async fn measure_build(rig: &Rig, sheet: &mut Sheet) {
    sheet.section("Build", "From nothing, with the crates at hand: optimised, as people install it.");
    sheet.attempt("build from nothing", build(rig)).await;
}

async fn processor(rig: &Rig, what: &str) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rig.few()).await?;
    let once = async || {
        let mut clerk = Clerk::with(&["--rate-limit", LIMIT, "--latency", "100"]).await?;
        let run = rig.room()?.migrated(&rig.program, &users, &mut clerk).await?;
        anyhow::Ok(100.0 * run.cpu_seconds / run.seconds)
    };
    let mut shares = Samples::default();
    for share in try_join_all((0..rig.runs).map(|_| once())).await? {
        shares.push(share);
    }
    Ok(vec![Row::new(what, shares.percent("of a core")).target("< 5 %", shares.median() < 5.0)])
}

fn size(rig: &Rig) -> Result<Vec<Row>> {
    let row = |what: &str, program: &Path| {
        let bytes = std::fs::metadata(program)?.len();
        anyhow::Ok(Row::new(what, format!("{:.1} MiB", float(bytes) / MEBIBYTE)))
    };
    let mut rows = vec![row("the file, by `cargo build --release`", &rig.program.path)?];
    if let Some(dist) = &rig.dist {
        rows.push(row("the file, by `cargo build --profile dist`", dist)?);
    }
    Ok(rows)
}

async fn start(rig: &Rig) -> Result<Vec<Row>> {
    let (room, mut times) = (rig.room()?, Samples::default());
    for _ in 0..STARTS {
        let run = Program::new(&rig.program.path, &room.path("")).args(["--version"]).run().await?;
        times.push(run.seconds * 1000.0);
    }
    Ok(vec![Row::new(format!("start-up, {STARTS} times"), times.milliseconds())])
}

async fn build(rig: &Rig) -> Result<Vec<Row>> {
    let manifest = std::env::current_dir()?.join("Cargo.toml").display().to_string();
    let words = ["build", "--locked", "--release", "--manifest-path", &manifest, "--target-dir", "target"];
    let mut times = Samples::default();
    for _ in 0..rig.runs {
        let room = rig.room()?;
        let mut cargo = Program::new(Path::new("cargo"), &room.path("")).args(words);
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Ok(value) = std::env::var(name) {
                cargo = cargo.variable(name, &value);
            }
        }
        times.push(cargo.run().await?.seconds);
    }
    Ok(vec![Row::new("`cargo build --release`", times.seconds())])
}
