//! Byte streams: per direction of a connection, the bytes in order, without what was seen twice, with the gaps told.
//!
//! Knows TCP sequence numbers and time, and nothing of HTTP. Sources make [`Segment`]s; [`reassembly`] puts them in order.

pub mod reassembly;
pub mod watched;

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

use ehl_probes_common::walk::Handover;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv6 address, or IPv4 one as `::ffff:a.b.c.d`, in network byte order.
    pub address: [u8; 16],
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// None that is known.
    pub const UNKNOWN: Self = Self { address: [0; 16], port: 0 };

    /// Whether it is known.
    pub fn is_known(&self) -> bool {
        *self != Self::UNKNOWN
    }

    /// The address, IPv4 ones as such.
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.address).to_canonical()
    }
}

impl Hash for Endpoint {
    /// In two steps: arrays are hashed with their length.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.address));
        state.write_u16(self.port);
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
    /// In this process.
    Process(Process),
}

/// A process, as the kernel knew it when it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Process {
    /// Process id, in the first pid namespace.
    pub id: u32,
    /// Its name as in /proc/PID/comm; `None` when that is not known.
    pub comm: Option<[u8; 16]>,
    /// Inode number of its cgroup (version 2); 0 when that is not known.
    pub cgroup: u64,
}

impl Process {
    /// The name without the zeros that fill it up.
    pub fn name(&self) -> Option<&[u8]> {
        self.comm.as_ref().map(|comm| comm.split(|byte| *byte == 0).next().unwrap_or(comm))
    }
}

/// What tells a segment's connection from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Identity {
    /// Addresses and ports of both ends.
    #[default]
    Ends,
    /// What its process knows it by; addresses and ports may become known later.
    Tls(Tls),
}

/// A stream of TLS, in the clear. Its parts come in order, and none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// A number that no other connection of the process has.
    pub connection: u64,
    /// Whether the process is the sender.
    pub is_written: bool,
    /// Whether the connection was seen from its start: both streams begin with sequence number 0.
    pub from_start: bool,
}

/// A part of one direction's stream, as a source saw it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sender; [`Endpoint::UNKNOWN`] may be what is known of it (TLS).
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Where it was seen.
    pub origin: Origin,
    /// Which connection it is of.
    pub identity: Identity,
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
