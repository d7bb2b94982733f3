//! Servers started from programs on this machine, below a shell that outlives the tests just long enough to stop them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::Connection;

use super::Server;

/// The shells that watch over servers. Their standard input closes when this process ends, in whatever way.
static WATCHDOGS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Makes a folder, sets a server up in it, runs it, and takes both away as soon as nobody holds the other end of its standard
/// input. Signals only wake it earlier. The first argument names the folder, the second the port.
const WATCHDOG: &str = r#"
cd /
dir=$1 port=$2
trap : INT TERM HUP
mkdir -m 700 "$dir" || exit 1
{ SETUP; } >"$dir/log" 2>&1 </dev/null || { cat "$dir/log" >&2; rm -rf "$dir"; exit 1; }
SERVER >>"$dir/log" 2>&1 </dev/null &
server=$!
exec 2>/dev/null
read -r _
kill -STOP_SIGNAL $server
wait $server 2>/dev/null
rm -rf "$dir"
"#;

/// How long a server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) async fn postgres() -> Option<Server> {
    let initdb = program("initdb")?;
    let server = initdb.with_file_name("postgres");
    let (initdb, server) = (initdb.display(), server.display());
    let script = WATCHDOG
        .replace("SETUP", &format!("{initdb} -U postgres -A trust --no-sync -E UTF8 --locale=C -D \"$dir/data\""))
        .replace(
            "SERVER",
            &format!(
                "{server} -D \"$dir/data\" -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
                 -c fsync=${{TEST_POSTGRES_FSYNC:-off}} -c max_connections=300"
            ),
        )
        // The immediate shutdown: <https://www.postgresql.org/docs/current/server-shutdown.html>.
        .replace("STOP_SIGNAL", "QUIT");
    let port = free_port();
    watch("postgres", &script, port);
    let url = format!("postgres://postgres@127.0.0.1:{port}");
    ready(async || sqlx::PgConnection::connect(&format!("{url}/postgres")).await.map(drop)).await;
    Some(Server { url, stays: false })
}

pub(super) async fn mysql() -> Option<Server> {
    let server = program("mariadbd").or_else(|| program("mysqld"))?;
    let name = server.display();
    let setup = if is_mariadb(&server) {
        let install = program("mariadb-install-db").or_else(|| program("mysql_install_db"))?;
        format!(
            "{} --no-defaults --auth-root-authentication-method=normal --skip-test-db --datadir=\"$dir/data\"",
            install.display()
        )
    } else {
        format!("{name} --no-defaults --initialize-insecure --datadir=\"$dir/data\"")
    };
    let script = WATCHDOG
        .replace("SETUP", &setup)
        // A server that starts removes the temporary tables of all that share its folder for them.
        .replace(
            "SERVER",
            &format!(
                "{name} --no-defaults --datadir=\"$dir/data\" --bind-address=127.0.0.1 --port=$port --socket=\"$dir/s\" \
                 --pid-file=\"$dir/pid\" --tmpdir=\"$dir\" --innodb-flush-log-at-trx-commit=0 --max-connections=300"
            ),
        )
        .replace("STOP_SIGNAL", "KILL");
    let port = free_port();
    watch("mysql", &script, port);
    let url = format!("mysql://root@127.0.0.1:{port}");
    ready(async || sqlx::MySqlConnection::connect(&url).await.map(drop)).await;
    Some(Server { url, stays: false })
}

pub(super) fn has_mariadb() -> bool {
    program("mariadbd").or_else(|| program("mysqld")).is_some_and(|server| is_mariadb(&server))
}

fn is_mariadb(server: &Path) -> bool {
    let version = Command::new(server).arg("--version").output().expect("a server program tells its version");
    String::from_utf8_lossy(&version.stdout).contains("MariaDB")
}

/// Starts a watchdog. Both servers refuse to run as root, so that root becomes the user whom their packages made.
fn watch(user: &str, script: &str, port: u16) {
    let mut command = Command::new("sh");
    let folder = format!("db2clerk-{user}-{}-{port}", std::process::id());
    let mut parent = std::env::temp_dir();
    if let Some((uid, gid)) =
        id("root", "-u").filter(|own| *own == effective_user()).and(id(user, "-u").zip(id(user, "-g")))
    {
        command.uid(uid).gid(gid);
        parent = PathBuf::from("/tmp");
    }
    command.args(["-c", script, "watchdog"]).arg(parent.join(folder)).arg(port.to_string());
    // A group of its own: what ends the tests' group must not end the one who tidies up.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    let child = command.spawn().expect("a shell starts");
    WATCHDOGS.lock().expect("no thread panicked here").push(child);
}

fn effective_user() -> u32 {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    String::from_utf8_lossy(&id.stdout).trim().parse().expect("`id -u` prints a number")
}

fn id(user: &str, which: &str) -> Option<u32> {
    let id = Command::new("id").args([which, user]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&id.stdout).trim().parse().ok()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Waits until a server takes connections.
async fn ready(connect: impl AsyncFn() -> sqlx::Result<()>) {
    let start = Instant::now();
    while let Err(error) = connect().await {
        assert!(!a_watchdog_died(), "a database server for the tests did not start; what it said stands above");
        assert!(start.elapsed() < PATIENCE, "a database server for the tests does not answer: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn a_watchdog_died() -> bool {
    let mut watchdogs = WATCHDOGS.lock().expect("no thread panicked here");
    watchdogs.iter_mut().any(|watchdog| watchdog.try_wait().is_ok_and(|status| status.is_some()))
}

/// Finds a program in the PATH, or where packages keep servers; the newest of several versions.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/libexec"].map(PathBuf::from));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    // A link may stand alone in its folder, away from the programs it needs beside it.
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())?.canonicalize().ok()
}
