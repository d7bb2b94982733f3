//! One user found, made or refused: what that means, decided from what Clerk says.

use std::collections::HashSet;

use crate::clerk::{ClerkUser, Error};
use crate::ledger::{Failure, Outcome};
use crate::record::{Identifier, ImportUser, Reason};

/// Decides what a Clerk user who bears our user ID is to us. `in_doubt` says that a request of ours may have made it: if not,
/// it was there before us.
pub(super) fn found(user: &ImportUser, clerk_user: &ClerkUser, in_doubt: bool) -> Outcome {
    let held: HashSet<&Identifier> = clerk_user.identifiers.iter().collect();
    if !user.identifiers().iter().any(|identifier| held.contains(identifier)) {
        return Outcome::Conflict(failure(
            "userId",
            "external_id_of_somebody_else",
            format!(
                "the Clerk user `{}` has this user ID and shares no e-mail address, phone number, username or wallet: \
                 probably somebody else, of another application with the same IDs",
                clerk_user.id
            ),
        ));
    }
    if in_doubt { Outcome::Created(clerk_user.id.clone()) } else { Outcome::Adopted(clerk_user.id.clone()) }
}

/// The outcome for a user of whom another Clerk user holds an identifier.
pub(super) fn held_by_other(error: &Error, holder: Option<(&Identifier, &ClerkUser)>) -> Outcome {
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
            let message = format!(
                "the Clerk user `{}`, {whose}, has the same {noun}; delete one of them, or take the {noun} from it",
                holder.id
            );
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
    Outcome::Rejected(of_error(error))
}

/// The outcome for a user that a later run will try again.
pub(super) fn put_off(error: &Error) -> Outcome {
    Outcome::Pending(Some(of_error(error)))
}

fn of_error(error: &Error) -> Failure {
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
    use crate::record::{ClerkId, IdentifierKind, UserId};

    fn user(email: &str) -> ImportUser {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.email = Some(email.to_owned());
        user
    }

    fn clerk_user(email: &str) -> ClerkUser {
        ClerkUser {
            id: ClerkId::new("user_1").expect("a Clerk ID"),
            external_id: Some("1".to_owned()),
            identifiers: vec![Identifier::new(IdentifierKind::Email, email)],
        }
    }

    #[test]
    fn a_user_found_without_doubt_is_adopted_and_after_a_lost_answer_is_ours() {
        let (ours, theirs) = (user("ada@example.com"), clerk_user("Ada@Example.com"));
        assert!(matches!(found(&ours, &theirs, false), Outcome::Adopted(_)));
        assert!(matches!(found(&ours, &theirs, true), Outcome::Created(_)));
    }

    #[test]
    fn a_user_with_our_id_and_nothing_in_common_is_somebody_else() {
        let outcome = found(&user("ada@example.com"), &clerk_user("eve@example.com"), true);
        let Outcome::Conflict(failure) = outcome else { panic!("{outcome:?}") };
        assert!(failure.reason.message.contains("`user_1`"));
        assert!(!failure.reason.message.contains('@'), "addresses stay out of messages");
    }
}
