//! The users file: `users.json` as Clerk's tools read it, and as they wrote it.

mod read;
mod write;

pub use read::{ReadError, elements, open};
pub use write::{Block, Chooser, Element, Elements, Form, Writer};
