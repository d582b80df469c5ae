//! Reports over many exchanges or packets, in bounded memory.

pub mod elements;
pub mod flows;
