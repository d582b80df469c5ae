//! Segments and packets from a capture file: pcap or pcapng, plain or packed with gzip, from anything that can be read.
//!
//! [`Packets`] gives packets as they were captured; it checks the file, not what the packets carry. [`Segments`] makes
//! segments of packets: link layer, IP and its fragments, TCP. [`PacketFile`] tells the headers of each packet instead.

mod byte_order;
mod bytes;
mod error;
mod fragments;
mod input;
mod interface;
mod ip;
mod link;
mod packets;
mod pcap;
mod pcapng;
mod reading;
mod segments;
mod sightings;
#[cfg(test)]
pub(crate) mod testing;

use std::io::Read;

pub use crate::stream::watched::Watched;
pub use error::{Damage, Place, ReadError, Record};
pub use link::UnsupportedLinks;
pub use packets::{Packet, Packets};
pub use segments::{Counters, Segments, split};
pub use sightings::{PacketCounters, PacketFile};

use reading::Reading;

use super::{Found, Source};
use crate::stream::Segment;

/// A capture file that is being read for its segments.
pub struct CaptureFile {
    reading: Reading,
    segments: Segments,
}

impl CaptureFile {
    /// Reads as much as tells the format, and the first packet.
    ///
    /// # Errors
    /// When it is no capture file.
    pub fn open(input: Box<dyn Read + Send>, watched: &Watched) -> Result<Self, ReadError> {
        Ok(Self { reading: Reading::open(input)?, segments: Segments::new(watched) })
    }

    /// Time of the first packet in nanoseconds since 1970; `None` when there is none.
    pub fn first_ns(&self) -> Option<u64> {
        self.reading.first_ns()
    }

    /// The latest time of the packets that were read; 0 when there was none.
    pub fn last_ns(&self) -> u64 {
        self.reading.last_ns()
    }

    /// What became of the packets.
    pub fn counters(&self) -> Counters {
        self.segments.counters()
    }

    /// Packets that were dropped when the file was captured, if it says so.
    pub fn dropped(&self) -> Option<u64> {
        self.reading.dropped()
    }

    /// Why the file could not be read to its end, once it was tried.
    pub fn take_failure(&mut self) -> Option<ReadError> {
        self.reading.take_failure()
    }
}

impl Source for CaptureFile {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Segment<'_>)) -> Found {
        let Self { reading, segments } = self;
        let mut records = 0;
        while records < limit && reading.next(|packet| segments.packet(packet, each)).is_some() {
            records += 1;
        }
        Found { records, undecodable: 0 }
    }

    fn finish(&mut self, _each: &mut dyn FnMut(&Segment<'_>)) {
        self.segments.finish();
    }
}
