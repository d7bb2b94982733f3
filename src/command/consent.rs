//! The consent to write: given beforehand, or typed on the terminal.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use anyhow::{Context as _, anyhow};
use tokio::sync::oneshot;

use super::Context;
use crate::args::ConsentArgs;
use crate::exit::{Failure, OrRefuse};
use crate::shutdown::Urgency;
use crate::stage::Interrupted;

/// What consent is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The word to type.
    pub word: &'a str,
    /// Whether a setting has given the consent already (`IMPORT_TO_DEV_INSTANCE`).
    pub given: bool,
}

/// Asks for consent to what was printed before, unless it is given already. The answer comes from the terminal itself, for
/// stdin may carry the users.
///
/// # Errors
/// A refusal, if there is no terminal to ask on, or something else was typed.
pub(super) async fn ask(asked: Asked<'_>, args: ConsentArgs, context: &Context) -> Result<(), Failure> {
    if args.yes || asked.given {
        return Ok(());
    }
    let Some((terminal_in, mut terminal_out)) = terminal() else {
        return Err(anyhow!(
            "nothing was sent or written: this needs a typed confirmation, and there is no terminal to type it on\n\
             hint: check what is printed above, then say `--yes`"
        ))
        .or_refuse();
    };
    // A terminal that cannot be written to gives no answer either.
    let _ = write!(terminal_out, "Type `{}` to go on: ", asked.word).and_then(|()| terminal_out.flush());
    let (typed, answer) = oneshot::channel();
    // A thread of its own: Ctrl-C must end the program although nobody ends the line.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(terminal_in).read_line(&mut line);
        let _ = typed.send(read.map(|_| line));
    });
    let mut shutdown = context.shutdown.clone();
    let answer = tokio::select! {
        answer = answer => answer.context("the terminal went away").or_refuse()?.or_refuse()?,
        () = shutdown.wait_for(Urgency::Graceful) => return Err(Interrupted.into()),
    };
    if answer.trim() == asked.word {
        context.console.note("");
        return Ok(());
    }
    Err(anyhow!("nothing was sent or written: the confirmation was not typed")).or_refuse()
}

#[cfg(unix)]
fn terminal() -> Option<(File, File)> {
    let open = || File::options().read(true).write(true).open("/dev/tty").ok();
    Some((open()?, open()?))
}

#[cfg(windows)]
fn terminal() -> Option<(File, File)> {
    let open = |name: &str| File::options().read(true).write(true).open(name).ok();
    Some((open("CONIN$")?, open("CONOUT$")?))
}
