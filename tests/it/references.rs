//! Columns that refer to users: found, measured, and the obstacles told, on a schema as applications have them.

mod app;
mod found;
