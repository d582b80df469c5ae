use super::*;
use crate::packet::Address;
use present::{CUT, FRAGMENT, ICMP, INNER_VLAN, IP, LATER_FRAGMENT, MALFORMED, PAYLOAD, PORTS, TCP, TOO_DEEP, VLAN};

/// A packet of which only a part may be there.
struct Bytes<'a> {
    there: &'a [u8],
    len: usize,
}

impl Load for Bytes<'_> {
    fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
        let bytes = self.there.get(offset as usize..)?.first_chunk::<N>()?;
        Some(header.0.write(*bytes))
    }
    fn packet_len(&self) -> u32 {
        self.len as u32
    }
}

fn headers(start: Start, there: &[u8], len: usize) -> Headers {
    let mut headers = Headers::NONE;
    parse(&mut Bytes { there, len }, start, &mut headers);
    headers
}

fn whole(frame: &[u8]) -> Headers {
    headers(Start::Ethernet, frame, frame.len())
}

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const PAYLOAD_BYTES: &[u8] = b"payload!";

fn ethernet(rest: &[&[u8]]) -> Vec<u8> {
    [&[&MACS[..]], rest].concat().concat()
}

/// `place`: flags and fragment offset.
fn ipv4(protocol: u8, options: usize, place: u16, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let total = (20 + options + rest.len()) as u16;
    let mut bytes = vec![0x08, 0, 0x40 | ((20 + options) / 4) as u8, 46 << 2 | 1, 0, 0, 0xab, 0xcd, 0, 0, 63, protocol, 0, 0];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    bytes[4..6].copy_from_slice(&total.to_be_bytes());
    bytes[8..10].copy_from_slice(&place.to_be_bytes());
    bytes.resize(22 + options, 1);
    ethernet(&[&bytes, &rest])
}

fn ipv6(next: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    // Traffic class 0xb9: codepoint 46, and one bit that is not part of it.
    let mut bytes = vec![0x86, 0xdd, 0x6b, 0x90, 0, 0, 0, 0, next, 63];
    bytes[6..8].copy_from_slice(&(rest.len() as u16).to_be_bytes());
    bytes.extend([0xfd; 16]);
    bytes.extend([0xfe; 16]);
    ethernet(&[&bytes, &rest])
}

fn tcp(options: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x90, 0xc3, 0x50, 0, 0, 0, 7, 0, 0, 0, 9, (((20 + options) / 4) << 4) as u8, 0x18, 0x20, 1, 0, 0, 0, 0];
    bytes.resize(20 + options, 1);
    bytes
}

const PORTS_BYTES: [u8; 4] = [0x1f, 0x90, 0xc3, 0x50];

fn ports(len: usize) -> Vec<u8> {
    let mut bytes = PORTS_BYTES.to_vec();
    bytes.resize(len, 0);
    bytes
}

fn dccp(words: u8) -> Vec<u8> {
    let mut bytes = ports((words as usize * 4).max(12));
    bytes[4] = words;
    bytes
}

const ECHO: [u8; 8] = [8, 3, 0, 0, 0, 1, 0, 2];

/// An extension header of `words` times 8 bytes.
fn extension(next: u8, words: u8) -> Vec<u8> {
    let mut bytes = vec![next, words - 1];
    bytes.resize(words as usize * 8, 0);
    bytes
}

fn fragment(next: u8, place: u16) -> Vec<u8> {
    [&[next, 0][..], &place.to_be_bytes(), &[0, 0, 0xab, 0xcd]].concat()
}

fn of_ip(version: u8, protocol: u8, header_len: usize) -> Headers {
    let (source, destination, ethertype) = match version {
        4 => (Address::v4([10, 0, 0, 1]), Address::v4([10, 0, 0, 2]), 0x0800),
        _ => (Address::v6([0xfd; 16]), Address::v6([0xfe; 16]), 0x86dd),
    };
    Headers {
        source,
        destination,
        ethertype,
        present: IP | PAYLOAD,
        protocol,
        ip_version: version,
        ttl: 63,
        dscp: 46,
        payload_len: PAYLOAD_BYTES.len() as u32,
        header_len: header_len as u32,
        ..Headers::NONE
    }
}

fn with_ports(headers: Headers) -> Headers {
    Headers { source_port: 8080, destination_port: 50000, present: headers.present | PORTS, ..headers }
}

fn with_tcp(headers: Headers) -> Headers {
    let headers = with_ports(headers);
    let present = headers.present | TCP;
    Headers { present, tcp_flags: 0x18, window: 0x2001, sequence: 7, acknowledgement: 9, ..headers }
}

fn with_icmp(headers: Headers) -> Headers {
    Headers { icmp_type: 8, icmp_code: 3, present: headers.present | ICMP, ..headers }
}

/// Packets that are all in order, and what they are.
fn samples() -> Vec<(Vec<u8>, Headers)> {
    let p = PAYLOAD_BYTES;
    let mut samples = vec![
        (ethernet(&[&[8, 6], p]), Headers { ethertype: 0x0806, header_len: 14, ..Headers::NONE }),
        (ethernet(&[&[0, 8], p]), Headers { ethertype: 0, header_len: 14, ..Headers::NONE }),
        (ethernet(&[&[0x88, 0x47], p]), Headers { ethertype: 0x8847, header_len: 14, ..Headers::NONE }),
        (ipv4(6, 0, 0x4000, &[&tcp(0), p]), with_tcp(of_ip(4, 6, 54))),
        (ipv4(6, 40, 0, &[&tcp(40), p]), with_tcp(of_ip(4, 6, 134))),
        (ipv4(17, 4, 0, &[&ports(8), p]), with_ports(of_ip(4, 17, 46))),
        (ipv4(136, 0, 0, &[&ports(8), p]), with_ports(of_ip(4, 136, 42))),
        (ipv4(132, 0, 0, &[&ports(12), p]), with_ports(of_ip(4, 132, 46))),
        (ipv4(33, 0, 0, &[&dccp(3), p]), with_ports(of_ip(4, 33, 46))),
        (ipv4(33, 0, 0, &[&dccp(6), p]), with_ports(of_ip(4, 33, 58))),
        (ipv4(1, 0, 0, &[&ECHO, p]), with_icmp(of_ip(4, 1, 42))),
        (ipv4(47, 0, 0, &[p]), of_ip(4, 47, 34)),
        (ipv6(6, &[&tcp(12), p]), with_tcp(of_ip(6, 6, 86))),
        (ipv6(17, &[&ports(8), p]), with_ports(of_ip(6, 17, 62))),
        (ipv6(132, &[&ports(12), p]), with_ports(of_ip(6, 132, 66))),
        (ipv6(58, &[&ECHO, p]), with_icmp(of_ip(6, 58, 62))),
        (ipv6(59, &[p]), of_ip(6, 59, 54)),
        (ipv6(50, &[p]), of_ip(6, 50, 54)),
    ];
    let extensions = [&extension(43, 2)[..], &extension(51, 1), &[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &extension(6, 4)].concat();
    samples.push((ipv6(0, &[&extensions, &tcp(0), p]), with_tcp(of_ip(6, 6, 54 + extensions.len() + 20))));
    let is_part = |headers: Headers, bits| Headers { present: headers.present | bits, ..headers };
    samples.extend([
        (ipv4(17, 0, 0x2000, &[&ports(8), p]), is_part(with_ports(of_ip(4, 17, 42)), FRAGMENT)),
        (ipv4(17, 0, 0x2001, &[p]), is_part(of_ip(4, 17, 34), FRAGMENT | LATER_FRAGMENT)),
        (ipv6(44, &[&fragment(17, 1), &ports(8), p]), is_part(with_ports(of_ip(6, 17, 70)), FRAGMENT)),
        (ipv6(44, &[&fragment(17, 0xfff8), p]), is_part(of_ip(6, 17, 62), FRAGMENT | LATER_FRAGMENT)),
        (ipv6(44, &[&fragment(17, 0), &ports(8), p]), with_ports(of_ip(6, 17, 70))),
    ]);
    samples.extend(samples.clone().into_iter().map(|(frame, headers)| tagged(&frame, &headers)));
    samples
}

/// The same with two tags in band.
fn tagged(frame: &[u8], headers: &Headers) -> (Vec<u8>, Headers) {
    let bytes = [&frame[..12], &[0x88, 0xa8, 0xe1, 0x23, 0x81, 0, 0x10, 5], &frame[12..]].concat();
    let present = headers.present | VLAN | INNER_VLAN;
    (bytes, Headers { present, vlan: 0x123, inner_vlan: 5, header_len: headers.header_len + 8, ..*headers })
}

#[test]
fn reads_every_protocol() {
    for (frame, expected) in samples() {
        assert_eq!(whole(&frame), expected, "{frame:02x?}");
    }
}

#[test]
fn reads_the_same_without_a_link_layer() {
    for (frame, expected) in samples() {
        let ethertype = u16::from_be_bytes([frame[12], frame[13]]);
        let expected = Headers { header_len: expected.header_len - 14, ..expected };
        assert_eq!(headers(Start::Network(ethertype), &frame[14..], frame.len() - 14), expected);
    }
}

#[test]
fn says_that_it_is_cut_wherever_a_header_is() {
    for (frame, expected) in samples() {
        for cut in 0..=frame.len() {
            let found = headers(Start::Ethernet, &frame[..cut], cut);
            let is_cut = cut < expected.header_len as usize;
            assert_eq!(found.has(CUT), is_cut, "{cut} of {frame:02x?}");
            assert!(is_cut || found.payload_len as usize + found.header_len as usize <= cut);
            assert!(found.header_len as usize <= cut && !found.has(MALFORMED));
        }
    }
}

#[test]
fn tells_whole_lengths_of_captures_that_are_cut() {
    for (frame, expected) in samples() {
        for cut in 0..=frame.len() {
            let found = headers(Start::Ethernet, &frame[..cut], frame.len());
            assert!(found.has(CUT) || found == expected, "{cut} of {frame:02x?}");
            assert!(!found.has(CUT) || cut < expected.header_len as usize);
        }
    }
}

#[test]
fn ports_are_known_of_a_transport_header_that_is_cut() {
    let frame = ipv4(6, 0, 0, &[&tcp(0)]);
    for cut in 38..54 {
        let found = headers(Start::Ethernet, &frame[..cut], cut);
        assert_eq!((found.source_port, found.destination_port, found.present), (8080, 50000, IP | PORTS | CUT));
    }
}

#[test]
fn leaves_padding_out() {
    for (mut frame, expected) in samples() {
        frame.extend([0; 46]);
        assert_eq!(whole(&frame), expected);
    }
    let no_next = ipv6(59, &[]);
    assert_eq!(whole(&[&no_next[..], &[0; 6]].concat()).payload_len, 0);
}

#[test]
fn takes_the_packet_for_what_no_length_field_can_tell() {
    let payload = [0; 70_000];
    for (mut frame, length_at) in [(ipv4(6, 0, 0, &[&tcp(0), &payload]), 16), (ipv6(6, &[&tcp(0), &payload]), 18)] {
        frame[length_at..length_at + 2].fill(0);
        let found = whole(&frame);
        assert_eq!((found.payload_len, found.has(TCP | PAYLOAD)), (70_000, true));
    }
    let mut jumbo = ipv6(0, &[&[6, 0, 0xc2, 4, 0, 1, 0x11, 0x84], &tcp(0), &payload]);
    jumbo[18..20].fill(0);
    assert_eq!(whole(&jumbo).payload_len, 70_000);
}

#[test]
fn believes_no_length_beyond_the_packet() {
    for (mut frame, length_at) in [(ipv4(17, 0, 0, &[&ports(8), b"abc"]), 16), (ipv6(17, &[&ports(8), b"abc"]), 18)] {
        frame[length_at..length_at + 2].fill(0xff);
        let found = whole(&frame);
        assert_eq!((found.payload_len, found.present), (3, IP | PORTS | PAYLOAD));
    }
}

#[test]
fn a_length_within_the_transport_header_cuts_it() {
    for total in 20..=54 {
        let mut frame = ipv4(6, 0, 0, &[&tcp(12), PAYLOAD_BYTES]);
        frame[17] = total;
        let found = whole(&frame);
        assert_eq!(found.has(CUT), total < 52, "{total}");
        assert_eq!(found.has(TCP), total >= 40);
        assert_eq!(found.has(PORTS), total >= 24);
    }
}

#[test]
fn tells_contradictions() {
    let frame = ipv4(6, 0, 0, &[&tcp(0), PAYLOAD_BYTES]);
    let with = |at: usize, byte| {
        let mut frame = frame.clone();
        frame[at] = byte;
        whole(&frame).present
    };
    assert_eq!(with(14, 0x44), MALFORMED);
    assert_eq!(with(14, 0x65), MALFORMED);
    assert_eq!(with(17, 19), IP | MALFORMED);
    assert_eq!(with(46, 0x40), IP | PORTS | TCP | MALFORMED);
    assert_eq!(with(46, 0xf0), IP | PORTS | TCP | CUT);
    let mut ipv6 = ipv6(6, &[&tcp(0)]);
    ipv6[14] = 0x45;
    assert_eq!(whole(&ipv6).present, MALFORMED);
    assert_eq!(whole(&ipv4(33, 0, 0, &[&dccp(2)])).present, IP | PORTS | MALFORMED);
    let twice = self::ipv6(44, &[&fragment(44, 1), &fragment(17, 8), &ports(8)]);
    assert_eq!(whole(&twice).present, IP | FRAGMENT | MALFORMED);
}

#[test]
fn walks_seven_extension_headers_and_no_more() {
    let chain = |count: usize| {
        ipv6(if count == 0 { 6 } else { 60 }, &[&extension(60, 1).repeat(count.saturating_sub(1)), &extension(6, 1), &tcp(0)])
    };
    assert_eq!(whole(&chain(7)).present, IP | PORTS | TCP | PAYLOAD);
    let too_deep = whole(&chain(8));
    assert_eq!((too_deep.present, too_deep.header_len), (IP | TOO_DEEP, 14));
}

#[test]
fn reads_two_tags_in_band_or_out_of_band_and_no_more() {
    let ip = ipv4(17, 0, 0, &[&ports(8)]);
    for ethertype in [[0x81, 0], [0x88, 0xa8], [0x91, 0]] {
        let in_band = [&MACS[..], &ethertype, &[0, 7], &ip[12..]].concat();
        let found = whole(&in_band);
        assert_eq!((found.vlan, found.inner_vlan, found.has(VLAN), found.has(INNER_VLAN), found.header_len), (7, 0, true, false, 46));
        let mut found = Headers::NONE;
        found.tag(0xf009);
        parse(&mut Bytes { there: &in_band, len: in_band.len() }, Start::Ethernet, &mut found);
        assert_eq!((found.vlan, found.inner_vlan, found.has(VLAN | INNER_VLAN | PORTS), found.header_len), (9, 7, true, 50));
    }
    let three = [&MACS[..], &[0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3], &ip[12..]].concat();
    let found = whole(&three);
    assert_eq!((found.present, found.vlan, found.inner_vlan, found.ethertype), (VLAN | INNER_VLAN | TOO_DEEP, 1, 2, 0x8100));
    assert_eq!(found.header_len, 22);
}

#[test]
fn names_tunnels() {
    for protocol in [4, 41, 47, 50, 51, 115, 137] {
        assert!(whole(&ipv4(protocol, 0, 0, &[])).is_tunnel());
    }
    for (port, is_tunnel) in [(1701u16, true), (2152, true), (4789, true), (6081, true), (53, false)] {
        let [high, low] = port.to_be_bytes();
        assert_eq!(whole(&ipv4(17, 0, 0, &[&[0xc0, 0, high, low, 0, 8, 0, 0]])).is_tunnel(), is_tunnel);
        assert!(!whole(&ipv4(6, 0, 0, &[&[0xc0, 0, high, low], &tcp(0)[4..]])).is_tunnel());
    }
    for (ethertype, is_tunnel) in [([0x88, 0x47], true), ([0x88, 0x48], true), ([0x88, 0x64], true), ([8, 6], false)] {
        assert_eq!(whole(&ethernet(&[&ethertype, PAYLOAD_BYTES])).is_tunnel(), is_tunnel);
    }
}

#[test]
fn random_bytes_never_lead_beyond_the_packet() {
    let mut state = 0x2545_f491_u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let samples = samples();
    for _ in 0..300_000 {
        let mut frame = samples[random(samples.len())].0.clone();
        for _ in 0..random(6) {
            let at = random(frame.len());
            frame[at] = [random(256) as u8, 0, 0xff, 6, 44, 60][random(6)];
        }
        let there = random(frame.len() + 1);
        let len = if random(2) == 0 { there } else { frame.len() };
        let start = if random(4) == 0 { Start::Network(u16::from_be_bytes([frame[12], frame[13]])) } else { Start::Ethernet };
        let mut found = Headers::NONE;
        let tags = random(3) as u32;
        (0..tags).for_each(|_| found.tag(random(0x1_0000) as u16));
        parse(&mut Bytes { there: &frame[..there], len }, start, &mut found);
        assert!((found.header_len + found.payload_len) as usize <= len + (tags * TAG_LEN) as usize, "{found:?}");
        assert!(!found.has(PAYLOAD) || found.present & (CUT | MALFORMED | TOO_DEEP) == 0);
        assert!(!found.has(LATER_FRAGMENT) || found.present & (PORTS | ICMP) == 0);
    }
}
