//! What grows with the number of users, and what must not.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use db2clerk::engine::Engine;

use crate::clerk::{Clerk, Seen};
use crate::data::Users;
use crate::rig::{Rig, Room};
use crate::sheet::{MEBIBYTE, Row, Samples, Sheet, float, thousands};

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = "`migrate` (SQLite) without Clerk's limit and without latency, as under Ceiling. The ratio is of \
        the time a user takes, to that of the line before. The pause of a resumed run is the time from \
        the end of its pull to its first request. The simulator itself takes longer over a user the more it holds: so the \
        last users are sent once more, by a run that goes on with the same ledger and an empty simulator.";
    sheet.section("Growth", note);
    let mut before = None;
    for rows in [rig.rows / 1000, rig.few(), rig.rows / 10, rig.rows] {
        let what = format!("`migrate` of {} users", thousands(rows));
        sheet.attempt(&what, size(rig, rows, &what, &mut before)).await;
    }
    let what = format!("the last {} of {} users, into an empty simulator", thousands(rig.few()), thousands(rig.rows));
    sheet.attempt(&what, last(rig, &what)).await;
    let what = format!("resumed, {} users in the ledger", thousands(rig.rows));
    sheet.attempt(&what, resumed(rig, &what)).await;
}

async fn size(rig: &Rig, rows: u64, what: &str, before: &mut Option<f64>) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rows).await?;
    let (mut seconds, mut ledgers) = (Samples::default(), Samples::default());
    let (mut first, mut last) = (Samples::default(), Samples::default());
    let part = rig.few();
    for _ in 0..rig.runs {
        let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
        let run = room.migrated(&rig.no_limit, &users, &mut clerk).await?;
        seconds.push(run.seconds);
        ledgers.push(float(bytes(&room.path("ledger.db"))?));
        if rows > part {
            let seen = clerk.seen().await?;
            first.push(seen.seconds(1, part)?);
            last.push(seen.seconds(rows - part, rows)?);
        }
    }
    let a_user = seconds.median() / float(rows);
    let size = format!("{:.0} bytes a user", ledgers.median() / float(rows));
    let ours = format!("{}; ledger {:.1} MiB, {size}", seconds.seconds(), ledgers.median() / MEBIBYTE);
    let mut row = Row::new(what, ours).beside(format!("{:.3} ms a user", a_user * 1000.0));
    if let Some(before) = before.replace(a_user) {
        row = row.ratio(a_user / before);
    }
    let mut told = vec![row];
    if rows == rig.rows {
        let what = format!("the last {} of them", thousands(part));
        let beside = format!("the first: {}", first.seconds());
        told.push(Row::new(what, last.seconds()).beside(beside).ratio(last.median() / first.median()));
    }
    Ok(told)
}

/// The file, and what SQLite keeps beside it.
fn bytes(ledger: &Path) -> Result<u64> {
    let wal = std::fs::metadata(ledger.with_extension("db-wal")).map_or(0, |wal| wal.len());
    Ok(std::fs::metadata(ledger)?.len() + wal)
}

/// Sends the last users of a large ledger to a simulator that is as empty as the one that the first were sent to.
async fn last(rig: &Rig, what: &str) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rig.rows).await?;
    let (mut first, mut last) = (Samples::default(), Samples::default());
    let part = rig.few();
    for _ in 0..rig.runs {
        let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
        let seen = interrupted(rig, &room, &users, &mut clerk, rig.rows - 4 * part).await?;
        first.push(seen.seconds(1, part)?);
        let left = rig.rows - seen.creates;
        ensure!(left >= part, "only {left} users were left");
        let mut clerk = Clerk::start().await?;
        room.migrate(&rig.no_limit, &users, &clerk)?.run().await?.expect("created", left)?;
        // Of those who are left: as many as were first, while the simulator is as empty as it was for them.
        last.push(clerk.expect_users(left).await?.seconds(1, part)?);
    }
    let ratio = last.median() / first.median();
    let row = Row::new(what, last.seconds()).beside(format!("the first: {}", first.seconds())).ratio(ratio);
    Ok(vec![row.target("no longer, within a tenth", ratio <= 1.1)])
}

/// Runs `migrate` until so many users are made, and then stops it, as Ctrl-C does.
async fn interrupted(rig: &Rig, room: &Room, users: &Users, clerk: &mut Clerk, made: u64) -> Result<Seen> {
    let running = room.migrate(&rig.no_limit, users, clerk)?.start()?;
    while clerk.seen().await?.creates < made {
        ensure!(!running.ended(), "the first run ended before it made {made} users");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.signal("INT")?;
    let run = running.end().await?;
    ensure!(run.code == Some(130), "the interrupted run ended with {:?}:\n{}", run.code, run.stderr);
    clerk.seen().await
}

async fn resumed(rig: &Rig, what: &str) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rig.rows).await?;
    let mut pauses = Samples::default();
    for _ in 0..rig.runs {
        let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
        interrupted(rig, &room, &users, &mut clerk, rig.few()).await?;
        let mut running = room.migrate(&rig.no_limit, &users, &clerk)?.args(["-v"]).start()?;
        let pulled = micros(running.line("read into the ledger").await?);
        let first = loop {
            let moments = clerk.seen().await?.history;
            let (before, after) = moments.split_at(moments.partition_point(|moment| moment.at <= pulled));
            let known = before.last().map_or(0, |moment| moment.requests);
            if let Some(moment) = after.iter().find(|moment| moment.requests > known) {
                break moment.at;
            }
            ensure!(!running.ended(), "the resumed run sent nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        pauses.push(Duration::from_micros(first - pulled).as_secs_f64());
        running.signal("INT")?;
        running.end().await?;
        let seen = clerk.seen().await?;
        ensure!(seen.repeated_creates == 0, "{} users were sent twice", seen.repeated_creates);
    }
    Ok(vec![Row::new(what, format!("a pause of {}", pauses.seconds())).target("≤ 1 s", pauses.median() <= 1.0)])
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
