//! The record of a packet probe: one packet, of fixed size.

use super::headers::Headers;

/// One packet that passed a hook, in native byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PacketRecord {
    /// `CLOCK_MONOTONIC` in nanoseconds, when the hook ran.
    pub time_ns: u64,
    /// Its headers.
    pub headers: Headers,
    /// Bytes of the frame, from its Ethernet header and with all VLAN tags, without FCS; from the network layer on where the link has
    /// no header. Of a frame that stands for several ([`segments`](Self::segments)), as the stack has it: headers counted once.
    pub length: u32,
    /// How many packets of the wire it stands for (GSO, GRO); 0 where the hook cannot know.
    pub segments: u32,
    /// Interface index.
    pub interface: u32,
    /// A [`crate::record::ProbeId`].
    pub probe: u8,
    /// A [`crate::record::Way`].
    pub way: u8,
    /// Zero.
    pub reserved: u16,
}

/// Size of a record in bytes.
pub const RECORD_LEN: usize = size_of::<PacketRecord>();

const _: () = assert!(RECORD_LEN == 96);

impl PacketRecord {
    /// From the bytes of a ring buffer record; `None` when they are too few.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_LEN>()?;
        // SAFETY: RECORD_LEN bytes, plain old data without padding that is valid for every bit pattern; the read does not assume alignment.
        Some(unsafe { core::ptr::read_unaligned(bytes.as_ptr().cast()) })
    }
}
