//! The states of a user, and the one function that says which may follow which.

use std::fmt;

use crate::record::{ClerkId, Reason};

/// Where a user stands on the way into Clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// To be sent. Set by a pull, and by push when an attempt failed for a passing reason.
    Pending,
    /// Handed to a request whose answer is not recorded. Set by push before the request goes out, and once it is known that Clerk has
    /// nobody of this user ID; found again by the next run, it is looked up before anything is sent.
    Sending,
    /// Clerk made the user on our request. Set by push.
    Created,
    /// The user was in Clerk before, under this user ID and sharing an identifier, or was taken over. Set by push.
    Adopted,
    /// Another Clerk user holds an identifier or the user ID. Set by push.
    Conflict,
    /// Clerk refused the user for good. Set by push.
    Rejected,
    /// Our own checks refused the user; never sent. Set by a pull.
    Invalid,
    /// Not sent yet, and absent from the last whole pull. Set by a pull.
    Gone,
    /// Created or taken over by us, and deleted or given back again. Set by undo.
    Deleted,
}

/// Something that happens to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A pull brought the user, and our checks passed it.
    Pulled,
    /// A pull brought the user, and our checks refused it.
    Refused,
    /// A whole pull did not bring the user.
    Missed,
    /// Clerk has nobody of this user ID, and a create request is about to go out.
    Handed,
    /// The attempt failed for a passing reason, or was never made.
    Released,
    /// Clerk made the user.
    Made,
    /// The user was there before.
    Found,
    /// Another Clerk user is in the way.
    Blocked,
    /// Clerk refused the user for good.
    Declined,
    /// The user was deleted from Clerk again.
    Undone,
    /// The Clerk user we had taken over was given back.
    Unlinked,
    /// A user that was deleted again is to be created anew.
    Recalled,
    /// Clerk turned out to have made the user on a request of ours that was never answered.
    CameToLight,
}

impl State {
    /// All states, in the order they are listed to people.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Adopted,
        Self::Pending,
        Self::Sending,
        Self::Invalid,
        Self::Conflict,
        Self::Rejected,
        Self::Gone,
        Self::Deleted,
    ];

    /// Returns the word for it, in the ledger, in output and in documentation alike.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::Gone => "gone",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Returns the state that follows, or `None` if the event cannot happen to a user in this one.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        use State::{Adopted, Conflict, Created, Deleted, Gone, Invalid, Pending, Rejected, Sending};
        match (event, self) {
            // What is in Clerk, or may be, stays as it is whatever the source says now.
            (Event::Pulled | Event::Refused | Event::Missed, Created | Adopted | Deleted | Sending) => Some(self),
            (Event::Pulled, Pending | Conflict | Rejected | Invalid | Gone) | (Event::Released, Pending | Sending) => {
                Some(Pending)
            }
            (Event::Refused, Pending | Conflict | Rejected | Invalid | Gone) => Some(Invalid),
            (Event::Missed, Pending | Conflict | Rejected | Invalid | Gone) | (Event::Recalled, Deleted) => Some(Gone),
            (Event::Handed, Pending) => Some(Sending),
            (Event::Made, Sending | Pending)
            | (Event::CameToLight, Pending | Sending | Conflict | Rejected | Invalid | Gone) => Some(Created),
            (Event::Found, Sending | Pending) => Some(Adopted),
            (Event::Blocked, Sending | Pending) => Some(Conflict),
            (Event::Declined, Sending) => Some(Rejected),
            (Event::Undone, Created) | (Event::Unlinked, Adopted) => Some(Deleted),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How an attempt to bring a user into Clerk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Clerk made the user on our request.
    Created(ClerkId),
    /// The user was there before, and is the same person's.
    Adopted(ClerkId),
    /// The user was there before without a user ID, and was taken over: given ours.
    Linked(ClerkId),
    /// Another Clerk user is in the way.
    Conflict(Failure),
    /// Clerk refused the user for good.
    Rejected(Failure),
    /// To be tried again by a later run; the reason, if there was an attempt.
    Pending(Option<Failure>),
}

/// Why an attempt failed, as it is kept for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong and what can be done.
    pub reason: Reason,
    /// Clerk's trace ID, for its support.
    pub trace_id: Option<String>,
}

impl Outcome {
    /// Returns the event this outcome is to its user.
    #[must_use]
    pub fn event(&self) -> Event {
        match self {
            Self::Created(_) => Event::Made,
            Self::Adopted(_) | Self::Linked(_) => Event::Found,
            Self::Conflict(_) => Event::Blocked,
            Self::Rejected(_) => Event::Declined,
            Self::Pending(_) => Event::Released,
        }
    }
}

/// Where a user's Clerk ID stands on its way back into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteBack {
    /// Not asked for.
    None,
    /// Asked for, and not done yet.
    Waiting,
    /// The row bears the Clerk ID: read from the row itself.
    Written,
    /// The row bears another Clerk ID, and was left alone.
    Held,
    /// No row has the user's key any more.
    RowGone,
    /// The database refused the change.
    Refused,
}

impl WriteBack {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 6] = [Self::Written, Self::Waiting, Self::Held, Self::RowGone, Self::Refused, Self::None];

    /// Returns the word for it, in the ledger and in output alike.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Written => "written",
            Self::Held => "held",
            Self::RowGone => "row gone",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of state and event, one row a state: pulled, refused, missed, handed, released, made, found, blocked,
    /// declined, undone, unlinked, recalled, came to light. `-` means that it cannot happen.
    const TABLE: [(&str, &str); 9] = [
        ("pending", "pending invalid gone sending pending created adopted conflict - - - - created"),
        ("sending", "sending sending sending - pending created adopted conflict rejected - - - created"),
        ("created", "created created created - - - - - - deleted - - -"),
        ("adopted", "adopted adopted adopted - - - - - - - deleted - -"),
        ("conflict", "pending invalid gone - - - - - - - - - created"),
        ("rejected", "pending invalid gone - - - - - - - - - created"),
        ("invalid", "pending invalid gone - - - - - - - - - created"),
        ("gone", "pending invalid gone - - - - - - - - - created"),
        ("deleted", "deleted deleted deleted - - - - - - - - gone -"),
    ];

    #[test]
    fn every_pair_of_state_and_event_is_decided() {
        let events = [
            Event::Pulled,
            Event::Refused,
            Event::Missed,
            Event::Handed,
            Event::Released,
            Event::Made,
            Event::Found,
            Event::Blocked,
            Event::Declined,
            Event::Undone,
            Event::Unlinked,
            Event::Recalled,
            Event::CameToLight,
        ];
        for (word, row) in TABLE {
            let state = State::from_word(word).expect("a known word");
            let after: Vec<&str> = events.iter().map(|event| state.after(*event).map_or("-", State::word)).collect();
            assert_eq!(after.join(" "), row, "after {word}");
        }
    }

    #[test]
    fn only_an_adopted_user_is_never_deleted_by_us() {
        let deletable: Vec<State> =
            State::ALL.into_iter().filter(|state| state.after(Event::Undone).is_some()).collect();
        assert_eq!(deletable, [State::Created]);
    }
}
