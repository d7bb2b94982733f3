//! Rows on their way from a connection's task to whoever asks for them, a bounded number at a time.

use std::vec;

use futures_util::{Stream, TryStreamExt};
use tokio::sync::mpsc;

use super::error::QueryError;
use crate::row::{Column, Row, Value};

/// How many rows, and about how many bytes, travel together; a few such chunks are all that is ever held.
const CHUNK_ROWS: usize = 256;
const CHUNK_BYTES: usize = 256 * 1024;
const CHUNKS_WAITING: usize = 4;

/// The result of a query, row by row.
#[derive(Debug)]
pub struct Rows {
    /// The columns, in the order of each row's values. Names may repeat.
    pub columns: Vec<Column>,
    messages: mpsc::Receiver<Message>,
    chunk: vec::IntoIter<Row>,
    ended: bool,
}

/// What travels. The end is said in so many words: a task that died sends nothing, and half a result is never taken for all.
#[derive(Debug)]
enum Message {
    Rows(Vec<Row>),
    Failed(QueryError),
    End,
}

impl Rows {
    /// Returns the next row; `None` after the last.
    ///
    /// # Errors
    /// [`QueryError`], if the database fails while it runs the query. No row comes after that.
    pub async fn next(&mut self) -> Result<Option<Row>, QueryError> {
        loop {
            if let Some(row) = self.chunk.next() {
                return Ok(Some(row));
            }
            match self.next_chunk().await? {
                Some(chunk) => self.chunk = chunk.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// Ends the query: no further row is wanted.
    pub fn close(&mut self) {
        self.ended = true;
        self.messages.close();
        // Chunks that wait are given back here, and what sends them sees that nobody takes any more.
        while self.messages.try_recv().is_ok() {}
    }

    /// Returns the next rows, as they travel together; `None` after the last.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<Row>>, QueryError> {
        if self.chunk.len() > 0 {
            return Ok(Some(std::mem::take(&mut self.chunk).collect()));
        }
        if self.ended {
            return Ok(None);
        }
        match self.messages.recv().await {
            Some(Message::Rows(chunk)) => Ok(Some(chunk)),
            Some(Message::End) => {
                self.ended = true;
                Ok(None)
            }
            Some(Message::Failed(error)) => Err(error),
            None => Err(QueryError::Broken("reading stopped before the last row".to_owned())),
        }
    }
}

/// The sending end of [`Rows`].
pub(super) struct Sender {
    messages: mpsc::Sender<Message>,
    chunk: Vec<Row>,
    bytes: usize,
}

/// Nobody waits for rows any more.
pub(super) struct Hungup;

pub(super) fn channel(columns: Vec<Column>) -> (Sender, Rows) {
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    let rows = Rows { columns, messages: receiver, chunk: Vec::new().into_iter(), ended: false };
    (Sender { messages: sender, chunk: Vec::new(), bytes: 0 }, rows)
}

impl Sender {
    async fn push(&mut self, row: Row) -> Result<(), Hungup> {
        self.bytes += row.iter().map(weight).sum::<usize>();
        self.chunk.push(row);
        if self.chunk.len() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Sends a stream's rows until they end or fail, and returns the failure, if there was one.
    pub(super) async fn send_all<R>(
        &mut self,
        mut rows: impl Stream<Item = Result<R, QueryError>> + Unpin,
        decode: impl Fn(&R) -> Result<Row, QueryError>,
    ) -> Result<Option<QueryError>, Hungup> {
        loop {
            match rows.try_next().await.and_then(|row| row.map(|row| decode(&row)).transpose()) {
                Ok(Some(row)) => self.push(row).await?,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            }
        }
    }

    /// Sends what is left, and that it ended: well, or by an error.
    pub(super) async fn finish(mut self, error: Option<QueryError>) {
        if self.flush().await.is_ok() {
            // Nobody to tell it is no loss.
            let _ = self.messages.send(error.map_or(Message::End, Message::Failed)).await;
        }
    }

    async fn flush(&mut self) -> Result<(), Hungup> {
        self.bytes = 0;
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.is_empty() { Ok(()) } else { self.messages.send(Message::Rows(chunk)).await.map_err(|_| Hungup) }
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Unreadable(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        // A rough guess: what matters is that long values do not pile up.
        Value::Json(json) => json.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Real(_) => 16,
    }
}

/// Makes a value of what an engine calls text.
pub(super) fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Unreadable("holds text that is not valid UTF-8".to_owned()),
    }
}

/// Makes a value of a number or other notation that `read` understands; text, if it does not.
pub(super) fn read_or_text(bytes: &[u8], read: impl FnOnce(&str) -> Option<Value>) -> Value {
    std::str::from_utf8(bytes).ok().and_then(read).unwrap_or_else(|| text(bytes))
}

/// Makes a value of what an engine calls JSON.
pub(super) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).map_or_else(
        |_| Value::Unreadable("holds JSON that cannot be read, or is nested too deeply".to_owned()),
        Value::Json,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_end_when_the_end_is_said_and_not_when_the_task_that_reads_them_is_gone() {
        let row = || vec![Value::Integer(1)];
        for said in [true, false] {
            let (mut sender, mut rows) = channel(Vec::new());
            assert!(sender.push(row()).await.is_ok());
            assert!(sender.flush().await.is_ok());
            if said {
                sender.finish(None).await;
            } else {
                drop(sender);
            }
            assert_eq!(rows.next().await.expect("a row"), Some(row()));
            for _ in 0..2 {
                match rows.next().await {
                    Ok(end) => assert!(said && end.is_none()),
                    Err(error) => assert!(!said && matches!(error, QueryError::Broken(_)), "{error}"),
                }
            }
        }
    }
}
