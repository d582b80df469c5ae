//! Capture files with conversations.

use std::path::PathBuf;

use ehl_probes_common::record::tcp_flag;
use etherparse::PacketBuilder;
use tempfile::TempDir;

use crate::generate::{CLIENT, SERVER};
use crate::said::Segment;
use crate::wire::Packet;

const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];
const SERVER_PORT: u16 = 80;

/// A pcap file of IPv4 packets.
pub(crate) struct Capture {
    bytes: Vec<u8>,
    time_ns: u64,
}

/// The connection of the conversation with this number.
pub(crate) fn connection(number: usize) -> String {
    format!("10.0.0.1:{} > 10.0.0.2:{SERVER_PORT}", client_port(number))
}

fn client_port(number: usize) -> u16 {
    10_000 + u16::try_from(number).expect("not so many")
}

impl Capture {
    pub(crate) fn new() -> Self {
        const NANOSECONDS: u32 = 0xa1b2_3c4d;
        const RAW_IP: u32 = 101;
        let mut bytes = Vec::new();
        bytes.extend(NANOSECONDS.to_le_bytes());
        bytes.extend([2u16, 4].iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend([0u32, 0, 1 << 18, RAW_IP].iter().flat_map(|number| number.to_le_bytes()));
        Self { bytes, time_ns: 1_000_000_000_000 }
    }

    /// A conversation. Its times count from the end of the one before.
    pub(crate) fn packets(&mut self, number: usize, packets: &[Packet]) {
        let begin = self.time_ns;
        for packet in packets {
            self.packet(number, begin + packet.time_ns, packet);
        }
    }

    /// A whole connection: each end acknowledges what the other sent and the server closes.
    pub(crate) fn say(&mut self, number: usize, segments: &[Segment]) {
        let mut sent = [0usize; 2];
        let mut packets = Vec::new();
        let mut push = |from: usize, sent: [usize; 2], flags: u8, payload: &str| {
            let sequence = |end: usize| 1000 * (end as u32 + 1) + sent[end] as u32;
            packets.push(Packet {
                time_ns: 1000 * packets.len() as u64,
                from,
                interface: 0,
                sequence: sequence(from),
                acknowledgement: sequence(1 - from),
                flags,
                payload: payload.as_bytes().to_vec(),
                offset: sent[from],
            });
        };
        push(CLIENT, sent, tcp_flag::SYN, "");
        sent[CLIENT] = 1;
        push(SERVER, sent, tcp_flag::SYN | tcp_flag::ACK, "");
        sent[SERVER] = 1;
        for segment in segments {
            let from = if matches!(segment, Segment::C(_)) { CLIENT } else { SERVER };
            push(from, sent, tcp_flag::ACK, segment.payload());
            sent[from] += segment.payload().len();
        }
        for from in [SERVER, CLIENT] {
            push(from, sent, tcp_flag::FIN | tcp_flag::ACK, "");
            sent[from] += 1;
        }
        self.packets(number, &packets);
    }

    /// The file, as long as the directory is kept.
    pub(crate) fn write(&self) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("there is room for a file");
        let path = directory.path().join("made-up.pcap");
        std::fs::write(&path, &self.bytes).expect("there is room for a file");
        (directory, path)
    }

    fn packet(&mut self, number: usize, time_ns: u64, packet: &Packet) {
        let (from, to) = (packet.from, 1 - packet.from);
        let ports = [client_port(number), SERVER_PORT];
        let has = |flag: u8| packet.flags & flag != 0;
        let mut builder = PacketBuilder::ipv4(ADDRESSES[from], ADDRESSES[to], 64).tcp(ports[from], ports[to], packet.sequence, 65_535);
        if has(tcp_flag::ACK) {
            builder = builder.ack(packet.acknowledgement);
        }
        if has(tcp_flag::SYN) {
            builder = builder.syn();
        }
        if has(tcp_flag::FIN) {
            builder = builder.fin();
        }
        if has(tcp_flag::RST) {
            builder = builder.rst();
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &packet.payload).expect("a packet fits");
        let len = u32::try_from(bytes.len()).expect("a packet fits");
        let (seconds, nanoseconds) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
        self.bytes.extend([seconds as u32, nanoseconds as u32, len, len].iter().flat_map(|number| number.to_le_bytes()));
        self.bytes.extend(bytes);
        self.time_ns = time_ns + 1_000_000;
    }
}
