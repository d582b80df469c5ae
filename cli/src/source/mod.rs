//! Where segments come from: the kernel's ring buffer, or capture files. The one seam below the pipeline.

pub mod capture_file;
pub mod packets;
pub mod ring;

use crate::packet::Sighting;
use crate::stream::Segment;

/// What one look at a source found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Records, good and bad.
    pub records: usize,
    /// Of these, how many are no records of ours.
    pub undecodable: usize,
}

/// A source of segments.
pub trait Source {
    /// Passes on what is there now, oldest first; at most `limit` records.
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Segment<'_>)) -> Found;

    /// Passes on what it knows besides, once nothing new comes.
    fn finish(&mut self, each: &mut dyn FnMut(&Segment<'_>));
}

/// A source of packets.
pub trait PacketSource {
    /// Passes on what is there now, oldest first; at most `limit` packets. With each, the name of its interface where the source has
    /// it: the number in the sighting is the source's own then.
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Sighting, Option<&str>)) -> Found;
}
