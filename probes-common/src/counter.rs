//! The per-CPU counters that every stream probe keeps, by index into its `COUNTERS` map.

/// What is counted. Values are `u64`, one per CPU; user space adds them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Records written to the ring buffer.
    Submitted = 0,
    /// Records that did not fit the ring buffer.
    Lost = 1,
    /// Segments seen a second time: the loopback's outgoing copy, the same segment on another interface.
    Duplicates = 2,
    /// TCP segments with payload that passed the filters.
    Segments = 3,
    /// Segments of connections that carry TLS.
    Tls = 4,
    /// Segments that start with a PROXY protocol header.
    Proxy = 5,
    /// Segments that are none of these and not HTTP.
    Other = 6,
    /// IP fragments after the first one, which carry no ports.
    Fragments = 7,
    /// Connections whose state did not fit the map: everything they send goes up.
    Untracked = 8,
    /// Directions that fell out of step (reordering, unprovable framing): everything goes up from there.
    Desynchronised = 9,
    /// Packets that passed the hook (packet probes).
    Packets = 10,
    /// Of these, packets that the filters left out.
    Filtered = 11,
    /// Of the rest, packets that `--sample` left out.
    Unsampled = 12,
    /// Packets that are cut within their headers, or whose headers contradict themselves; they count as packets all the same.
    Malformed = 13,
    /// Packets of protocols other than IP.
    NotIp = 14,
    /// Packets that carry others: GRE, IP in IP, ESP, VXLAN and the like.
    Tunnels = 15,
}

/// How many counters there are.
pub const COUNTERS: u32 = 16;

impl Counter {
    /// Index into the map.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self as u32
    }
}
