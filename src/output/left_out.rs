//! The file of user IDs by which rows refer, and to which no Clerk ID belongs: a JSON object a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::log;
use crate::database::{Beside, LeftOutId};

/// Takes user IDs as they come. The file, owner-only and named `references-<UTC time>.json`, is made with the first one.
#[derive(Debug)]
pub struct LeftOutFile {
    folder: PathBuf,
    open: Option<(PathBuf, BufWriter<File>)>,
}

impl LeftOutFile {
    /// Makes no file yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn add(&mut self, beside: &Beside, left_out: &LeftOutId) -> Result<()> {
        if self.open.is_none() {
            let (path, file) = log::create(&self.folder, "references")?;
            self.open = Some((path, BufWriter::new(file)));
        }
        let Some((path, file)) = &mut self.open else { return Ok(()) };
        let message = if left_out.has_user { "the user has no Clerk ID" } else { "there is no such user" };
        let line = json!({
            "schema": beside.link.table.schema,
            "table": beside.link.table.table,
            "column": beside.link.column.name,
            "userId": left_out.user_id,
            "rows": left_out.rows,
            "code": if left_out.has_user { "no-clerk-id" } else { "no-user" },
            "message": message,
        });
        writeln!(file, "{line}").with_context(|| format!("failed to write `{}`", path.display()))
    }

    /// Ends the file and returns where it is; `None` if there was nothing to tell.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        let Some((path, file)) = &mut self.open else { return Ok(None) };
        file.flush().with_context(|| format!("failed to write `{}`", path.display()))?;
        Ok(self.open.take().map(|(path, _)| path))
    }
}
