//! TLS libraries: which files have one and who uses them, where in them to probe, and whose TLS cannot be seen.
//!
//! Reads ELF files and /proc, and attaches nothing.

pub mod coverage;
mod image;
pub mod library;
pub mod site;
pub mod target;
