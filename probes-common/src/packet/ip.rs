//! The walk of IP: IPv4 with options and IPv6 with extension headers, up to what the packet carries. What that is, is left to others.

use super::{Address, Header, Load, ethertype};

/// IP protocol numbers (IANA), those of IPv6 extension headers among them.
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IPv4 in IP.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// IPv6 in IP.
    pub const IPV6: u8 = 41;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// GRE.
    pub const GRE: u8 = 47;
    /// IPsec: encapsulating security payload.
    pub const ESP: u8 = 50;
    /// IPsec: authentication header.
    pub const AUTHENTICATION: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// Nothing follows (RFC 8200 section 4.7).
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION: u8 = 60;
    /// L2TP version 3.
    pub const L2TP: u8 = 115;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDP_LITE: u8 = 136;
    /// MPLS in IP.
    pub const MPLS: u8 = 137;
}

/// What the headers of IP tell. Places are counted from the start of the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip {
    /// Sender.
    pub source: Address,
    /// Receiver.
    pub destination: Address,
    /// 4 or 6; 0 when there is no header, and then all the rest is zero too.
    pub version: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Differentiated services codepoint, six bits.
    pub dscp: u8,
    /// What is behind these headers.
    pub content: Content,
}

/// What is behind headers of IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Content {
    /// Where it starts; may be beyond the packet.
    pub start: u32,
    /// Where it ends, as the headers have it; may be beyond the packet.
    pub end: u32,
    /// What it is a part of.
    pub fragment: Fragment,
    /// Where `protocol` is named.
    pub protocol_at: u32,
    /// What it is. Of a later fragment of IPv6, this may still be an extension header.
    pub protocol: u8,
}

/// A part of a datagram; of a whole one, all is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fragment {
    /// What all fragments of the datagram have in common.
    pub id: u32,
    /// Place of the part in the datagram's payload, in bytes.
    pub offset: u32,
    /// Where the header before that of the fragment names what follows it.
    pub protocol_at: u32,
    /// Where the headers end that every fragment has, without the fragment header.
    pub headers_end: u32,
    /// Where the part starts; it ends with the packet.
    pub start: u32,
    /// What the datagram's payload begins with.
    pub protocol: u8,
    /// Whether it is not the last one.
    pub more: bool,
}

impl Fragment {
    /// Whether it is one at all.
    #[inline(always)]
    pub fn is_one(&self) -> bool {
        self.offset != 0 || self.more
    }

    /// Whether it is one, and not the first.
    #[inline(always)]
    pub fn is_later(&self) -> bool {
        self.offset != 0
    }
}

/// Why a walk did not get to what the packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Flaw {
    /// The packet ends within a header.
    Cut = 1,
    /// A header contradicts itself.
    Malformed = 2,
    /// More extension headers than are walked.
    TooDeep = 3,
}

impl Flaw {
    /// What a walk came to, from what a global function (see the crate's documentation) answered: the flaw, or 0.
    #[inline(always)]
    pub fn result(number: u32) -> Result<(), Self> {
        match number {
            0 => Ok(()),
            1 => Err(Self::Cut),
            2 => Err(Self::Malformed),
            _ => Err(Self::TooDeep),
        }
    }
}

/// Walks from `at` on; `ethertype` is IPv4 or IPv6. What is known of a flawed packet is in `ip` all the same.
#[inline(always)]
pub fn walk<L: Load>(packet: &mut L, ethertype: u16, at: u32, ip: &mut Ip) -> Result<(), Flaw> {
    if ethertype == ethertype::IPV4 { v4(packet, at, ip) } else { v6(packet, at, ip) }
}

/// RFC 791 section 3.1.
#[inline(always)]
fn v4<L: Load>(packet: &mut L, at: u32, ip: &mut Ip) -> Result<(), Flaw> {
    const MORE_FRAGMENTS: u16 = 0x2000;
    const FRAGMENT_OFFSET: u16 = 0x1fff;
    let mut header = Header::<20>::empty();
    let Some(header) = packet.load(at, &mut header) else {
        return Err(Flaw::Cut);
    };
    let len = (header[0] & 0x0f) as u32 * 4;
    if header[0] >> 4 != 4 || len < 20 {
        return Err(Flaw::Malformed);
    }
    let total = u16::from_be_bytes([header[2], header[3]]) as u32;
    ip.source = Address::v4([header[12], header[13], header[14], header[15]]);
    ip.destination = Address::v4([header[16], header[17], header[18], header[19]]);
    ip.version = 4;
    ip.ttl = header[8];
    ip.dscp = header[1] >> 2;
    let content = &mut ip.content;
    content.protocol = header[9];
    content.protocol_at = at + 9;
    content.start = at + len;
    // Zero: more than 64 KiB in one packet (BIG TCP, kernel 6.3); otherwise what follows is padding.
    content.end = if total == 0 { packet.packet_len() } else { at + total };
    let place = u16::from_be_bytes([header[6], header[7]]);
    if place & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
        content.fragment = Fragment {
            id: u16::from_be_bytes([header[4], header[5]]) as u32,
            offset: (place & FRAGMENT_OFFSET) as u32 * 8,
            more: place & MORE_FRAGMENTS != 0,
            protocol: content.protocol,
            protocol_at: content.protocol_at,
            headers_end: content.start,
            start: content.start,
        };
    }
    if total != 0 && total < len { Err(Flaw::Malformed) } else { Ok(()) }
}

/// RFC 8200 section 3.
#[inline(always)]
fn v6<L: Load>(packet: &mut L, at: u32, ip: &mut Ip) -> Result<(), Flaw> {
    const LEN: u32 = 40;
    let mut header = Header::<40>::empty();
    let Some(header) = packet.load(at, &mut header) else {
        return Err(Flaw::Cut);
    };
    if header[0] >> 4 != 6 {
        return Err(Flaw::Malformed);
    }
    let payload = u16::from_be_bytes([header[4], header[5]]) as u32;
    ip.source = address(header, 8);
    ip.destination = address(header, 24);
    ip.version = 6;
    ip.ttl = header[7];
    ip.dscp = (header[0] & 0x0f) << 2 | header[1] >> 6;
    let content = &mut ip.content;
    content.protocol = header[6];
    content.protocol_at = at + 6;
    content.start = at + LEN;
    // Zero: a jumbogram (RFC 2675), which BIG TCP makes too.
    let is_jumbo = payload == 0 && header[6] != protocol::NO_NEXT_HEADER;
    content.end = if is_jumbo { packet.packet_len() } else { at + LEN + payload };
    if !is_extension(header[6]) {
        return Ok(());
    }
    // What has its address taken is a copy, so that the others stay in registers.
    let mut copy = *content;
    let walked = packet.extensions(&mut copy);
    *content = copy;
    walked
}

#[inline(always)]
fn is_extension(protocol: u8) -> bool {
    use protocol::{AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING};
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION)
}

/// RFC 8200 section 4: goes over the extension headers that may stand before what the packet carries. This is [`Load::extensions`].
#[inline(always)]
pub fn extensions<L: Load>(packet: &mut L, content: &mut Content) -> Result<(), Flaw> {
    /// What the packet carries included.
    const MAX_HEADERS: u32 = 8;
    for _ in 0..MAX_HEADERS {
        if !is_extension(content.protocol) {
            return Ok(());
        }
        packet.extension(content)?;
        if content.fragment.is_later() {
            return Ok(());
        }
    }
    Err(Flaw::TooDeep)
}

/// One of them. This is [`Load::extension`].
#[inline(always)]
pub fn extension<L: Load>(packet: &mut L, content: &mut Content) -> Result<(), Flaw> {
    const SHORTEST: u32 = 8;
    let at = content.start;
    if at + SHORTEST > content.end {
        return Err(Flaw::Cut);
    }
    let mut header = Header::<{ SHORTEST as usize }>::empty();
    let Some(header) = packet.load(at, &mut header) else {
        return Err(Flaw::Cut);
    };
    content.start = at
        + match content.protocol {
            protocol::FRAGMENT => SHORTEST,
            // RFC 4302 section 2.2: in units of 4 bytes, less 2.
            protocol::AUTHENTICATION => (header[1] as u32 + 2) * 4,
            _ => (header[1] as u32 + 1) * 8,
        };
    if content.protocol == protocol::FRAGMENT {
        fragment(header, at, content)?;
    }
    content.protocol = header[0];
    content.protocol_at = at;
    Ok(())
}

/// RFC 8200 section 4.5; without offset and "more fragments" it is a whole datagram (RFC 6946).
#[inline(always)]
fn fragment(header: &[u8; 8], at: u32, content: &mut Content) -> Result<(), Flaw> {
    const MORE_FRAGMENTS: u16 = 1;
    const FRAGMENT_OFFSET: u16 = 0xfff8;
    let place = u16::from_be_bytes([header[2], header[3]]);
    if place & (MORE_FRAGMENTS | FRAGMENT_OFFSET) == 0 {
        return Ok(());
    }
    if content.fragment.is_one() {
        return Err(Flaw::Malformed);
    }
    content.fragment = Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: (place & FRAGMENT_OFFSET) as u32,
        more: place & MORE_FRAGMENTS != 0,
        protocol: header[0],
        protocol_at: content.protocol_at,
        headers_end: at,
        start: content.start,
    };
    Ok(())
}

#[inline(always)]
fn address(header: &[u8; 40], at: usize) -> Address {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&header[at..at + 16]);
    Address::v6(bytes)
}
