//! The bytes of a packet as the parsers read them.

use ehl_probes_common::packet::{Header, Load};

/// A packet from one of its layers on, as far as it was captured.
pub(super) struct Bytes<'a> {
    captured: &'a [u8],
    wire_len: u32,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(captured: &'a [u8], wire_len: usize) -> Self {
        /// More than any packet: 512 KiB with BIG TCP (`GSO_MAX_SIZE`). The length is as much as a file claims.
        const MAX_WIRE_LEN: u32 = 1 << 20;
        let wire_len = u32::try_from(wire_len.max(captured.len())).unwrap_or(u32::MAX);
        Self { captured, wire_len: wire_len.min(MAX_WIRE_LEN) }
    }

    /// What was captured.
    pub(super) fn captured(&self) -> &'a [u8] {
        self.captured
    }

    /// What was captured of `len` bytes from `at` on.
    pub(super) fn part(&self, at: u32, len: u32) -> &'a [u8] {
        let rest = self.captured.get(at as usize..).unwrap_or(&[]);
        rest.get(..len as usize).unwrap_or(rest)
    }
}

impl Load for Bytes<'_> {
    #[inline(always)]
    fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
        let bytes = self.captured.get(offset as usize..)?.first_chunk::<N>()?;
        Some(header.0.write(*bytes))
    }

    /// The length on the wire, so that a payload has its true length where the capture cut it.
    #[inline(always)]
    fn packet_len(&self) -> u32 {
        self.wire_len
    }
}
