//! How many requests are on their way at one time: as many as the latency asks for, and no constant.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clerk::Client;

/// Permits to have a request on its way. More are given out while answers are slow, and fewer while they are quick.
#[derive(Debug)]
pub(super) struct Permits {
    semaphore: Arc<Semaphore>,
    /// How many there are, given out or not.
    all: Mutex<usize>,
}

impl Default for Permits {
    fn default() -> Self {
        Self { semaphore: Arc::new(Semaphore::new(0)), all: Mutex::new(0) }
    }
}

impl Permits {
    /// Waits for a permit; those who wait get theirs in the order they came.
    pub(super) async fn acquire(&self, client: &Client) -> OwnedSemaphorePermit {
        self.adjust(client.at_once());
        let acquired = Arc::clone(&self.semaphore).acquire_owned().await;
        acquired.expect("nobody closes the semaphore")
    }

    /// Makes their number `wanted`, as far as permits have come back.
    fn adjust(&self, wanted: usize) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > *all {
            self.semaphore.add_permits(wanted - *all);
            *all = wanted;
        } else {
            *all -= self.semaphore.forget_permits(*all - wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_become_more_at_once_and_fewer_as_they_come_back() {
        let permits = Permits::default();
        permits.adjust(3);
        let given: Vec<_> =
            (0..2).map(|_| Arc::clone(&permits.semaphore).try_acquire_owned().expect("there is one")).collect();
        permits.adjust(1);
        assert_eq!(permits.semaphore.available_permits(), 0, "the one that was left is taken away");
        drop(given);
        assert_eq!(permits.semaphore.available_permits(), 2, "two come back");
        permits.adjust(1);
        assert_eq!(permits.semaphore.available_permits(), 1);
        permits.adjust(5);
        assert_eq!(permits.semaphore.available_permits(), 5);
    }
}
