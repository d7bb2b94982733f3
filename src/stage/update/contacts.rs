//! Addresses and numbers: what the source has, what Clerk has, and the requests between them.

use super::steps::{Step, Steps};
use crate::clerk::{ClerkUser, Contact, ContactKind, ContactStatus, NewContact};
use crate::ledger::Change;
use crate::record::duplicates::HashKey;
use crate::record::{Attribute, Identifier, Part};

/// The addresses, or the numbers, of one user.
pub(super) struct Side<'a> {
    kind: ContactKind,
    /// Verified in the source, the primary one first.
    wanted: Vec<&'a str>,
    /// Not verified in the source.
    reserved: &'a [String],
    there: &'a [Contact],
    /// Whether the source has another primary one than before.
    primary_changed: bool,
    /// Whether the user can sign in without any of them.
    has_another_way: bool,
    change: &'a Change,
    key: HashKey,
}

impl<'a> Side<'a> {
    /// Looks at the e-mail addresses.
    pub(super) fn emails(change: &'a Change, now: &'a ClerkUser, key: &HashKey, primary_changed: bool) -> Self {
        let user = &change.user;
        Self {
            kind: ContactKind::Email,
            wanted: user.verified_emails().collect(),
            reserved: &user.unverified_email_addresses,
            there: &now.emails,
            has_another_way: has_a_way_in(now, &now.phones, change),
            primary_changed,
            change,
            key: *key,
        }
    }

    /// Looks at the phone numbers.
    pub(super) fn phones(change: &'a Change, now: &'a ClerkUser, key: &HashKey, primary_changed: bool) -> Self {
        Self {
            kind: ContactKind::Phone,
            wanted: change.user.verified_phones().collect(),
            reserved: &change.user.unverified_phone_numbers,
            there: &now.phones,
            has_another_way: has_a_way_in(now, &now.emails, change),
            ..Self::emails(change, now, key, primary_changed)
        }
    }

    /// Adds the requests that are needed. Whoever took an address away in Clerk, or made another one the primary one, keeps that.
    pub(super) fn add_to(&self, steps: &mut Steps<'a>) {
        if let Some(email) = self.alone_and_reserved() {
            if self.find(email).is_none() && !self.is_known(email) {
                steps.others.push(Step::ReplaceByReserved { email, others: self.there });
            }
            return;
        }
        self.bring_in_wanted(steps);
        self.tell_of_reserved(steps);
        self.remove_what_is_gone(steps);
    }

    fn bring_in_wanted(&self, steps: &mut Steps<'a>) {
        for (at, value) in self.wanted.iter().enumerate() {
            let primary = at == 0 && self.primary_changed;
            match self.find(value) {
                // It was sent, and somebody took it away in Clerk.
                None if self.is_known(value) => {}
                None => steps.others.push(Step::Add(NewContact { kind: self.kind, value, verified: true, primary })),
                Some(there) if there.status != ContactStatus::Verified || primary && !there.primary => {
                    steps.others.push(Step::Verify { kind: self.kind, id: &there.id, primary });
                }
                Some(_) => {}
            }
        }
    }

    fn tell_of_reserved(&self, steps: &mut Steps<'a>) {
        for value in self.reserved {
            match self.find(value) {
                None if !self.is_known(value) => steps.leave(
                    &self.part(),
                    "no_endpoint",
                    "Clerk has no request that adds one more that is not verified and yet reserved for the user",
                ),
                Some(there) if there.status == ContactStatus::Verified && self.is_known(value) => steps.leave(
                    &self.part(),
                    "proved_in_clerk",
                    "the source says that it is not verified, and Clerk that it is: a proof is not taken back",
                ),
                _ => {}
            }
        }
    }

    fn remove_what_is_gone(&self, steps: &mut Steps<'a>) {
        let gone: Vec<&Contact> = self.there.iter().filter(|there| self.is_gone(there)).collect();
        if gone.is_empty() {
            return;
        }
        let keeps_one = !self.wanted.is_empty() || self.reserved.iter().any(|value| self.find(value).is_some());
        if !self.change.ours {
            steps.leave(
                &self.part(),
                "not_ours",
                "the user was in Clerk before us; what the source has no longer stays",
            );
        } else if keeps_one || self.has_another_way {
            steps.others.extend(gone.into_iter().map(|contact| Step::Remove { kind: self.kind, contact }));
        } else {
            steps.leave(
                &self.part(),
                "last_way_in",
                "the source has it no longer, and the user could not sign in without it",
            );
        }
    }

    /// The part under which it is told that something of them was not sent.
    fn part(&self) -> Part {
        let own = match self.kind {
            ContactKind::Email => [Attribute::UnverifiedEmailAddresses, Attribute::EmailAddresses, Attribute::Email],
            ContactKind::Phone => [Attribute::UnverifiedPhoneNumbers, Attribute::PhoneNumbers, Attribute::Phone],
        };
        let changed = own.into_iter().find(|own| self.change.parts.iter().any(|part| part.attribute == *own));
        Part::from(changed.unwrap_or(own[2]))
    }

    /// The one address of a user that has no other, neither in the source nor in Clerk (but for those we sent).
    fn alone_and_reserved(&self) -> Option<&'a str> {
        let [email] = self.reserved else { return None };
        let ours = |there: &Contact| self.change.ours && self.is_known(&there.value) || self.same(&there.value, email);
        let alone = self.kind == ContactKind::Email && self.wanted.is_empty() && self.there.iter().all(ours);
        (alone && self.find(email).is_none()).then_some(email.as_str())
    }

    fn find(&self, value: &str) -> Option<&'a Contact> {
        self.there.iter().find(|there| self.same(&there.value, value))
    }

    /// Whether it stands in Clerk because of the source, which has it no longer.
    fn is_gone(&self, there: &Contact) -> bool {
        let wanted = self.wanted.iter().any(|value| self.same(&there.value, value));
        let reserved = self.reserved.iter().any(|value| self.same(&there.value, value));
        self.is_known(&there.value) && !wanted && !reserved
    }

    fn is_known(&self, value: &str) -> bool {
        self.change.known_identifiers.contains(&self.key.identifier(&self.identifier(value)))
    }

    fn same(&self, a: &str, b: &str) -> bool {
        self.identifier(a) == self.identifier(b)
    }

    fn identifier(&self, value: &str) -> Identifier {
        Identifier::new(self.kind.identifier(), value)
    }
}

/// Whether the user can sign in by the contacts of the other kind, a username that stays, or a wallet.
fn has_a_way_in(now: &ClerkUser, others: &[Contact], change: &Change) -> bool {
    let keeps_username = now.username.is_some() && change.user.username.is_some();
    let proved = others.iter().any(|contact| contact.status != ContactStatus::Unverified);
    keeps_username || proved || !now.wallets.is_empty()
}
