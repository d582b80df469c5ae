//! ehl, an eBPF header logger: attach one precompiled probe for a bounded time, log header elements of the
//! traffic it sees as rows, detach.
//!
//! Invariants, each of which a reader may rely on:
//! - aya is named only in [`probe`]; clap only in [`args`] and [`command`].
//! - Only [`render`] and [`progress`] write to stdout and stderr.
//! - Nothing below [`pipeline`] reads the clock: time comes in with the events. But [`probe`] does, for the time after which packet
//!   programs are to do nothing.
//! - Nothing below [`command`] ends the process.
//! - No plain secret leaves [`http`]: values are redacted where they are parsed.
//!
//! Modules import downwards only: `command` > `pipeline` > `aggregate`, `render` > `http` > `stream`, `packet` > `source` > `probe` >
//! `tls` > `process`, `network`.
//! [`tls`] and [`process`] below it look at files and at /proc; `command` alone asks them. [`network`] asks rtnetlink.

pub mod aggregate;
pub mod args;
pub mod command;
pub mod http;
pub mod network;
pub mod packet;
pub mod pipeline;
pub mod probe;
pub mod process;
pub mod progress;
pub mod render;
pub mod source;
pub mod stream;
pub mod tls;
