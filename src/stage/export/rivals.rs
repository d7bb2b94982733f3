//! Users with one identifier, or one user ID: which of them is left out. Only hashes of them all are sorted; whoever shares none with
//! another is not looked at again.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;

use anyhow::{Context, Result};

use crate::record::duplicates::{order_of, taken};
use crate::record::{IdentifierKind, ImportUser, Reason, UserId};
use crate::scratch::{Sorted, Sorter};

const FAILED: &str = "failed to sort in a temporary file";
const BROKEN: io::ErrorKind = io::ErrorKind::InvalidData;

/// Takes the identifiers of all users.
pub(super) struct Rivals {
    keys: Keys,
    claims: Sorter,
}

/// What identifiers are hashed with: two hashes of half the length. Nobody outside ever sees them, so they need no better ones, and
/// these take least time.
#[derive(Clone)]
pub(super) struct Keys([RandomState; 2]);

/// That a user has an identifier, or its user ID.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    hash: [u8; HASH],
    /// The identifier's number among the user's own; 0 is the user ID.
    own: u32,
    /// The kind's number in [`IdentifierKind::ALL`], from 1 on; 0 is the user ID.
    kind: u8,
}

/// Whose claim it is.
#[derive(Clone, Copy)]
struct Claimant {
    seat: u32,
    own: u32,
    kind: u8,
}

/// The bytes of a hash, and of a claimant.
const HASH: usize = 16;
const CLAIMANT: usize = 9;

impl Claimant {
    fn kind(self) -> Option<IdentifierKind> {
        IdentifierKind::ALL.get(usize::from(self.kind.checked_sub(1)?)).copied()
    }

    fn to_bytes(self) -> [u8; CLAIMANT] {
        let mut bytes = [self.kind; CLAIMANT];
        bytes[..4].copy_from_slice(&self.seat.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.own.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let (seat, rest) = bytes.split_first_chunk().ok_or(BROKEN)?;
        let (own, kind) = rest.split_first_chunk().ok_or(BROKEN)?;
        let kind = *kind.first().ok_or(BROKEN)?;
        Ok(Self { seat: u32::from_be_bytes(*seat), own: u32::from_be_bytes(*own), kind })
    }
}

impl Keys {
    /// Adds what a user claims: the user ID and its identifiers.
    pub(super) fn claims(&self, user: &ImportUser, claims: &mut Vec<Claim>) {
        claims.push(Claim { hash: self.hash(user.user_id.as_str(), 0), own: 0, kind: 0 });
        for (own, identifier) in (1..).zip(user.identifiers()) {
            let kind = 1 + identifier.kind as u8;
            claims.push(Claim { hash: self.hash(&identifier.value, kind), own, kind });
        }
    }

    fn hash(&self, value: &str, kind: u8) -> [u8; HASH] {
        let [one, other] = &self.0;
        let mut hash = [0; HASH];
        hash[..8].copy_from_slice(&one.hash_one((value, kind)).to_ne_bytes());
        hash[8..].copy_from_slice(&other.hash_one((value, kind)).to_ne_bytes());
        hash
    }
}

impl Rivals {
    /// Sorts by way of an empty file.
    pub(super) fn new(file: File) -> Self {
        Self { keys: Keys([RandomState::new(), RandomState::new()]), claims: Sorter::new(file) }
    }

    /// Returns what identifiers are to be hashed with.
    pub(super) fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// Takes what the user on a seat claims.
    pub(super) fn add(&mut self, claims: impl Iterator<Item = Claim>, seat: u32) -> Result<()> {
        for Claim { hash, own, kind } in claims {
            let mut record = [0; HASH + CLAIMANT];
            record[..HASH].copy_from_slice(&hash);
            record[HASH..].copy_from_slice(&Claimant { seat, own, kind }.to_bytes());
            self.claims.push(&record).context(FAILED)?;
        }
        Ok(())
    }

    /// Decides who is left out. `user_id` tells the user ID on a seat; the two files are empty.
    pub(super) fn losers(
        self,
        user_id: impl Fn(u32) -> io::Result<UserId>,
        [by_user_id, by_seat]: [File; 2],
    ) -> Result<Losers> {
        let mut rivals = Sorter::new(by_user_id);
        let contested = contested(self.claims, &mut rivals, &user_id).context(FAILED)?;
        let holders = vec![NOBODY; contested as usize];
        let mut decision = Decision { holders, losers: Sorter::new(by_seat), user_id };
        decision.decide(rivals).context(FAILED)?;
        Ok(Losers(decision.losers.sorted().context(FAILED)?))
    }
}

/// Finds what several users claim, and numbers it from 0. Puts those claims in the order in which they are decided: that of the
/// user IDs, and of each user the user ID first. Returns how much is contested.
fn contested(claims: Sorter, rivals: &mut Sorter, user_id: impl Fn(u32) -> io::Result<UserId>) -> io::Result<u32> {
    let mut claims = claims.sorted()?;
    let mut contested = 0_u32;
    let mut add = |claim: Claimant, number: u32| {
        let order = order_of(&user_id(claim.seat)?);
        rivals.push(&[&order[..], &claim.to_bytes(), &number.to_be_bytes()].concat())
    };
    // The claim before, and whether the one before that was to the same already.
    let mut before: Option<([u8; HASH], Claimant, bool)> = None;
    while let Some(record) = claims.next_record()? {
        let (hash, claim) = record.split_first_chunk().ok_or(BROKEN)?;
        let claim = Claimant::from_bytes(claim)?;
        let shared = before.take_if(|(same, ..)| same == hash);
        if let Some((_, first, counted)) = shared {
            if !counted {
                add(first, contested)?;
                contested = contested.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
            }
            add(claim, contested - 1)?;
        }
        before = Some((*hash, claim, shared.is_some()));
    }
    Ok(contested)
}

struct Decision<F> {
    /// The seat of whoever holds what is contested; [`NOBODY`] at first.
    holders: Vec<u32>,
    losers: Sorter,
    user_id: F,
}

const NOBODY: u32 = 0;

impl<F: Fn(u32) -> io::Result<UserId>> Decision<F> {
    fn decide(&mut self, rivals: Sorter) -> io::Result<()> {
        let mut rivals = rivals.sorted()?;
        let mut claims: Vec<(Claimant, u32)> = Vec::new();
        while let Some(record) = rivals.next_record()? {
            let (record, number) = record.split_last_chunk().ok_or(BROKEN)?;
            let (_, claim) = record.split_last_chunk::<CLAIMANT>().ok_or(BROKEN)?;
            let (claim, number) = (Claimant::from_bytes(claim)?, u32::from_be_bytes(*number));
            if claims.first().is_some_and(|(first, _)| first.seat != claim.seat) {
                self.judge(&claims)?;
                claims.clear();
            }
            claims.push((claim, number));
        }
        self.judge(&claims)
    }

    /// Lets one user hold all that it claims, or lose. A repeated user ID goes to its first row, before identifiers are looked at.
    fn judge(&mut self, claims: &[(Claimant, u32)]) -> io::Result<()> {
        let Some((Claimant { seat, .. }, _)) = claims.first() else { return Ok(()) };
        let mut reasons = Vec::new();
        for (claim, number) in claims {
            let holder = &mut self.holders[*number as usize];
            match claim.kind() {
                None if *holder == NOBODY => *holder = *seat,
                None => {
                    reasons.push(repeated(&(self.user_id)(*seat)?));
                    break;
                }
                Some(kind) if *holder != NOBODY => reasons.push(taken(kind, &(self.user_id)(*holder)?)),
                Some(_) => {}
            }
        }
        if reasons.is_empty() {
            for (_, number) in claims {
                self.holders[*number as usize] = *seat;
            }
            return Ok(());
        }
        let mut record = seat.to_be_bytes().to_vec();
        serde_json::to_writer(&mut record, &((self.user_id)(*seat)?, reasons))?;
        self.losers.push(&record)
    }
}

fn repeated(user_id: &UserId) -> Reason {
    let message = format!(
        "the user ID `{user_id}` stands in an earlier row too; a query that joins a table may return a user several times"
    );
    Reason::new("userId", "duplicate", message)
}

/// Those who are left out, in the order of their seats.
pub(super) struct Losers(Sorted);

/// A user that is left out.
pub(super) struct Loser {
    pub(super) seat: u32,
    pub(super) user_id: UserId,
    pub(super) reasons: Vec<Reason>,
}

impl Losers {
    /// Returns the next one; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Loser>> {
        let Some(record) = self.0.next_record().context(FAILED)? else { return Ok(None) };
        let (seat, rest) = record.split_first_chunk().ok_or(io::Error::from(BROKEN)).context(FAILED)?;
        // The error is not shown: it could quote the user.
        let (user_id, reasons) = serde_json::from_slice(rest).map_err(|_| io::Error::from(BROKEN)).context(FAILED)?;
        Ok(Some(Loser { seat: u32::from_be_bytes(*seat), user_id, reasons }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets users with these IDs and addresses claim them, and returns who loses, each with the messages.
    fn losers(users: &[(&str, &[&str])]) -> Vec<(u32, String)> {
        let file = || tempfile::tempfile().expect("a file");
        let mut rivals = Rivals::new(file());
        let ids: Vec<UserId> = users.iter().map(|(id, _)| UserId::new(*id).expect("an ID")).collect();
        for (seat, ((_, addresses), id)) in (1..).zip(users.iter().zip(&ids)) {
            let mut user = ImportUser::new(id.clone());
            user.email_addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
            let mut claims = Vec::new();
            rivals.keys().claims(&user, &mut claims);
            rivals.add(claims.into_iter(), seat).expect("taken");
        }
        let mut losers = rivals.losers(|seat| Ok(ids[seat as usize - 1].clone()), [file(), file()]).expect("decided");
        let mut all = Vec::new();
        while let Some(loser) = losers.next().expect("a loser") {
            assert_eq!(loser.user_id, ids[loser.seat as usize - 1]);
            let messages: Vec<String> = loser.reasons.into_iter().map(|reason| reason.message).collect();
            all.push((loser.seat, messages.join("; ")));
        }
        all
    }

    fn check(users: &[(&str, &[&str])], expected: &[(u32, &str)]) {
        let found = losers(users);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((seat, message), (expected_seat, part)) in found.iter().zip(expected) {
            assert!(seat == expected_seat && message.contains(part), "{found:?}");
        }
    }

    #[test]
    fn the_lowest_user_id_keeps_an_address_whatever_the_order_of_the_rows() {
        check(&[("10", &["a"]), ("9", &["a"]), ("8", &["b"])], &[(1, "`9`")]);
        check(&[("b", &["a"]), ("7", &["A"]), ("c", &["a"])], &[(1, "`7`"), (3, "`7`")]);
    }

    #[test]
    fn a_repeated_user_id_goes_to_its_first_row_even_if_that_one_loses_its_address() {
        check(&[("2", &["a"]), ("2", &["b"]), ("1", &["a"])], &[(1, "`1`"), (2, "an earlier row")]);
        check(&[("1", &["a"]), ("01", &["a"]), ("1", &["c"])], &[(2, "`1`"), (3, "an earlier row")]);
    }

    #[test]
    fn a_loser_takes_none_of_its_other_addresses_away_from_anybody() {
        check(&[("1", &["a"]), ("2", &["a", "b"]), ("3", &["b"])], &[(2, "`1`")]);
    }

    #[test]
    fn everything_a_user_loses_is_named_in_the_order_of_its_addresses() {
        let users: [(&str, &[&str]); 4] = [("4", &["c", "b", "a"]), ("3", &["c"]), ("2", &["b"]), ("1", &["a"])];
        check(&users, &[(1, "`1` has the same e-mail address")]);
        let winners: Vec<&str> = users[1..].iter().rev().map(|(id, _)| *id).collect();
        let message = &losers(&users)[0].1;
        let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        assert_eq!(named, winners);
    }
}
