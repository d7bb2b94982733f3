//! The consent to write: given beforehand, or typed on the terminal.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use anyhow::anyhow;

use super::Context;
use crate::args::ConsentArgs;
use crate::exit::{Failure, OrRefuse};

/// What consent is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
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
pub fn ask(asked: Asked<'_>, args: ConsentArgs, context: &Context) -> Result<(), Failure> {
    if args.yes || asked.given {
        return Ok(());
    }
    let Some((terminal_in, mut terminal_out)) = terminal() else {
        return Err(anyhow!(
            "nothing was written: this needs a typed confirmation, and there is no terminal to type it on\n\
             hint: check what is printed above, then say `--yes`"
        ))
        .or_refuse();
    };
    let _ = write!(terminal_out, "Type `{}` to go on: ", asked.word).and_then(|()| terminal_out.flush());
    let mut answer = String::new();
    BufReader::new(terminal_in).read_line(&mut answer).or_refuse()?;
    if answer.trim() == asked.word {
        context.console.note("");
        return Ok(());
    }
    Err(anyhow!("nothing was written: the confirmation was not typed")).or_refuse()
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
