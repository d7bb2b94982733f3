//! The three databases: rows out, Clerk IDs in.
