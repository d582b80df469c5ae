use std::panic::{AssertUnwindSafe, catch_unwind};

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader};

use super::*;

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

const FIN: u8 = tcp_flag::FIN;
const SYN: u8 = tcp_flag::SYN;
const RST: u8 = tcp_flag::RST;
const ACK: u8 = tcp_flag::ACK;

/// A segment: source and destination port, sequence number, flags, bytes covered, bytes captured.
type Seen = (u16, u16, u32, u8, u32, Vec<u8>);

fn seen(segment: &Segment<'_>) -> Seen {
    let Segment { source, destination, origin, identity: _, part } = segment;
    assert_eq!((*origin, part.proven, part.handover, part.time_ns), (Origin::Unknown, 0, None, 5));
    (source.port, destination.port, part.sequence, part.tcp_flags, part.covered, part.captured.to_vec())
}

fn feed(segments: &mut Segments, link_type: u16, bytes: &[u8], wire_len: usize) -> Vec<Seen> {
    let packet = Packet { time_ns: 5, link_type, interface: 0, bytes, wire_len: wire_len as u32, way: None };
    let mut all = Vec::new();
    segments.packet(&packet, &mut |segment| all.push(seen(segment)));
    all
}

/// What one packet gives, and the counters after it.
fn outcome(link_type: u16, bytes: &[u8], wire_len: usize) -> (Vec<Seen>, Counters) {
    let mut segments = Segments::new(&Watched::default());
    let all = feed(&mut segments, link_type, bytes, wire_len);
    segments.finish();
    (all, segments.counters())
}

fn segments_of(link_type: u16, bytes: &[u8]) -> Vec<Seen> {
    outcome(link_type, bytes, bytes.len()).0
}

/// From port 1000 to 80, sequence number 7 and acknowledgement 9, with 12 bytes of options.
fn tcp(ip: PacketBuilderStep<IpHeaders>, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = TcpHeader::new(1000, 80, 7, 500);
    header.acknowledgment_number = 9;
    (header.fin, header.syn, header.rst, header.ack) = (flags & FIN != 0, flags & SYN != 0, flags & RST != 0, flags & ACK != 0);
    let mut bytes = Vec::new();
    ip.tcp_header(header).options_raw(&[1; 12]).expect("options").write(&mut bytes, payload).expect("a packet");
    bytes
}

const IPV6: [[u8; 16]; 2] = [[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]];
const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

fn ethernet(flags: u8, payload: &[u8]) -> Vec<u8> {
    tcp(PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64), flags, payload)
}

fn ipv4(flags: u8, payload: &[u8]) -> Vec<u8> {
    tcp(PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64), flags, payload)
}

fn ipv6(flags: u8, payload: &[u8]) -> Vec<u8> {
    tcp(PacketBuilder::ipv6(IPV6[0], IPV6[1], 64), flags, payload)
}

fn get() -> Vec<Seen> {
    vec![(1000, 80, 7, ACK, 5, b"GET /".to_vec())]
}

#[test]
fn finds_tcp_behind_every_link_layer() {
    let vlan = |ethernet: &[u8], tags: &[u8]| [&ethernet[..12], tags, &ethernet[12..]].concat();
    let (plain, v4, v6) = (ethernet(ACK, b"GET /"), ipv4(ACK, b"GET /"), ipv6(ACK, b"GET /"));
    let sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0];
    let sll2 = [0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let snap = [&plain[..12], &[0, 65, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0], &v4[..]].concat();
    for (link_type, bytes) in [
        (ETHERNET, plain.clone()),
        (ETHERNET, vlan(&plain, &[0x81, 0, 0, 5])),
        (ETHERNET, vlan(&plain, &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6])),
        (ETHERNET, snap),
        (RAW, v4.clone()),
        (RAW, v6.clone()),
        (228, v4.clone()),
        (229, v6.clone()),
        (0, [&[2, 0, 0, 0][..], &v4[..]].concat()),
        (0, [&[0, 0, 0, 30][..], &v6[..]].concat()),
        (108, [&[0, 0, 0, 2][..], &v4[..]].concat()),
        (113, [&sll[..], &v4[..]].concat()),
        (276, [&sll2[..], &v6[..]].concat()),
    ] {
        assert_eq!(segments_of(link_type, &bytes), get(), "link type {link_type}");
    }
}

#[test]
fn keeps_addresses_and_numbers() {
    let mut segments = Segments::new(&Watched::default());
    for (bytes, ends) in [(ipv4(ACK, b"x"), ["10.0.0.1", "10.0.0.2"]), (ipv6(ACK, b"x"), ["fd00::1", "fd00::2"])] {
        let packet = Packet { time_ns: 5, link_type: RAW, interface: 3, bytes: &bytes, wire_len: bytes.len() as u32, way: None };
        let mut count = 0;
        segments.packet(&packet, &mut |segment| {
            assert_eq!([segment.source.ip().to_string(), segment.destination.ip().to_string()], ends);
            assert_eq!(segment.part.acknowledgement, 9);
            count += 1;
        });
        assert_eq!(count, 1);
    }
    assert_eq!(segments.counters(), Counters { packets: 2, segments: 2, ..Counters::default() });
}

#[test]
fn a_bare_acknowledgement_tells_nothing() {
    assert_eq!(outcome(ETHERNET, &ethernet(ACK, b""), 66), (vec![], Counters { packets: 1, ..Counters::default() }));
}

#[test]
fn what_opens_and_closes_is_told_apart_from_payload() {
    let part = |sequence, flags, payload: &[u8]| (1000, 80, sequence, flags, payload.len() as u32, payload.to_vec());
    for (flags, payload, expected) in [
        (SYN, &b""[..], vec![part(7, SYN, b"")]),
        (SYN, b"GET /", vec![part(7, SYN, b""), part(8, 0, b"GET /")]),
        (SYN | FIN, b"", vec![part(7, SYN | FIN, b"")]),
        (FIN | ACK, b"", vec![part(7, FIN | ACK, b"")]),
        (FIN | ACK, b"bye", vec![part(7, FIN | ACK, b"bye"), part(10, FIN | ACK, b"")]),
        (RST, b"", vec![part(7, RST, b"")]),
        (RST | ACK, b"why", vec![part(7, RST | ACK, b"why"), part(10, RST | ACK, b"")]),
    ] {
        assert_eq!(segments_of(RAW, &ipv4(flags, payload)), expected);
    }
}

#[test]
fn a_cut_payload_keeps_its_length() {
    let bytes = ethernet(FIN | ACK, b"GET /path");
    let header_len = bytes.len() - 9;
    for captured in 0..=9 {
        let (all, counters) = outcome(ETHERNET, &bytes[..header_len + captured], bytes.len());
        let payload = b"GET /path"[..captured].to_vec();
        assert_eq!(all, [(1000, 80, 7, FIN | ACK, 9, payload), (1000, 80, 16, FIN | ACK, 0, vec![])]);
        assert_eq!(counters.segments, 1);
    }
}

#[test]
fn tcp_options_may_be_cut_and_the_rest_of_the_header_not() {
    let bytes = ethernet(ACK, b"GET /path");
    let fixed_len = bytes.len() - 9 - 12;
    assert_eq!(outcome(ETHERNET, &bytes[..fixed_len], bytes.len()).0, [(1000, 80, 7, ACK, 9, vec![])]);
    for cut in 14..fixed_len {
        let (all, counters) = outcome(ETHERNET, &bytes[..cut], bytes.len());
        assert_eq!((all, counters.undecodable), (vec![], 1), "{cut} bytes");
    }
}

#[test]
fn padding_is_no_payload() {
    for padded in [ethernet(ACK, b""), ethernet(ACK, b"GET /")] {
        let plain = segments_of(ETHERNET, &padded);
        assert_eq!(segments_of(ETHERNET, &[&padded[..], &[0; 10]].concat()), plain);
    }
}

#[test]
fn a_total_length_of_zero_stands_for_the_length_on_the_wire() {
    for (mut bytes, len_at) in [(ipv4(ACK, b"GET /"), 2), (ipv6(ACK, b"GET /"), 4)] {
        bytes[len_at..len_at + 2].fill(0);
        assert_eq!(segments_of(RAW, &bytes), get());
        let wire_len = bytes.len() + 100_000;
        let (all, _) = outcome(RAW, &bytes, wire_len);
        assert_eq!(all, [(1000, 80, 7, ACK, 100_005, b"GET /".to_vec())]);
    }
}

#[test]
fn no_length_is_believed_that_cannot_be() {
    let mut long = ipv4(ACK, b"GET /");
    long[2..4].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(segments_of(RAW, &long), get(), "longer than on the wire");
    let mut short = ipv4(ACK, b"GET /");
    short[2..4].copy_from_slice(&[0, 51]);
    assert_eq!(outcome(RAW, &short, short.len()).1.undecodable, 1, "shorter than its headers");
    let whole = ipv4(ACK, b"GET /");
    assert_eq!(outcome(RAW, &whole, 0).0, get(), "a length on the wire below what was captured");
    let mut endless = whole;
    endless[2..4].fill(0);
    let (all, _) = outcome(RAW, &endless, u32::MAX as usize);
    assert_eq!(all[0].4, (1 << 20) - 52);
}

#[test]
fn walks_ipv6_extension_headers() {
    let plain = ipv6(ACK, b"GET /");
    let extensions =
        [&[60, 1][..], &[0; 14], &[51, 0, 0, 0, 0, 0, 0, 0], &[44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[6, 0, 0, 0, 0, 0, 0, 9]].concat();
    let mut bytes = [&plain[..40], &extensions, &plain[40..]].concat();
    bytes[6] = 0;
    let len = bytes.len() as u16 - 40;
    bytes[4..6].copy_from_slice(&len.to_be_bytes());
    assert_eq!(segments_of(RAW, &bytes), get());
    assert_eq!(outcome(RAW, &bytes[..50], bytes.len()).1.undecodable, 1);
    bytes[40 + 16 + 8 + 12] = 58;
    assert_eq!(outcome(RAW, &bytes, bytes.len()).1.not_tcp, 1);
}

#[test]
fn puts_fragments_together() {
    let whole = ipv4(FIN | ACK, b"GET /path HTTP/1.1");
    let (header, body) = whole.split_at(20);
    let fragment = |from: usize, to: usize, more: bool| {
        let mut bytes = [header, &body[from..to], &[0; 6]].concat();
        bytes[2..4].copy_from_slice(&((20 + to - from) as u16).to_be_bytes());
        bytes[6..8].copy_from_slice(&((from / 8) as u16 | (u16::from(more) << 13)).to_be_bytes());
        bytes
    };
    let mut segments = Segments::new(&Watched::default());
    for bytes in [fragment(16, 40, true), fragment(40, 50, false)] {
        assert_eq!(feed(&mut segments, RAW, &bytes, bytes.len()), []);
    }
    let first = fragment(0, 16, true);
    assert_eq!(feed(&mut segments, RAW, &first, first.len()), segments_of(RAW, &whole));
    assert_eq!(feed(&mut segments, RAW, &first, first.len()), []);
    assert_eq!(segments.counters(), Counters { packets: 4, segments: 1, ..Counters::default() });
    segments.finish();
    assert_eq!(segments.counters(), Counters { packets: 4, segments: 1, fragments: 1, ..Counters::default() });
}

#[test]
fn passes_on_only_what_is_watched() {
    let bytes = ipv4(ACK, b"GET /");
    for (ports, expected) in [(80..=80, get()), (81..=999, vec![])] {
        let counters = Counters { packets: 1, segments: expected.len() as u64, ..Counters::default() };
        let mut segments = Segments::new(&Watched { ports: vec![ports], networks: vec![] });
        assert_eq!(feed(&mut segments, RAW, &bytes, bytes.len()), expected);
        assert_eq!(segments.counters(), counters);
    }
}

#[test]
fn counts_what_it_cannot_use() {
    let mut segments = Segments::new(&Watched::default());
    let arp = [&[0xff; 12][..], &[0x08, 0x06], &[0; 46]].concat();
    let mut udp = ipv4(ACK, b"x");
    udp[9] = 17;
    let mut wrong_version = ipv4(ACK, b"x");
    wrong_version[0] = 0x55;
    for (link_type, bytes) in
        [(ETHERNET, &arp), (RAW, &udp), (RAW, &vec![0x10; 60]), (228, &wrong_version), (ETHERNET, &vec![0; 13]), (RAW, &vec![])]
    {
        assert_eq!(feed(&mut segments, link_type, bytes, bytes.len()), []);
    }
    for link_type in [105, 127, 105, 192, 195, 249, 105] {
        assert_eq!(feed(&mut segments, link_type, &udp, udp.len()), []);
    }
    let expected = Counters {
        packets: 13,
        not_tcp: 3,
        undecodable: 3,
        unsupported_link: UnsupportedLinks { packets: 7, types: [Some(105), Some(127), Some(192), Some(195)] },
        ..Counters::default()
    };
    assert_eq!(segments.counters(), expected);
}

/// A linear congruential generator (Knuth's MMIX); the high bits are good enough here.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Packets that are worth breaking, with their link types.
fn specimens() -> Vec<(u16, Vec<u8>)> {
    let v4 = ipv4(FIN | ACK, b"GET / HTTP/1.1");
    let v6 = ipv6(SYN, b"GET / HTTP/1.1");
    let mut fragment = v4.clone();
    fragment[6] = 0x20;
    let fragment6 = [&v6[..6], &[44], &v6[7..40], &[6, 0, 0, 1, 0, 0, 0, 9], &v6[40..]].concat();
    let tagged = [&[2; 12][..], &[0x81, 0, 0, 1, 0x88, 0xa8, 0, 2, 0x08, 0], &v4].concat();
    let snap = [&[2; 12][..], &[0, 70, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd], &v6].concat();
    let sll2 = [&[0x08, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6][..], &[0; 8], &v4].concat();
    vec![
        (ETHERNET, ethernet(ACK, b"x")),
        (ETHERNET, tagged),
        (ETHERNET, snap),
        (RAW, v4),
        (RAW, v6),
        (RAW, fragment),
        (RAW, fragment6),
        (276, sll2),
        (113, vec![8; 90]),
        (0, vec![2, 0, 0, 0, 0x45]),
    ]
}

#[test]
fn survives_every_byte() {
    let mut random = Random(1);
    let mut segments = Segments::new(&Watched::default());
    let specimens = specimens();
    for round in 0..200_000 {
        let (link_type, mut bytes) = specimens[random.below(specimens.len())].clone();
        if round % 8 == 0 {
            bytes = (0..random.below(100)).map(|_| random.below(256) as u8).collect();
        }
        for _ in 0..random.below(5) {
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
        }
        bytes.truncate(random.below(bytes.len() * 3 + 1));
        let wire_len = bytes.len() + random.below(2) * random.below(3000);
        let packet = Packet {
            time_ns: random.below(1 << 31) as u64 * 60,
            link_type,
            interface: 0,
            bytes: &bytes,
            wire_len: wire_len as u32,
            way: None,
        };
        let survived = catch_unwind(AssertUnwindSafe(|| {
            segments.packet(&packet, &mut |Segment { part, .. }| {
                assert!(part.captured.len() <= part.covered as usize && part.covered <= 65_536 + 3000);
            });
        }));
        assert!(survived.is_ok(), "link type {link_type}, {wire_len} bytes on the wire: {bytes:02x?}");
    }
    let Counters { packets, segments: passed, fragments, not_tcp, undecodable, unsupported_link, .. } = segments.counters();
    assert_eq!(packets, 200_000);
    assert_eq!(unsupported_link.packets, 0);
    assert!([passed, fragments, not_tcp, undecodable].iter().all(|count| *count > 1000), "{:?}", segments.counters());
}
