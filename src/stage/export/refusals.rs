//! The users that our checks refused, kept in a file: they may be all there are.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::record::{Reason, UserId};
use crate::scratch::Cursor;

/// Users that were refused, each with the reasons.
#[derive(Debug)]
pub struct Refusals {
    file: Arc<File>,
    writer: BufWriter<Cursor>,
    count: u64,
}

impl Refusals {
    /// Keeps them in an empty file.
    pub(super) fn new(file: File) -> Self {
        let file = Arc::new(file);
        Self { writer: BufWriter::new(Cursor::new(&file, 0)), file, count: 0 }
    }

    pub(super) fn add(&mut self, user_id: Option<&UserId>, reasons: &[Reason]) -> Result<()> {
        self.count += 1;
        serde_json::to_writer(&mut self.writer, &(user_id, reasons)).map_err(io::Error::from).context(FAILED)
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns them, in the order in which they were refused.
    ///
    /// # Errors
    /// If the file cannot be written or read.
    pub fn read(mut self) -> Result<impl Iterator<Item = Result<(Option<UserId>, Vec<Reason>)>>> {
        self.writer.flush().context(FAILED)?;
        let reader = BufReader::new(Cursor::new(&self.file, 0));
        let read = serde_json::Deserializer::from_reader(reader).into_iter();
        Ok(read.map(|user| user.map_err(io::Error::from).context("failed to read a temporary file again")))
    }
}

const FAILED: &str = "failed to write a temporary file";
