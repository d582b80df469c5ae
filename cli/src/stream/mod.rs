//! Byte streams: per direction of a connection, the bytes in order, without what was seen twice, with the gaps told.
//!
//! Knows TCP sequence numbers and time, and nothing of HTTP. Sources make [`Segment`]s; [`reassembly`] puts them in order.

pub mod reassembly;

use std::net::{IpAddr, Ipv6Addr};

use ehl_probes_common::walk::Handover;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv6 address, or IPv4 one as `::ffff:a.b.c.d`, in network byte order.
    pub address: [u8; 16],
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// The address, IPv4 ones as such.
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }
}

/// Where a segment was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// Not known, as in a capture file.
    #[default]
    Unknown,
    /// On the interface with this index.
    Interface(u32),
    /// In the process with this id.
    Process(u32),
}

/// A part of one direction's stream, as a source saw it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Where it was seen.
    pub origin: Origin,
    /// What it carries.
    pub part: Part<'a>,
}

/// Bytes of a stream: `covered` bytes from `sequence` on, of which the first are here.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Nanoseconds since 1970, when it was seen.
    pub time_ns: u64,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Which byte of the other direction the sender expects next.
    pub acknowledgement: u32,
    /// TCP flags, as in `ehl_probes_common::record::tcp_flag`.
    pub tcp_flags: u8,
    /// How many bytes of the stream it stands for.
    pub covered: u32,
    /// The first of them.
    pub captured: &'a [u8],
    /// What the source proved of the bytes, as in `ehl_probes_common::record::flag`; 0 when it proves nothing.
    pub proven: u16,
    /// The state of a body where the source stopped to follow it.
    pub handover: Option<Handover>,
}
