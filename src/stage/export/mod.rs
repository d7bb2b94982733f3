//! Source to users file, without a ledger. Users are written as they come; which of two keeps an address is known only at the
//! end, when the others are taken out of the file again. Nothing of a user stays in memory.

mod prepared;
mod refusals;
mod rivals;
mod seats;

use std::fs::File;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::stream::{self, Stream};
use futures_util::{TryFutureExt as _, TryStreamExt as _};

use self::prepared::Prepared;
pub use self::refusals::Refusals;
use self::rivals::{Keys, Rivals};
use self::seats::Seats;
use super::source::Source;
use super::{Interrupted, Progress};
use crate::mapping::Coverage;
use crate::shutdown::{Shutdown, Urgency};
use crate::users_file::{Element, Form, Writer};

/// What an export wrote and left out.
#[derive(Debug)]
pub struct Exported {
    /// The users file.
    pub file: Arc<File>,
    /// Users of the source that were wanted.
    pub users: u64,
    /// Users written.
    pub written: u64,
    /// Valid users that the basic form cannot carry: nobody proved their address.
    pub without_verified_email: u64,
    /// Users left out on request.
    pub skipped: u64,
    /// What the written users have.
    pub coverage: Coverage,
    /// Every user that our checks refused.
    pub refused: Refusals,
    /// The users asked for by ID that the source does not have.
    pub missing: Vec<String>,
}

/// Empty files of which nobody else knows, for what is kept of each user beside its element.
#[derive(Debug)]
pub struct Files {
    /// Where each user's element is.
    pub seats: File,
    /// Hashes of everybody's identifiers.
    pub claims: File,
    /// Users who share an identifier with others.
    pub rivals: File,
    /// Those of them who are left out.
    pub losers: File,
    /// Everybody who was refused.
    pub refused: File,
}

/// Writes every valid user of the source to `output`, an empty file.
///
/// # Errors
/// If the source breaks off, a file cannot be written, or a stop is asked for.
pub async fn export(
    source: &mut Source,
    output: File,
    files: Files,
    form: Form,
    progress: &Progress,
    mut shutdown: Shutdown,
) -> Result<Exported> {
    let mut writer = Writer::begin(output);
    let (mut seats, mut rivals) = (Seats::new(files.seats), Rivals::new(files.claims));
    let mut refused = Refusals::new(files.refused);
    let (mut users, mut skipped) = (0, 0);
    {
        let mut chunks = pin!(prepare(source, form, rivals.keys()));
        loop {
            let chunk = tokio::select! {
                biased;
                () = shutdown.wait_for(Urgency::Graceful) => bail!(Interrupted),
                chunk = chunks.try_next() => chunk?,
            };
            let Some(prepared) = chunk else { break };
            users += prepared.users;
            skipped += prepared.skipped;
            progress.pulled.add(prepared.users);
            let begin = writer.block(&prepared.block).context(FAILED)?;
            let mut claims = prepared.claims.into_iter();
            for user in prepared.valid {
                let element = Element { end: begin + user.element.end, ..user.element };
                let seat = seats.add(element, user.traits)?;
                rivals.add(claims.by_ref().take(user.claims), seat)?;
            }
            for (user_id, reasons) in prepared.refused {
                refused.add(user_id.as_ref(), &reasons)?;
            }
        }
    }
    let (elements, mut seats) = (writer.written(), seats.taken()?);
    let losers = rivals.losers(|seat| elements.user_id(&seats.element(seat)?), [files.rivals, files.losers])?;
    let elements = seats.leave_out(elements, losers, &mut refused)?;
    let mut coverage = Coverage::default();
    let mut without_verified_email = 0;
    for (sort, users) in seats.users {
        if sort.carried {
            coverage.add(&sort.traits, users);
        } else {
            without_verified_email += users;
        }
    }
    Ok(Exported {
        file: elements.finish().context(FAILED)?,
        users,
        written: coverage.users,
        without_verified_email,
        skipped,
        coverage,
        refused,
        missing: source.missing(),
    })
}

/// Makes the users of a source ready, some chunks ahead of whoever takes them.
fn prepare(source: &mut Source, form: Form, keys: Keys) -> impl Stream<Item = Result<Prepared>> {
    let chunks = stream::try_unfold(source, async |source| Ok(source.next_chunk().await?.map(|chunk| (chunk, source))));
    let begun = chunks.map_ok(move |chunk| {
        let keys = keys.clone();
        tokio::spawn(async move { Prepared::of(chunk.users(), form, &keys) })
    });
    // What it says may quote a user.
    begun
        .map_ok(|task| task.map_err(|_| anyhow!("a fault of this program broke the export off; please report it")))
        .try_buffered(AHEAD)
}

/// Chunks that are made ready, or wait for it, at one time: few in memory, and more than there are while one is read and one written.
const AHEAD: usize = 4;

const FAILED: &str = "failed to write the users file";
