//! One user found, made or refused: what that means, decided from what Clerk says.

use std::collections::HashSet;

use crate::clerk::{ClerkUser, Created, Error};
use crate::ledger::{Answer, Entry, Failure, Outcome};
use crate::record::duplicates::HashKey;
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
    /// Clerk made the user on our request, just now.
    pub(super) fn created(made: Created) -> Self {
        Self { outcome: Outcome::Created(made.id), password_at: made.password_at }
    }

    /// Puts the verdict into the words of the ledger.
    pub(super) fn answer(self, entry: &Entry, requests: u32, in_doubt: bool) -> Answer {
        Answer { id: entry.id, requests, in_doubt, outcome: self.outcome, password_at: self.password_at }
    }
}

/// Decides what a Clerk user who bears our user ID is to us. `in_doubt` says that a request of ours may have made it: if not,
/// it was there before us. One that we were about to take over was taken over.
///
/// Since when the password is the one we sent is not known then: the user may have set another one meanwhile.
pub(super) fn found(entry: &Entry, clerk_user: &ClerkUser, in_doubt: bool, key: &HashKey) -> Verdict {
    if entry.link_to.as_ref() == Some(&clerk_user.id) {
        return Outcome::Linked(clerk_user.id.clone()).into();
    }
    let held = clerk_user.identifiers();
    let wanted: HashSet<Identifier> = entry.user.identifiers().into_iter().collect();
    // The row may have changed since the request that may have made the user.
    let was_sent = |identifier: &Identifier| entry.sent.identifiers.contains(&key.identifier(identifier));
    if !held.iter().any(|identifier| wanted.contains(identifier) || was_sent(identifier)) {
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
    let stated = entry.user.created_at.as_deref().and_then(millis);
    let outcome = if in_doubt && entry.sent.can_have_made(clerk_user.created_at, stated) {
        Outcome::Created(clerk_user.id.clone())
    } else {
        Outcome::Adopted(clerk_user.id.clone())
    };
    outcome.into()
}

fn millis(rfc3339: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(rfc3339).ok().map(|time| time.timestamp_millis())
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
    use crate::ledger::Sent;
    use crate::record::{ClerkId, ImportUser, UserId};

    const KEY: [u8; 32] = [7; 32];

    fn entry(email: &str) -> Entry {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.email = Some(email.to_owned());
        let sent = Sent { first_at: Some(1_000_000_000), last_at: Some(1_000_060_000), ..Sent::default() };
        Entry { id: 1, user, in_doubt: false, link_to: None, email_proved: true, sent }
    }

    fn clerk_user(email: &str) -> ClerkUser {
        let email =
            Contact { id: "idn_1".to_owned(), value: email.to_owned(), status: ContactStatus::Verified, primary: true };
        ClerkUser {
            external_id: Some("1".to_owned()),
            created_at: Some(1_000_030_000),
            emails: vec![email],
            ..ClerkUser::new(ClerkId::new("user_1").expect("a Clerk ID"))
        }
    }

    #[test]
    fn a_user_found_without_doubt_is_adopted_and_after_a_lost_answer_is_ours() {
        let (ours, theirs) = (entry("ada@example.com"), clerk_user("Ada@Example.com"));
        assert!(matches!(found(&ours, &theirs, false, &HashKey::new(KEY)).outcome, Outcome::Adopted(_)));
        assert!(matches!(found(&ours, &theirs, true, &HashKey::new(KEY)).outcome, Outcome::Created(_)));
    }

    #[test]
    fn a_user_that_was_made_at_another_time_was_made_by_somebody_else() {
        let ours = entry("ada@example.com");
        let day = 24 * 60 * 60 * 1000;
        for (created_at, is_ours) in [(1_000_000_000 - day, false), (1_000_000_000, true), (1_000_060_000 + day, false)]
        {
            let theirs = ClerkUser { created_at: Some(created_at), ..clerk_user("ada@example.com") };
            let outcome = found(&ours, &theirs, true, &HashKey::new(KEY)).outcome;
            assert_eq!(matches!(outcome, Outcome::Created(_)), is_ours, "{created_at}: {outcome:?}");
        }
        let mut dated = entry("ada@example.com");
        dated.user.created_at = Some("2020-01-02T03:04:05.000Z".to_owned());
        for (created_at, is_ours) in [(1_577_934_245_000, true), (1_000_030_000, false)] {
            let theirs = ClerkUser { created_at: Some(created_at), ..clerk_user("ada@example.com") };
            let outcome = found(&dated, &theirs, true, &HashKey::new(KEY)).outcome;
            assert_eq!(matches!(outcome, Outcome::Created(_)), is_ours, "{created_at}: {outcome:?}");
        }
    }

    #[test]
    fn a_user_whose_row_changed_since_the_request_that_made_it_is_still_ours() {
        let key = HashKey::new(KEY);
        let mut ours = entry("new@example.com");
        let before = Identifier::new(crate::record::IdentifierKind::Email, "ada@example.com");
        ours.sent.identifiers.insert(key.identifier(&before));
        assert!(matches!(found(&ours, &clerk_user("ada@example.com"), true, &key).outcome, Outcome::Created(_)));
    }

    #[test]
    fn a_user_we_were_about_to_take_over_is_never_taken_for_one_we_made() {
        let ours = Entry { link_to: ClerkId::new("user_1").ok(), ..entry("ada@example.com") };
        assert!(matches!(
            found(&ours, &clerk_user("ada@example.com"), true, &HashKey::new(KEY)).outcome,
            Outcome::Linked(_)
        ));
        let other = Entry { link_to: ClerkId::new("user_2").ok(), ..ours };
        assert!(matches!(
            found(&other, &clerk_user("ada@example.com"), true, &HashKey::new(KEY)).outcome,
            Outcome::Created(_)
        ));
    }

    #[test]
    fn a_user_with_our_id_and_nothing_in_common_is_somebody_else() {
        let outcome =
            found(&entry("ada@example.com"), &clerk_user("eve@example.com"), true, &HashKey::new(KEY)).outcome;
        let Outcome::Conflict(failure) = outcome else { panic!("{outcome:?}") };
        assert!(failure.reason.message.contains("`user_1`"));
        assert!(!failure.reason.message.contains('@'), "addresses stay out of messages");
    }
}
