//! The commands: each opens the parts, hands them to stages, and shows the result.

pub mod simulator;
