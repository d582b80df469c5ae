//! The `ehl` binary.
fn main() {}
