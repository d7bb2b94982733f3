//! One user brought into Clerk: created as often as it takes and makes sense, looked up after any doubt, taken over if asked.

use std::collections::HashSet;

use super::brake::FAILURES_A_RUN;
use super::look_up::look_up;
use super::push::{OnConflict, Run};
use super::settle::{self, Verdict};
use crate::clerk::{ClerkUser, Error, Kind, Taken, Turn};
use crate::ledger::{Answer, Entry, Outcome};
use crate::record::{Identifier, IdentifierKind};

/// Creates one user, and says how that ended. Once the brake is on, no request goes out any more.
pub(super) async fn bring_in(run: &Run, entry: &Entry) -> Answer {
    let (mut requests, mut failures, mut in_doubt) = (0, 0, entry.in_doubt);
    let verdict = loop {
        let Some(turn) = run.brake.turn(&run.client).await else { break Outcome::Pending(None).into() };
        requests += 1;
        let error = match run.client.create_user(turn, &entry.user).await {
            Ok(user) => {
                run.brake.succeeded();
                break Verdict::created(user);
            }
            Err(error) => error,
        };
        in_doubt |= error.in_doubt;
        match error.kind {
            Kind::StopsRun => {
                run.brake.stop_for(&error);
                break settle::put_off(&error).into();
            }
            Kind::Rejected => {
                run.brake.succeeded();
                break settle::rejected(&error).into();
            }
            Kind::IdentifierExists { param } => {
                run.brake.succeeded();
                break Box::pin(identifier_exists(run, entry, &error, param, in_doubt)).await;
            }
            Kind::Passing => run.brake.failed(&error),
        }
        tracing::debug!(user_id = %entry.user.user_id, requests, code = error.code, in_doubt, "failed for now");
        // Being refused for pace is no failure of this user's: the next turn comes when Clerk's pause is over.
        failures += u32::from(!error.is_rate_limit());
        if failures >= FAILURES_A_RUN || !run.brake.wait_after(failures).await {
            break settle::put_off(&error).into();
        }
        if error.in_doubt {
            match Box::pin(look_up_again(run, entry, in_doubt)).await {
                Ok(Some(verdict)) => break verdict,
                Ok(None) => {}
                Err(error) => break settle::put_off(&error).into(),
            }
        }
    };
    verdict.answer(entry, requests, in_doubt)
}

/// A held identifier may be held by the very user that our own earlier request made: Clerk is asked before it is a conflict.
async fn identifier_exists(run: &Run, entry: &Entry, error: &Error, param: Taken, in_doubt: bool) -> Verdict {
    match look_up_again(run, entry, in_doubt).await {
        Ok(Some(verdict)) => return verdict,
        Ok(None) => {}
        Err(error) => return settle::put_off(&error).into(),
    }
    let holders = match holders(run, entry, param).await {
        Ok(holders) => holders,
        Err(error) => return settle::put_off(&error).into(),
    };
    // It has come to light between the two questions.
    let ours = |holder: &&(Identifier, ClerkUser)| holder.1.external_id.as_deref() == Some(entry.user.user_id.as_str());
    if let Some((_, ours)) = holders.iter().find(ours) {
        return settle::found(entry, ours, in_doubt, &run.ledger.hash_key());
    }
    let Some((identifier, holder)) = holders.first() else {
        return settle::held_by_other(error, None, None).into();
    };
    let why_not_linked = match run.on_conflict {
        OnConflict::Report => None,
        OnConflict::Link => match refusal_to_link(entry, &holders) {
            None => match link(run, entry, holder).await {
                Ok(verdict) => return verdict,
                Err(taken) => Some(taken),
            },
            refusal => refusal,
        },
    };
    settle::held_by_other(error, Some((identifier, holder)), why_not_linked).into()
}

/// The Clerk users who hold identifiers of this user: for a report the first, for a link all.
async fn holders(run: &Run, entry: &Entry, param: Taken) -> Result<Vec<(Identifier, ClerkUser)>, Error> {
    let wanted = |identifier: &&Identifier| match (run.on_conflict, param) {
        (OnConflict::Link, _) | (_, Taken::Unknown) => true,
        (_, Taken::Identifier(kind)) => identifier.kind == kind,
        (_, Taken::ExternalId) => false,
    };
    let mut holders = Vec::new();
    for identifier in entry.user.identifiers().into_iter().filter(|identifier| wanted(&identifier)) {
        if let Some(holder) = run.client.user_by_identifier(&identifier).await? {
            holders.push((identifier, holder));
            if run.on_conflict == OnConflict::Report {
                break;
            }
        }
    }
    Ok(holders)
}

/// Says why the holder of an identifier may not be taken over; `None` if it may: it has no user ID, it alone holds what this user
/// has, and both sides know that the same person owns one e-mail address or phone number.
fn refusal_to_link(entry: &Entry, holders: &[(Identifier, ClerkUser)]) -> Option<&'static str> {
    let ids: HashSet<&str> = holders.iter().map(|(_, holder)| holder.id.as_str()).collect();
    let (_, holder) = holders.first()?;
    if ids.len() > 1 {
        return Some("it is not taken over, since several Clerk users hold what this user has");
    }
    if holder.external_id.is_some() {
        return Some("it is not taken over, since it has a user ID already");
    }
    // A source that says nothing of it proves nothing.
    let emails = entry.user.verified_emails().filter(|_| entry.email_proved);
    let emails = emails.map(|email| Identifier::new(IdentifierKind::Email, email));
    let phones = entry.user.verified_phones().map(|phone| Identifier::new(IdentifierKind::Phone, phone));
    let proved_there = holder.verified_contacts();
    let proved_on_both_sides = emails.chain(phones).any(|contact| proved_there.contains(&contact));
    (!proved_on_both_sides)
        .then_some("it is not taken over, since no e-mail address or phone number is verified on both sides")
}

/// Takes a Clerk user over by giving it our user ID. What is about to happen is written down first: if the answer is lost, the
/// user is known not to be one that we made.
///
/// One after the other: two users of ours may share one Clerk user, by an address and by a number. The second one then finds that it
/// has a user ID.
///
/// # Errors
/// Why the Clerk user may not be taken over any more.
async fn link(run: &Run, entry: &Entry, holder: &ClerkUser) -> Result<Verdict, &'static str> {
    let _alone = run.linking.lock().await;
    match run.client.users_by_clerk_id(std::slice::from_ref(&holder.id)).await {
        Ok(now) if now.iter().all(|now| now.external_id.is_none()) => {}
        Ok(_) => return Err("it is not taken over, since it has just got another user ID"),
        Err(error) => return Ok(settle::put_off(&error).into()),
    }
    if let Err(error) = run.ledger.note_link(entry.id, &holder.id).await {
        tracing::debug!(%error, "the ledger does not take a note; its next write ends the run");
        return Ok(Outcome::Pending(None).into());
    }
    let give = |turn: Turn| run.client.set_external_id(turn, &holder.id, Some(&entry.user.user_id));
    Ok(match run.brake.persist(&run.client, give).await {
        Ok(Some(linked)) => Outcome::Linked(linked.id).into(),
        Ok(None) => Outcome::Pending(None).into(),
        // The holder is gone, or somebody else has got our user ID, or Clerk fails: the next run sees how things stand.
        Err(error) => settle::put_off(&error).into(),
    })
}

async fn look_up_again(run: &Run, entry: &Entry, in_doubt: bool) -> Result<Option<Verdict>, Error> {
    let user = Entry { in_doubt, ..entry.clone() };
    let looked_up = look_up(&run.client, vec![user], &run.ledger.hash_key()).await.inspect_err(|error| {
        if error.kind == Kind::StopsRun {
            run.brake.stop_for(error);
        }
    })?;
    Ok(looked_up.settled.into_iter().next().map(|(_, verdict)| verdict))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clerk::{Contact, ContactStatus};
    use crate::record::{ClerkId, ImportUser, UserId};

    fn holder(id: &str, email: ContactStatus, external_id: Option<&str>) -> (Identifier, ClerkUser) {
        let contact =
            Contact { id: "idn_1".to_owned(), value: "ada@example.com".to_owned(), status: email, primary: true };
        let user = ClerkUser {
            emails: vec![contact],
            external_id: external_id.map(str::to_owned),
            ..ClerkUser::new(ClerkId::new(id).expect("a Clerk ID"))
        };
        (Identifier::new(IdentifierKind::Email, "ada@example.com"), user)
    }

    fn check(verified_here: bool, holders: &[(Identifier, ClerkUser)], refusal: Option<&str>) {
        let mut user = ImportUser::new(UserId::new("1").expect("an ID"));
        user.username = Some("ada_l".to_owned());
        if verified_here {
            user.email = Some("Ada@example.com".to_owned());
        } else {
            user.unverified_email_addresses.push("ada@example.com".to_owned());
        }
        let entry = Entry {
            id: 1,
            user,
            in_doubt: false,
            link_to: None,
            email_proved: true,
            sent: crate::ledger::Sent::default(),
        };
        let told = refusal_to_link(&entry, holders);
        if told.is_none() {
            let unstated = Entry { email_proved: false, ..entry };
            assert!(refusal_to_link(&unstated, holders).is_some(), "a source that says nothing of it proves nothing");
        }
        assert_eq!(told.is_some(), refusal.is_some(), "{told:?}");
        assert!(told.unwrap_or_default().contains(refusal.unwrap_or_default()), "{told:?}");
    }

    #[test]
    fn only_an_address_verified_on_both_sides_of_a_user_without_an_id_links() {
        use ContactStatus::{Reserved, Unverified, Verified};
        check(true, &[holder("user_1", Verified, None)], None);
        check(false, &[holder("user_1", Verified, None)], Some("verified on both sides"));
        check(true, &[holder("user_1", Reserved, None)], Some("verified on both sides"));
        check(true, &[holder("user_1", Unverified, None)], Some("verified on both sides"));
        check(true, &[holder("user_1", Verified, Some("9"))], Some("a user ID already"));
        check(true, &[holder("user_1", Verified, None), holder("user_2", Verified, None)], Some("several Clerk users"));
    }

    #[test]
    fn a_shared_username_never_links() {
        let (_, mut user) = holder("user_1", ContactStatus::Unverified, None);
        user.username = Some("ada_l".to_owned());
        check(true, &[(Identifier::new(IdentifierKind::Username, "ada_l"), user)], Some("verified on both sides"));
    }
}
