//! Integration tests: the real binary, real servers, one file per command or part.

mod adapters;
mod clerk;
mod database;
mod samples;
mod servers;
mod simulator;
