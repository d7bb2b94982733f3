//! Source to users file, without a ledger: streamed through a spool beside the target, since which of two users keeps an
//! address is known only at the end.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};

use anyhow::{Context, Result, bail};

use super::source::Source;
use super::{Interrupted, Progress};
use crate::mapping::{Coverage, EmailBasis, Mapped, Refused};
use crate::record::duplicates::{Candidate, HashKey, IdentifierHash, losers};
use crate::record::{ImportUser, Reason, UserId};
use crate::shutdown::{Shutdown, Urgency};
use crate::users_file::{Form, Writer};

/// What an export wrote and left out.
#[derive(Debug, Default)]
pub struct Exported {
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
    pub refused: Vec<Refused>,
    /// The users asked for by ID that the source does not have.
    pub missing: Vec<String>,
}

/// Writes every valid user of the source to `output`. `spool` is an empty file of which nobody else knows.
///
/// # Errors
/// If the source breaks off, a file cannot be written, or a stop is asked for.
pub async fn export(
    source: &mut Source,
    spool: File,
    output: &mut (impl Write + Send),
    form: Form,
    progress: &Progress,
    mut shutdown: Shutdown,
) -> Result<Exported> {
    let mut exported = Exported::default();
    let mut spool = Spool::new(spool)?;
    loop {
        let user = tokio::select! {
            biased;
            () = shutdown.wait_for(Urgency::Graceful) => bail!(Interrupted),
            user = source.next() => user?,
        };
        let Some(user) = user else { break };
        exported.users += 1;
        progress.pulled.add(1);
        match user {
            Ok(mapped) => {
                spool.add(&mapped)?;
            }
            Err(refused) if refused.skipped => exported.skipped += 1,
            Err(refused) => exported.refused.push(refused),
        }
    }
    exported.missing = source.missing();
    spool.write_out(output, form, &mut exported)?;
    Ok(exported)
}

/// The valid users on disk; in memory what the mapping noted of each, and of each identifier a hash and whose it is.
struct Spool {
    file: BufWriter<File>,
    key: HashKey,
    hashes: Vec<(IdentifierHash, u32)>,
    notes: Vec<Notes>,
}

/// What the mapping noted of a user: counted once it is known who is written.
struct Notes {
    email: EmailBasis,
    rewrite: Option<&'static str>,
    password_dropped: bool,
    unverified_dropped: bool,
    name_dropped: bool,
}

impl Notes {
    fn of(mapped: &Mapped) -> Self {
        let Mapped { email, rewrite, password_dropped, unverified_dropped, name_dropped, .. } = *mapped;
        Self { email, rewrite, password_dropped, unverified_dropped, name_dropped }
    }

    fn with(&self, user: ImportUser) -> Mapped {
        let Self { email, rewrite, password_dropped, unverified_dropped, name_dropped } = *self;
        // A user without an identifier is none that is written.
        let gave_identifier = true;
        Mapped { user, email, rewrite, password_dropped, unverified_dropped, name_dropped, gave_identifier }
    }
}

impl Spool {
    fn new(file: File) -> Result<Self> {
        Ok(Self { file: BufWriter::new(file), key: HashKey::random()?, hashes: Vec::new(), notes: Vec::new() })
    }

    fn add(&mut self, mapped: &Mapped) -> Result<()> {
        let user = &mapped.user;
        let seat = u32::try_from(self.notes.len()).context("failed to export more than 4,294,967,295 users at once")?;
        self.notes.push(Notes::of(mapped));
        self.hashes.push((self.user_id_hash(&user.user_id), seat));
        let key = self.key;
        self.hashes.extend(user.identifiers().iter().map(|identifier| (key.identifier(identifier), seat)));
        serde_json::to_writer(&mut self.file, user)
            .and_then(|()| self.file.write_all(b"\n").map_err(serde_json::Error::io))
            .context("failed to write the temporary file beside the output")
    }

    /// The user ID's own hash, in a space of its own.
    fn user_id_hash(&self, user_id: &UserId) -> IdentifierHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&self.key.keyed("userId", user_id.as_str())[..16]);
        hash
    }

    fn write_out(mut self, output: &mut impl Write, form: Form, exported: &mut Exported) -> Result<()> {
        let doubtful = self.seats_of_duplicates();
        let key = self.key;
        let mut file = self.file.into_inner().context("failed to write the temporary file beside the output")?;
        let losers = if doubtful.is_empty() {
            HashMap::new()
        } else {
            file.rewind()?;
            decide(key, &file, &doubtful)?
        };
        file.rewind()?;
        let mut writer = Writer::begin(output, form)?;
        for ((seat, user), notes) in read_back(&file).zip(&self.notes) {
            let mapped = notes.with(user?);
            let user = &mapped.user;
            if let Some(reasons) = losers.get(&seat) {
                exported.refused.push(Refused {
                    number: u64::from(seat) + 1,
                    user_id: Some(user.user_id.clone()),
                    key: None,
                    reasons: reasons.clone(),
                    skipped: false,
                    identifiers: user.identifiers(),
                    gave_identifier: true,
                });
            } else if writer.user(user)? {
                exported.coverage.count(&mapped);
                exported.written += 1;
            } else {
                exported.without_verified_email += 1;
            }
        }
        writer.finish()?;
        Ok(())
    }

    /// The users that share a hash with another.
    fn seats_of_duplicates(&mut self) -> HashSet<u32> {
        self.hashes.sort_unstable();
        let mut seats = HashSet::new();
        for pair in self.hashes.windows(2) {
            if pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1 {
                seats.extend([pair[0].1, pair[1].1]);
            }
        }
        self.hashes = Vec::new();
        seats
    }
}

fn read_back(file: &File) -> impl Iterator<Item = (u32, Result<ImportUser>)> {
    let users = serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter::<ImportUser>();
    // The error is not shown: it could quote the user.
    (0..).zip(
        users
            .map(|user| user.map_err(|_| anyhow::anyhow!("failed to read the temporary file beside the output again"))),
    )
}

/// Who of the doubtful users is left out, and why. A repeated user ID goes to its first row, before identifiers are looked at.
fn decide(key: HashKey, file: &File, doubtful: &HashSet<u32>) -> Result<HashMap<u32, Vec<Reason>>> {
    let mut seen: HashSet<UserId> = HashSet::new();
    let mut refused = HashMap::new();
    let mut candidates = Vec::new();
    for (seat, user) in read_back(file).filter(|(seat, _)| doubtful.contains(seat)) {
        let user = user?;
        if !seen.insert(user.user_id.clone()) {
            let message = format!(
                "the user ID `{}` stands in an earlier row too; a query that joins a table may return a user several times",
                user.user_id
            );
            refused.insert(seat, vec![Reason::new("userId", "duplicate", message)]);
            continue;
        }
        let identifiers =
            user.identifiers().iter().map(|identifier| (identifier.kind, key.identifier(identifier))).collect();
        candidates.push(Candidate { seat: i64::from(seat), user_id: user.user_id, identifiers });
    }
    for (seat, reasons) in losers(candidates, HashMap::new()) {
        refused.insert(u32::try_from(seat).context("a seat is always a 32-bit number")?, reasons);
    }
    Ok(refused)
}
