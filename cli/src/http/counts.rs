//! What was counted on the way from segments to exchanges.

/// Counts of one run, of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Exchanges, whole or half.
    pub exchanges: u64,
    /// Requests without response.
    pub unpaired_requests: u64,
    /// Responses without request.
    pub unpaired_responses: u64,
    /// Heads that were cut.
    pub truncated: u64,
    /// Runs of bytes that are no message.
    pub undecodable: u64,
    /// Parts of streams of which all bytes had been seen before.
    pub duplicates: u64,
    /// Connections that made room for others.
    pub evicted: u64,
    /// Directions of connections that carry TLS.
    pub tls: u64,
    /// Directions of connections that carry anything else but HTTP.
    pub other: u64,
    /// Fields of which the name, the value or both are unknown, because they were sent before the capture or lost.
    pub unknown_fields: u64,
}
