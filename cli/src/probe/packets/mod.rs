//! What the packet probes are asked for: `xdp-headers` and `tc-headers`.

pub(super) mod load;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ehl_probes_common::flow::By;

/// How many protocols other than IP the programs look for.
pub const MAX_ETHERTYPES: usize = 8;

/// What a packet probe watches, and what it makes of that.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Interfaces by name and index, at least one.
    pub interfaces: Vec<(String, u32)>,
    /// Which ways (`tc-headers`; XDP sees ingress only).
    pub directions: Directions,
    /// How XDP is attached.
    pub mode: XdpMode,
    /// Which packets.
    pub filter: Filter,
    /// What becomes of them.
    pub task: Task,
    /// When the probe is to do nothing any more, should nobody have detached it: counted from the attach.
    pub run_time: Duration,
    /// Whether the kernel is to measure the programs' run time.
    pub measure: bool,
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// Received by this host.
    Ingress,
    /// Sent by this host.
    Egress,
    /// Both.
    Both,
}

/// Where XDP runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, before the stack.
    Native,
    /// At the entry of the stack, whatever the driver.
    Generic,
}

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A record for each.
    Records {
        /// Only each so many-th.
        sample: u32,
        /// Size of the ring buffer in bytes, a power of two of pages.
        ring_bytes: u32,
    },
    /// Totals.
    Flows {
        /// What the packets of a flow have in common.
        by: By,
        /// How many flows the kernel keeps; what does not fit goes into one more.
        max_flows: u32,
    },
}

/// Which packets are looked at: all conditions must hold, and of each one element.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Ports of either end; all when empty.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Networks of either end, by address and prefix length; all when empty.
    pub networks: Vec<(IpAddr, u8)>,
    /// Protocols; all when empty. At most [`MAX_ETHERTYPES`] of them are other than IP.
    pub protocols: Vec<Protocol>,
    /// Flags of TCP; when there are any, nothing but TCP passes.
    pub tcp_flags: Option<TcpFlags>,
}

/// A protocol of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// An IP protocol by its number.
    Ip(u8),
    /// Something other than IP, by its EtherType.
    Link(u16),
}

/// Flags of TCP that must be set, and such that must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags {
    /// All of these are set.
    pub set: u8,
    /// None of these is.
    pub clear: u8,
}
