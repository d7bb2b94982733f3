//! The users of the instance, in memory, with the indexes that keep them unique, findable and in order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::error::{Problem, Refusal};
use super::user::{Contact, Identifier, User};

/// A place in the order of the list: by creation time, then by arrival.
pub(super) type Place = (i64, usize);

/// All users. A slot is never used twice, so a slot is also the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Users {
    slots: Vec<Option<Arc<User>>>,
    by_id: HashMap<String, usize>,
    taken: HashMap<(Identifier, String), usize>,
    order: BTreeSet<Place>,
    most: Option<u64>,
    rng: fastrand::Rng,
    created: u64,
    repeated: u64,
}

impl Users {
    pub(super) fn new(most: Option<u64>) -> Self {
        // IDs differ from run to run, as those of two Clerk instances do: one taken for another must show.
        Self { most, rng: fastrand::Rng::new(), ..Self::default() }
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

    pub(super) fn place_of(&self, identifier: Identifier, value: &str) -> Option<Place> {
        let slot = *self.taken.get(&(identifier, identifier.key(value)))?;
        self.at(slot).map(|user| (user.created_at, slot))
    }

    /// The places of all users, oldest first.
    pub(super) fn order(&self) -> &BTreeSet<Place> {
        &self.order
    }

    /// Adds a user, and gives it and its contacts their IDs.
    pub(super) fn create(&mut self, mut user: User) -> Result<Arc<User>, Refusal> {
        if let Some(most) = self.most
            && self.len() as u64 >= most
        {
            return Err(Refusal::quota(most));
        }
        let keys = user.keys();
        let problems = self.collisions(&keys, None);
        if !problems.is_empty() {
            let known = |key: &(Identifier, String)| key.0 == Identifier::ExternalId && self.taken.contains_key(key);
            self.repeated += u64::from(keys.iter().any(known));
            return Err(Refusal::form(problems));
        }
        self.name(&mut user);
        let slot = self.slots.len();
        self.by_id.insert(user.id.clone(), slot);
        self.taken.extend(keys.into_iter().map(|key| (key, slot)));
        self.order.insert((user.created_at, slot));
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
        let keys = after.keys();
        let problems = self.collisions(&keys, Some(slot));
        if !problems.is_empty() {
            return Err(Refusal::form(problems));
        }
        self.forget(&before, slot);
        self.taken.extend(keys.into_iter().map(|key| (key, slot)));
        self.order.insert((after.created_at, slot));
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

    fn forget(&mut self, user: &User, slot: usize) {
        for key in user.keys() {
            self.taken.remove(&key);
        }
        self.order.remove(&(user.created_at, slot));
    }

    fn collisions(&self, keys: &[(Identifier, String)], own: Option<usize>) -> Vec<Problem> {
        let is_taken = |key: &&(Identifier, String)| self.taken.get(*key).is_some_and(|slot| Some(*slot) != own);
        keys.iter().filter(is_taken).map(|key| Problem::taken(key.0.field())).collect()
    }

    fn name(&mut self, user: &mut User) {
        user.id = self.new_id("user_");
        for contact in user.emails.iter_mut().chain(&mut user.phones).chain(&mut user.wallets) {
            contact.id = self.new_id("idn_");
        }
        let first = |contacts: &[Contact]| contacts.first().map(|contact| contact.id.clone());
        user.primary_email = first(&user.emails);
        user.primary_phone = first(&user.phones);
        user.primary_wallet = first(&user.wallets);
    }

    /// An ID as Clerk's: 27 digits in base 62, enough never to meet the same twice.
    fn new_id(&mut self, prefix: &str) -> String {
        let mut id = String::with_capacity(prefix.len() + 27);
        id.push_str(prefix);
        id.extend((0..27).map(|_| self.rng.alphanumeric()));
        id
    }
}
