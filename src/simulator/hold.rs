//! Keeps requests where a script says, until they are let go: so that something can happen at exactly that moment.

use std::sync::Arc;

use anyhow::bail;
use tokio::sync::watch;
use tokio::time::timeout;

use super::QUIET;

/// A point that requests come to and wait at. Clones are the same point; once released, it lets everyone pass.
#[derive(Debug, Clone, Default)]
pub struct Hold(Arc<watch::Sender<Held>>);

#[derive(Debug, Default)]
struct Held {
    arrived: u64,
    released: bool,
}

impl Hold {
    /// Makes one that keeps whatever comes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns once so many requests have come to it.
    ///
    /// # Errors
    ///
    /// When no further one comes for a minute.
    pub async fn caught(&self, requests: u64) -> anyhow::Result<()> {
        let mut held = self.0.subscribe();
        loop {
            let arrived = held.borrow_and_update().arrived;
            if arrived >= requests {
                return Ok(());
            }
            if timeout(QUIET, held.changed()).await.is_err() {
                bail!("{arrived} of {requests} requests came, and no further one for {} seconds", QUIET.as_secs());
            }
        }
    }

    /// Lets them all go, and whatever comes later.
    pub fn release(&self) {
        self.0.send_modify(|held| held.released = true);
    }

    /// Arrives, and returns when it is released.
    pub(super) async fn pass(&self) {
        let mut held = self.0.subscribe();
        self.0.send_modify(|held| held.arrived += 1);
        // It cannot be closed: its sender is here.
        let _ = held.wait_for(|held| held.released).await;
    }
}

impl PartialEq for Hold {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_whoever_comes_until_it_is_released() {
        let hold = Hold::new();
        let passing: Vec<_> = (0..2)
            .map(|_| {
                tokio::spawn({
                    let hold = hold.clone();
                    async move { hold.pass().await }
                })
            })
            .collect();
        hold.caught(2).await.expect("both come");
        assert!(passing.iter().all(|passing| !passing.is_finished()));
        hold.release();
        for passing in passing {
            passing.await.expect("it passes");
        }
        hold.pass().await;
    }
}
