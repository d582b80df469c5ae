//! Reports over many exchanges or packets, in bounded memory.

pub mod elements;
pub mod flows;
pub mod groups;
pub mod histogram;
pub mod in_flight;
pub mod latency;
pub mod llm;
pub mod path_template;
pub mod spread;
pub mod stats;
