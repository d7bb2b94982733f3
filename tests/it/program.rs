//! The real binary, in a folder of its own, with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use db2clerk::simulator::Simulator;
use tempfile::TempDir;

/// A place to run the program in: an empty folder, no variable set but those given here.
pub(crate) struct Program {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    /// Points the program at a simulator, with a production key.
    pub(crate) fn with_clerk(simulator: &Simulator) -> Self {
        Self::new().variable("CLERK_API_URL", &simulator.url()).variable("CLERK_SECRET_KEY", "sk_live_secretkey")
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path(name), text).expect("a file in the folder");
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file in the folder")
    }

    /// The command, ready to be spawned; stdin is empty.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_db2clerk"));
        command.args(arguments).current_dir(self.folder()).env_clear().stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // A terminal of whoever runs the tests must not be asked anything.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("the task of a run")
            .expect("the binary starts");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }

    /// All log files of the folder, line by line.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(self.folder()).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("migration-log-")) {
                let text = std::fs::read_to_string(path).expect("a log");
                lines.extend(text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")));
            }
        }
        lines
    }
}

impl Run {
    /// The one JSON object on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on stdout ({error}): {}\n{}", self.stdout, self.stderr))
    }

    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn expect_told(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "`{text}` is not told: {}\n{}", self.stderr, self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn expect_not_told(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "`{text}` is told: {}\n{}", self.stderr, self.stdout);
        self
    }
}
