//! Frames that a test sends: from a capture file, and as one.

use std::fs::File;
use std::path::Path;

use ehl::source::capture_file::{Packet, Packets, Segments, Watched};
use ehl::stream::Endpoint;
use ehl_probes_common::record::tcp_flag::{ACK, FIN, RST, SYN};

use crate::generate::CLIENT;
use crate::support::pcap;
use crate::support::segment::{Conversation, Shape};
use crate::wire;

/// `LINKTYPE_ETHERNET`, and the others whose packets are frames once an Ethernet header is before them (pcap-linktype(7)).
const ETHERNET: u16 = 1;
const NULL: u16 = 0;
const RAW: [u16; 3] = [101, 228, 229];

/// Frames, and where they come from.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
}

impl Recording {
    /// A conversation with a client port of its own, by its number.
    pub(crate) fn of(what: &str, number: u16, packets: &[wire::Packet]) -> Self {
        let mut talk = Conversation::new(2000 + number);
        let frame = |packet: &wire::Packet| {
            let has = |flag| packet.flags & flag != 0;
            let mut segment = if packet.from == CLIENT { talk.request(&packet.payload) } else { talk.response(&packet.payload) };
            segment.seq = packet.sequence;
            segment.ack = has(ACK).then_some(packet.acknowledgement);
            (segment.syn, segment.fin, segment.rst) = (has(SYN), has(FIN), has(RST));
            Frame { time_ns: packet.time_ns, bytes: segment.frame(Shape::Plain) }
        };
        Self { name: format!("{what} {number}"), frames: packets.iter().map(frame).collect() }
    }
}

/// An Ethernet frame, and when it was seen.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) time_ns: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The frames of a capture file, each at most `max_len` bytes long; or why they cannot be sent as they were.
pub(crate) fn read(path: &Path, max_len: usize) -> Result<Vec<Frame>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut packets = Packets::open(Box::new(file)).map_err(|error| error.to_string())?;
    let mut frames = Vec::new();
    while let Some(packet) = packets.next_packet().map_err(|error| error.to_string())? {
        let bytes = framed(&packet)?;
        if packet.bytes.len() < packet.wire_len as usize {
            return Err("packets are cut".into());
        }
        if bytes.len() > max_len {
            return Err(format!("a frame of {} bytes is more than a veth pair takes", bytes.len()));
        }
        if is_fragment(&bytes) {
            return Err("IP fragments are put together with --read only".into());
        }
        frames.push(Frame { time_ns: packet.time_ns, bytes });
    }
    Ok(frames)
}

fn framed(packet: &Packet<'_>) -> Result<Vec<u8>, String> {
    let ip = match packet.link_type {
        ETHERNET => return Ok(packet.bytes.to_vec()),
        // Four bytes of address family.
        NULL => packet.bytes.get(4..).unwrap_or(&[]),
        link_type if RAW.contains(&link_type) => packet.bytes,
        other => return Err(format!("link type {other} has no Ethernet frames")),
    };
    let is_ipv6 = ip.first().is_some_and(|first| first >> 4 == 6);
    let header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1].into_iter().chain(if is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] });
    Ok(header.chain(ip.iter().copied()).collect())
}

fn is_fragment(frame: &[u8]) -> bool {
    let ip = etherparse::LaxSlicedPacket::from_ethernet(frame).ok().and_then(|packet| packet.net);
    ip.is_some_and(|net| net.ip_payload_ref().is_some_and(|payload| payload.fragmented))
}

/// A capture file of these frames.
pub(crate) fn write(path: &Path, frames: &[Frame]) {
    let packets = frames.iter().map(|Frame { time_ns, bytes }| (*time_ns, bytes));
    std::fs::write(path, pcap::timed(u32::from(ETHERNET), u32::MAX, packets)).expect("the capture file is written");
}

/// What a frame says about its connection: a TCP segment with payload, SYN, FIN or RST.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    pub(crate) sequence: u32,
    pub(crate) len: u32,
    pub(crate) flags: u8,
}

impl Told {
    /// The same for both directions.
    pub(crate) fn connection(&self) -> [Endpoint; 2] {
        [self.from.min(self.to), self.from.max(self.to)]
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }
}

/// What each frame says; `None` for one that ehl has no use for.
pub(crate) fn told(frames: &[Frame]) -> Vec<Option<Told>> {
    let mut segments = Segments::new(&Watched::default());
    let tell = |frame: &Frame| {
        let mut told = None;
        let wire_len = u32::try_from(frame.bytes.len()).expect("a frame is small");
        let packet = Packet { time_ns: frame.time_ns, link_type: ETHERNET, interface: 0, bytes: &frame.bytes, wire_len, way: None };
        segments.packet(&packet, &mut |segment| {
            let part = segment.part;
            let (from, to) = (segment.source, segment.destination);
            told.get_or_insert(Told { from, to, sequence: part.sequence, len: part.covered, flags: part.tcp_flags });
        });
        told
    };
    frames.iter().map(tell).collect()
}
