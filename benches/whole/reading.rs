//! Export and pull, beside the engines' own clients.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use db2clerk::engine::Engine;
use url::Url;

use crate::clerk::Clerk;
use crate::data::Users;
use crate::measured::{Measured, Program};
use crate::rig::{Rig, Room};
use crate::sheet::{Row, Samples, Sheet, thousands};

/// The engines, and how many times the time of their client an export may take.
const ENGINES: [(Engine, &str, f64); 3] =
    [(Engine::Postgres, "PostgreSQL", 1.0), (Engine::MySql, "MariaDB", 1.0), (Engine::Sqlite, "SQLite", 3.0)];

pub(crate) async fn measure(rig: &Rig, sheet: &mut Sheet) {
    let note = format!(
        "{} rows of six columns. `export` maps and checks every user, finds duplicates, and writes `users.json`; \
         the pull (`migrate --dry-run`) puts them into a ledger instead. Beside `export`, the engine's own \
         client writes the same query's rows into a file: `psql -At` with row_to_json, `mariadb --quick -N \
         --raw` with json_object, `sqlite3 -json`. Beside the pull, the export.",
        thousands(rig.rows)
    );
    sheet.section("Pull and export", note);
    for (engine, name, most) in ENGINES {
        sheet.attempt(name, beside_its_client(rig, engine, name, most)).await;
    }
}

async fn beside_its_client(rig: &Rig, engine: Engine, name: &str, most: f64) -> Result<Vec<Row>> {
    let users = rig.users(engine, rig.rows).await?;
    let clerk = Clerk::start().await?;
    let (mut exports, mut clients, mut pulls) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..rig.runs {
        let room = rig.room()?;
        clients.push(client(&users, &room).await?.seconds);
        let export = room.program(&rig.program, "export", (&users, users.url()), None)?;
        let export = export.args(["--query", "users.sql"]).run().await?;
        export.expect("written", users.rows)?;
        ensure!(lines(&room.path("users.json"))? >= users.rows, "users are missing in the file");
        exports.push(export.seconds);
        let pull = room.program(&rig.program, "migrate", (&users, users.url()), Some(&clerk))?;
        let pull = pull.args(["--query", "users.sql", "--ledger", "none.db", "--dry-run"]).run().await?;
        pull.expect("pending", users.rows)?;
        pulls.push(pull.seconds);
    }
    let ratio = exports.median() / clients.median();
    let export = Row::new(format!("`export`, {name}"), exports.seconds()).beside(clients.seconds()).ratio(ratio);
    let in_exports = pulls.median() / exports.median();
    let pull = Row::new(format!("pull, {name}"), pulls.seconds()).beside(exports.seconds()).ratio(in_exports);
    Ok(vec![
        export.target(format!("≤ {most:.0} of its client"), ratio <= most),
        pull.target("≤ 4 of `export`", in_exports <= 4.0),
    ])
}

/// Lets the engine's own client write the rows as JSON.
async fn client(users: &Users, room: &Room) -> Result<Measured> {
    let (sql, file) = (users.json_query().unwrap_or_else(|| users.query()), room.path("client.json"));
    let program = |name: &str| Program::new(Path::new(name), &room.path("")).into_file(&file);
    let program = match users.engine {
        Engine::Postgres => program("psql").args(["-X", "-At", "-c", &sql, users.url()]),
        Engine::MySql => {
            let url = Url::parse(users.url())?;
            let (host, port) = (url.host_str().context("a host")?, url.port().unwrap_or(3306));
            let database = url.path().trim_start_matches('/');
            let words = ["--no-defaults", "--quick", "-N", "--raw", "-h", host, "-P", &port.to_string()];
            let program = program("mariadb").args(words).args(["-u", url.username(), "-e", &sql, database]);
            program.variable("MYSQL_PWD", url.password().unwrap_or_default())
        }
        Engine::Sqlite => program("sqlite3").args(["-json", &users.file().display().to_string(), &sql]),
    };
    let run = program.run().await?;
    ensure!(lines(&file)? == users.rows, "the client wrote {} lines", lines(&file)?);
    std::fs::remove_file(file)?;
    Ok(run)
}

fn lines(file: &Path) -> Result<u64> {
    let (mut lines, mut reader) = (0, BufReader::new(File::open(file)?));
    while reader.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}
