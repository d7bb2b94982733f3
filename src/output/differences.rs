//! The file of differences: a JSON object a line, for everything in which source and Clerk are not alike.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::log;
use crate::stage::verify::Difference;

/// Takes differences as they come. The file is made with the first one, and removed again if the comparison comes to no end: half
/// of the differences would look like all of them.
#[derive(Debug)]
pub struct Differences {
    folder: PathBuf,
    open: Option<(PathBuf, BufWriter<File>)>,
}

impl Differences {
    /// Makes no file yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    /// Adds a line to the new, owner-only `verify-<UTC time>.json`.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn add(&mut self, difference: &Difference) -> Result<()> {
        if self.open.is_none() {
            let (path, file) = log::create(&self.folder, "verify")?;
            self.open = Some((path, BufWriter::new(file)));
        }
        let Some((path, file)) = &mut self.open else { return Ok(()) };
        let line = json!({
            "userId": difference.user_id,
            "clerkId": difference.clerk_id,
            "difference": difference.kind.word(),
            "field": difference.field,
            "message": difference.message,
        });
        writeln!(file, "{line}").with_context(|| format!("failed to write the differences to `{}`", path.display()))
    }

    /// Ends the file and returns where it is; `None` if there was no difference.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        let Some((path, file)) = &mut self.open else { return Ok(None) };
        file.flush().with_context(|| format!("failed to write the differences to `{}`", path.display()))?;
        Ok(self.open.take().map(|(path, _)| path))
    }
}

impl Drop for Differences {
    fn drop(&mut self) {
        if let Some((path, _)) = self.open.take() {
            // A file that cannot be removed is no reason to fail: whoever interrupted knows that it is not whole.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::verify::Kind;

    fn difference() -> Difference {
        let message = "refused".to_owned();
        Difference { user_id: None, clerk_id: None, kind: Kind::Invalid, field: "email".to_owned(), message }
    }

    fn files(folder: &Path) -> usize {
        std::fs::read_dir(folder).expect("a folder").count()
    }

    #[test]
    fn there_is_a_file_only_if_there_is_a_difference_and_the_comparison_came_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = Differences::new(folder.path());
        assert_eq!(empty.finish().expect("no file is made"), None);
        assert_eq!(files(folder.path()), 0);

        let mut interrupted = Differences::new(folder.path());
        interrupted.add(&difference()).expect("a line is written");
        assert_eq!(files(folder.path()), 1);
        drop(interrupted);
        assert_eq!(files(folder.path()), 0, "half of the differences would look like all of them");

        let mut whole = Differences::new(folder.path());
        whole.add(&difference()).expect("a line is written");
        let path = whole.finish().expect("the file is ended").expect("there is one");
        let text = std::fs::read_to_string(path).expect("a file");
        let line = r#"{"userId":null,"clerkId":null,"difference":"invalid","field":"email","message":"refused"}"#;
        assert_eq!(text, format!("{line}\n"));
    }
}
