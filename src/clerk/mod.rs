//! Clerk's Backend API, as far as an import needs it.
