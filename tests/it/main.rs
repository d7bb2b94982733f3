//! Integration tests: the real binary, real servers, one file per command or part.

mod adapters;
mod clerk;
mod commands;
mod database;
mod database_faults;
mod faults;
mod kills;
mod ledger;
mod ledger_faults;
mod ledger_model;
mod passwords;
mod program;
mod references;
mod refusals;
mod samples;
mod scene;
mod servers;
mod simulator;
mod story;
mod top_up;
mod undo;
mod verify;
