//! The two streams: the result on stdout, everything else on stderr.

use std::io::{self, IsTerminal, Write};

/// How to speak to whoever runs the program. With `--json`, stdout carries one JSON object and nothing else; with `--quiet`,
/// stderr carries warnings and errors only.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    json: bool,
    quiet: bool,
}

impl Console {
    /// Makes a console.
    #[must_use]
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Says what is going on.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            line(io::stderr(), text.as_ref());
        }
    }

    /// Says what somebody should know before it is too late.
    pub fn warn(&self, text: impl AsRef<str>) {
        line(io::stderr(), &format!("warning: {}", text.as_ref()));
    }

    /// Says something even if asked to be quiet: what is about to be written, and questions.
    pub fn say(&self, text: impl AsRef<str>) {
        line(io::stderr(), text.as_ref());
    }

    /// Returns what was done, or nothing: then it warns, for the result matters more than this.
    #[must_use]
    pub fn or_warn<T>(&self, done: anyhow::Result<Option<T>>) -> Option<T> {
        done.unwrap_or_else(|error| {
            self.warn(chain(&error));
            None
        })
    }

    /// Prints an error with everything that led to it, once.
    pub fn error(&self, error: &anyhow::Error) {
        line(io::stderr(), &format!("error: {}", chain(error)));
    }

    /// Gives the result: the text for people, or the object for programs.
    pub fn result(&self, text: impl AsRef<str>, json: &serde_json::Value) {
        if self.json {
            line(io::stdout(), &json.to_string());
        } else {
            line(io::stdout(), text.as_ref());
        }
    }

    /// Gives a result that goes to stderr, because stdout carries the users.
    pub fn result_beside(&self, text: impl AsRef<str>, json: &serde_json::Value) {
        line(io::stderr(), &if self.json { json.to_string() } else { text.as_ref().to_owned() });
    }

    /// Returns whether progress may be drawn.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        !self.quiet
    }

    /// Returns whether stderr is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }
}

/// Each level on a line of its own; a level that only repeats the one above is left out.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str("\n  caused by: ");
            text.push_str(&cause.replace('\n', "\n  "));
        }
    }
    text
}

/// A reader that went away (`| head`) is no reason to fail: what matters is in the ledger.
fn line(mut stream: impl Write, text: &str) {
    let _ = writeln!(stream, "{text}");
}
