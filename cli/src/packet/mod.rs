//! Packets: the header elements of each, as a source saw it, and what they are called.

pub mod filter;
pub mod protocol;
pub mod tcp_flags;
pub mod tunnel;

use ehl_probes_common::packet::headers::Headers;
use ehl_probes_common::record::Way;

/// A packet that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Its headers.
    pub headers: Headers,
    /// Bytes of the frame, from its Ethernet header and with all VLAN tags, without FCS; from the network layer on where the link has no
    /// header.
    pub length: u32,
    /// How many packets of the wire it stands for; `None` where that is not known.
    pub segments: Option<u32>,
    /// Index of the interface; `None` where that is not known.
    pub interface: Option<u32>,
    /// Which way it went; `None` where that is not known.
    pub way: Option<Way>,
}

impl Sighting {
    /// Bytes on the wire: with the headers of each segment.
    pub fn wire_bytes(&self) -> Option<u64> {
        let more = u64::from(self.segments?.saturating_sub(1));
        Some(u64::from(self.length) + more * u64::from(self.headers.header_len))
    }
}
