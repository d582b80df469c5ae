//! What the frames of one direction tell, besides heads.

use crate::http::exchange::Flags;

/// Of a stream, or of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// So many bytes of DATA frames, headers included; when the last one came, 0 if that is not known.
    Data { stream: u32, count: u64, time_ns: u64 },
    /// The sender's half of a stream is over, since then.
    End { stream: u32, time_ns: u64 },
    /// A stream is over at once.
    Reset { stream: u32 },
    /// Streams above the last one are not looked at.
    GoAway { last: u32 },
}

/// A head or trailers: where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) stream: u32,
    /// The stream that they promise, as a server.
    pub(super) promised: Option<u32>,
    /// Nothing follows in the sender's half of the stream.
    pub(super) ends: bool,
    /// First byte of the first frame.
    pub(super) first_ns: u64,
    /// Last byte of the last one.
    pub(super) last_ns: u64,
    /// Bytes of their frames.
    pub(super) size: u64,
    /// Where frames start was lost before, and found with it.
    pub(super) after_gap: bool,
}

impl Place {
    pub(super) fn flags(&self) -> Flags {
        if self.after_gap { Flags::GAP } else { Flags::default() }
    }
}
