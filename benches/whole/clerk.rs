//! The simulator in a process of its own, which can be asked what it saw.

use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use db2clerk::simulator::{self, RateLimit, Settings};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The word that makes this program a simulator.
pub(crate) const SERVE: &str = "simulator";

/// How often a simulator looks at its own counts.
const GLANCE: Duration = Duration::from_millis(2);

/// A simulator. It ends with us, or when this is dropped.
pub(crate) struct Clerk {
    pub(crate) url: String,
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// What a simulator saw.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) creates: u64,
    pub(crate) repeated_creates: u64,
    pub(crate) rate_limited: u64,
    /// How it came to that.
    pub(crate) history: Vec<Moment>,
}

/// The counts at a moment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// Since 1970, in microseconds.
    pub(crate) at: u64,
    pub(crate) requests: u64,
    pub(crate) creates: u64,
}

impl Clerk {
    /// Starts a simulator without limit and latency.
    pub(crate) async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts a simulator with flags of `db2clerk simulator`.
    pub(crate) async fn with(flags: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SERVE).args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take().context("it is a pipe")?;
        let mut stdout = BufReader::new(child.stdout.take().context("it is a pipe")?).lines();
        let url = stdout.next_line().await?.context("the simulator did not start")?;
        Ok(Self { url, _child: child, stdin, stdout })
    }

    /// Asks what it saw so far.
    pub(crate) async fn seen(&mut self) -> Result<Seen> {
        self.stdin.write_all(b"\n").await?;
        let line = self.stdout.next_line().await?.context("the simulator is gone")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Fails unless so many users were made, none of them twice.
    pub(crate) async fn expect_users(&mut self, users: u64) -> Result<Seen> {
        let seen = self.seen().await?;
        let Seen { creates, repeated_creates, .. } = seen;
        ensure!(
            creates == users && repeated_creates == 0,
            "{creates} users made, {repeated_creates} twice, of {users}"
        );
        Ok(seen)
    }
}

impl Seen {
    /// The seconds from the moment so many users were made to that of so many more.
    pub(crate) fn seconds(&self, from: u64, to: u64) -> Result<f64> {
        let reached = |users: u64| self.history.iter().find(|moment| moment.creates >= users).map(|moment| moment.at);
        let (from, to) = (reached(from.max(1)).context("nobody was made")?, reached(to).context("too few were made")?);
        Ok(Duration::from_micros(to - from).as_secs_f64())
    }

    /// The seconds from the moment that the request of this number came, to that of the last one.
    pub(crate) fn seconds_from_request(&self, number: u64) -> Result<f64> {
        let reached =
            |number: u64| self.history.iter().find(|moment| moment.requests >= number).map(|moment| moment.at);
        let (from, to) = (reached(number).context("too few came")?, reached(self.requests).context("none came")?);
        Ok(Duration::from_micros(to - from).as_secs_f64())
    }
}

/// The flags that measurements need.
#[derive(Debug, Parser)]
struct Flags {
    #[arg(long, default_value_t = 0)]
    latency: u64,
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    #[arg(long)]
    rate_limit: Option<RateLimit>,
}

/// Serves until stdin ends; each line there is answered with what was seen so far.
pub(crate) async fn serve(words: Vec<String>) -> Result<ExitCode> {
    let flags = Flags::parse_from([SERVE.to_owned()].into_iter().chain(words));
    let settings = Settings {
        latency: Duration::from_millis(flags.latency),
        jitter: Duration::from_millis(flags.jitter),
        rate_limit: flags.rate_limit,
        ..Settings::default()
    };
    let simulator = Arc::new(simulator::start(settings).await?);
    let mut stdout = tokio::io::stdout();
    stdout.write_all(format!("{}\n", simulator.url()).as_bytes()).await?;
    stdout.flush().await?;
    let history = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(keep(Arc::clone(&simulator), Arc::clone(&history)));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let now = simulator.counts();
        let mut history = history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        history.push(Moment { at: micros(), requests: now.requests, creates: now.creates });
        let seen = Seen {
            requests: now.requests,
            creates: now.creates,
            repeated_creates: now.repeated_creates,
            rate_limited: now.rate_limited,
            history,
        };
        let mut line = serde_json::to_vec(&seen)?;
        line.push(b'\n');
        stdout.write_all(&line).await?;
        stdout.flush().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Notes the counts whenever they have changed.
async fn keep(simulator: Arc<simulator::Simulator>, history: Arc<Mutex<Vec<Moment>>>) {
    let mut known = 0;
    loop {
        let now = simulator.counts();
        if now.requests != known {
            known = now.requests;
            let moment = Moment { at: micros(), requests: now.requests, creates: now.creates };
            history.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
