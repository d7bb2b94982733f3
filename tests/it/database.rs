//! Tests of database.
