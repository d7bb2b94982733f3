//! A password, asked for without echo on the terminal, or read from stdin where that is no terminal.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};

use anyhow::{Context as _, anyhow};
use tokio::sync::oneshot;

use crate::command::Context;
use crate::exit::{Failure, OrRefuse};
use crate::secret::Secret;
use crate::shutdown::Urgency;
use crate::stage::Interrupted;

/// No password is longer, in bytes.
const LONGEST: u64 = 4096;

/// Asks for a password. A stop ends the waiting, and the terminal echoes again.
///
/// # Errors
/// A refusal, if none was given; [`Interrupted`].
pub(super) async fn password(context: &Context) -> Result<Secret, Failure> {
    let mut shutdown = context.shutdown.clone();
    let asking = Asking::begin().context("failed to ask for the password").or_refuse()?;
    let line = tokio::select! {
        biased;
        () = shutdown.wait_for(Urgency::Graceful) => return Err(Interrupted.into()),
        line = asking.line => line.context("the terminal went away").or_refuse()?,
    };
    drop(asking.terminal);
    let line = line.context("failed to read the password").or_refuse()?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(anyhow!(
            "no password was given\nhint: type it on the terminal, or give it as one line on stdin; it is never a flag, which \
             would show in process lists"
        ))
        .or_refuse();
    }
    Ok(Secret::new(password))
}

/// A question on its way.
struct Asking {
    line: oneshot::Receiver<io::Result<String>>,
    terminal: Option<terminal::Silent>,
}

impl Asking {
    fn begin() -> io::Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self { line: in_a_thread(|| read_line(io::stdin())), terminal: None });
        }
        terminal::ask()
    }
}

/// A thread of its own: Ctrl-C must end the program although nobody ends the line.
fn in_a_thread(read: impl FnOnce() -> io::Result<String> + Send + 'static) -> oneshot::Receiver<io::Result<String>> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more: the program is about to end.
        let _ = sender.send(read());
    });
    line
}

fn read_line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(LONGEST)).read_line(&mut line)?;
    Ok(line)
}

#[cfg(unix)]
mod terminal {
    use std::fs::File;
    use std::io::{self, Write};

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    use super::{Asking, in_a_thread, read_line};

    /// Asks on the terminal itself.
    pub(super) fn ask() -> io::Result<Asking> {
        let silent = Silent::new(File::options().read(true).write(true).open("/dev/tty")?)?;
        let reading = silent.terminal.try_clone()?;
        (&silent.terminal).write_all(b"Password (it is not shown): ")?;
        Ok(Asking { line: in_a_thread(move || read_line(reading)), terminal: Some(silent) })
    }

    /// A terminal that shows nothing of what is typed, until this is dropped.
    pub(super) struct Silent {
        terminal: File,
        before: Termios,
    }

    impl Silent {
        fn new(terminal: File) -> io::Result<Self> {
            let before = tcgetattr(&terminal)?;
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
            Ok(Self { terminal, before })
        }
    }

    impl Drop for Silent {
        fn drop(&mut self) {
            // What was typed and not read is thrown away: the shell must not show it. A terminal that is gone needs neither.
            let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
            let _ = (&self.terminal).write_all(b"\n");
        }
    }
}

#[cfg(windows)]
mod terminal {
    use std::io;

    use super::{Asking, in_a_thread};

    /// Asks on the terminal itself, key by key: there is no echo that would have to be switched on again.
    pub(super) fn ask() -> io::Result<Asking> {
        let ask = || {
            let prompt = dialoguer::Password::new().with_prompt("Password (it is not shown)").report(false);
            prompt.allow_empty_password(true).interact().map_err(|dialoguer::Error::IO(error)| error)
        };
        Ok(Asking { line: in_a_thread(ask), terminal: None })
    }

    /// Nothing to be undone.
    pub(super) struct Silent;
}
