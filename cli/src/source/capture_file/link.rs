//! From a packet's link layer to where its network layer starts and what that is, or to what is above what only captures have.
//!
//! The layouts are those of <https://www.tcpdump.org/linktypes.html>. What lies in the network layer is left to others.

use ehl_probes_common::packet::ethertype;
use ehl_probes_common::packet::headers::Start;
use ehl_probes_common::record::Way;

/// Where a packet starts for who reads its tags too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// What it starts with; `None` where it ends before that is told.
    pub(super) start: Option<Start>,
    /// Where: behind what only captures have; may be beyond the packet.
    pub(super) offset: usize,
    /// The interface's index on the host that captured, where the link layer names one.
    pub(super) interface: Option<u32>,
    /// Which way the packet went, where the link layer says so.
    pub(super) way: Option<Way>,
}

/// Where the network layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// What it is: an EtherType; 0 where the link layer says what has none.
    pub(super) ethertype: u16,
    /// Where it starts: at most the length of the packet's bytes.
    pub(super) offset: usize,
}

/// Why there is no network layer to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// This link type is not known here.
    Unsupported,
    /// The packet ends within its link layer.
    Cut,
}

/// Packets with a link type that is not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsupportedLinks {
    /// How many.
    pub packets: u64,
    /// The first few of these link types, each once.
    pub types: [Option<u16>; 4],
}

impl UnsupportedLinks {
    #[cold]
    pub(super) fn count(&mut self, link_type: u16) {
        self.packets += 1;
        if let Some(place) = self.types.iter_mut().find(|place| place.is_none_or(|known| known == link_type)) {
            *place = Some(link_type);
        }
    }
}

mod link_type {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    /// What the BSDs and OpenBSD call RAW; files are to have 101 but some have these.
    pub(super) const RAW_BSD: u16 = 12;
    pub(super) const RAW_OPENBSD: u16 = 14;
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

/// No EtherType: something that is surely not IP.
const NOT_IP: u16 = 0;

/// Finds where a packet starts; `None` when this link type is not known here.
pub(super) fn start(link_type: u16, bytes: &[u8]) -> Option<Link> {
    let network = |ethertype, offset| Link { start: Option::map(ethertype, Start::Network), offset, interface: None, way: None };
    Some(match link_type {
        link_type::ETHERNET => Link { start: Some(Start::Ethernet), offset: 0, interface: None, way: None },
        link_type::LINUX_SLL => linux_cooked(bytes),
        link_type::LINUX_SLL2 => linux_cooked_2(bytes),
        link_type::RAW | link_type::RAW_BSD | link_type::RAW_OPENBSD => network(bytes.first().map(|first| by_version(*first)), 0),
        link_type::NULL | link_type::LOOP => network(bytes.first_chunk().map(|family| by_family(*family)), 4),
        link_type::IPV4 => network(Some(ethertype::IPV4), 0),
        link_type::IPV6 => network(Some(ethertype::IPV6), 0),
        _ => return None,
    })
}

/// Finds the network layer of a packet.
pub(super) fn network(link_type: u16, bytes: &[u8]) -> Result<Network, Error> {
    let Link { start, offset, .. } = start(link_type, bytes).ok_or(Error::Unsupported)?;
    let found = match start.ok_or(Error::Cut)? {
        Start::Ethernet => tagged(bytes, 12),
        Start::Network(NOT_IP) => Some((NOT_IP, offset)),
        // As after an Ethernet header; for a length stand small numbers, of which 4 is 802.2 (linux/if_ether.h).
        Start::Network(protocol) => untag(bytes, protocol, offset),
    };
    let (ethertype, offset) = found.ok_or(Error::Cut)?;
    Ok(Network { ethertype, offset })
}

fn by_version(first: u8) -> u16 {
    match first >> 4 {
        4 => ethertype::IPV4,
        6 => ethertype::IPV6,
        _ => NOT_IP,
    }
}

/// NULL has the family in the byte order of the host that captured, LOOP in network byte order.
fn by_family(family: [u8; 4]) -> u16 {
    let family = u32::from_be_bytes(family);
    // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
    match family.min(family.swap_bytes()) {
        2 => ethertype::IPV4,
        10 | 24 | 28 | 30 => ethertype::IPV6,
        _ => NOT_IP,
    }
}

/// LINUX_SLL: packet type, ARPHRD, address length (2 bytes each), address (8), protocol.
fn linux_cooked(bytes: &[u8]) -> Link {
    let start = bytes.get(..16).and_then(|_| cooked(word(bytes, 2)?, word(bytes, 14)?));
    Link { start, offset: 16, interface: None, way: word(bytes, 0).and_then(by_packet_type) }
}

/// LINUX_SLL2: protocol, reserved (2 bytes each), interface index (4), ARPHRD (2), packet type, address length (1 each),
/// address (8).
fn linux_cooked_2(bytes: &[u8]) -> Link {
    let start = bytes.get(..20).and_then(|_| cooked(word(bytes, 8)?, word(bytes, 0)?));
    let interface = word(bytes, 4).zip(word(bytes, 6)).map(|(high, low)| u32::from(high) << 16 | u32::from(low));
    Link { start, offset: 20, interface, way: bytes.get(10).and_then(|packet_type| by_packet_type((*packet_type).into())) }
}

fn cooked(hardware: u16, protocol: u16) -> Option<Start> {
    /// Of netlink packets the protocol is a netlink family, no EtherType.
    const ARPHRD_NETLINK: u16 = 824;
    Some(Start::Network(if hardware == ARPHRD_NETLINK { NOT_IP } else { protocol }))
}

/// 0 to 3 are to this host, to all, to some and to another host; all of them came in.
fn by_packet_type(packet_type: u16) -> Option<Way> {
    match packet_type {
        0..=3 => Some(Way::Ingress),
        4 => Some(Way::Egress),
        _ => None,
    }
}

/// From the EtherType at `at` on.
fn tagged(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    untag(bytes, word(bytes, at)?, at + 2)
}

/// Looks behind tags and what may stand for an EtherType; `at` is what `protocol` is about.
fn untag(bytes: &[u8], mut protocol: u16, mut at: usize) -> Option<(u16, usize)> {
    const MAX_TAGS: usize = 8;
    for _ in 0..MAX_TAGS {
        if !matches!(protocol, ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD) {
            break;
        }
        protocol = word(bytes, at + 2)?;
        at += 4;
    }
    match protocol {
        // IEEE 802.3 section 3.2.6: up to 1500 it is a length, and 802.2 follows.
        0..=1500 => snap(bytes, at),
        ethertype::PPPOE_SESSION => pppoe(bytes, at),
        _ => Some((protocol, at)),
    }
}

/// RFC 1042: an EtherType behind the LLC header aa-aa-03 and the organisation 00-00-00.
fn snap(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    // Other LLC frames may be shorter than a SNAP header.
    let is_snap = bytes.get(at..)?.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0]);
    if is_snap { Some((word(bytes, at + 6)?, at + 8)) } else { Some((NOT_IP, at)) }
}

/// RFC 2516 section 4: version and type, code, session, length; then a PPP protocol number.
fn pppoe(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    const PPP_IPV4: u16 = 0x0021;
    const PPP_IPV6: u16 = 0x0057;
    let ethertype = match (word(bytes, at)?, word(bytes, at + 6)?) {
        (0x1100, PPP_IPV4) => ethertype::IPV4,
        (0x1100, PPP_IPV6) => ethertype::IPV6,
        _ => NOT_IP,
    };
    Some((ethertype, at + 8))
}

/// The big-endian number of two bytes at `at`.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The link layer `header`, then four bytes of a network layer that starts with `first`.
    fn found(link_type: u16, header: &[u8], first: u8) -> Network {
        let bytes = [header, &[first, 0, 0, 0]].concat();
        let found = network(link_type, &bytes).expect("a network layer");
        assert_eq!(found.offset, header.len());
        found
    }

    fn ethertype(link_type: u16, header: &[u8], first: u8) -> u16 {
        found(link_type, header, first).ethertype
    }

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&MACS[..], rest].concat()
    }

    #[test]
    fn reads_ethernet() {
        assert_eq!(ethertype(1, &ethernet(&[0x08, 0]), 0x45), 0x0800);
        assert_eq!(ethertype(1, &ethernet(&[0x86, 0xdd]), 0x60), 0x86dd);
        assert_eq!(ethertype(1, &ethernet(&[0x08, 6]), 0), 0x0806);
    }

    #[test]
    fn looks_behind_up_to_eight_tags() {
        let tags = [[0x81, 0, 0x20, 5], [0x88, 0xa8, 0, 6], [0x91, 0, 0, 7]];
        for count in 0..=8 {
            let tags: Vec<u8> = (0..count).flat_map(|at| tags[at % 3]).collect();
            assert_eq!(ethertype(1, &ethernet(&[&tags[..], &[0x08, 0]].concat()), 0x45), 0x0800);
        }
        let too_many = ethernet(&[0x81, 0, 0, 1].repeat(9));
        assert_eq!(network(1, &[&too_many[..], &[0x08, 0, 0x45]].concat()).map(|found| found.ethertype), Ok(0x8100));
    }

    #[test]
    fn reads_snap_behind_a_length_and_no_other_llc() {
        let snap = [0x05, 0xdc, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0];
        assert_eq!(ethertype(1, &ethernet(&snap), 0x45), 0x0800);
        assert_eq!(ethertype(1, &ethernet(&[&[0x81, 0, 0, 1], &snap[..]].concat()), 0x45), 0x0800);
        assert_eq!(network(1, &ethernet(&[0, 3, 0x42, 0x42, 3])).map(|found| found.ethertype), Ok(NOT_IP));
    }

    #[test]
    fn reads_ip_in_pppoe_sessions() {
        assert_eq!(ethertype(1, &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0, 0x21]), 0x45), 0x0800);
        assert_eq!(ethertype(1, &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0, 0x57]), 0x60), 0x86dd);
        assert_eq!(ethertype(1, &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0xc0, 0x21]), 1), NOT_IP);
        assert_eq!(ethertype(1, &ethernet(&[0x88, 0x64, 0x11, 0xa7, 0, 1, 0, 6, 0, 0x21]), 0x45), NOT_IP);
    }

    #[test]
    fn reads_cooked_captures_and_the_interface_they_name() {
        let sll = |rest: &[u8]| [&[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], rest].concat();
        assert_eq!(found(113, &sll(&[0x08, 0]), 0x45), Network { ethertype: 0x0800, offset: 16 });
        assert_eq!(ethertype(113, &sll(&[0x81, 0, 0, 7, 0x86, 0xdd]), 0x60), 0x86dd);
        assert_eq!(ethertype(113, &sll(&[0, 4, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0]), 0x45), 0x0800);
        let sll2 = |protocol: [u8; 2], rest: &[u8]| [&protocol[..], &[0, 0, 0, 1, 0, 7, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], rest].concat();
        let interface = start(276, &sll2([0x86, 0xdd], &[])).and_then(|link| link.interface);
        assert_eq!((found(276, &sll2([0x86, 0xdd], &[]), 0x60).ethertype, interface), (0x86dd, Some(0x1_0007)));
        assert_eq!(ethertype(276, &sll2([0x88, 0xa8], &[0, 1, 0x81, 0, 0, 2, 0x08, 0]), 0x45), 0x0800);
    }

    #[test]
    fn cooked_captures_tell_which_way_a_packet_went() {
        for (packet_type, expected) in [(0, Some(Way::Ingress)), (3, Some(Way::Ingress)), (4, Some(Way::Egress)), (6, None)] {
            let sll = [0, packet_type, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0];
            let sll2 = [0x08, 0, 0, 0, 0, 0, 0, 7, 0, 1, packet_type, 6, 2, 0, 0, 0, 0, 1, 0, 0];
            assert_eq!([start(113, &sll), start(276, &sll2)].map(|link| link.and_then(|link| link.way)), [expected; 2]);
        }
    }

    #[test]
    fn tags_are_left_to_who_reads_them() {
        assert_eq!(start(1, &[]), Some(Link { start: Some(Start::Ethernet), offset: 0, interface: None, way: None }));
        let sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 7, 0x08, 0];
        let tag = Link { start: Some(Start::Network(0x8100)), offset: 16, interface: None, way: Some(Way::Ingress) };
        assert_eq!((start(113, &sll), start(113, &sll[..15])), (Some(tag), Some(Link { start: None, ..tag })));
        assert_eq!(start(105, &[0; 60]), None);
    }

    #[test]
    fn takes_no_netlink_family_for_an_ethertype() {
        assert_eq!(ethertype(113, &[0, 4, 0x03, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0], 0x45), NOT_IP);
    }

    #[test]
    fn reads_address_families_in_either_byte_order() {
        for link_type in [0, 108] {
            for (family, expected) in [(2, 0x0800), (10, 0x86dd), (24, 0x86dd), (28, 0x86dd), (30, 0x86dd), (7, NOT_IP)] {
                assert_eq!(ethertype(link_type, &[family, 0, 0, 0], 0x45), expected);
                assert_eq!(ethertype(link_type, &[0, 0, 0, family], 0x45), expected);
            }
        }
    }

    #[test]
    fn tells_raw_packets_by_their_version() {
        for link_type in [12, 14, 101] {
            assert_eq!(ethertype(link_type, &[], 0x45), 0x0800);
            assert_eq!(ethertype(link_type, &[], 0x60), 0x86dd);
            assert_eq!(ethertype(link_type, &[], 0x10), NOT_IP);
        }
        assert_eq!(ethertype(228, &[], 0x45), 0x0800);
        assert_eq!(ethertype(229, &[], 0x60), 0x86dd);
    }

    #[test]
    fn says_which_packets_are_cut_and_which_link_types_unsupported() {
        for (link_type, shortest) in [(0, 4), (1, 14), (101, 1), (113, 16), (276, 20)] {
            let ip = [0x08, 0].repeat(20);
            for cut in 0..shortest {
                assert_eq!(network(link_type, &ip[..cut]), Err(Error::Cut), "{cut} bytes of link type {link_type}");
            }
            assert!(network(link_type, &ip[..shortest]).is_ok());
        }
        assert_eq!(network(1, &ethernet(&[0x81, 0, 0, 1, 8])), Err(Error::Cut));
        assert_eq!(network(1, &ethernet(&[0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8])), Err(Error::Cut));
        assert_eq!(network(105, &[0; 60]), Err(Error::Unsupported));
    }
}
