//! Frames of all kinds, as bytes.

use etherparse::{IpNumber, Ipv4Header, PacketBuilder};

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
pub(crate) const IPV4: [u8; 2] = [0x08, 0];
pub(crate) const IPV6: [u8; 2] = [0x86, 0xdd];

/// Behind Ethernet headers.
pub(crate) fn ethernet(ethertype: [u8; 2], rest: &[u8]) -> Vec<u8> {
    [&MACS, &ethertype[..], rest].concat()
}

/// The same behind tags, of which each is its EtherType and its identifier.
pub(crate) fn tagged(tags: &[([u8; 2], u16)], ethertype: [u8; 2], rest: &[u8]) -> Vec<u8> {
    // Priority 5.
    let tags = tags.iter().flat_map(|(kind, id)| [kind[0], kind[1], 0xa0 | (id >> 8) as u8, *id as u8]);
    MACS.into_iter().chain(tags).chain(ethertype).chain(rest.iter().copied()).collect()
}

/// From 10.1.2.3 to 192.0.2.4, with options of so many bytes; `place` is flags and offset of a fragment.
pub(crate) fn ipv4(protocol: u8, options: usize, place: u16, rest: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(rest.len() as u16, 61, IpNumber(protocol), [10, 1, 2, 3], [192, 0, 2, 4]).expect("it fits");
    header.options = vec![1; options].as_slice().try_into().expect("a multiple of four");
    let mut bytes = header.to_bytes().to_vec();
    // Expedited forwarding, and ECN.
    bytes[1] = 46 << 2 | 1;
    bytes[6..8].copy_from_slice(&place.to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

/// From 2001:db8::1 to 2001:db8::2.
pub(crate) fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    let address = |host| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
    let length = (rest.len() as u16).to_be_bytes();
    [&[0x6b, 0x90, 0, 0, length[0], length[1], next, 63][..], &address(1), &address(2), rest].concat()
}

/// Hop-by-hop, routing or destination options of `8 * (more + 1)` bytes: padding.
pub(crate) fn options(next: u8, more: u8) -> Vec<u8> {
    let len = 8 * (usize::from(more) + 1);
    let mut bytes = vec![next, more, 1, (len - 4) as u8];
    bytes.resize(len, 0);
    bytes
}

/// Type 2, of one address.
pub(crate) fn routing(next: u8) -> Vec<u8> {
    [&[next, 2, 2, 1, 0, 0, 0, 0], &[0xfd; 16][..]].concat()
}

/// Of datagram 7; the offset in bytes.
pub(crate) fn fragment(next: u8, offset: u16, more: bool) -> Vec<u8> {
    let place = (offset | u16::from(more)).to_be_bytes();
    vec![next, 0, place[0], place[1], 0, 0, 0, 7]
}

/// Authentication header with a check value of 12 bytes.
pub(crate) fn authentication(next: u8) -> Vec<u8> {
    [&[next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[9; 12][..]].concat()
}

/// From port 40000 to 8443.
pub(crate) fn tcp(flags: u8, options: usize, payload: &[u8]) -> Vec<u8> {
    let offset = ((20 + options) / 4) << 4;
    let header = [0x9c, 0x40, 0x20, 0xfb, 0, 0, 0, 7, 0, 0, 0, 9, offset as u8, flags, 0x12, 0x34, 0, 0, 0, 0];
    [&header, &vec![1; options][..], payload].concat()
}

/// From port 40000 to one that nobody has a protocol for.
pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    udp_to(40_001, payload)
}

pub(crate) fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let [port, len] = [port, 8 + payload.len() as u16].map(u16::to_be_bytes);
    [&[0x9c, 0x40, port[0], port[1], len[0], len[1], 0, 0], payload].concat()
}

/// With a chunk of user data.
pub(crate) fn sctp() -> Vec<u8> {
    let chunk = [0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'd', b'a', b't', b'a'];
    [&[0x9c, 0x40, 0x9c, 0x41, 0, 0, 0, 1, 0, 0, 0, 0][..], &chunk].concat()
}

/// A request, with a sequence number of four bytes each.
pub(crate) fn dccp() -> Vec<u8> {
    vec![0x9c, 0x40, 0x9c, 0x41, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 42]
}

/// A packet of UDP that cannot be delivered.
pub(crate) fn icmp_error() -> Vec<u8> {
    [&[3, 3, 0, 0, 0, 0, 0, 0], &ipv4(17, 0, 0, &udp(b"lost"))[..]].concat()
}

pub(crate) fn arp() -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 1, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 10, 1, 2, 4];
    [&[0, 1, 8, 0, 6, 4, 0, 1][..], &addresses].concat()
}

/// A whole frame of somebody else's making.
pub(crate) fn foreign() -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([0xfc; 16], [0xfd; 16], 9);
    builder.tcp(1, 2, 3, 4).syn().write(&mut bytes, b"").expect("a packet");
    bytes
}
