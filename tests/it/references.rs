//! Columns that refer to users: found, measured, the obstacles told; Clerk IDs put beside them. On a schema as applications have them.

mod app;
mod beside;
mod example;
mod found;
mod injection;
mod kills;
mod left;
mod many;
mod progress;
mod replace;
mod replace_many;
mod replace_mysql;
mod replace_sqlite;
mod replaced;
