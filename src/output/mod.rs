//! What people and programs read: messages, progress, tables, the JSON object, the log file, the file of differences.

mod console;
mod differences;
mod left_out;
mod log;
mod progress;
pub mod table;
mod text;

pub use console::Console;
pub use differences::Differences;
pub use left_out::LeftOutFile;
pub use log::write as write_log;
pub use progress::{Bar, Phase};
pub use text::{count, duration, number};
