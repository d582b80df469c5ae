//! Frames with headers of all kinds, byte by byte as the standards have them. No checksum is right: nobody checks any where they go.

/// EtherTypes (IEEE 802).
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const QINQ: u16 = 0x88a8;

/// IP protocols (IANA).
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const GRE: u8 = 47;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const SCTP: u8 = 132;

/// TCP flags (RFC 9293 section 3.1).
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// Between the ends of a [`super::quiet::Quiet`] pair.
pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    tagged(&[], ethertype, payload)
}

/// The same with VLAN tags, the outermost first: what each is (`VLAN`, `QINQ`) and what it says.
pub(crate) fn tagged(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (kind, tag) in tags {
        frame.extend([kind.to_be_bytes(), tag.to_be_bytes()].concat());
    }
    [&frame, &ethertype.to_be_bytes()[..], payload].concat()
}

/// Filled up to Ethernet's 60 bytes.
pub(crate) fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0xee);
    frame
}

/// From 10.0.0.1 to 10.0.0.2, with 64 hops to go.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_between([10, 0, 0, 1], [10, 0, 0, 2], protocol, payload)
}

/// The same between others.
pub(crate) fn ipv4_between(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + payload.len()).expect("it fits an IPv4 packet").to_be_bytes();
    [&[0x45, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0][..], &source, &destination, payload].concat()
}

/// A part of a datagram, from `offset` on, which is a multiple of 8.
pub(crate) fn ipv4_fragment(protocol: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4(protocol, payload);
    let more_fragments = if more { 0x2000 } else { 0 };
    let place = offset / 8 + more_fragments;
    packet[6..8].copy_from_slice(&place.to_be_bytes());
    packet
}

/// From fd00::1 to fd00::2, with 64 hops to go.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).expect("it fits an IPv6 packet").to_be_bytes();
    let address = |host| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
    [&[0x60, 0, 0, 0, high, low, next, 64][..], &address(1), &address(2), payload].concat()
}

/// An IPv6 extension header of options, 8 bytes (RFC 8200 section 4.2).
pub(crate) fn options(next: u8, payload: &[u8]) -> Vec<u8> {
    [&[next, 0, 1, 4, 0, 0, 0, 0], payload].concat()
}

/// An IPv6 fragment header (RFC 8200 section 4.5).
pub(crate) fn ipv6_fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    [&[next, 0, high, low, 0, 0, 0, 9], payload].concat()
}

/// A segment without options, from port 40000 to port 80.
pub(crate) fn tcp(flags: u8, sequence: u32, acknowledgement: u32, window: u16, payload: &[u8]) -> Vec<u8> {
    tcp_between(40_000, 80, flags, sequence, acknowledgement, window, payload)
}

/// The same between other ports.
pub(crate) fn tcp_between(
    source: u16,
    destination: u16,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    window: u16,
    payload: &[u8],
) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    let numbers = [sequence.to_be_bytes(), acknowledgement.to_be_bytes()].concat();
    [&ports, &numbers, &[0x50, flags][..], &window.to_be_bytes(), &[0; 4], payload].concat()
}

/// One with an acknowledgement and options, a multiple of 4 bytes.
pub(crate) fn tcp_with_options(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut segment = tcp(ACK, 1, 2, 3, &[options, payload].concat());
    // In words of four bytes, in the upper half of the byte.
    segment[12] = u8::try_from(20 + options.len()).expect("options fit") * 4;
    segment
}

pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).expect("it fits a datagram");
    let header = [source, destination, len, 0].map(u16::to_be_bytes).concat();
    [&header, payload].concat()
}

/// A message of ICMP or ICMPv6 with four bytes of its own.
pub(crate) fn icmp(kind: u8, code: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0, 0, 1, 0, 2], payload].concat()
}

/// The common header (RFC 9260 section 3.1).
pub(crate) fn sctp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    [&source.to_be_bytes(), &destination.to_be_bytes(), &[0; 8][..], payload].concat()
}

/// Who has 10.0.0.2 (RFC 826)?
pub(crate) fn arp_request() -> Vec<u8> {
    vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]
}
