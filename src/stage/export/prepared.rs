//! Users made ready to be written: all the work on them that needs to know nothing of the others, and so can be done on any core.

use super::rivals::{Claim, Keys};
use crate::mapping::{Mapped, Refused, Traits};
use crate::record::{Reason, UserId};
use crate::users_file::{Block, Element, Form};

/// Users that came together.
pub(super) struct Prepared {
    /// How many came, refused ones included.
    pub(super) users: u64,
    /// Users left out on request.
    pub(super) skipped: u64,
    /// Those who were refused, each with the reasons.
    pub(super) refused: Vec<(Option<UserId>, Vec<Reason>)>,
    /// The others, in the order in which they came.
    pub(super) valid: Vec<Valid>,
    /// Their elements.
    pub(super) block: Block,
    /// What they claim, user by user.
    pub(super) claims: Vec<Claim>,
}

/// A user to be written.
pub(super) struct Valid {
    /// Its element within the block.
    pub(super) element: Element,
    pub(super) traits: Traits,
    /// How many claims are its own.
    pub(super) claims: usize,
}

impl Prepared {
    pub(super) fn of(users: Vec<Result<Mapped, Refused>>, form: Form, keys: &Keys) -> Self {
        let mut prepared = Self {
            users: users.len() as u64,
            skipped: 0,
            refused: Vec::new(),
            valid: Vec::with_capacity(users.len()),
            block: Block::new(form),
            claims: Vec::with_capacity(2 * users.len()),
        };
        for user in users {
            match user {
                Ok(mapped) => prepared.add(&mapped, keys),
                Err(refused) if refused.skipped => prepared.skipped += 1,
                Err(refused) => prepared.refused.push((refused.user_id, refused.reasons)),
            }
        }
        prepared
    }

    fn add(&mut self, mapped: &Mapped, keys: &Keys) {
        let element = self.block.add(&mapped.user);
        let before = self.claims.len();
        keys.claims(&mapped.user, &mut self.claims);
        self.valid.push(Valid { element, traits: Traits::of(mapped), claims: self.claims.len() - before });
    }
}
