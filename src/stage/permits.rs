//! How many requests are on their way at one time: as many as the latency asks for, and no constant.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clerk::Client;

/// Permits to have a request on its way. More are given out while answers are slow, and fewer while they are quick.
#[derive(Debug)]
pub(super) struct Permits {
    semaphore: Arc<Semaphore>,
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    /// How many there are, given out or not.
    all: usize,
    wanted: usize,
}

/// A permit; it comes back when dropped, unless there are more than are wanted by then.
#[derive(Debug)]
pub(super) struct Permit {
    of: Arc<Permits>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Default for Permits {
    fn default() -> Self {
        Self { semaphore: Arc::new(Semaphore::new(0)), numbers: Mutex::default() }
    }
}

impl Permits {
    /// Waits for a permit; those who wait get theirs in the order they came.
    pub(super) async fn acquire(self: &Arc<Self>, client: &Client) -> Permit {
        self.adjust(client.at_once());
        let acquired = Arc::clone(&self.semaphore).acquire_owned().await;
        Permit { of: Arc::clone(self), permit: Some(acquired.expect("nobody closes the semaphore")) }
    }

    /// Makes their number `wanted`, as far as permits have come back.
    fn adjust(&self, wanted: usize) {
        let mut numbers = self.numbers();
        numbers.wanted = wanted;
        if wanted > numbers.all {
            self.semaphore.add_permits(wanted - numbers.all);
            numbers.all = wanted;
        } else {
            numbers.all -= self.semaphore.forget_permits(numbers.all - wanted);
        }
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut numbers = self.of.numbers();
        // Whoever waits would get it at once: while somebody does, there is never one to take away but here.
        if numbers.all > numbers.wanted
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            numbers.all -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    fn permit(permits: &Arc<Permits>) -> Permit {
        let permit = Arc::clone(&permits.semaphore).try_acquire_owned().expect("there is one");
        Permit { of: Arc::clone(permits), permit: Some(permit) }
    }

    #[test]
    fn permits_become_more_at_once_and_fewer_as_they_come_back() {
        let permits = Arc::new(Permits::default());
        permits.adjust(3);
        let given = [permit(&permits), permit(&permits)];
        permits.adjust(1);
        assert_eq!(permits.semaphore.available_permits(), 0, "the one that was left is taken away");
        drop(given);
        assert_eq!(permits.semaphore.available_permits(), 1, "of two, one comes back");
        permits.adjust(5);
        assert_eq!(permits.semaphore.available_permits(), 5);
    }

    #[tokio::test]
    async fn permits_become_fewer_while_others_wait_for_one() {
        let permits = Arc::new(Permits::default());
        permits.adjust(2);
        let (first, second) = (permit(&permits), permit(&permits));
        let mut waiting = std::pin::pin!(Arc::clone(&permits.semaphore).acquire_owned());
        assert!(poll!(&mut waiting).is_pending());
        permits.adjust(1);
        drop(first);
        assert!(poll!(&mut waiting).is_pending(), "one is on its way, and no more are wanted");
        drop(second);
        assert!(poll!(&mut waiting).is_ready());
    }
}
