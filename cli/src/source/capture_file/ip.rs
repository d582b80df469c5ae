//! What `packet::parse` does not tell of an IP packet: whether it is a fragment, and whether it is TCP at all.

use ehl_probes_common::packet::ip::{self, Content, Ip, protocol};
use ehl_probes_common::packet::{Address, ethertype};

use super::bytes::Bytes;

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

/// Looks at a packet from its network layer on.
#[inline]
pub(super) fn look<'a>(ethertype: u16, packet: &mut Bytes<'a>) -> Datagram<'a> {
    if !matches!(ethertype, ethertype::IPV4 | ethertype::IPV6) {
        return Datagram::Other;
    }
    let mut ip = Ip::default();
    let walked = ip::walk(packet, ethertype, 0, &mut ip);
    let is_tcp = ip.content.protocol == protocol::TCP;
    match walked {
        _ if ip.content.fragment.is_one() => fragment(&ip, packet),
        Err(_) => Datagram::Undecodable,
        Ok(()) if is_tcp => Datagram::Whole,
        Ok(()) => Datagram::Other,
    }
}

/// A part of a datagram; what follows the fragment header counts once the datagram is whole.
#[cold]
fn fragment<'a>(ip: &Ip, packet: &Bytes<'a>) -> Datagram<'a> {
    let Content { fragment: part, end, .. } = ip.content;
    if !may_lead_to_tcp(part.protocol) {
        return Datagram::Other;
    }
    let (Some(headers), Some(len)) = (packet.captured().get(..part.headers_end as usize), end.checked_sub(part.start)) else {
        return Datagram::Undecodable;
    };
    // Zero stands for more than the field can tell, and so much is not fragmented.
    let length_at = if ip.version == 4 { 2 } else { 4 };
    if headers.get(length_at..length_at + 2) == Some(&[0, 0]) {
        return Datagram::Undecodable;
    }
    Datagram::Fragment(Fragment {
        source: ip.source,
        destination: ip.destination,
        id: part.id,
        protocol: part.protocol,
        headers,
        protocol_at: part.protocol_at as usize,
        offset: part.offset,
        len,
        more: part.more,
        payload: packet.part(part.start, len),
    })
}

fn may_lead_to_tcp(protocol: u8) -> bool {
    use protocol::{AUTHENTICATION, DESTINATION, HOP_BY_HOP, ROUTING, TCP};
    matches!(protocol, TCP | HOP_BY_HOP | ROUTING | AUTHENTICATION | DESTINATION)
}
