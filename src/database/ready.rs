//! The batch that is to be written next, got ready on a connection of its own while another is written.

use tokio::sync::Mutex;

use super::inspect::Target;
use super::write::Item;

/// Tells one batch from another, for what is got ready for one is not to be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchDigest(blake3::Hash);

impl BatchDigest {
    pub(super) fn of(target: &Target, items: &[Item<'_>]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(&target.table.to_string());
        add(&target.key);
        for Item { key, id } in items {
            add(&key.text());
            add(id);
        }
        Self(hasher.finalize())
    }

    /// Half of it, as 32 hexadecimal digits.
    pub(super) fn short(&self) -> String {
        self.0.to_hex()[..32].to_owned()
    }
}

/// A batch, named by `B`, whose table is filled on a connection, if there is one.
#[derive(Debug)]
pub(super) struct Ready<B, C>(Mutex<Option<(B, C)>>);

impl<B, C> Default for Ready<B, C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B: PartialEq, C> Ready<B, C> {
    pub(super) async fn put(&self, batch: B, connection: C) {
        *self.0.lock().await = Some((batch, connection));
    }

    /// Takes the connection on which the table of this very batch is filled.
    pub(super) async fn take(&self, batch: &B) -> Option<C> {
        let ready = self.0.lock().await.take_if(|(ready, _)| ready == batch);
        ready.map(|(_, connection)| connection)
    }

    /// Takes whatever batch there is, with its connection.
    pub(super) async fn take_any(&self) -> Option<(B, C)> {
        self.0.lock().await.take()
    }
}
