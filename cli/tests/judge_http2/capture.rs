//! Capture files with conversations.

use std::path::PathBuf;

use ehl_probes_common::record::tcp_flag;
use etherparse::PacketBuilder;
use tempfile::TempDir;

use crate::wire::Packet;

const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];

/// A pcap file of the conversations of clients with these ports, one after the other.
pub(crate) fn write(conversations: &[(u32, Vec<Packet>)]) -> (TempDir, PathBuf) {
    const MICROSECONDS: u32 = 0xa1b2_c3d4;
    const RAW_IP: u32 = 101;
    let mut file: Vec<u8> = [MICROSECONDS, 4 << 16 | 2, 0, 0, 1 << 18, RAW_IP].iter().flat_map(|number| number.to_le_bytes()).collect();
    let packets = conversations.iter().flat_map(|(port, packets)| packets.iter().map(|packet| bytes(*port as u16, packet)));
    for (number, bytes) in packets.enumerate() {
        let (time, len) = (number as u32, bytes.len() as u32);
        file.extend([time / 1000, time % 1000, len, len].iter().flat_map(|number| number.to_le_bytes()));
        file.extend(bytes);
    }
    let directory = tempfile::tempdir().expect("there is room for a file");
    let path = directory.path().join("made-up.pcap");
    std::fs::write(&path, file).expect("there is room for a file");
    (directory, path)
}

fn bytes(port: u16, packet: &Packet) -> Vec<u8> {
    let (from, ports) = (packet.from, [port, 80]);
    let has = |flag: u8| packet.flags & flag != 0;
    let builder = PacketBuilder::ipv4(ADDRESSES[from], ADDRESSES[1 - from], 64);
    let mut builder = builder.tcp(ports[from], ports[1 - from], packet.sequence, 65_535);
    for (flag, set) in [
        (tcp_flag::SYN, PacketBuilderTcp::syn as fn(_) -> _),
        (tcp_flag::FIN, PacketBuilderTcp::fin),
        (tcp_flag::RST, PacketBuilderTcp::rst),
    ] {
        builder = if has(flag) { set(builder) } else { builder };
    }
    builder = if has(tcp_flag::ACK) { builder.ack(packet.acknowledgement) } else { builder };
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &packet.payload).expect("a packet fits");
    bytes
}

type PacketBuilderTcp = etherparse::PacketBuilderStep<etherparse::TcpHeader>;
