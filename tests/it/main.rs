//! Integration tests: the real binary, real servers, one file per command or part.

mod adapters;
mod clerk;
mod database;
mod ledger;
mod program;
mod refusals;
mod servers;
mod simulator;
mod story;
