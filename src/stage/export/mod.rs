//! Source to users file, without a ledger. Users are written as they come; which of two keeps an address is known only at the
//! end, when the others are taken out of the file again. Nothing of a user stays in memory.

mod refusals;
mod rivals;
mod seats;

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

pub use self::refusals::Refusals;
use self::rivals::Rivals;
use self::seats::Seats;
use super::source::Source;
use super::{Interrupted, Progress};
use crate::mapping::{Coverage, Traits};
use crate::shutdown::{Shutdown, Urgency};
use crate::users_file::{Form, Writer};

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
    let mut writer = Writer::begin(output, form);
    let (mut seats, mut rivals) = (Seats::new(files.seats), Rivals::new(files.claims));
    let mut refused = Refusals::new(files.refused);
    let (mut users, mut skipped) = (0, 0);
    loop {
        let batch = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => bail!(Interrupted),
            batch = source.next_batch() => batch?,
        };
        let Some(batch) = batch else { break };
        users += batch.len() as u64;
        progress.pulled.add(batch.len() as u64);
        for user in batch {
            match user {
                Ok(mapped) => {
                    let element = writer.user(&mapped.user).context(FAILED)?;
                    let seat = seats.add(element, Traits::of(&mapped))?;
                    rivals.add(&mapped.user, seat)?;
                }
                Err(refused) if refused.skipped => skipped += 1,
                Err(user) => refused.add(user.user_id.as_ref(), &user.reasons)?,
            }
        }
    }
    let (elements, mut seats) = (writer.written().context(FAILED)?, seats.taken()?);
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

const FAILED: &str = "failed to write the users file";
