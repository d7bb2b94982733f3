//! The most memory that a command takes at one time.

use anyhow::{Result, ensure};
use db2clerk::engine::Engine;

use crate::clerk::Clerk;
use crate::data::Users;
use crate::measured::Measured;
use crate::rig::Rig;
use crate::sheet::{MEBIBYTE, Row, Samples, Sheet, thousands};

const COMMANDS: [&str; 6] = ["export", "migrate", "backfill", "verify", "import", "migrate --write-back"];

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = "The peak of resident memory of each command, and how long it took, with SQLite and a simulator \
        in a process of its own; `migrate`, `verify` and `import` without Clerk's limit, as above.";
    sheet.section("Memory", note);
    for rows in [rig.few(), rig.rows] {
        let what = format!("commands with {} users", thousands(rows));
        sheet.attempt(&what, commands(rig, rows)).await;
    }
    if rig.huge {
        let what = format!("`export` and pull of {} users", thousands(rig.rows * 10));
        sheet.attempt(&what, huge(rig, rig.rows * 10)).await;
    }
}

async fn commands(rig: &Rig, rows: u64) -> Result<Vec<Row>> {
    let users = rig.users(Engine::Sqlite, rows).await?;
    let mut taken: [(Samples, Samples); 6] = Default::default();
    for _ in 0..rig.runs {
        for ((seconds, peaks), run) in taken.iter_mut().zip(once(rig, &users).await?) {
            seconds.push(run.seconds);
            peaks.push(bytes(&run));
        }
    }
    Ok(COMMANDS.into_iter().zip(taken).map(|(command, taken)| row(command, rows, &taken, 64.0)).collect())
}

fn row(command: &str, rows: u64, (seconds, peaks): &(Samples, Samples), most: f64) -> Row {
    let ours = format!("{}; {}", peaks.mebibytes(), seconds.seconds());
    let met = peaks.most() < most * MEBIBYTE;
    Row::new(format!("`{command}`, {} users", thousands(rows)), ours).target(format!("< {most:.0} MiB"), met)
}

fn bytes(run: &Measured) -> f64 {
    crate::sheet::float(run.peak_bytes)
}

/// One run of each command, in the order of [`COMMANDS`].
async fn once(rig: &Rig, users: &Users) -> Result<[Measured; 6]> {
    let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
    let rows = users.rows;
    let url = room.copied(users)?;
    let at = (users, url.as_str());
    let export = room.program(&rig.program, "export", at, None)?.args(["--query", "users.sql"]).run().await?;
    export.expect("written", rows)?;
    let migrate = room.program(&rig.no_limit, "migrate", at, Some(&clerk))?;
    let migrate = migrate.args(["--yes", "--query", "users.sql", "--ledger", "ledger.db"]).run().await?;
    clerk.expect_users(rows).await?;
    let table = ["--table", "users", "--key", "id", "--ledger", "ledger.db", "--yes"];
    let backfill = room.program(&rig.program, "backfill", at, None)?.args(table).run().await?;
    backfill.expect("written", rows)?;
    let verify = room.program(&rig.no_limit, "verify", at, Some(&clerk))?;
    let verify = verify.args(["--query", "users.sql", "--ledger", "ledger.db"]).run().await?;
    drop(clerk);
    let mut clerk = Clerk::start().await?;
    let import = room.program(&rig.no_limit, "import", at, Some(&clerk))?;
    let import = import.args(["users.json", "--yes", "--ledger", "import.db"]).run().await?;
    clerk.expect_users(rows).await?;
    drop(clerk);
    let (room, mut clerk) = (rig.room()?, Clerk::start().await?);
    let url = room.copied(users)?;
    let written_back = room.program(&rig.no_limit, "migrate", (users, url.as_str()), Some(&clerk))?;
    let words = ["--yes", "--query", "users.sql", "--ledger", "ledger.db", "--write-back"];
    let written_back = written_back.args(words).run().await?;
    written_back.expect("writtenBack", rows)?;
    clerk.expect_users(rows).await?;
    Ok([export, migrate, backfill, verify, import, written_back])
}

/// Reading alone, of ten times the rows.
async fn huge(rig: &Rig, rows: u64) -> Result<Vec<Row>> {
    let users = Users::make(Engine::Sqlite, rows).await?;
    let (clerk, at) = (Clerk::start().await?, (&users, users.url()));
    let (mut exports, mut pulls) = ((Samples::default(), Samples::default()), (Samples::default(), Samples::default()));
    for _ in 0..rig.runs {
        let room = rig.room()?;
        let export = room.program(&rig.program, "export", at, None)?.args(["--query", "users.sql"]).run().await?;
        export.expect("written", rows)?;
        std::fs::remove_file(room.path("users.json"))?;
        let pull = room.program(&rig.program, "migrate", at, Some(&clerk))?;
        let pull = pull.args(["--query", "users.sql", "--ledger", "none.db", "--dry-run"]).run().await?;
        ensure!(pull.number("pending")? == rows, "not all rows were pulled");
        for ((seconds, peaks), run) in [(&mut exports, export), (&mut pulls, pull)] {
            seconds.push(run.seconds);
            peaks.push(bytes(&run));
        }
    }
    Ok(vec![row("export", rows, &exports, 256.0), row("migrate --dry-run", rows, &pulls, 256.0)])
}
