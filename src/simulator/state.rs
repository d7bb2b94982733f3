//! The users of the instance, in memory, with the indexes that keep them unique, findable and in order.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::error::{Problem, Refusal};
use super::id::new_id;
use super::user::{Identifier, User};

/// A place in the order of the list: by creation time, then by arrival.
pub(super) type Place = (i64, usize);

type Key = (Identifier, String);

/// All users. A slot is never used twice, so a slot is also the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Users {
    slots: Vec<Option<Arc<User>>>,
    by_id: HashMap<String, usize>,
    by_contact_id: HashMap<String, usize>,
    taken: HashMap<Key, usize>,
    /// Who has an address or number that nobody needs to be the only one to have.
    unclaimed: HashMap<Key, BTreeSet<usize>>,
    order: BTreeSet<Place>,
    most: Option<u64>,
    created: u64,
    repeated: u64,
}

impl Users {
    pub(super) fn new(most: Option<u64>) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many users were ever made.
    pub(super) fn created(&self) -> u64 {
        self.created
    }

    /// How many creates came with an `external_id` that a user already had.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<User>> {
        self.by_id.get(id).and_then(|slot| self.at(*slot))
    }

    pub(super) fn at(&self, slot: usize) -> Option<&Arc<User>> {
        self.slots.get(slot).and_then(Option::as_ref)
    }

    pub(super) fn place_of_id(&self, id: &str) -> Option<Place> {
        let slot = *self.by_id.get(id)?;
        self.at(slot).map(|user| (user.created_at, slot))
    }

    /// The places of the users who have this: one at most, unless nobody has claimed it.
    pub(super) fn places_of(&self, identifier: Identifier, value: &str) -> impl Iterator<Item = Place> {
        let key = (identifier, identifier.key(value));
        let claimant = self.taken.get(&key).into_iter();
        let others = self.unclaimed.get(&key).into_iter().flatten();
        claimant.chain(others).filter_map(|slot| self.at(*slot).map(|user| (user.created_at, *slot)))
    }

    /// The user who has the contact of this ID.
    pub(super) fn owner(&self, contact_id: &str) -> Option<&Arc<User>> {
        self.by_contact_id.get(contact_id).and_then(|slot| self.at(*slot))
    }

    /// The places of all users, oldest first.
    pub(super) fn order(&self) -> &BTreeSet<Place> {
        &self.order
    }

    /// Adds a user, and gives it its ID.
    pub(super) fn create(&mut self, mut user: User) -> Result<Arc<User>, Refusal> {
        if let Some(most) = self.most
            && self.len() as u64 >= most
        {
            return Err(Refusal::quota(most));
        }
        let keys = user.claims();
        let problems = self.collisions(&keys, None);
        if !problems.is_empty() {
            let known = |key: &Key| key.0 == Identifier::ExternalId && self.taken.contains_key(key);
            self.repeated += u64::from(keys.iter().any(known));
            return Err(Refusal::form(problems));
        }
        user.id = new_id("user_");
        let slot = self.slots.len();
        self.by_id.insert(user.id.clone(), slot);
        self.remember(&user, slot);
        let user = Arc::new(user);
        self.slots.push(Some(user.clone()));
        self.created += 1;
        Ok(user)
    }

    /// Changes a user; nothing is changed where the change is refused.
    pub(super) fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut User) -> Result<(), Refusal>,
    ) -> Result<Arc<User>, Refusal> {
        let no_such_user = || Refusal::no_such_user(id);
        let slot = *self.by_id.get(id).ok_or_else(no_such_user)?;
        let before = self.at(slot).ok_or_else(no_such_user)?.clone();
        let mut after = User::clone(&before);
        change(&mut after)?;
        let mut keys = after.claims();
        // What somebody else has claimed cannot be added either; what was there before may stay.
        let there: HashSet<Key> = before.unclaimed().into_iter().collect();
        keys.extend(after.unclaimed().into_iter().filter(|key| !there.contains(key)));
        let problems = self.collisions(&keys, Some(slot));
        if !problems.is_empty() {
            return Err(Refusal::form(problems));
        }
        self.forget(&before, slot);
        self.remember(&after, slot);
        let after = Arc::new(after);
        self.slots[slot] = Some(after.clone());
        Ok(after)
    }

    /// Removes a user; its identifiers are free again.
    pub(super) fn delete(&mut self, id: &str) -> Option<Arc<User>> {
        let slot = self.by_id.remove(id)?;
        let user = self.slots.get_mut(slot)?.take()?;
        self.forget(&user, slot);
        Some(user)
    }

    fn remember(&mut self, user: &User, slot: usize) {
        self.taken.extend(user.claims().into_iter().map(|key| (key, slot)));
        for key in user.unclaimed() {
            self.unclaimed.entry(key).or_default().insert(slot);
        }
        self.by_contact_id.extend(user.all_contacts().map(|(_, contact)| (contact.id.clone(), slot)));
        self.order.insert((user.created_at, slot));
    }

    fn forget(&mut self, user: &User, slot: usize) {
        for key in user.claims() {
            self.taken.remove(&key);
        }
        for key in user.unclaimed() {
            if let Some(slots) = self.unclaimed.get_mut(&key) {
                slots.remove(&slot);
            }
        }
        for (_, contact) in user.all_contacts() {
            self.by_contact_id.remove(&contact.id);
        }
        self.order.remove(&(user.created_at, slot));
    }

    fn collisions(&self, keys: &[Key], own: Option<usize>) -> Vec<Problem> {
        let is_taken = |key: &&Key| self.taken.get(*key).is_some_and(|slot| Some(*slot) != own);
        keys.iter().filter(is_taken).map(|key| Problem::taken(key.0.field())).collect()
    }
}
