//! Segments from the packets of a capture file.

pub mod segments;
pub mod watched;

mod fragments;
mod ip;
mod link;

/// A packet as the file has it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// What `bytes` start with, one of the LINKTYPE_ numbers (<https://www.tcpdump.org/linktypes.html>).
    pub link_type: u16,
    /// Which of the file's interfaces it was captured on, from 0.
    pub interface: u32,
    /// The first bytes of it.
    pub bytes: &'a [u8],
    /// Its length in bytes before it was cut to `bytes`.
    pub wire_len: u32,
}
