//! From the packets of a capture file to their headers, as the packet probes tell them.
//!
//! A packet counts from its Ethernet header on, and from its network layer on where the capture has another link layer (Linux cooked, raw
//! IP, BSD loopback): those headers are the capturing program's. Fragments are not put together, and what a tunnel carries is not looked
//! into. How many packets of the wire one stands for no file tells.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;

use ehl_probes_common::packet::headers::{Headers, parse, present};

use super::bytes::Bytes;
use super::link::{self, Link, UnsupportedLinks};
use super::reading::Reading;
use super::{Packet, ReadError};
use crate::packet::Sighting;
use crate::packet::filter::Filter;
use crate::probe::packets;
use crate::source::{Found, PacketSource};

/// A capture file that is being read for the headers of its packets.
pub struct PacketFile {
    reading: Reading,
    sieve: Sieve,
    interfaces: Interfaces,
}

/// What became of the packets: all but those that were left out, and those of unsupported links, are passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounters {
    /// Packets in all.
    pub packets: u64,
    /// Of these, packets that the filter left out.
    pub filtered: u64,
    /// Of the rest, packets that the sampling left out.
    pub unsampled: u64,
    /// Packets that are cut within their headers, or whose headers contradict themselves, wanted or not. They are packets all the same.
    pub malformed: u64,
    /// Packets of protocols other than IP, wanted or not.
    pub not_ip: u64,
    /// Packets that carry others, wanted or not.
    pub tunnels: u64,
    /// Packets with a link type that is not known here.
    pub unsupported_link: UnsupportedLinks,
}

impl PacketFile {
    /// Reads as much as tells the format, and the first packet. Passes on each `sample`-th packet of those that are wanted.
    ///
    /// # Errors
    /// When it is no capture file.
    pub fn open(input: Box<dyn Read + Send>, wanted: &packets::Filter, sample: u32) -> Result<Self, ReadError> {
        let sieve = Sieve { filter: Filter::new(wanted), sample, left_out: 0, counters: PacketCounters::default() };
        Ok(Self { reading: Reading::open(input)?, sieve, interfaces: Interfaces::default() })
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
    pub fn counters(&self) -> PacketCounters {
        self.sieve.counters
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

impl PacketSource for PacketFile {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Sighting, Option<&str>)) -> Found {
        let Self { reading, sieve, interfaces } = self;
        let mut records = 0;
        while records < limit {
            let Some((sighting, number)) = reading.next(|packet| (sieve.look(packet), packet.interface)) else { break };
            records += 1;
            if let Some(mut sighting) = sighting {
                sighting.interface = interfaces.number(sighting.interface, reading.interface_name(number));
                each(&sighting, interfaces.name(sighting.interface));
            }
        }
        Found { records, undecodable: 0 }
    }
}

/// Looks at packets as the programs in the kernel do.
struct Sieve {
    filter: Filter,
    sample: u32,
    /// How many packets were left out since the last one that was not.
    left_out: u32,
    counters: PacketCounters,
}

impl Sieve {
    /// The interface is that of the host that captured.
    fn look(&mut self, packet: &Packet<'_>) -> Option<Sighting> {
        self.counters.packets += 1;
        let Some(Link { start, offset, interface, way }) = link::start(packet.link_type, packet.bytes) else {
            self.counters.unsupported_link.count(packet.link_type);
            return None;
        };
        let length = packet.wire_len.saturating_sub(offset as u32);
        let mut headers = Headers { present: present::CUT, ..Headers::NONE };
        if let Some(start) = start {
            headers = Headers::NONE;
            parse(&mut Bytes::new(packet.bytes.get(offset..).unwrap_or_default(), length as usize), start, &mut headers);
        }
        self.count(&headers);
        self.lets_pass(&headers).then_some(Sighting {
            time_ns: packet.time_ns,
            headers,
            length,
            segments: None,
            interface,
            way: packet.way.or(way),
        })
    }

    fn count(&mut self, headers: &Headers) {
        self.counters.malformed += u64::from(headers.present & (present::CUT | present::MALFORMED) != 0);
        self.counters.not_ip += u64::from(!headers.has(present::IP));
        self.counters.tunnels += u64::from(headers.is_tunnel());
    }

    fn lets_pass(&mut self, headers: &Headers) -> bool {
        if !self.filter.passes(headers) {
            self.counters.filtered += 1;
            return false;
        }
        self.left_out += 1;
        if self.left_out < self.sample {
            self.counters.unsampled += 1;
            return false;
        }
        self.left_out = 0;
        true
    }
}

/// The interfaces of all sections by name, numbered from 1 on as they come.
#[derive(Default)]
struct Interfaces {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    /// Kept for its room.
    name: String,
}

impl Interfaces {
    /// As the file has it, or `ifindex-3` where it has an index alone.
    fn name(&self, number: Option<u32>) -> Option<&str> {
        self.names.get(number?.checked_sub(1)? as usize).map(|name| &**name)
    }

    /// More than a machine has, so that a damaged file does not fill the memory; those beyond have no number.
    const MAX: usize = 4096;

    fn number(&mut self, index: Option<u32>, name: Option<&str>) -> Option<u32> {
        self.name.clear();
        match (name, index) {
            (Some(name), _) => self.name.push_str(name),
            (None, Some(index)) => write!(self.name, "ifindex-{index}").ok()?,
            (None, None) => return None,
        }
        if let Some(number) = self.numbers.get(&*self.name) {
            return Some(*number);
        }
        if self.names.len() == Self::MAX {
            return None;
        }
        self.names.push(self.name.as_str().into());
        let number = self.names.len() as u32;
        self.numbers.insert(self.name.as_str().into(), number);
        Some(number)
    }
}

#[cfg(test)]
mod tests;
