//! One row against what is known of its user: decided without asking anybody.

use anyhow::{Result, anyhow};

use super::difference::{Difference, Kind};
use super::facts::Facts;
use super::rows::Row;
use super::showable;
use super::unlike::{Given, Unlike, unlike};
use crate::database::Target;
use crate::ledger::{ComparedRow, Holder, KeptUser, Known, Remembered, State};
use crate::mapping::{Mapped, Refused};
use crate::record::duplicates::HashKey;
use crate::record::{ClerkId, Identifier, Reason, UserId};

/// What all rows are judged by.
pub(super) struct Judge {
    pub(super) given: Given,
    pub(super) key: HashKey,
    /// Whether there is a ledger that could know the users.
    pub(super) has_ledger: bool,
}

/// What became of a row.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The Clerk user whose ID the row may bear, and whether it should.
    pub(super) clerk_id: Option<(ClerkId, bool)>,
    /// A Clerk user of whom something is told although the row's user ID is not theirs.
    pub(super) told: Option<ClerkId>,
    /// Whether the row was left out on request, and rightly is not in Clerk.
    pub(super) skipped: bool,
    /// In which state the ledger has a user who is not in Clerk.
    pub(super) missing: Option<&'static str>,
    /// Why the row is invalid.
    pub(super) reasons: Vec<Reason>,
    pub(super) differences: Vec<Difference>,
}

impl Verdict {
    /// Returns what is kept of the row.
    pub(super) fn compared(&self, row: &Row, target: Option<&Target>) -> ComparedRow {
        let key = row.key.as_deref().unwrap_or(row.user_id.as_str());
        let (clerk_id, due) = self.clerk_id.clone().unzip();
        ComparedRow {
            user_id: row.user_id.to_string(),
            row_key: target.and_then(|target| target.canonical_key(key)),
            clerk_id,
            due: due.unwrap_or(false),
        }
    }
}

/// The word for users whom a ledger that was there does not know.
pub(super) const NOT_IN_LEDGER: &str = "not in the ledger";
/// The word for users where there is no ledger to know them.
pub(super) const WITHOUT_LEDGER: &str = "";

impl Judge {
    /// Decides. `holder` is a Clerk user with another user ID, or none, who has one of the row's identifiers.
    ///
    /// # Errors
    /// If what was kept of the Clerk user cannot be read back.
    pub(super) fn verdict(
        &self,
        row: &Row,
        known: Option<&Known>,
        holder: Option<(&Identifier, &Holder)>,
    ) -> Result<Verdict> {
        let (clerk, ledger) = known.map_or((None, None), |known| (known.clerk.as_ref(), known.ledger.as_ref()));
        match (&row.user, clerk) {
            (Ok(mapped), Some(clerk)) => self.in_clerk(mapped, clerk, ledger),
            (Ok(mapped), None) => Ok(self.absent(&mapped.user.user_id, ledger, holder)),
            (Err(refused), Some(clerk)) => self.refused_in_clerk(row, refused, clerk),
            (Err(refused), None) => Ok(refused_and_absent(row, refused, ledger)),
        }
    }

    fn in_clerk(&self, mapped: &Mapped, clerk: &KeptUser, ledger: Option<&Remembered>) -> Result<Verdict> {
        let user = &mapped.user;
        let facts = read(clerk)?;
        let about = |kind, field: &str, message: String| Difference {
            clerk_id: Some(clerk.clerk_id.clone()),
            ..difference(&user.user_id, kind, field, message)
        };
        let remembered = ledger.and_then(Remembered::in_clerk);
        if remembered != Some(&clerk.clerk_id) && !facts.share(&user.identifiers(), &self.key) {
            let message = "this Clerk user has the user ID and shares no e-mail address, phone number, username or wallet with \
                           the row: probably somebody else, of another application with the same IDs";
            let differences = vec![about(Kind::OtherPerson, "userId", message.to_owned())];
            return Ok(Verdict { differences, ..Verdict::default() });
        }
        let unlike = unlike(user, &facts, &self.given, &self.key).into_iter();
        let mut differences: Vec<Difference> =
            unlike.map(|Unlike { kind, field, message }| about(kind, &field, message)).collect();
        if let Some(other) = remembered.filter(|id| **id != clerk.clerk_id) {
            let message = format!("the ledger says `{other}`, and the user ID is this Clerk user's");
            differences.push(about(Kind::OtherClerkId, "userId", message));
        }
        Ok(Verdict { clerk_id: Some((clerk.clerk_id.clone(), true)), differences, ..Verdict::default() })
    }

    fn absent(&self, user_id: &UserId, ledger: Option<&Remembered>, holder: Option<(&Identifier, &Holder)>) -> Verdict {
        let own = ledger.filter(|own| own.in_clerk().is_some()).and_then(|own| own.holder.as_ref());
        if let Some(own) = own {
            return of_holder(user_id, own, "userId", "the Clerk user that the ledger knows is there");
        }
        if let Some(clerk_id) = ledger.and_then(Remembered::in_clerk) {
            return lost(user_id, clerk_id, ledger);
        }
        if let Some(duplicate) = ledger.and_then(duplicate) {
            let differences = vec![Difference { user_id: Some(user_id.to_string()), ..invalid(duplicate) }];
            return Verdict { reasons: duplicate.to_vec(), differences, ..Verdict::default() };
        }
        if let Some((identifier, holder)) = holder {
            let noun = identifier.kind.noun();
            let has = format!("a Clerk user has this {noun} of the row");
            return of_holder(user_id, holder, identifier.kind.field(), &has);
        }
        let (word, message) = match ledger {
            Some(remembered) => (word(remembered), why_missing(remembered)),
            None if self.has_ledger => {
                (NOT_IN_LEDGER, "not in the ledger either: new in the source since the last run".to_owned())
            }
            None => (WITHOUT_LEDGER, "no Clerk user has this user ID, or an identifier of the row".to_owned()),
        };
        let differences = vec![difference(user_id, Kind::Missing, "", message)];
        Verdict { missing: Some(word), differences, ..Verdict::default() }
    }

    fn refused_in_clerk(&self, row: &Row, refused: &Refused, clerk: &KeptUser) -> Result<Verdict> {
        let agrees = !refused.gave_identifier || read(clerk)?.share(&refused.identifiers, &self.key);
        let what = if refused.skipped { "left out on request" } else { "refused by our checks" };
        let message = format!("in Clerk all the same, and not compared; {what}: {}", in_words(&refused.reasons));
        let differences = vec![Difference {
            clerk_id: Some(clerk.clerk_id.clone()),
            ..difference(&row.user_id, Kind::InvalidInClerk, first_field(&refused.reasons), message)
        }];
        let clerk_id = Some((clerk.clerk_id.clone(), agrees));
        Ok(Verdict { clerk_id, reasons: refused.reasons.clone(), differences, ..Verdict::default() })
    }
}

fn refused_and_absent(row: &Row, refused: &Refused, ledger: Option<&Remembered>) -> Verdict {
    if let Some(clerk_id) = ledger.and_then(Remembered::in_clerk) {
        return lost(&row.user_id, clerk_id, ledger);
    }
    if refused.skipped {
        return Verdict { skipped: true, ..Verdict::default() };
    }
    let differences = vec![Difference { user_id: Some(row.user_id.to_string()), ..invalid(&refused.reasons) }];
    Verdict { reasons: refused.reasons.clone(), differences, ..Verdict::default() }
}

/// A row that is not in Clerk for want of sense: all its reasons.
pub(super) fn invalid(reasons: &[Reason]) -> Difference {
    Difference {
        user_id: None,
        clerk_id: None,
        kind: Kind::Invalid,
        field: first_field(reasons).to_owned(),
        message: in_words(reasons),
    }
}

fn first_field(reasons: &[Reason]) -> &str {
    reasons.first().map_or("", |reason| &reason.field)
}

fn in_words(reasons: &[Reason]) -> String {
    let in_words = reasons.iter().map(|reason| {
        let field = if reason.field.is_empty() { String::new() } else { format!("{}: ", reason.field) };
        format!("{field}{}", reason.message)
    });
    in_words.collect::<Vec<_>>().join("; ")
}

fn lost(user_id: &UserId, clerk_id: &ClerkId, ledger: Option<&Remembered>) -> Verdict {
    let state = ledger.map_or("", |remembered| remembered.state.word());
    let message = format!("the ledger says `{state}`, and the user is not there any more: deleted in Clerk since");
    let differences =
        vec![Difference { clerk_id: Some(clerk_id.clone()), ..difference(user_id, Kind::Lost, "", message) }];
    Verdict { differences, ..Verdict::default() }
}

/// A user whose user ID nobody has in Clerk, and who seems to be there all the same.
fn of_holder(user_id: &UserId, holder: &Holder, field: &str, has: &str) -> Verdict {
    let (kind, message) = match &holder.external_id {
        None => (Kind::ExternalIdMissing, format!("{has}, and has no user ID (`external_id`)")),
        Some(other) => {
            let whose = showable(other).map_or("another user ID".to_owned(), |id| format!("the user ID `{id}`"));
            (Kind::ExternalIdOther, format!("{has}, and has {whose} (`external_id`)"))
        }
    };
    let clerk_id = Some(holder.clerk_id.clone());
    Verdict {
        differences: vec![Difference { clerk_id: clerk_id.clone(), ..difference(user_id, kind, field, message) }],
        clerk_id: clerk_id.clone().filter(|_| kind == Kind::ExternalIdMissing).map(|id| (id, false)),
        told: clerk_id,
        ..Verdict::default()
    }
}

/// The reasons of a user who lost an identifier to another one: the mapping alone does not see that.
fn duplicate(remembered: &Remembered) -> Option<&[Reason]> {
    let reason = remembered.reason.as_ref().filter(|reason| reason.code == "duplicate")?;
    (remembered.state == State::Invalid).then(|| std::slice::from_ref(reason))
}

fn word(remembered: &Remembered) -> &'static str {
    if remembered.skipped { "skipped" } else { remembered.state.word() }
}

fn why_missing(remembered: &Remembered) -> String {
    let meaning = match remembered.state {
        State::Pending => "still to be sent",
        State::Sending => "sent without an answer; the next run looks it up first",
        State::Conflict => "another Clerk user is in the way",
        State::Rejected => "refused by Clerk",
        State::Invalid if remembered.skipped => "left out on request by the last run",
        State::Invalid => "refused by our checks in the last run; the row has been mended since",
        State::Gone => "not in the source when it was last read",
        State::Deleted => "undone again by `undo`",
        State::Created | State::Adopted => "in Clerk",
    };
    let state = word(remembered);
    match &remembered.reason {
        Some(reason) => format!("the ledger says `{state}`, {meaning}: {}", reason.message),
        None => format!("the ledger says `{state}`: {meaning}"),
    }
}

fn difference(user_id: &UserId, kind: Kind, field: &str, message: String) -> Difference {
    Difference { user_id: Some(user_id.to_string()), clerk_id: None, kind, field: field.to_owned(), message }
}

fn read(clerk: &KeptUser) -> Result<Facts> {
    Facts::from_bytes(&clerk.facts)
        .ok_or_else(|| anyhow!("what was kept of the Clerk user `{}` cannot be read", clerk.clerk_id))
}
