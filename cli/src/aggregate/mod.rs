//! Reports over many exchanges, in bounded memory.

pub mod elements;
