//! Tests of the database part on real servers.

mod reading;
mod urls;
mod writing;
