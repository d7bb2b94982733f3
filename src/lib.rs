//! Moves the users of an Auth.js application into Clerk, straight from its database.
//!
//! ```text
//!  database ──pull──▶ ledger ──push──▶ Clerk
//!      ▲                │
//!      └───write back───┘
//!  database ──export──▶ users.json ──import──▶ ledger ──push──▶ Clerk
//! ```

pub mod clerk;
pub mod command;
pub mod database;
pub mod engine;
pub mod ledger;
pub mod mapping;
pub mod output;
pub mod query_file;
pub mod record;
pub mod row;
pub mod secret;
pub mod shutdown;
pub mod simulator;
pub mod stage;
pub mod users_file;
