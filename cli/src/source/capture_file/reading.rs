//! The packets of a capture file one after the other, and what there is to say of the file meanwhile.

use std::io::Read;

use super::error::ReadError;
use super::packets::{Packet, Packets};

/// A capture file on its way from its first packet to its last.
pub(super) struct Reading {
    packets: Packets,
    /// Read ahead, to know when the capture began.
    first: Option<Held>,
    first_ns: Option<u64>,
    last_ns: u64,
    failure: Option<ReadError>,
}

struct Held {
    packet: Packet<'static>,
    bytes: Vec<u8>,
}

impl Reading {
    /// Reads as much as tells the format, and the first packet.
    pub(super) fn open(input: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let mut packets = Packets::open(input)?;
        let (first, failure) = match packets.next_packet() {
            Ok(packet) => (packet.map(|packet| Held { packet: Packet { bytes: &[], ..packet }, bytes: packet.bytes.to_vec() }), None),
            Err(error) => (None, Some(error)),
        };
        let first_ns = first.as_ref().map(|first| first.packet.time_ns);
        Ok(Self { packets, first, first_ns, last_ns: first_ns.unwrap_or(0), failure })
    }

    /// What becomes of the next packet; `None` at the end and after a failure.
    pub(super) fn next<T>(&mut self, take: impl FnOnce(&Packet<'_>) -> T) -> Option<T> {
        if let Some(Held { packet, bytes }) = self.first.take() {
            return Some(take(&Packet { bytes: &bytes, ..packet }));
        }
        if self.failure.is_some() {
            return None;
        }
        match self.packets.next_packet() {
            Ok(packet) => {
                let packet = packet?;
                self.last_ns = self.last_ns.max(packet.time_ns);
                Some(take(&packet))
            }
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }

    /// Time of the first packet in nanoseconds since 1970; `None` when there is none.
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.first_ns
    }

    /// The latest time of the packets that were read; 0 when there was none.
    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Packets that were dropped when the file was captured, if it says so.
    pub(super) fn dropped(&self) -> Option<u64> {
        self.packets.dropped()
    }

    /// What the file calls an interface of the section that the last packet is of.
    pub(super) fn interface_name(&self, interface: u32) -> Option<&str> {
        self.packets.interface_name(interface)
    }

    /// Why the file could not be read to its end, once it was tried.
    pub(super) fn take_failure(&mut self) -> Option<ReadError> {
        self.failure.take()
    }
}
