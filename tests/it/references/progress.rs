//! How far it is, and how long it takes yet: seen on a terminal, while the filling waits for rows that somebody else holds.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use db2clerk::engine::Engine;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::app::{App, Key};
use super::beside::{Session, Stage};
use crate::servers;

/// A terminal: what a program writes into the one end comes out of the other.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("a terminal of ours");
    unlockpt(&ours).expect("an open terminal");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("a path");
    let theirs = File::options().read(true).write(true).open(name).expect("the other end");
    (File::from(ours), theirs)
}

/// Reads until a text is there that is wanted; fails if the terminal is closed before.
fn read_until(terminal: &mut File, mut is_there: impl FnMut(&str) -> bool) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !is_there(&text) {
        // A terminal whose other end is closed answers with an error.
        let read = terminal.read(&mut buffer).unwrap_or_default();
        assert!(read > 0, "the program has ended and told:\n{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

/// Returns whether the last line drawn tells rows that are done, of all, and how long it takes yet.
fn tells_how_long(text: &str, total: &str) -> bool {
    let lines = text.split(['\r', '\n']);
    lines.into_iter().any(|line| {
        let Some((before, after)) = line.split_once(&format!("/{total}  ")) else { return false };
        let done = before.rsplit(' ').next().unwrap_or_default();
        done.starts_with(|digit: char| ('1'..='9').contains(&digit))
            && after.contains("/s  ")
            && after.contains(" left  ")
            && after.contains(" rows filled")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_rows_done_of_all_and_the_time_left_while_it_fills() {
    for database in [servers::postgres().await, servers::mysql().await] {
        let stage = Stage::new(App::new(database, Key::Integer, 50, 60_000).await).await;
        let engine = stage.app.database.engine;
        stage.program.run(&["migrate", "--query", "users.sql", "--write-back", "--yes"]).await.expect_code(0);
        // Added before: who holds a row locked keeps the table from being altered.
        let text = if engine == Engine::MySql { "varchar(191) COLLATE utf8mb4_bin" } else { "text" };
        let column = format!("ALTER TABLE posts ADD COLUMN author_clerk_id {text}");
        stage.app.database.execute(&column).await;
        stage.app.database.execute("CREATE INDEX posts_author_clerk_id_idx ON posts (author_clerk_id)").await;
        // The last row: all before it is filled by then.
        let held = Session::open(&stage.app.database.url, engine).await;
        let held = held.execute("BEGIN; UPDATE posts SET title = 'x' WHERE id = 60000").await;

        let (mut ours, theirs) = terminal();
        let arguments = ["backfill", "--query", "users.sql", "--references", "posts.author_id", "--yes"];
        let mut command = stage.program.command(&arguments);
        let mut child = command.env("TERM", "xterm").stdout(Stdio::null()).stderr(theirs).spawn().expect("it starts");
        // The other end is the program's alone, so that reading ends with it.
        drop(command);
        let (mut ours, shown) = tokio::task::spawn_blocking(move || {
            let shown = read_until(&mut ours, |text| tells_how_long(text, "60,000"));
            (ours, shown)
        })
        .await
        .unwrap_or_else(|error| panic!("{engine}: {error}"));
        assert!(shown.contains("beside `"), "{engine}: what is going to be done is told before: {shown}");
        drop(held);
        let ended = tokio::task::spawn_blocking(move || {
            // Nobody may have to wait until what is drawn has been read.
            while ours.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
            child.wait().expect("it ends")
        });
        assert!(ended.await.expect("a task").success(), "{engine}");
        stage.check(&[("posts".to_owned(), "author_id".to_owned(), "author_clerk_id")]).await;
        stage.simulator.stop().await;
    }
}
