//! What a ledger should know, in plain words: the rules of DESIGN's states, written a second time and without SQL.

use std::collections::{BTreeMap, BTreeSet};

use db2clerk::ledger::State;
use db2clerk::ledger::WriteBack;
use db2clerk::ledger::entry::Event;

/// A user of the model, by a number that is its user ID too.
pub(super) type Who = u8;
/// Which of its addresses a user's row bears. No two users share one.
pub(super) type Mail = u8;

/// Everything that is known of everybody.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) users: BTreeMap<Who, User>,
    /// Invalid rows that could not keep their user ID.
    pub(super) nameless: u64,
}

/// What stands in the ledger for a user, and can be compared with it.
#[expect(clippy::struct_excessive_bools, reason = "they are columns")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: State,
    pub(super) wanted: bool,
    pub(super) in_doubt: bool,
    pub(super) clerk_id: Option<String>,
    pub(super) has_payload: bool,
    pub(super) skipped: bool,
    pub(super) vanished: bool,
    pub(super) linked: bool,
    pub(super) link_to: Option<String>,
    pub(super) write_back: &'static str,
    /// Whether the write-back has something to tell.
    pub(super) told: bool,
    pub(super) wrote: bool,
    pub(super) attempts: u32,
    pub(super) mails: usize,
    /// Whether a change is noted; and if so, whether it is to be sent.
    pub(super) change: Option<bool>,
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) shown: Shown,
    pub(super) mails: BTreeSet<Mail>,
    /// The address of the row as it was sent, or is to be sent.
    content: Option<Mail>,
    change: Option<Change>,
}

/// A row that differs from what was sent.
#[derive(Debug, Clone)]
struct Change {
    content: Option<Mail>,
    to_send: bool,
}

/// A row of the source.
#[derive(Debug, Clone)]
pub(super) struct SourceRow {
    pub(super) who: Who,
    pub(super) mail: Mail,
    pub(super) check: Check,
}

/// What our own checks say of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Valid,
    Invalid,
    Skipped,
}

/// A pull.
#[expect(clippy::struct_excessive_bools, reason = "they are terms that a pull comes with")]
#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) rows: Vec<SourceRow>,
    pub(super) whole: bool,
    pub(super) update: bool,
    pub(super) recreate: bool,
    pub(super) accept_changed_identifiers: bool,
}

impl User {
    fn new() -> Self {
        let shown = Shown {
            state: State::Invalid,
            wanted: true,
            in_doubt: false,
            clerk_id: None,
            has_payload: false,
            skipped: false,
            vanished: false,
            linked: false,
            link_to: None,
            write_back: WriteBack::None.word(),
            told: false,
            wrote: false,
            attempts: 0,
            mails: 0,
            change: None,
        };
        Self { shown, mails: BTreeSet::new(), content: None, change: None }
    }

    /// Returns what the ledger should show.
    pub(super) fn shown(&self) -> Shown {
        let change = self.change.as_ref().map(|change| change.to_send);
        Shown { mails: self.mails.len(), change, ..self.shown.clone() }
    }

    pub(super) fn is_in_clerk(&self) -> bool {
        matches!(self.shown.state, State::Created | State::Adopted)
    }

    pub(super) fn has_change_to_send(&self) -> bool {
        self.is_in_clerk() && self.shown.wanted && self.change.as_ref().is_some_and(|change| change.to_send)
    }

    pub(super) fn sent_change(&mut self) {
        if let Some(change) = self.change.take() {
            self.content = change.content;
            self.mails.extend(change.content);
        }
    }

    pub(super) fn refused_change(&mut self) {
        if let Some(change) = &mut self.change {
            change.to_send = false;
        }
    }

    /// Takes the user out of Clerk again.
    pub(super) fn undo(&mut self) {
        let event = if self.shown.state == State::Created { Event::Undone } else { Event::Unlinked };
        self.shown.state = self.shown.state.after(event).expect("a user that can be undone");
        self.shown.vanished = false;
        self.content = None;
        self.change = None;
        if self.shown.write_back == WriteBack::Waiting.word() {
            self.shown.write_back = WriteBack::None.word();
        }
    }

    fn recall(&mut self) {
        let mails = std::mem::take(&mut self.mails);
        let state = self.shown.state.after(Event::Recalled).expect("a user that was deleted");
        *self = Self { mails, ..Self::new() };
        self.shown.state = state;
    }

    /// Takes over what a pull says of a user that is not in Clerk.
    fn refresh(&mut self, row: &SourceRow) {
        let valid = row.check == Check::Valid;
        if matches!(self.shown.state, State::Conflict | State::Rejected) {
            self.shown.attempts = 0;
        }
        let event = if valid { Event::Pulled } else { Event::Refused };
        self.shown.state = self.shown.state.after(event).expect("a source may say anything");
        self.shown.has_payload = valid;
        self.shown.skipped = row.check == Check::Skipped;
        self.content = valid.then_some(row.mail).or(self.content.filter(|_| self.shown.in_doubt));
        if !self.shown.in_doubt {
            self.mails.clear();
        }
        if valid {
            self.mails.insert(row.mail);
        }
    }

    fn note_change(&mut self, row: &SourceRow, update: bool) {
        let content = (row.check == Check::Valid).then_some(row.mail);
        self.content = self.content.or(content);
        let differs = self.content.is_some() && self.content != content && row.check != Check::Skipped;
        self.change = differs.then_some(Change { content, to_send: update && content.is_some() });
    }
}

fn is_open(state: State) -> bool {
    state.after(Event::Pulled) == Some(State::Pending)
}

impl Model {
    /// Merges a pull; returns false, and changes nothing, if its users are other people.
    pub(super) fn merge(&mut self, pull: &Pull) -> bool {
        if !pull.accept_changed_identifiers && self.are_other_people(pull) {
            return false;
        }
        let mut first: BTreeMap<Who, &SourceRow> = BTreeMap::new();
        for row in &pull.rows {
            first.entry(row.who).or_insert(row);
        }
        self.nameless = (pull.rows.len() - first.len()) as u64;
        for (who, row) in &first {
            let user = self.users.entry(*who).or_insert_with(User::new);
            if pull.recreate && user.shown.state == State::Deleted {
                user.recall();
            }
            if is_open(user.shown.state) {
                user.refresh(row);
            }
        }
        for (who, user) in &mut self.users {
            let row = first.get(who);
            user.shown.wanted = row.is_some();
            if pull.whole && row.is_none() && is_open(user.shown.state) {
                user.shown.state = State::Gone;
                (user.shown.has_payload, user.shown.skipped) = (false, false);
            }
            user.shown.vanished = user.is_in_clerk() && row.is_none() && (pull.whole || user.shown.vanished);
            if let Some(change) = &mut user.change {
                change.to_send = false;
            }
            match row {
                _ if !user.is_in_clerk() => user.change = None,
                Some(row) => user.note_change(row, pull.update),
                None if pull.whole => user.change = None,
                None => {}
            }
        }
        true
    }

    /// Of a whole source, half of those in Clerk who can be compared have no address in common with before; or a tenth and five.
    fn are_other_people(&self, pull: &Pull) -> bool {
        let mut seen = BTreeSet::new();
        let valid = pull.rows.iter().filter(|row| seen.insert(row.who) && row.check == Check::Valid);
        let known: Vec<bool> = valid
            .filter_map(|row| {
                let user = self.users.get(&row.who)?;
                (user.is_in_clerk() && !user.mails.is_empty()).then(|| user.mails.contains(&row.mail))
            })
            .collect();
        let differing = known.iter().filter(|same| !**same).count();
        pull.whole && differing * 2 > known.len() || differing >= 5 && differing * 10 >= known.len()
    }

    /// Returns the users of whom something is so.
    pub(super) fn which(&self, is_so: impl Fn(&User) -> bool) -> BTreeSet<Who> {
        self.users.iter().filter(|(_, user)| is_so(user)).map(|(who, _)| *who).collect()
    }
}
