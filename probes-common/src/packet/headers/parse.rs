//! From the bytes of a packet to its [`Headers`]. The walk of IP is that of [`ip`].

use super::{Headers, TAG_LEN, present};
use crate::packet::ip::{self, Flaw, Ip, protocol};
use crate::packet::{Header, Load, ethertype};

/// Where a packet starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With an Ethernet header.
    Ethernet,
    /// With what the layer below says by this EtherType.
    Network(u16),
}

/// Below that, the field of an Ethernet header is a length (IEEE 802.3 section 3.2.6).
const SMALLEST_ETHERTYPE: u16 = 0x600;
const PORTS_LEN: u32 = 4;
const TCP_LEN: u32 = 20;
const UDP_LEN: u32 = 8;
/// All messages of ICMP and ICMPv6 have four bytes of their own behind type, code and checksum.
const ICMP_LEN: u32 = 8;
const SCTP_LEN: u32 = 12;
/// The shortest: its data offset tells.
const DCCP_LEN: u32 = 12;

/// Fills `headers`, which are [`Headers::NONE`] or have the tags that are out of band: these are then the outermost ones, and count in
/// [`Headers::header_len`].
#[inline(always)]
pub fn parse<L: Load>(packet: &mut L, start: Start, headers: &mut Headers) {
    let (at, ethertype) = match start {
        Start::Network(ethertype) => (0, ethertype),
        Start::Ethernet => {
            let mut header = Header::<2>::empty();
            let Some(ethertype) = packet.load(12, &mut header) else {
                headers.present |= present::CUT;
                return;
            };
            (14, u16::from_be_bytes(*ethertype))
        }
    };
    let (at, ethertype) = untag(packet, at, ethertype, headers);
    headers.ethertype = if ethertype < SMALLEST_ETHERTYPE { 0 } else { ethertype };
    let out_of_band = headers.header_len;
    headers.header_len += at;
    if matches!(ethertype, ethertype::IPV4 | ethertype::IPV6)
        && let Some((header_len, end)) = network(packet, at, ethertype, headers)
    {
        headers.header_len = out_of_band + header_len;
        headers.payload_len = end - header_len;
        headers.present |= present::PAYLOAD;
    }
}

/// Tags in band: each is two bytes of tag and the next EtherType. Where the network layer starts and what it is, or the tag at which it
/// ends.
#[inline(always)]
fn untag<L: Load>(packet: &mut L, mut at: u32, mut ethertype: u16, headers: &mut Headers) -> (u32, u16) {
    const MAX_TAGS: u32 = 2;
    for _ in 0..=MAX_TAGS {
        if !matches!(ethertype, ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD) {
            break;
        }
        if headers.has(present::INNER_VLAN) {
            headers.present |= present::TOO_DEEP;
            break;
        }
        let mut header = Header::<{ TAG_LEN as usize }>::empty();
        let Some(tag) = packet.load(at, &mut header) else {
            headers.present |= present::CUT;
            break;
        };
        headers.set_tag(u16::from_be_bytes([tag[0], tag[1]]));
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        at += TAG_LEN;
    }
    (at, ethertype)
}

/// Where the payload starts and ends, if that is known.
#[inline(always)]
fn network<L: Load>(packet: &mut L, at: u32, ethertype: u16, headers: &mut Headers) -> Option<(u32, u32)> {
    let mut ip = Ip::default();
    let walked = ip::walk(packet, ethertype, at, &mut ip);
    headers.set_ip(&ip);
    if let Err(flaw) = walked {
        return headers.flawed(match flaw {
            Flaw::Cut => present::CUT,
            Flaw::Malformed => present::MALFORMED,
            Flaw::TooDeep => present::TOO_DEEP,
        });
    }
    let content = &ip.content;
    let end = packet.end(content.end);
    let len = if content.fragment.is_later() { 0 } else { transport(packet, content.protocol, content.start, end, headers)? };
    let payload = content.start + len;
    if payload > end { headers.flawed(present::CUT) } else { Some((payload, end)) }
}

/// Length of the transport header, also if it is longer than the packet; `None` when it cannot be told.
#[inline(always)]
fn transport<L: Load>(packet: &mut L, protocol: u8, at: u32, end: u32, headers: &mut Headers) -> Option<u32> {
    let mut tcp = Header::<{ TCP_LEN as usize }>::empty();
    if protocol == protocol::TCP
        && at + TCP_LEN <= end
        && let Some(tcp) = packet.load(at, &mut tcp)
    {
        return headers.set_tcp(tcp);
    }
    let len = match protocol {
        protocol::TCP => TCP_LEN,
        protocol::UDP | protocol::UDP_LITE => UDP_LEN,
        protocol::ICMP | protocol::ICMPV6 => ICMP_LEN,
        protocol::SCTP => SCTP_LEN,
        protocol::DCCP => DCCP_LEN,
        _ => return Some(0),
    };
    let mut first = Header::<{ PORTS_LEN as usize }>::empty();
    let Some(first) = (if at + PORTS_LEN <= end { packet.load(at, &mut first) } else { None }) else {
        return headers.flawed(present::CUT);
    };
    if matches!(protocol, protocol::ICMP | protocol::ICMPV6) {
        headers.set_icmp(first[0], first[1]);
    } else {
        headers.set_ports([first[0], first[1]], [first[2], first[3]]);
    }
    match protocol {
        // What was read is all that there is of it.
        protocol::TCP => headers.flawed(present::CUT),
        protocol::DCCP => dccp_len(packet, at, end, headers),
        _ => Some(len),
    }
}

/// RFC 4340 section 5.1.
#[inline(always)]
fn dccp_len<L: Load>(packet: &mut L, at: u32, end: u32, headers: &mut Headers) -> Option<u32> {
    let mut header = Header::<1>::empty();
    let Some(&[words]) = (if at + PORTS_LEN < end { packet.load(at + PORTS_LEN, &mut header) } else { None }) else {
        return headers.flawed(present::CUT);
    };
    let len = words as u32 * 4;
    if len < DCCP_LEN { headers.flawed(present::MALFORMED) } else { Some(len) }
}

impl Headers {
    #[inline(always)]
    fn set_ip(&mut self, ip: &Ip) {
        let Ip { source, destination, version, ttl, dscp, content } = *ip;
        self.source = source;
        self.destination = destination;
        self.ip_version = version;
        self.ttl = ttl;
        self.dscp = dscp;
        self.protocol = content.protocol;
        if version != 0 {
            self.present |= present::IP;
        }
        if content.fragment.is_one() {
            self.present |= present::FRAGMENT;
        }
        if content.fragment.is_later() {
            self.present |= present::LATER_FRAGMENT;
        }
    }

    #[inline(always)]
    fn set_ports(&mut self, source: [u8; 2], destination: [u8; 2]) {
        self.source_port = u16::from_be_bytes(source);
        self.destination_port = u16::from_be_bytes(destination);
        self.present |= present::PORTS;
    }

    #[inline(always)]
    fn set_icmp(&mut self, icmp_type: u8, icmp_code: u8) {
        self.icmp_type = icmp_type;
        self.icmp_code = icmp_code;
        self.present |= present::ICMP;
    }

    /// RFC 9293 section 3.1. Its length, if that can be.
    #[inline(always)]
    fn set_tcp(&mut self, header: &[u8; TCP_LEN as usize]) -> Option<u32> {
        self.set_ports([header[0], header[1]], [header[2], header[3]]);
        self.sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        self.acknowledgement = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        self.tcp_flags = header[13];
        self.window = u16::from_be_bytes([header[14], header[15]]);
        self.present |= present::TCP;
        let len = (header[12] >> 4) as u32 * 4;
        if len < TCP_LEN { self.flawed(present::MALFORMED) } else { Some(len) }
    }

    /// Notes what is wrong, behind which nothing is known.
    #[inline(always)]
    fn flawed<T>(&mut self, bit: u16) -> Option<T> {
        self.present |= bit;
        None
    }
}

#[cfg(test)]
mod tests;
