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
    /// What the packet carries. Of a later fragment of IPv6, this may still be an extension header.
    pub protocol: u8,
    /// Where that starts; may be beyond the packet.
    pub payload: u32,
    /// Where it ends, as the header has it; may be beyond the packet.
    pub end: u32,
    /// What the packet is a part of.
    pub fragment: Option<Fragment>,
}

/// A part of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What all fragments of the datagram have in common.
    pub id: u32,
    /// Place of the part in the datagram's payload, in bytes.
    pub offset: u32,
    /// Whether it is not the last one.
    pub more: bool,
    /// What the datagram's payload begins with.
    pub protocol: u8,
    /// Where the header before that, which is none of a fragment, names what follows it.
    pub protocol_at: u32,
    /// Where the headers end that every fragment has, without the fragment header.
    pub headers_end: u32,
    /// Where the part starts; it ends with the packet.
    pub start: u32,
}

impl Ip {
    /// Whether it is a fragment, and not the first one.
    #[inline(always)]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset != 0)
    }
}

/// Why a walk did not get to what the packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The packet ends within a header.
    Cut,
    /// A header contradicts itself.
    Malformed,
    /// More extension headers than are walked.
    TooDeep,
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
    ip.protocol = header[9];
    ip.payload = at + len;
    // Zero: more than 64 KiB in one packet (BIG TCP, kernel 6.3); otherwise what follows is padding.
    ip.end = if total == 0 { packet.packet_len() } else { at + total };
    let place = u16::from_be_bytes([header[6], header[7]]);
    if place & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
        ip.fragment = Some(Fragment {
            id: u16::from_be_bytes([header[4], header[5]]) as u32,
            offset: (place & FRAGMENT_OFFSET) as u32 * 8,
            more: place & MORE_FRAGMENTS != 0,
            protocol: ip.protocol,
            protocol_at: at + 9,
            headers_end: ip.payload,
            start: ip.payload,
        });
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
    ip.protocol = header[6];
    ip.payload = at + LEN;
    // Zero: a jumbogram (RFC 2675), which BIG TCP makes too.
    let is_jumbo = payload == 0 && ip.protocol != protocol::NO_NEXT_HEADER;
    ip.end = if is_jumbo { packet.packet_len() } else { at + LEN + payload };
    extensions(packet, at + 6, ip)
}

/// RFC 8200 section 4: the extension headers that may stand before what the packet carries; `protocol_at` is where the header before
/// names the first of them.
#[inline(always)]
fn extensions<L: Load>(packet: &mut L, mut protocol_at: u32, ip: &mut Ip) -> Result<(), Flaw> {
    use protocol::{AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING};
    /// What the packet carries included.
    const MAX_HEADERS: u32 = 8;
    const SHORTEST: u32 = 8;
    for _ in 0..MAX_HEADERS {
        if !matches!(ip.protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION) {
            return Ok(());
        }
        if ip.payload + SHORTEST > ip.end {
            return Err(Flaw::Cut);
        }
        let mut header = Header::<{ SHORTEST as usize }>::empty();
        let Some(header) = packet.load(ip.payload, &mut header) else {
            return Err(Flaw::Cut);
        };
        let len = match ip.protocol {
            FRAGMENT => {
                fragment(header, protocol_at, ip)?;
                SHORTEST
            }
            // RFC 4302 section 2.2: in units of 4 bytes, less 2.
            AUTHENTICATION => (header[1] as u32 + 2) * 4,
            _ => (header[1] as u32 + 1) * 8,
        };
        ip.protocol = header[0];
        protocol_at = ip.payload;
        ip.payload += len;
        if ip.is_later_fragment() {
            return Ok(());
        }
    }
    Err(Flaw::TooDeep)
}

/// RFC 8200 section 4.5; without offset and "more fragments" it is a whole datagram (RFC 6946).
#[inline(always)]
fn fragment(header: &[u8; 8], protocol_at: u32, ip: &mut Ip) -> Result<(), Flaw> {
    const MORE_FRAGMENTS: u16 = 1;
    const FRAGMENT_OFFSET: u16 = 0xfff8;
    let place = u16::from_be_bytes([header[2], header[3]]);
    if place & (MORE_FRAGMENTS | FRAGMENT_OFFSET) == 0 {
        return Ok(());
    }
    if ip.fragment.is_some() {
        return Err(Flaw::Malformed);
    }
    ip.fragment = Some(Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: (place & FRAGMENT_OFFSET) as u32,
        more: place & MORE_FRAGMENTS != 0,
        protocol: header[0],
        protocol_at,
        headers_end: ip.payload,
        start: ip.payload + 8,
    });
    Ok(())
}

#[inline(always)]
fn address(header: &[u8; 40], at: usize) -> Address {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&header[at..at + 16]);
    Address::v6(bytes)
}
