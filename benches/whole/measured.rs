//! Programs, run and measured: how long, how much of a core, how much memory.
//!
//! A program runs below a small process of ours, for the system counts the memory of whoever starts a process as its
//! own until it has replaced itself, and we have grown.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use wait4::Wait4;

/// The word that makes this program run another one and measure it.
pub(crate) const RUN: &str = "measured-run";

/// How long a run may take: what takes longer is no result for anybody.
const PATIENCE: Duration = Duration::from_hours(1);

/// The process groups that are running.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// What a run took.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Taken {
    code: Option<i32>,
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    /// User and system time together.
    pub(crate) cpu_seconds: f64,
    /// The most memory at one time.
    pub(crate) peak_bytes: u64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// A program to run in a folder, with nothing in its environment but what is given.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    words: Vec<String>,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    stdout: Option<PathBuf>,
}

/// A run under way.
pub(crate) struct Running {
    child: tokio::process::Child,
    group: u32,
    words: String,
    report: PathBuf,
    stdout: Option<tokio::task::JoinHandle<std::io::Result<String>>>,
    stderr: tokio::task::JoinHandle<String>,
    /// The lines on stderr so far, and when each came.
    pub(crate) lines: watch::Receiver<Vec<(SystemTime, String)>>,
}

impl Program {
    pub(crate) fn new(program: &Path, folder: &Path) -> Self {
        let words = vec![program.display().to_string()];
        let path = std::env::var("PATH").unwrap_or_default();
        // Its temporary files go with the folder.
        let variables = [("PATH", path), ("TMPDIR", folder.display().to_string())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { words, folder: folder.to_owned(), variables, stdout: None }
    }

    pub(crate) fn args<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends stdout to a file.
    pub(crate) fn into_file(mut self, path: &Path) -> Self {
        self.stdout = Some(path.to_owned());
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Result<Running> {
        // Two files of one folder may be measured at one time.
        let report = tempfile::Builder::new().prefix("measured-").tempfile_in(&self.folder)?.into_temp_path().keep()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(RUN).arg(&report).args(&self.words).current_dir(&self.folder).env_clear().envs(self.variables);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command.stdout(match &self.stdout {
            Some(path) => Stdio::from(File::create(path)?),
            None => Stdio::piped(),
        });
        // A group of its own: Ctrl-C is ours to hand on.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = tokio::process::Command::from(command).spawn()?;
        let group = child.id().context("a process has an ID")?;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        let (tell, lines) = watch::channel(Vec::new());
        let errors = child.stderr.take().context("it is a pipe")?;
        let stderr = tokio::spawn(async move {
            let (mut lines, mut all) = (BufReader::new(errors).lines(), String::new());
            while let Ok(Some(line)) = lines.next_line().await {
                all.push_str(&line);
                all.push('\n');
                tell.send_modify(|told| told.push((SystemTime::now(), line)));
            }
            all
        });
        let stdout = child.stdout.take().map(|mut output| {
            tokio::spawn(async move {
                let mut all = String::new();
                output.read_to_string(&mut all).await.map(|_| all)
            })
        });
        let words = self.words.join(" ");
        Ok(Running { child, group, words, report, stdout, stderr, lines })
    }

    /// Runs it to its end, however it ends.
    pub(crate) async fn end(self) -> Result<Measured> {
        self.start()?.end().await
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) async fn run(self) -> Result<Measured> {
        self.end().await?.done()
    }
}

impl Running {
    /// Sends a signal to it, such as `INT`.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        ensure!(send(signal, self.group)?, "`kill` could not signal `{}`", self.words);
        Ok(())
    }

    /// Returns whether it has ended, as far as its words tell.
    pub(crate) fn ended(&self) -> bool {
        self.stderr.is_finished()
    }

    /// Waits until a line on stderr holds this text, and returns when it came.
    pub(crate) async fn line(&mut self, text: &str) -> Result<SystemTime> {
        let told = self.lines.wait_for(|lines| lines.iter().any(|(_, line)| line.contains(text))).await;
        let told = told.with_context(|| format!("`{}` ended without saying `{text}`", self.words))?;
        let line = told.iter().find(|(_, line)| line.contains(text));
        Ok(line.context("it was there a moment ago")?.0)
    }

    pub(crate) async fn end(mut self) -> Result<Measured> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        if ended.is_err() {
            self.signal("KILL")?;
        }
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.group);
        let ended = ended.with_context(|| format!("`{}` took more than an hour", self.words))??;
        let stderr = self.stderr.await?;
        let stdout = match self.stdout {
            Some(stdout) => stdout.await??,
            None => String::new(),
        };
        ensure!(ended.success(), "`{}` could not be run: {stderr}", self.words);
        let taken: Taken = serde_json::from_slice(&std::fs::read(&self.report)?)?;
        std::fs::remove_file(&self.report)?;
        let Taken { code, seconds, cpu_seconds, peak_bytes } = taken;
        Ok(Measured { seconds, cpu_seconds, peak_bytes, stdout, stderr, code })
    }
}

impl Measured {
    /// Returns it, if it ended well.
    pub(crate) fn done(self) -> Result<Self> {
        match self.code {
            Some(0) => Ok(self),
            code => bail!("ended with {code:?}:\n{}{}", self.stdout, self.stderr),
        }
    }

    /// The one JSON object on stdout.
    pub(crate) fn json(&self) -> Result<Json> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON on stdout:\n{}", self.stdout))
    }

    /// A number in the JSON object.
    pub(crate) fn number(&self, key: &str) -> Result<u64> {
        let json = self.json()?;
        json[key].as_u64().with_context(|| format!("no number `{key}` in {json}"))
    }

    /// Fails unless a number in the JSON object is what it must be.
    pub(crate) fn expect(&self, key: &str, wanted: u64) -> Result<()> {
        let found = self.number(key)?;
        ensure!(found == wanted, "`{key}` is {found} and must be {wanted}:\n{}", self.stderr);
        Ok(())
    }
}

/// Kills whatever is running.
pub(crate) fn end_all() {
    for group in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // Best effort: it may have ended by itself.
        let _ = send("KILL", *group);
    }
}

fn send(signal: &str, group: u32) -> Result<bool> {
    let status = Command::new("kill").args([format!("-{signal}"), "--".to_owned(), format!("-{group}")]).status();
    Ok(status?.success())
}

/// Runs a program and writes what it took into a file: `FILE PROGRAM ARGUMENTS...`.
pub(crate) async fn serve(words: Vec<String>) -> Result<ExitCode> {
    let (report, words) = words.split_first().context("a file is wanted")?;
    let (program, arguments) = words.split_first().context("a program is wanted")?;
    let mut command = Command::new(program);
    command.args(arguments);
    // Whoever interrupts the program does not mean this process, which is to tell how it ended.
    let _deaf = signal(SignalKind::interrupt())?;
    let taken = tokio::task::spawn_blocking(move || {
        let started = std::time::Instant::now();
        let used = command.spawn()?.wait4()?;
        let seconds = started.elapsed().as_secs_f64();
        let cpu: Duration = used.rusage.utime + used.rusage.stime;
        std::io::Result::Ok(Taken {
            code: used.status.code(),
            seconds,
            cpu_seconds: cpu.as_secs_f64(),
            peak_bytes: used.rusage.maxrss,
        })
    });
    let taken = taken.await?.with_context(|| format!("failed to run `{program}`"))?;
    File::create(report)?.write_all(&serde_json::to_vec(&taken)?)?;
    Ok(ExitCode::SUCCESS)
}
