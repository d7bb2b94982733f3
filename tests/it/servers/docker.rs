//! Servers in containers, by testcontainers.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use testcontainers_modules::mariadb::Mariadb;
use testcontainers_modules::mysql::Mysql;
use testcontainers_modules::postgres::Postgres;
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{ContainerAsync, ContainerRequest, Image, ImageExt};

use super::Server;

/// The shells that remove containers. Their standard input closes when this process ends, in whatever way: testcontainers'
/// own tidying needs a `Drop`, which statics and killed processes do not have.
static WATCHDOGS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

const WATCHDOG: &str = r#"
trap : INT TERM HUP
read -r _
docker rm --force --volumes "$1" || curl --silent --request DELETE --unix-socket /var/run/docker.sock "http://localhost/containers/$1?force=1&v=1"
"#;

/// An image may have to be fetched first.
const PATIENCE: Duration = Duration::from_mins(5);

/// Returns whether a Docker engine is there to be asked.
pub(super) fn answers() -> bool {
    std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty())
        || UnixStream::connect("/var/run/docker.sock").is_ok()
}

pub(super) async fn postgres() -> Server {
    let container =
        start("postgres", Postgres::default().with_cmd(["-c", "fsync=off", "-c", "max_connections=300"])).await;
    server(container, "postgres://postgres:postgres@", 5432).await
}

pub(super) async fn mysql() -> Server {
    let container = start("mysql", Mysql::default().with_cmd(["mysqld", "--max-connections=300"])).await;
    server(container, "mysql://root@", 3306).await
}

pub(super) async fn mariadb() -> Server {
    let container = start("mariadb", Mariadb::default().with_cmd(["mariadbd", "--max-connections=300"])).await;
    server(container, "mysql://root@", 3306).await
}

async fn start<I: Image>(what: &str, request: ContainerRequest<I>) -> ContainerAsync<I> {
    let name = format!("db2clerk-test-{what}-{}", std::process::id());
    // Before the container: there is no moment at which nobody would remove it.
    let watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &name])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    WATCHDOGS.lock().expect("no thread panicked here").push(watchdog.expect("a shell starts"));
    let container = request.with_container_name(name).with_startup_timeout(PATIENCE).start().await;
    container.unwrap_or_else(|error| panic!("Docker is there, but does not start a {what} container: {error}"))
}

async fn server<I: Image>(container: ContainerAsync<I>, user: &str, port: u16) -> Server {
    let port = container.get_host_port_ipv4(port).await.expect("a container's port is published");
    // Inside a container, the host may be the bridge's address; an engine that publishes on loopback only is not there.
    let host = container.get_host().await.expect("a container has a host").to_string();
    let answers = |host: &str| TcpStream::connect((host, port)).is_ok();
    let host = [host.as_str(), "127.0.0.1"].into_iter().find(|host| answers(host)).expect("a published port answers");
    // The watchdog removes it; this handle would already when the first test ends.
    std::mem::forget(container);
    Server { url: format!("{user}{host}:{port}"), stays: false }
}
