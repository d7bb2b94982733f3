//! The wish to stop, as a value that can be passed around, awaited and asked.

use tokio::sync::watch;

/// How urgently the program has been asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// Nobody has asked.
    #[default]
    None,
    /// The first Ctrl-C or SIGTERM: begin nothing new, await what is on its way.
    Graceful,
    /// The second one: stop at once.
    Now,
}

/// Told by `main`, heard by stages.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Urgency>);

/// The sending half: whoever holds it asks the program to stop.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Urgency>);

/// Makes a pair of a trigger and a shutdown that hears it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Urgency::None);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks to stop, one step more urgently than before.
    pub fn escalate(&self) {
        self.0.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::None => Urgency::Graceful,
                Urgency::Graceful | Urgency::Now => Urgency::Now,
            }
        });
    }
}

impl Shutdown {
    /// A shutdown that never comes, for work that cannot be interrupted.
    #[must_use]
    pub fn never() -> Self {
        channel().1
    }

    /// Returns whether a stop has been asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        *self.0.borrow() > Urgency::None
    }

    /// Resolves once a stop of at least this urgency is asked for; never, if nobody can ask any more.
    pub async fn wait_for(&mut self, urgency: Urgency) {
        if self.0.wait_for(|asked| *asked >= urgency).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_request_is_the_urgent_one() {
        let (trigger, mut shutdown) = channel();
        assert!(!shutdown.requested());
        trigger.escalate();
        assert!(shutdown.requested());
        shutdown.wait_for(Urgency::Graceful).await;
        trigger.escalate();
        shutdown.wait_for(Urgency::Now).await;
    }
}
