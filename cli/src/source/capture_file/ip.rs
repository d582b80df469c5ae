//! What `packet::parse` does not tell of an IP packet: whether it is a fragment, and whether it is TCP at all.

use ehl_probes_common::packet::{Address, ethertype};

/// What an IP packet is.
#[derive(Debug)]
pub(super) enum Datagram<'a> {
    /// A whole one, which may carry TCP.
    Whole,
    /// A part of one, which may carry TCP.
    Fragment(Fragment<'a>),
    /// Another protocol, or no IP.
    Other,
    /// Cut within its headers, or they contradict themselves.
    Undecodable,
}

/// A part of an IP datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) id: u32,
    /// What the datagram carries: of IPv6, the header that its fragments begin with.
    pub(super) protocol: u8,
    /// The headers that every fragment has: the IPv4 header, or the IPv6 header and those before the fragment header.
    pub(super) headers: &'a [u8],
    /// Where `headers` name what follows them.
    pub(super) protocol_at: usize,
    /// Place of `payload` in that of the datagram.
    pub(super) offset: u32,
    /// Length of the payload in bytes, before it was cut to what was captured.
    pub(super) len: u32,
    /// Whether it is not the last one.
    pub(super) more: bool,
    /// What is there of it.
    pub(super) payload: &'a [u8],
}

const TCP: u8 = 6;

/// Looks at the bytes of a network layer.
#[inline]
pub(super) fn look(ethertype: u16, bytes: &[u8]) -> Datagram<'_> {
    match ethertype {
        ethertype::IPV4 => ipv4(bytes),
        ethertype::IPV6 => ipv6(bytes),
        _ => Datagram::Other,
    }
}

#[inline]
fn ipv4(bytes: &[u8]) -> Datagram<'_> {
    let Some(header) = bytes.first_chunk::<20>() else {
        return Datagram::Undecodable;
    };
    if header[0] >> 4 != 4 {
        return Datagram::Undecodable;
    }
    if header[9] != TCP {
        return Datagram::Other;
    }
    // "More fragments", and the offset.
    if u16::from_be_bytes([header[6], header[7]]) & 0x3fff == 0 {
        return Datagram::Whole;
    }
    ipv4_fragment(header, bytes).map_or(Datagram::Undecodable, Datagram::Fragment)
}

#[cold]
fn ipv4_fragment<'a>(header: &[u8; 20], bytes: &'a [u8]) -> Option<Fragment<'a>> {
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let place = u16::from_be_bytes([header[6], header[7]]);
    if header_len < 20 {
        return None;
    }
    Some(Fragment {
        source: Address::v4([header[12], header[13], header[14], header[15]]),
        destination: Address::v4([header[16], header[17], header[18], header[19]]),
        id: u32::from(u16::from_be_bytes([header[4], header[5]])),
        protocol: TCP,
        headers: bytes.get(..header_len)?,
        protocol_at: 9,
        offset: u32::from(place & 0x1fff) * 8,
        len: u32::try_from(total.checked_sub(header_len)?).ok()?,
        more: place & 0x2000 != 0,
        payload: bytes.get(header_len..total.min(bytes.len()))?,
    })
}

#[inline]
fn ipv6(bytes: &[u8]) -> Datagram<'_> {
    let Some(header) = bytes.first_chunk::<40>() else {
        return Datagram::Undecodable;
    };
    if header[0] >> 4 != 6 {
        return Datagram::Undecodable;
    }
    if header[6] == TCP { Datagram::Whole } else { ipv6_extended(header, bytes).unwrap_or(Datagram::Undecodable) }
}

mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

/// Walks the headers that `packet::parse` walks, up to a fragment header that is meant.
#[cold]
fn ipv6_extended<'a>(header: &[u8; 40], bytes: &'a [u8]) -> Option<Datagram<'a>> {
    const MAX_HEADERS: usize = 8;
    let (mut next, mut next_at, mut at) = (header[6], 6, 40);
    for _ in 0..MAX_HEADERS {
        let start = bytes.get(at..)?.first_chunk::<4>();
        let len = match next {
            TCP => return Some(Datagram::Whole),
            extension::HOP_BY_HOP | extension::ROUTING | extension::DESTINATION => (usize::from(start?[1]) + 1) * 8,
            extension::AUTHENTICATION => (usize::from(start?[1]) + 2) * 4,
            // RFC 6946: without offset and "more fragments" it is a whole datagram.
            extension::FRAGMENT if u16::from_be_bytes([start?[2], start?[3]]) & 0xfff9 == 0 => 8,
            extension::FRAGMENT => return ipv6_fragment(header, bytes, next_at, at),
            _ => return Some(Datagram::Other),
        };
        (next, next_at, at) = (start?[0], at, at + len);
    }
    None
}

/// `fragment_at` is where the fragment header is, `next_at` where the header before it names it.
fn ipv6_fragment<'a>(header: &[u8; 40], bytes: &'a [u8], next_at: usize, fragment_at: usize) -> Option<Datagram<'a>> {
    let fragment = bytes.get(fragment_at..)?.first_chunk::<8>()?;
    let place = u16::from_be_bytes([fragment[2], fragment[3]]);
    let start = fragment_at + 8;
    let end = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let protocol = fragment[0];
    if !may_lead_to_tcp(protocol) {
        return Some(Datagram::Other);
    }
    Some(Datagram::Fragment(Fragment {
        source: address(header, 8),
        destination: address(header, 24),
        id: u32::from_be_bytes([fragment[4], fragment[5], fragment[6], fragment[7]]),
        protocol,
        headers: &bytes[..fragment_at],
        protocol_at: next_at,
        offset: u32::from(place & 0xfff8),
        len: u32::try_from(end.checked_sub(start)?).ok()?,
        more: place & 1 != 0,
        payload: bytes.get(start..end.min(bytes.len()))?,
    }))
}

fn may_lead_to_tcp(protocol: u8) -> bool {
    matches!(protocol, TCP | extension::HOP_BY_HOP | extension::ROUTING | extension::AUTHENTICATION | extension::DESTINATION)
}

fn address(header: &[u8; 40], at: usize) -> Address {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&header[at..at + 16]);
    Address::v6(bytes)
}
