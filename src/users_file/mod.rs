//! The users file: `users.json` as Clerk's tools read it, and as they wrote it.
