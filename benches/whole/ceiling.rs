//! Without a limit and without latency: what the program itself can do.

use std::path::Path;

use anyhow::{Context, Result};
use db2clerk::engine::Engine;

use crate::clerk::Clerk;
use crate::measured::Program;
use crate::rig::Rig;
use crate::sheet::{Row, Samples, Sheet, float, thousands};

/// How long wrk sends.
const WRK_SECONDS: u32 = 10;

/// Users a second that a whole run makes: three times what Clerk's migration-tool makes.
const LEAST: u64 = 15_000;

/// Requests at one time: enough to keep both sides busy.
const CONNECTIONS: u32 = 128;

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "Users a second into a simulator without limit and latency, in a process of its own on the same machine. \
         The program never goes beyond Clerk's limit; here it is told or built to keep none, and nothing else is \
         changed. wrk ({CONNECTIONS} connections, {WRK_SECONDS} s) is a load generator that sends users of the \
         same fields: it reads no database, keeps no ledger, and looks nobody up. Clerk's migration-tool cannot be installed by name; measured \
         elsewhere, on 2 cores, it made 5,000 users a second and took 9.2 GiB of memory for 1,000,000 users."
    );
    sheet.section("Ceiling", note);
    let users = rig.rows / 10;
    let what = format!("`migrate` of {} users (SQLite)", thousands(users));
    sheet.attempt(&what, against_wrk(rig, users, &what)).await;
    let others = "not run: the npm registry does not have it";
    sheet.add("Clerk's migration-tool", Ok(vec![Row::new("Clerk's migration-tool", "").beside(others)]));
}

async fn against_wrk(rig: &Rig, rows: u64, what: &str) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rows).await?;
    let (mut whole, mut sending, mut wrk) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..rig.runs {
        let mut clerk = Clerk::start().await?;
        let run = rig.room()?.migrated(&rig.no_limit, &users, &mut clerk).await?;
        whole.push(float(rows) / run.seconds);
        sending.push(float(rows) / clerk.seen().await?.seconds(1, rows)?);
        wrk.push(with_wrk(rig).await?);
    }
    let beside = format!("wrk: {}", wrk.a_second("users"));
    let row = Row::new(what, whole.a_second("users")).beside(beside.clone()).ratio(whole.median() / wrk.median());
    let row = row.target(format!("≥ {}", thousands(LEAST)), whole.median() >= float(LEAST));
    // wrk only sends: so does this part of the run.
    let ratio = sending.median() / wrk.median();
    let of_it = Row::new("of that, from the first user made to the last", sending.a_second("users")).beside(beside);
    Ok(vec![row, of_it.ratio(ratio).target("≥ 0.5 of wrk", ratio >= 0.5)])
}

/// Returns how many users a second wrk makes.
async fn with_wrk(rig: &Rig) -> Result<f64> {
    let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
    std::fs::write(room.path("create_user.lua"), include_str!("create_user.lua"))?;
    let program = Program::new(Path::new("wrk"), &room.path("")).args([
        "--threads=2",
        &format!("--connections={CONNECTIONS}"),
        &format!("--duration={WRK_SECONDS}s"),
        "--script=create_user.lua",
        &clerk.url,
    ]);
    let run = program.run().await?;
    anyhow::ensure!(!run.stdout.contains("Non-2xx"), "the simulator refused users of wrk's:\n{}", run.stdout);
    let seen = clerk.seen().await?;
    let last = seen.history.last().context("wrk made nobody")?.creates;
    Ok(float(last) / seen.seconds(1, last)?)
}
