//! Two users with one identifier: which of them keeps it.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{IdentifierKind, Reason, UserId};

/// A keyed hash of an identifier, long enough that two never meet by chance.
pub type IdentifierHash = [u8; 16];

/// The key of a ledger's or an export's identifier hashes.
#[derive(Clone, Copy)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// Takes 32 random bytes as a key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// If the operating system gives none.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the key's bytes, for keeping.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes an identifier.
    #[must_use]
    pub fn identifier(&self, identifier: &super::Identifier) -> IdentifierHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&self.keyed(identifier.kind.field(), &identifier.value)[..16]);
        hash
    }

    /// Hashes a text as one of a kind: the same text under another kind gives another hash.
    #[must_use]
    pub fn keyed(&self, kind: &str, text: &str) -> [u8; 32] {
        // At once, and not piece by piece, for which there is far more to set up than to do.
        let text = [kind.as_bytes(), &[0], text.as_bytes()].concat();
        *blake3::keyed_hash(&self.0, &text).as_bytes()
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey")
    }
}

/// A user that shares an identifier with another.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The caller's own number for it.
    pub seat: i64,
    /// The user's ID.
    pub user_id: UserId,
    /// The identifiers that somebody else has too.
    pub identifiers: Vec<(IdentifierKind, IdentifierHash)>,
}

/// Decides who keeps the identifiers: whoever holds one already (`held`), else the user with the lowest ID. Returns the others,
/// each with the reasons, which name the winner.
#[must_use]
pub fn losers<S: std::hash::BuildHasher>(
    mut candidates: Vec<Candidate>,
    mut held: HashMap<IdentifierHash, UserId, S>,
) -> Vec<(i64, Vec<Reason>)> {
    candidates.sort_by(|a, b| by_user_id(&a.user_id, &b.user_id).then(a.seat.cmp(&b.seat)));
    let mut losers = Vec::new();
    for candidate in candidates {
        let reasons: Vec<Reason> = candidate
            .identifiers
            .iter()
            .filter_map(|(kind, hash)| {
                held.get(hash).filter(|winner| **winner != candidate.user_id).map(|winner| taken(*kind, winner))
            })
            .collect();
        if reasons.is_empty() {
            held.extend(candidate.identifiers.iter().map(|(_, hash)| (*hash, candidate.user_id.clone())));
        } else {
            losers.push((candidate.seat, reasons));
        }
    }
    losers
}

/// Says that an identifier is another user's.
#[must_use]
pub fn taken(kind: IdentifierKind, winner: &UserId) -> Reason {
    let message = format!("user `{winner}` has the same {}, and Clerk allows it once", kind.noun());
    Reason::new(kind.field(), "duplicate", message)
}

/// Orders user IDs as a person would: numbers by value, and then everything else by its text.
#[must_use]
pub fn by_user_id(a: &UserId, b: &UserId) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Returns bytes that are ordered as [`by_user_id`] orders the user IDs, and of which none begins like all of another's.
#[must_use]
pub fn order_of(user_id: &UserId) -> Vec<u8> {
    match number(user_id) {
        Some(number) => {
            // As the order of unsigned numbers has it, the negative ones come first.
            let ordered = number.cast_unsigned() ^ (1 << 127);
            [&[0][..], &ordered.to_be_bytes()].concat()
        }
        // No user ID holds a NUL.
        None => [&[1], user_id.as_str().as_bytes(), &[0]].concat(),
    }
}

fn number(id: &UserId) -> Option<i128> {
    id.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UserId {
        UserId::new(text).expect("a user ID")
    }

    fn candidate(seat: i64, user_id: &str, hashes: &[u8]) -> Candidate {
        let identifiers = hashes.iter().map(|hash| (IdentifierKind::Email, [*hash; 16])).collect();
        Candidate { seat, user_id: id(user_id), identifiers }
    }

    fn check(candidates: Vec<Candidate>, held: &[(u8, &str)], expected: &[(i64, &str)]) {
        let held: HashMap<IdentifierHash, UserId> = held.iter().map(|(hash, user)| ([*hash; 16], id(user))).collect();
        let found: Vec<(i64, String)> =
            losers(candidates, held).into_iter().map(|(seat, reasons)| (seat, reasons[0].message.clone())).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((seat, message), (expected_seat, winner)) in found.iter().zip(expected) {
            assert_eq!(seat, expected_seat);
            assert!(message.contains(&format!("`{winner}`")), "{message}");
        }
    }

    #[test]
    fn the_lowest_user_id_wins_and_numbers_count_as_numbers() {
        check(vec![candidate(1, "10", &[1]), candidate(2, "9", &[1])], &[], &[(1, "9")]);
        check(
            vec![candidate(1, "b", &[1]), candidate(2, "a", &[1]), candidate(3, "c", &[1])],
            &[],
            &[(1, "a"), (3, "a")],
        );
    }

    #[test]
    fn the_bytes_of_user_ids_are_in_their_order() {
        let ordered = ["-12", "-3", "0", "7", "+8", "10", "1a", "9", "Z", "a", "ab", "b"].map(id);
        let mut sorted = ordered.clone();
        sorted.sort_by(by_user_id);
        let numbers_first = ["-12", "-3", "0", "7", "+8", "9", "10", "1a", "Z", "a", "ab", "b"].map(id);
        assert_eq!(sorted, numbers_first);
        sorted.reverse();
        sorted.sort_by_key(order_of);
        assert_eq!(sorted, numbers_first);
    }

    #[test]
    fn one_that_is_done_wins_whatever_its_id() {
        check(vec![candidate(1, "1", &[7])], &[(7, "99")], &[(1, "99")]);
    }

    #[test]
    fn a_loser_takes_none_of_its_other_identifiers_away_from_anybody() {
        check(vec![candidate(1, "1", &[1]), candidate(2, "2", &[1, 2]), candidate(3, "3", &[2])], &[], &[(2, "1")]);
    }

    #[test]
    fn two_keys_give_two_hashes_and_kinds_are_told_apart() {
        let email = crate::record::Identifier::new(IdentifierKind::Email, "Ada@Example.com");
        let same = crate::record::Identifier::new(IdentifierKind::Email, "ada@example.com");
        let name = crate::record::Identifier::new(IdentifierKind::Username, "ada@example.com");
        let (one, two) = (HashKey::new([1; 32]), HashKey::new([2; 32]));
        assert_eq!(one.identifier(&email), one.identifier(&same));
        assert_ne!(one.identifier(&email), two.identifier(&email));
        assert_ne!(one.identifier(&email), one.identifier(&name));
    }
}
