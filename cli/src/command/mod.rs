//! The subcommands, one file or folder each: what was typed becomes a source, a pipeline and a renderer.

pub mod demo;
