//! Capture files: pcap and pcapng, plain or packed with gzip, from anything that can be read.
//!
//! [`Packets`] gives packets as they were captured; it checks the file, not what the packets carry.

mod byte_order;
mod error;
mod input;
mod interface;
mod packets;
mod pcap;
mod pcapng;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{Damage, Place, ReadError, Record};
pub use packets::{Packet, Packets};
