//! What crosses the boundary between ehl's eBPF programs and ehl itself, and the pure functions that both sides run.
//!
//! - [`call`]: the calls of a TLS library that are probed.
//! - [`record`]: the one event layout of all stream probes.
//! - [`counter`]: the per-CPU counters of a probe.
//! - [`connection`]: the kernel's memory of one TCP connection.
//! - [`packet`]: the headers of a packet.
//! - [`flow`]: totals of packets that have something in common.
//! - [`head`], [`chunked`]: where an HTTP/1 head and a chunked body end.
//! - [`frame`]: the header of an HTTP/2 frame.
//! - [`tls`]: the kernel's memory of a connection of TLS.
//! - [`walk`]: which bytes of a segment go up to user space, and which are proven body.
//!
//! `no_std`, no dependencies, no allocation, no panics: the verifier has to accept all of it. Everything is tested on
//! the host from bytes.
//!
//! Functions named `ehl_...` are *global functions* of the probes: exported, `extern "C"`, arguments of numbers and pointers
//! that may be null, a number as result. The verifier checks such a function once, for all arguments, and at its calls
//! looks only at the arguments' types; any other function it checks again at every call and in every state of the caller.

#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod call;
pub mod chunked;
pub mod connection;
pub mod counter;
pub mod flow;
pub mod frame;
pub mod head;
pub mod packet;
pub mod record;
pub mod tls;
pub mod walk;
pub mod window;
