//! One user found, made or refused: what that means, decided from what Clerk says.

use std::collections::HashSet;

use crate::clerk::{ClerkUser, Error};
use crate::ledger::{Answer, Entry, Failure, Outcome};
use crate::record::{Identifier, Reason};

/// What became of a user, ready to be recorded.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// When the password we sent was set, by Clerk's clock.
    password_at: Option<i64>,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, password_at: None }
    }
}

impl Verdict {
    /// Clerk made the user on our request.
    pub(super) fn created(made: &ClerkUser) -> Self {
        Self { outcome: Outcome::Created(made.id.clone()), password_at: made.password_at }
    }

    /// Puts the verdict into the words of the ledger.
    pub(super) fn answer(self, entry: &Entry, requests: u32, in_doubt: bool) -> Answer {
        Answer { id: entry.id, requests, in_doubt, outcome: self.outcome, password_at: self.password_at }
    }
}

/// Decides what a Clerk user who bears our user ID is to us. `in_doubt` says that a request of ours may have made it: if not,
/// it was there before us. One that we were about to take over was taken over.
pub(super) fn found(entry: &Entry, clerk_user: &ClerkUser, in_doubt: bool) -> Verdict {
    let identifiers = clerk_user.identifiers();
    let held: HashSet<&Identifier> = identifiers.iter().collect();
    if entry.link_to.as_ref() == Some(&clerk_user.id) {
        return Outcome::Linked(clerk_user.id.clone()).into();
    }
    if !entry.user.identifiers().iter().any(|identifier| held.contains(identifier)) {
        return Outcome::Conflict(failure(
            "userId",
            "external_id_of_somebody_else",
            format!(
                "the Clerk user `{}` has this user ID and shares no e-mail address, phone number, username or wallet: \
                 probably somebody else, of another application with the same IDs",
                clerk_user.id
            ),
        ))
        .into();
    }
    if in_doubt { Verdict::created(clerk_user) } else { Outcome::Adopted(clerk_user.id.clone()).into() }
}

/// The outcome for a user of whom another Clerk user holds an identifier, and why that one was not taken over, if it might have
/// been.
pub(super) fn held_by_other(
    error: &Error,
    holder: Option<(&Identifier, &ClerkUser)>,
    why_not_linked: Option<&str>,
) -> Outcome {
    let (field, message) = match holder {
        Some((identifier, holder)) => {
            let whose = match &holder.external_id {
                // It is anybody's text, and may be an address.
                Some(id) if id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) => {
                    format!("whose user ID is `{id}`")
                }
                Some(_) => "who has another user ID".to_owned(),
                None => "who has no user ID of yours".to_owned(),
            };
            let noun = identifier.kind.noun();
            let what_to_do = match why_not_linked {
                Some(why) => format!("{why}; delete one of them, or take the {noun} from it"),
                None if holder.external_id.is_none() => format!(
                    "delete one of them, take the {noun} from it, or let `--on-conflict link` take it over, if it is the same \
                     person"
                ),
                None => format!("delete one of them, or take the {noun} from it"),
            };
            let message = format!("the Clerk user `{}`, {whose}, has the same {noun}; {what_to_do}", holder.id);
            (identifier.kind.field(), message)
        }
        None => (error.field.unwrap_or(""), error.message.clone()),
    };
    let mut failure = failure(field, "form_identifier_exists", message);
    failure.trace_id.clone_from(&error.trace_id);
    Outcome::Conflict(failure)
}

/// The outcome for a user that Clerk refused for good.
pub(super) fn rejected(error: &Error) -> Outcome {
    Outcome::Rejected(failure_of(error))
}

/// The outcome for a user that a later run will try again.
pub(super) fn put_off(error: &Error) -> Outcome {
    Outcome::Pending(Some(failure_of(error)))
}

/// Puts an error into the words of the ledger.
pub(super) fn failure_of(error: &Error) -> Failure {
    let mut failure = failure(error.field.unwrap_or(""), error.code.clone(), error.message.clone());
    failure.trace_id.clone_from(&error.trace_id);
    failure
}

fn failure(field: &str, code: impl Into<String>, message: String) -> Failure {
    Failure { reason: Reason::new(field, code, message), trace_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clerk::{Contact, ContactStatus};
    use crate::record::{ClerkId, ImportUser, UserId};

    fn entry(email: &str) -> Entry {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.email = Some(email.to_owned());
        Entry { id: 1, user, in_doubt: false, link_to: None }
    }

    fn clerk_user(email: &str) -> ClerkUser {
        let email =
            Contact { id: "idn_1".to_owned(), value: email.to_owned(), status: ContactStatus::Verified, primary: true };
        ClerkUser {
            external_id: Some("1".to_owned()),
            emails: vec![email],
            ..ClerkUser::new(ClerkId::new("user_1").expect("a Clerk ID"))
        }
    }

    #[test]
    fn a_user_found_without_doubt_is_adopted_and_after_a_lost_answer_is_ours() {
        let (ours, theirs) = (entry("ada@example.com"), clerk_user("Ada@Example.com"));
        assert!(matches!(found(&ours, &theirs, false).outcome, Outcome::Adopted(_)));
        assert!(matches!(found(&ours, &theirs, true).outcome, Outcome::Created(_)));
    }

    #[test]
    fn a_user_we_were_about_to_take_over_is_never_taken_for_one_we_made() {
        let ours = Entry { link_to: ClerkId::new("user_1").ok(), ..entry("ada@example.com") };
        assert!(matches!(found(&ours, &clerk_user("ada@example.com"), true).outcome, Outcome::Linked(_)));
        let other = Entry { link_to: ClerkId::new("user_2").ok(), ..ours };
        assert!(matches!(found(&other, &clerk_user("ada@example.com"), true).outcome, Outcome::Created(_)));
    }

    #[test]
    fn a_user_with_our_id_and_nothing_in_common_is_somebody_else() {
        let outcome = found(&entry("ada@example.com"), &clerk_user("eve@example.com"), true).outcome;
        let Outcome::Conflict(failure) = outcome else { panic!("{outcome:?}") };
        assert!(failure.reason.message.contains("`user_1`"));
        assert!(!failure.reason.message.contains('@'), "addresses stay out of messages");
    }
}
