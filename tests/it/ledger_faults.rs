//! What goes wrong with the ledger's own files: the run stops before a request goes out whose answer could not be kept, says what
//! to do, and goes on when it is done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use db2clerk::kill_point::Point;
use sqlx::{ConnectOptions, Connection};

use crate::kills::rig::{ARGUMENTS, End, Rig, Toll, below_shell};
use crate::program::Run;
use crate::servers;

/// The rig's requests on their way at one time.
const CONCURRENCY: u64 = 4;
const LATENCY: Duration = Duration::from_millis(5);

/// Runs a migration that cannot write more than so many blocks of 512 bytes into any one file.
async fn run_on_a_small_disk(rig: &Rig, blocks: u32) -> Run {
    let first = format!("trap '' XFSZ; ulimit -f {blocks}");
    let mut command = below_shell(&rig.program.command(&ARGUMENTS), &first);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task").expect("a shell starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

async fn status(rig: &Rig) -> serde_json::Value {
    rig.program.run(&["status", "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_run_stops_at_once_and_goes_on_when_there_is_room() {
    let (mut stopped_in_pull, mut stopped_in_push) = (0, 0);
    let mut database = servers::postgres().await;
    for blocks in [0, 1, 16, 128, 400, 1_000, 1_300, 1_600, 2_000, 2_400, 2_800] {
        let rig = Rig::new(database, 300, LATENCY).await;
        let run = run_on_a_small_disk(&rig, blocks).await;
        assert!([1, 2].contains(&run.code), "{blocks} blocks: {run:?}");
        run.expect_told(".db2clerk").expect_told("\nhint: ").expect_told("disk");
        let made = rig.simulator.counts().creates;
        if made == 0 {
            stopped_in_pull += 1;
        } else {
            stopped_in_push += 1;
            let recorded = status(&rig).await["created"].as_u64().expect("a number");
            // One batch that could not be recorded, and what was on its way meanwhile.
            assert!(made - recorded <= 2 * CONCURRENCY, "{blocks} blocks: {made} made, {recorded} recorded");
            assert!(made < 300, "{blocks} blocks are enough");
        }
        assert_eq!(rig.finish().await, Toll::default(), "{blocks} blocks");
        rig.simulator.stop().await;
        database = rig.database;
    }
    assert!(stopped_in_pull >= 3 && stopped_in_push >= 3, "{stopped_in_pull} in pull, {stopped_in_push} in push");
}

/// Nobody can make a file there, not even root.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_written_nothing_is_sent() {
    let rig = Rig::new(servers::sqlite().await, 5, Duration::ZERO).await;
    for ledger in ["/sys/kernel/db2clerk/ledger.db", "/sys/kernel/ledger.db"] {
        let run = rig.program.run(&[&ARGUMENTS[..], &["--ledger", ledger]].concat()).await;
        run.expect_code(2)
            .expect_told("/sys/kernel/")
            .expect_told("hint: the ledger needs a folder that you may write to");
    }
    read_only_for_others(&rig).await;
    assert_eq!(rig.simulator.counts().creates, 0);
    assert_eq!(rig.finish().await, Toll::default());
    rig.simulator.stop().await;
}

/// Rights bind everybody but root, for whom the places above must do.
#[cfg(target_os = "linux")]
async fn read_only_for_others(rig: &Rig) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = rig.program.path("read-only");
    std::fs::create_dir(&folder).expect("a folder");
    if std::fs::metadata(&folder).expect("the folder").uid() == 0 {
        return;
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).expect("read-only");
    let run = rig.program.run(&[&ARGUMENTS[..], &["--ledger", "read-only/ledger.db"]].concat()).await;
    run.expect_code(2).expect_told("read-only/ledger.db").expect_told("hint: the ledger needs a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_run_no_other_gets_at_its_ledger() {
    let rig = Rig::new(servers::sqlite().await, 200, Duration::from_millis(20)).await;
    let mut first = rig.start(None);
    rig.wait_for(&mut first, || rig.simulator.counts().creates >= 10).await;
    let backfill = ["backfill", "--table", "users", "--key", "id", "--add-column", "--yes"];
    for second in [&ARGUMENTS[..], &backfill] {
        let run = rig.program.run(second).await;
        run.expect_code(2).expect_told("is in use by another db2clerk; wait for it to end, or stop it");
    }
    assert!(first.try_wait().expect("a state").is_none(), "the first is still at work");
    assert_eq!(rig.end(&mut first).await, End::Done);
    assert_eq!(rig.finish().await, Toll::default());
    rig.simulator.stop().await;
}

/// A migration that was killed when some users were done and others on their way.
async fn half_done() -> Rig {
    let rig = Rig::new(servers::sqlite().await, 60, LATENCY).await;
    let end = rig.end(&mut rig.start(Some((Point::AnswersRecorded, 4)))).await;
    assert_eq!(end, End::Killed);
    rig
}

fn ledger(rig: &Rig) -> PathBuf {
    let files = std::fs::read_dir(rig.program.path(".db2clerk")).expect("the ledger's folder");
    let mut paths = files.map(|file| file.expect("a file").path());
    paths.find(|path| path.extension().is_some_and(|extension| extension == "db")).expect("a ledger")
}

fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("the file");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("written back");
}

/// A way to damage a file of so many bytes.
type Damage = fn(&mut Vec<u8>);

fn overwrite(bytes: &mut [u8]) {
    let mut random = fastrand::Rng::with_seed(7);
    bytes.fill_with(|| random.u8(..));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_refused_and_put_back_it_goes_on() {
    let rig = half_done().await;
    // Its log is emptied into the file, where the damage is to be.
    status(&rig).await;
    let ledger = ledger(&rig);
    let sound = std::fs::read(&ledger).expect("the ledger");
    let made = rig.simulator.counts().creates;
    let damages: [(&str, Damage); 8] = [
        ("garbage at the head", |bytes| overwrite(&mut bytes[..100])),
        ("garbage behind the head", |bytes| overwrite(&mut bytes[100..4096])),
        ("a page of garbage", |bytes| overwrite(&mut bytes[4096..8192])),
        ("garbage in the middle", |bytes| {
            let quarter = bytes.len() / 4;
            overwrite(&mut bytes[quarter..3 * quarter]);
        }),
        ("garbage at the end", |bytes| {
            let third = bytes.len() / 3;
            overwrite(&mut bytes[2 * third..]);
        }),
        ("zeros in the middle", |bytes| {
            let quarter = bytes.len() / 4;
            bytes[quarter..3 * quarter].fill(0);
        }),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("nothing of it", Vec::clear),
    ];
    for (what, damage) in damages {
        change(&ledger, damage);
        let run = rig.program.run(&ARGUMENTS).await;
        assert_eq!(run.code, 2, "{what}: {run:?}");
        run.expect_told("the ledger `.db2clerk/ins_")
            .expect_told("is damaged: ")
            .expect_told("hint: put a copy of it back");
        assert_eq!(rig.simulator.counts().creates, made, "{what}: nothing is sent");
        for suffix in ["-wal", "-shm"] {
            // What the refused run left beside the damaged file belongs to that one.
            let _ = std::fs::remove_file(beside(&ledger, suffix));
        }
        std::fs::write(&ledger, &sound).expect("put back");
    }
    assert_eq!(rig.finish().await, Toll::default());
    rig.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_a_newer_version_is_refused_and_left_as_it_is() {
    let rig = half_done().await;
    status(&rig).await;
    let ledger = ledger(&rig);
    let made = rig.simulator.counts().creates;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'x', 1, x'00', 0)";
    execute(&ledger, newer).await;
    let bytes = std::fs::read(&ledger).expect("the ledger");
    let run = rig.program.run(&ARGUMENTS).await;
    run.expect_code(2).expect_told("was written by a newer db2clerk; use that version, or a newer one");
    assert_eq!(rig.simulator.counts().creates, made);
    assert_eq!(std::fs::read(&ledger).expect("the ledger"), bytes);
    execute(&ledger, "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    assert_eq!(rig.finish().await, Toll::default());
    rig.simulator.stop().await;
}

async fn execute(path: &Path, sql: &'static str) {
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.expect("opened");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("executed");
    connection.close().await.expect("closed");
}

/// Runs a migration whose ledger has lost some of its memory: who is in Clerk is found there.
async fn finish_from_memory_of_clerk(rig: &Rig, what: &str) -> (u64, u64) {
    assert_eq!(rig.end(&mut rig.start(None)).await, End::Done, "{what}");
    assert_eq!(rig.count_toll().await, Toll::default(), "{what}");
    let status = status(rig).await;
    let count = |state: &str| status[state].as_u64().expect("a number");
    assert_eq!(count("created") + count("adopted"), 60, "{what}: {status}");
    (count("created"), count("adopted"))
}

/// SQLite takes what it can of a log: some answers may be forgotten, and no user.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_beside_the_ledger_costs_nobody() {
    let damages: [(&str, Damage); 4] = [
        ("garbage at the head", |bytes| overwrite(&mut bytes[..32])),
        ("garbage in the second half", |bytes| {
            let half = bytes.len() / 2;
            overwrite(&mut bytes[half..]);
        }),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("nothing of it", Vec::clear),
    ];
    for (what, damage) in damages {
        let rig = half_done().await;
        change(&beside(&ledger(&rig), "-wal"), damage);
        finish_from_memory_of_clerk(&rig, what).await;
        rig.simulator.stop().await;
    }
    let rig = half_done().await;
    change(&beside(&ledger(&rig), "-shm"), |bytes| overwrite(bytes));
    assert_eq!(rig.finish().await, Toll::default(), "the index of the log is made anew");
    rig.simulator.stop().await;
}

/// What the message of a damaged ledger advises where there is no copy.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_ledger_a_migration_finds_everybody_again_in_clerk() {
    for suffixes in [&["", "-wal", "-shm", ".lock"][..], &[""]] {
        let rig = half_done().await;
        status(&rig).await;
        let made = rig.simulator.counts().creates;
        let ledger = ledger(&rig);
        for suffix in suffixes {
            let _ = std::fs::remove_file(beside(&ledger, suffix));
        }
        let (created, adopted) = finish_from_memory_of_clerk(&rig, "moved away").await;
        assert_eq!((created, adopted), (60 - made, made), "who was there counts as there before");
        rig.simulator.stop().await;
    }
}

/// A kill between the folder and its `.gitignore` must not leave digests where git sees them.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_a_kill_left_without_gitignore_gets_one() {
    let rig = Rig::new(servers::sqlite().await, 5, Duration::ZERO).await;
    assert_eq!(rig.end(&mut rig.start(Some((Point::FolderMade, 1)))).await, End::Killed);
    assert!(!rig.program.path(".db2clerk/.gitignore").exists(), "the kill came before");
    assert_eq!(rig.finish().await, Toll::default());
    assert_eq!(rig.program.read(".db2clerk/.gitignore"), "*\n");
    // And so does one that a full disk left with an empty one.
    let rig = Rig::new(servers::sqlite().await, 5, Duration::ZERO).await;
    run_on_a_small_disk(&rig, 0).await.expect_code(2);
    assert_eq!(rig.finish().await, Toll::default());
    assert_eq!(rig.program.read(".db2clerk/.gitignore"), "*\n");
}
