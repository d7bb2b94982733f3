//! Temporary files for what may not fit into memory: places in them, and sorting by way of them.

mod cursor;
mod sorter;

use std::fs::File;
use std::io;
use std::path::Path;

pub use cursor::Cursor;
pub use sorter::{Sorted, Sorter};

/// Makes a file in a folder that nobody else sees, and that is gone with the handle.
///
/// # Errors
/// If the folder takes none.
pub fn file(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}
