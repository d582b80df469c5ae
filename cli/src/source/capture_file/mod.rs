//! Segments from a capture file: pcap or pcapng, plain or packed with gzip, from anything that can be read.
//!
//! [`Packets`] gives packets as they were captured; it checks the file, not what the packets carry. [`Segments`] makes
//! segments of packets: link layer, IP and its fragments, TCP.

mod byte_order;
mod error;
mod fragments;
mod input;
mod interface;
mod ip;
mod link;
mod packets;
mod pcap;
mod pcapng;
mod segments;
#[cfg(test)]
pub(crate) mod testing;

use std::io::Read;

pub use crate::stream::watched::Watched;
pub use error::{Damage, Place, ReadError, Record};
pub use packets::{Packet, Packets};
pub use segments::{Counters, Segments, split};

use super::{Found, Source};
use crate::stream::Segment;

/// A capture file that is being read.
pub struct CaptureFile {
    packets: Packets,
    segments: Segments,
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

impl CaptureFile {
    /// Reads as much as tells the format, and the first packet.
    ///
    /// # Errors
    /// When it is no capture file.
    pub fn open(input: Box<dyn Read + Send>, watched: &Watched) -> Result<Self, ReadError> {
        let mut packets = Packets::open(input)?;
        let (first, failure) = match packets.next_packet() {
            Ok(packet) => (packet.map(|packet| Held { packet: Packet { bytes: &[], ..packet }, bytes: packet.bytes.to_vec() }), None),
            Err(error) => (None, Some(error)),
        };
        let first_ns = first.as_ref().map(|first| first.packet.time_ns);
        let segments = Segments::new(watched);
        Ok(Self { packets, segments, first, first_ns, last_ns: first_ns.unwrap_or(0), failure })
    }

    /// Time of the first packet in nanoseconds since 1970; `None` when there is none.
    pub fn first_ns(&self) -> Option<u64> {
        self.first_ns
    }

    /// The latest time of the packets that were read; 0 when there was none.
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// What became of the packets.
    pub fn counters(&self) -> Counters {
        self.segments.counters()
    }

    /// Packets that were dropped when the file was captured, if it says so.
    pub fn dropped(&self) -> Option<u64> {
        self.packets.dropped()
    }

    /// Why the file could not be read to its end, once it was tried.
    pub fn take_failure(&mut self) -> Option<ReadError> {
        self.failure.take()
    }
}

impl Source for CaptureFile {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Segment<'_>)) -> Found {
        let mut records = 0;
        if let Some(Held { packet, bytes }) = self.first.take() {
            self.segments.packet(&Packet { bytes: &bytes, ..packet }, each);
            records += 1;
        }
        while records < limit && self.failure.is_none() {
            match self.packets.next_packet() {
                Ok(Some(packet)) => {
                    self.last_ns = self.last_ns.max(packet.time_ns);
                    self.segments.packet(&packet, each);
                    records += 1;
                }
                Ok(None) => break,
                Err(error) => self.failure = Some(error),
            }
        }
        Found { records, undecodable: 0 }
    }

    fn finish(&mut self, _each: &mut dyn FnMut(&Segment<'_>)) {
        self.segments.finish();
    }
}
