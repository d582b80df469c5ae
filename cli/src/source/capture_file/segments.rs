//! From the packets of a capture file to the segments of watched connections.

use ehl_probes_common::packet::{self, Kind, Tcp};
use ehl_probes_common::record::tcp_flag;

use super::Packet;
use super::bytes::Bytes;
use super::fragments::Fragments;
use super::ip::{self, Datagram};
use super::link::{self, UnsupportedLinks};
use crate::stream::watched::{Filter, Watched};
use crate::stream::{Endpoint, Identity, Origin, Part, Segment};

/// Makes segments of packets.
pub struct Segments {
    filter: Filter,
    fragments: Fragments,
    counters: Counters,
}

/// What became of the packets. Those in none but the first are TCP without anything to tell, or not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets in all.
    pub packets: u64,
    /// Segments with payload of watched connections.
    pub segments: u64,
    /// Fragments that were not put together with others.
    pub fragments: u64,
    /// Packets of another protocol.
    pub not_tcp: u64,
    /// Packets that are cut within their headers, or whose headers contradict themselves.
    pub undecodable: u64,
    /// Packets with a link type that is not known here.
    pub unsupported_link: UnsupportedLinks,
}

impl Segments {
    /// Passes on segments that are `watched`.
    pub fn new(watched: &Watched) -> Self {
        Self { filter: Filter::new(watched), fragments: Fragments::new(), counters: Counters::default() }
    }

    /// Passes on what the packet carries: nothing; or a segment; or, where a segment with payload opens or closes the
    /// connection too, one for each.
    pub fn packet(&mut self, packet: &Packet<'_>, each: &mut dyn FnMut(&Segment<'_>)) {
        self.counters.packets += 1;
        let network = match link::network(packet.link_type, packet.bytes) {
            Ok(network) => network,
            Err(link::Error::Cut) => return self.counters.undecodable += 1,
            Err(link::Error::Unsupported) => return self.counters.unsupported_link.count(packet.link_type),
        };
        let wire_len = (packet.wire_len as usize).saturating_sub(network.offset);
        let mut bytes = Bytes::new(packet.bytes.get(network.offset..).unwrap_or(&[]), wire_len);
        let Self { filter, fragments, counters } = self;
        let mut decode = Decode { time_ns: packet.time_ns, filter, counters };
        match ip::look(network.ethertype, &mut bytes) {
            Datagram::Whole => decode.datagram(network.ethertype, bytes, each),
            Datagram::Fragment(fragment) => {
                if let Some((ethertype, bytes)) = fragments.push(packet.time_ns, &fragment) {
                    decode.datagram(ethertype, Bytes::new(bytes, bytes.len()), each);
                }
            }
            Datagram::Other => counters.not_tcp += 1,
            Datagram::Undecodable => counters.undecodable += 1,
        }
    }

    /// No more packets will come: gives up the fragments that are still held.
    pub fn finish(&mut self) {
        self.fragments.finish();
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> Counters {
        Counters { fragments: self.fragments.given_up(), ..self.counters }
    }
}

/// What it takes to make segments of one packet.
struct Decode<'s> {
    time_ns: u64,
    filter: &'s Filter,
    counters: &'s mut Counters,
}

impl Decode<'_> {
    /// A whole IP datagram that says it carries TCP.
    fn datagram(&mut self, ethertype: u16, mut bytes: Bytes<'_>, each: &mut dyn FnMut(&Segment<'_>)) {
        let mut tcp = Tcp::default();
        if packet::parse(&mut bytes, ethertype, &mut tcp) != Kind::Tcp {
            self.counters.undecodable += 1;
            return;
        }
        let tells = tcp.payload_len > 0 || tcp.flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0;
        let source = Endpoint { address: tcp.source.bytes(), port: tcp.source_port };
        let destination = Endpoint { address: tcp.destination.bytes(), port: tcp.destination_port };
        if !tells || !self.filter.watches([source, destination]) {
            return;
        }
        self.counters.segments += u64::from(tcp.payload_len > 0);
        let part = Part {
            time_ns: self.time_ns,
            sequence: tcp.sequence,
            acknowledgement: tcp.acknowledgement,
            tcp_flags: tcp.flags,
            covered: tcp.payload_len,
            captured: bytes.part(tcp.payload, tcp.payload_len),
            proven: 0,
            handover: None,
        };
        // An interface's index, where the packet names one, is that of another host.
        let mut pass = |part| {
            each(&Segment { source, destination, origin: Origin::Unknown, identity: Identity::Ends, part });
        };
        split(part, &mut pass);
    }
}

/// Payload and what opens or closes the connection, each as a part of its own: who follows the stream takes up a SYN before
/// the payload, and a FIN or RST behind it.
pub fn split<'a>(mut part: Part<'a>, pass: &mut impl FnMut(Part<'a>)) {
    if part.tcp_flags & tcp_flag::SYN != 0 {
        pass(Part { covered: 0, captured: b"", ..part });
        // RFC 7413: the payload of a SYN. The SYN itself has a sequence number (RFC 9293 section 3.4).
        part.tcp_flags &= !tcp_flag::SYN;
        part.sequence = part.sequence.wrapping_add(1);
        if part.covered == 0 {
            return;
        }
    }
    pass(part);
    if part.covered > 0 && part.tcp_flags & (tcp_flag::FIN | tcp_flag::RST) != 0 {
        pass(Part { sequence: part.sequence.wrapping_add(part.covered), covered: 0, captured: b"", ..part });
    }
}

#[cfg(test)]
mod tests;
