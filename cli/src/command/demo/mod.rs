//! `ehl demo`: an API and its clients on loopback, so that a newcomer has traffic to look at.
//!
//! The traffic is real: TCP over both IP stacks, HTTP/1.1, kept-alive and closed connections, streamed answers. Nothing
//! in here knows of probes.

mod answer;
pub mod api;
pub mod clients;
pub mod endpoints;
mod lcg;
mod message;
mod stop;
mod traffic;
