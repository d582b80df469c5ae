//! From the network layer of a packet to the TCP segment in it: IPv4 with options, IPv6 with extension headers, VLAN tags
//! in band. Reads through [`Load`], so that it works on non-linear packets and on bytes alike.

pub mod headers;
pub mod ip;
pub mod record;

use core::mem::MaybeUninit;

use ip::{Content, Flaw, Ip, protocol};

/// Room for the bytes of a header, aligned so that addresses are copied in words.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Header<const N: usize>(pub MaybeUninit<[u8; N]>);

impl<const N: usize> Header<N> {
    #[inline(always)]
    fn empty() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// Reads bytes of a packet, from where it starts for its user: with its network layer, or below.
pub trait Load {
    /// Fills `header` from `offset` on; `None` when the packet is shorter.
    fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]>;
    /// Length of the packet from there on.
    fn packet_len(&self) -> u32;
    /// Where something ends that goes to `claimed`, by what it says itself: there, or where the packet does.
    #[inline(always)]
    fn end(&self, claimed: u32) -> u32 {
        let len = self.packet_len();
        if claimed < len { claimed } else { len }
    }
    /// [`ip::extensions`]: a probe for which that is too much in one function has another one call it.
    #[inline(always)]
    fn extensions(&mut self, content: &mut Content) -> Result<(), Flaw>
    where
        Self: Sized,
    {
        ip::extensions(self, content)
    }
    /// [`ip::extension`], likewise.
    #[inline(always)]
    fn extension(&mut self, content: &mut Content) -> Result<(), Flaw>
    where
        Self: Sized,
    {
        ip::extension(self, content)
    }
}

/// EtherType numbers (IEEE 802).
pub mod ethertype {
    /// Internet Protocol version 4.
    pub const IPV4: u16 = 0x0800;
    /// Internet Protocol version 6.
    pub const IPV6: u16 = 0x86dd;
    /// Customer VLAN tag.
    pub const VLAN: u16 = 0x8100;
    /// Service VLAN tag (QinQ).
    pub const QINQ: u16 = 0x88a8;
    /// What some use for service tags instead.
    pub const QINQ_OLD: u16 = 0x9100;
    /// MPLS, to one receiver.
    pub const MPLS: u16 = 0x8847;
    /// MPLS, to several.
    pub const MPLS_MULTICAST: u16 = 0x8848;
    /// PPPoE, once a session is there (RFC 2516).
    pub const PPPOE_SESSION: u16 = 0x8864;
}

/// An IPv6 address, or an IPv4 one as `::ffff:a.b.c.d`: 16 bytes in network byte order, as two words that are compared and
/// copied as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Address([u64; 2]);

impl Address {
    /// The address of none.
    pub const ZERO: Self = Self([0; 2]);

    /// From an IPv6 header's field.
    #[inline(always)]
    pub fn v6(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self([u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p])])
    }

    /// From an IPv4 header's field.
    #[inline(always)]
    pub fn v4([a, b, c, d]: [u8; 4]) -> Self {
        Self([0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])])
    }

    /// The 16 bytes.
    #[inline(always)]
    pub fn bytes(self) -> [u8; 16] {
        // SAFETY: 16 bytes without padding, valid for every bit pattern.
        unsafe { core::mem::transmute::<[u64; 2], [u8; 16]>(self.0) }
    }

    /// The same as two words.
    #[inline(always)]
    pub(crate) fn words(self) -> [u64; 2] {
        self.0
    }

    /// Some total order.
    #[inline(always)]
    pub fn sorts_below(self, other: Self) -> bool {
        if self.0[1] != other.0[1] { self.0[1] < other.0[1] } else { self.0[0] < other.0[0] }
    }
}

/// A TCP segment within a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Tcp {
    /// Sender.
    pub source: Address,
    /// Receiver.
    pub destination: Address,
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Flags, the low eight.
    pub flags: u8,
    /// Where the payload starts.
    pub payload: u32,
    /// Length of the payload in bytes.
    pub payload_len: u32,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP segment (of a fragmented packet: its first fragment).
    Tcp,
    /// A later fragment of TCP: no ports.
    Fragment,
    /// Not TCP, or too short to tell.
    Other,
}

/// Parses from the network layer on; `ethertype` is what the layer below says is there. Fills `tcp` when it is that.
#[inline(always)]
pub fn parse<L: Load>(packet: &mut L, ethertype: u16, tcp: &mut Tcp) -> Kind {
    let (offset, ethertype) = match ethertype {
        ethertype::VLAN | ethertype::QINQ => untag(packet, ethertype),
        other => (0, other),
    };
    if !matches!(ethertype, ethertype::IPV4 | ethertype::IPV6) {
        return Kind::Other;
    }
    let mut ip = Ip::default();
    if ip::walk(packet, ethertype, offset, &mut ip).is_err() || ip.content.protocol != protocol::TCP {
        return Kind::Other;
    }
    if ip.content.fragment.is_later() {
        return Kind::Fragment;
    }
    segment(packet, &ip, tcp)
}

/// Up to two tags: each is two bytes of tag and the next EtherType. Where the kernel inserted the tag itself, the network
/// layer starts behind it although the protocol still names the tag.
#[inline(always)]
fn untag<L: Load>(packet: &mut L, ethertype: u16) -> (u32, u16) {
    let mut header = Header::<16>::empty();
    // The shortest packet of interest is longer: 20 bytes of IP and 20 of TCP.
    let Some(bytes) = packet.load(0, &mut header) else {
        return (0, ethertype);
    };
    let first = u16::from_be_bytes([bytes[2], bytes[3]]);
    let second = u16::from_be_bytes([bytes[6], bytes[7]]);
    if let Some(inner) = ip(first, bytes[4]) {
        return (4, inner);
    }
    if matches!(first, ethertype::VLAN | ethertype::QINQ)
        && let Some(inner) = ip(second, bytes[8])
    {
        return (8, inner);
    }
    match bytes[0] >> 4 {
        4 => (0, ethertype::IPV4),
        6 => (0, ethertype::IPV6),
        _ => (0, ethertype),
    }
}

#[inline(always)]
fn ip(ethertype: u16, first: u8) -> Option<u16> {
    match (ethertype, first >> 4) {
        (ethertype::IPV4, 4) | (ethertype::IPV6, 6) => Some(ethertype),
        _ => None,
    }
}

#[inline(always)]
fn segment<L: Load>(packet: &mut L, ip: &Ip, tcp: &mut Tcp) -> Kind {
    let mut header = Header::<20>::empty();
    let Some(header) = packet.load(ip.content.start, &mut header) else {
        return Kind::Other;
    };
    let header_len = (header[12] >> 4) as u32 * 4;
    let payload = ip.content.start + header_len;
    let end = packet.end(ip.content.end);
    if header_len < 20 || payload > end {
        return Kind::Other;
    }
    tcp.source = ip.source;
    tcp.destination = ip.destination;
    tcp.source_port = u16::from_be_bytes([header[0], header[1]]);
    tcp.destination_port = u16::from_be_bytes([header[2], header[3]]);
    tcp.sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    tcp.acknowledgement = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    tcp.flags = header[13];
    tcp.payload = payload;
    tcp.payload_len = end - payload;
    Kind::Tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl Load for Bytes {
        fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
            let bytes = self.0.get(offset as usize..offset as usize + N)?.try_into().ok()?;
            Some(header.0.write(bytes))
        }
        fn packet_len(&self) -> u32 {
            self.0.len() as u32
        }
    }

    fn tcp_bytes(options: usize, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x1f, 0x90, 0xc3, 0x50, 0, 0, 0, 7, 0, 0, 0, 9, (((20 + options) / 4) << 4) as u8, 0x18, 0, 0, 0, 0, 0, 0];
        bytes.resize(20 + options, 1);
        bytes.extend_from_slice(payload);
        bytes
    }

    fn ipv4_bytes(options: usize, segment: &[u8]) -> Vec<u8> {
        let total = (20 + options + segment.len()) as u16;
        let mut bytes = vec![0x40 | ((20 + options) / 4) as u8, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes[2..4].copy_from_slice(&total.to_be_bytes());
        bytes.resize(20 + options, 1);
        bytes.extend_from_slice(segment);
        bytes
    }

    fn ipv6_bytes(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        bytes[4..6].copy_from_slice(&(rest.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&[0xfd; 16]);
        bytes.extend_from_slice(&[0xfe; 16]);
        bytes.extend_from_slice(rest);
        bytes
    }

    fn payload(bytes: Vec<u8>, ethertype: u16) -> Vec<u8> {
        let mut packet = Bytes(bytes);
        let mut tcp = Tcp::default();
        assert_eq!(parse(&mut packet, ethertype, &mut tcp), Kind::Tcp);
        assert_eq!((tcp.source_port, tcp.destination_port, tcp.sequence, tcp.acknowledgement), (8080, 50000, 7, 9));
        packet.0[tcp.payload as usize..(tcp.payload + tcp.payload_len) as usize].to_vec()
    }

    fn kind(bytes: Vec<u8>, ethertype: u16) -> Kind {
        parse(&mut Bytes(bytes), ethertype, &mut Tcp::default())
    }

    #[test]
    fn finds_the_payload_behind_options_and_before_padding() {
        for ip_options in [0, 4, 40] {
            for tcp_options in [0, 12, 40] {
                let mut bytes = ipv4_bytes(ip_options, &tcp_bytes(tcp_options, b"GET /"));
                bytes.extend_from_slice(&[0; 6]);
                assert_eq!(payload(bytes, ethertype::IPV4), b"GET /");
            }
        }
    }

    #[test]
    fn walks_ipv6_extension_headers() {
        let segment = tcp_bytes(12, b"GET /");
        assert_eq!(payload(ipv6_bytes(6, &segment), ethertype::IPV6), b"GET /");
        let mut rest = vec![43, 1];
        rest.resize(16, 0);
        rest.extend_from_slice(&[44, 0, 0, 0, 0, 0, 0, 0]);
        rest.extend_from_slice(&[51, 0, 0, 1, 0, 0, 0, 0]);
        rest.extend_from_slice(&[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        rest.extend_from_slice(&[6, 0, 0, 0, 0, 0, 0, 0]);
        rest.extend_from_slice(&segment);
        assert_eq!(payload(ipv6_bytes(0, &rest), ethertype::IPV6), b"GET /");
    }

    #[test]
    fn looks_behind_vlan_tags_in_band() {
        let ip = ipv4_bytes(0, &tcp_bytes(0, b"GET /"));
        let tagged = [&[0x40, 5, 0x08, 0][..], &ip].concat();
        let twice = [&[0x60, 5, 0x81, 0][..], &tagged].concat();
        assert_eq!(payload(tagged, ethertype::VLAN), b"GET /");
        assert_eq!(payload(twice, ethertype::QINQ), b"GET /");
        assert_eq!(payload(ip, ethertype::VLAN), b"GET /");
    }

    #[test]
    fn tells_later_fragments_and_other_protocols() {
        let mut fragment = ipv4_bytes(0, &tcp_bytes(0, b"x"));
        fragment[7] = 1;
        assert_eq!(kind(fragment, ethertype::IPV4), Kind::Fragment);
        let mut udp = ipv4_bytes(0, &tcp_bytes(0, b"x"));
        udp[9] = 17;
        assert_eq!(kind(udp, ethertype::IPV4), Kind::Other);
        assert_eq!(kind(vec![0; 60], 0x0806), Kind::Other);
        let fragment = ipv6_bytes(44, &[6, 0, 0, 8, 0, 0, 0, 0]);
        assert_eq!(kind(fragment, ethertype::IPV6), Kind::Fragment);
    }

    #[test]
    fn believes_no_length_that_lies() {
        let whole = ipv4_bytes(0, &tcp_bytes(0, b"GET /"));
        for cut in 0..whole.len() {
            let mut tcp = Tcp::default();
            parse(&mut Bytes(whole[..cut].to_vec()), ethertype::IPV4, &mut tcp);
            assert!((tcp.payload + tcp.payload_len) as usize <= cut);
        }
        let mut offset_lies = whole.clone();
        offset_lies[20 + 12] = 0xf0;
        assert_eq!(kind(offset_lies, ethertype::IPV4), Kind::Other);
        let mut big = whole;
        big[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(payload(big, ethertype::IPV4), b"GET /");
    }
}
