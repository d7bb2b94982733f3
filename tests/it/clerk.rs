//! Tests of clerk.
