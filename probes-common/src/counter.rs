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
}

/// How many counters there are.
pub const COUNTERS: u32 = 10;

impl Counter {
    /// Index into the map.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self as u32
    }
}
