use std::io::Cursor;

use ehl_probes_common::record::Way;

use super::super::testing::{PcapFile, PcapngFile};
use super::*;
use crate::probe::packets::Protocol;

/// An Ethernet frame with a datagram of UDP from port 7 to 9, of two bytes.
const UDP: [u8; 44] = [
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0, 0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 10, 0,
    0, b'h', b'i',
];
const ARP: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 6];

fn open(file: Vec<u8>, wanted: &packets::Filter, sample: u32) -> PacketFile {
    PacketFile::open(Box::new(Cursor::new(file)), wanted, sample).expect("opens")
}

fn all(file: &mut PacketFile) -> Vec<Sighting> {
    let mut all = Vec::new();
    while file.drain(2, &mut |sighting, _| all.push(*sighting)).records > 0 {}
    all
}

fn sightings(file: Vec<u8>) -> Vec<Sighting> {
    all(&mut open(file, &packets::Filter::default(), 1))
}

fn frames(frames: &[&[u8]]) -> Vec<u8> {
    frames.iter().zip(1..).fold(PcapFile::new(1), |file, (frame, second)| file.packet(second, 0, frame, frame.len() as u32)).bytes()
}

#[test]
fn a_packet_is_told_with_its_time_headers_and_length() {
    let seen = sightings(PcapFile::new(1).packet(5, 7, &UDP, 1500).bytes());
    let [Sighting { time_ns: 5_000_007_000, headers, length: 1500, segments: None, interface: None, way: None }] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert!(headers.has(present::IP | present::PORTS));
    assert_eq!((headers.source.bytes()[12..].to_vec(), headers.source_port, headers.destination_port), (vec![10, 0, 0, 1], 7, 9));
    assert_eq!((headers.protocol, headers.ttl, headers.header_len, headers.payload_len), (17, 64, 42, 2));
}

#[test]
fn what_was_captured_beyond_the_length_of_the_packet_does_not_count() {
    let seen = sightings(PcapFile::new(1).packet(1, 0, &[&UDP[..], &[1; 4]].concat(), 44).bytes());
    assert_eq!((seen[0].length, seen[0].headers.payload_len), (44, 2));
}

#[test]
fn other_link_layers_than_ethernet_do_not_count() {
    let sll = [&[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0], &UDP[14..]].concat();
    let sll2 = [&[0x08, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &UDP[14..]].concat();
    let null = [&[2, 0, 0, 0], &UDP[14..]].concat();
    for (link_type, bytes, way) in
        [(113, &sll, Some(Way::Egress)), (276, &sll2, Some(Way::Ingress)), (0, &null, None), (101, &UDP[14..].to_vec(), None)]
    {
        let seen = sightings(PcapFile::new(link_type).packet(1, 0, bytes, bytes.len() as u32).bytes());
        assert_eq!((seen[0].length, seen[0].headers.source_port, seen[0].way), (30, 7, way), "link type {link_type}");
        let cut = sightings(PcapFile::new(link_type).packet(1, 0, &[], bytes.len() as u32).bytes());
        assert_eq!((cut[0].length, cut[0].headers), (30, Headers { present: present::CUT, ..Headers::NONE }));
    }
}

#[test]
fn tags_are_told_in_cooked_captures_too() {
    let sll = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0x20, 5, 0x08, 0], &UDP[14..]].concat();
    let seen = sightings(PcapFile::new(113).packet(1, 0, &sll, 50).bytes());
    assert_eq!((seen[0].length, seen[0].headers.vlan, seen[0].headers.source_port), (34, 5, 7));
}

#[test]
fn interfaces_keep_their_numbers_over_sections() {
    let section = |file: PcapngFile, names: [&'static [u8]; 2]| {
        names.iter().fold(file.section(false), |file, name| file.interface(1, 0, &[(2, name)])).packet(0, 1, &UDP, 0).packet(1, 2, &UDP, 0)
    };
    let named = section(section(PcapngFile::default(), [b"eth0", b"lo"]), [b"lo", b"eth1"]);
    let file =
        named.interface(276, 0, &[]).packet(2, 3, &[0x08, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6], 0).interface(1, 0, &[]).packet(3, 3, &UDP, 0);
    let mut file = open(file.bytes(), &packets::Filter::default(), 1);
    let mut seen = Vec::new();
    file.drain(6, &mut |sighting, name| seen.push((sighting.interface, name.map(str::to_owned))));
    let named = |number, name: &str| (Some(number), Some(name.to_owned()));
    assert_eq!(seen, [named(1, "eth0"), named(2, "lo"), named(2, "lo"), named(3, "eth1"), named(4, "ifindex-7"), (None, None)]);
}

#[test]
fn what_is_not_wanted_is_counted_and_not_told() {
    let file = frames(&[&UDP, &ARP, &UDP[..40], &UDP, &ARP[..4], &UDP, &UDP]);
    let wanted = packets::Filter { protocols: vec![Protocol::Ip(17)], ..Default::default() };
    let mut file = open(file, &wanted, 2);
    let seen = all(&mut file);
    assert_eq!(seen.iter().map(|sighting| sighting.time_ns / 1_000_000_000).collect::<Vec<_>>(), [3, 6]);
    let counters = PacketCounters { packets: 7, filtered: 2, unsampled: 3, malformed: 2, not_ip: 2, ..PacketCounters::default() };
    assert_eq!(file.counters(), counters);
}

#[test]
fn unsupported_links_are_counted() {
    let mut file = open(PcapFile::new(105).packet(1, 0, &UDP, 0).bytes(), &packets::Filter::default(), 1);
    assert!(all(&mut file).is_empty());
    let unsupported_link = UnsupportedLinks { packets: 1, types: [Some(105), None, None, None] };
    assert_eq!(file.counters(), PacketCounters { packets: 1, unsupported_link, ..PacketCounters::default() });
}

#[test]
fn any_bytes_behind_any_link_layer_are_told_in_some_way() {
    let mut state = 7_u32;
    let mut byte = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        [(state >> 24) as u8, 0, 0x45, 0x60, 0x81, 0xff][(state >> 16) as usize % 6]
    };
    for link_type in [0, 1, 12, 14, 101, 108, 113, 228, 229, 276] {
        let packets: Vec<Vec<u8>> = (0..4000).map(|number| (0..number % 120).map(|_| byte()).collect()).collect();
        let file = packets.iter().fold(PcapFile::new(link_type), |file, packet| file.packet(1, 0, packet, u32::from(byte())));
        let seen = sightings(file.bytes());
        assert_eq!(seen.len(), packets.len());
        assert!(seen.iter().all(|sighting| sighting.headers.payload_len <= 255), "link type {link_type}");
    }
}

#[test]
fn of_a_damaged_file_the_packets_before_are_told() {
    let mut bytes = frames(&[&UDP, &ARP]);
    bytes.truncate(bytes.len() - 1);
    let mut file = open(bytes, &packets::Filter::default(), 1);
    assert_eq!((file.first_ns(), all(&mut file).len(), file.last_ns()), (Some(1_000_000_000), 1, 1_000_000_000));
    assert_eq!(file.take_failure().map(|failure| failure.to_string()).as_deref(), Some("cut off within a packet at byte 84"));
    assert!(all(&mut file).is_empty() && file.take_failure().is_none());
}
