//! `kill -9` at any moment, any number of times: the next run goes on, and at the end nobody is missing, nobody was made twice,
//! and no ID stands on a wrong row.

mod alter;
mod every_point;
mod night;
pub(crate) mod rig;
