//! Runs the program and ends the process with its exit code.

fn main() {}
