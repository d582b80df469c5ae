//! Key header elements of one packet, from its link layer to its transport layer.

mod parse;

pub use parse::{Start, parse};

use super::Address;
use super::ethertype;
use super::ip::protocol;

/// Bits of [`Headers::present`].
pub mod present {
    /// An IP header: addresses, `protocol`, `ip_version`, `ttl`, `dscp`.
    pub const IP: u16 = 1;
    /// Ports of TCP, UDP, UDP-Lite, DCCP or SCTP.
    pub const PORTS: u16 = 1 << 1;
    /// A TCP header: `tcp_flags`, `sequence`, `acknowledgement`, `window`.
    pub const TCP: u16 = 1 << 2;
    /// An ICMP or ICMPv6 header: `icmp_type`, `icmp_code`.
    pub const ICMP: u16 = 1 << 3;
    /// A VLAN tag: `vlan`.
    pub const VLAN: u16 = 1 << 4;
    /// A second one: `inner_vlan`.
    pub const INNER_VLAN: u16 = 1 << 5;
    /// The packet is a fragment of a datagram.
    pub const FRAGMENT: u16 = 1 << 6;
    /// And not the first one: it has no transport header.
    pub const LATER_FRAGMENT: u16 = 1 << 7;
    /// `payload_len` is known.
    pub const PAYLOAD: u16 = 1 << 8;
    /// The packet ends within a header that it should have: what is behind it is not known.
    pub const CUT: u16 = 1 << 9;
    /// A header contradicts itself, and what is behind it is not known.
    pub const MALFORMED: u16 = 1 << 10;
    /// More than two VLAN tags, or more IPv6 extension headers than are walked: what is behind them is not known.
    pub const TOO_DEEP: u16 = 1 << 11;
}

/// Length of a VLAN tag in bytes.
pub const TAG_LEN: u32 = 4;

/// Key header elements of one packet. Whatever [`present`] does not name is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Headers {
    /// Sender.
    pub source: Address,
    /// Receiver.
    pub destination: Address,
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// What the link layer carries, behind all tags: an EtherType; 0 where there is none (a length of IEEE 802.3).
    pub ethertype: u16,
    /// Bits of [`present`].
    pub present: u16,
    /// VLAN identifier (12 bits) of the outermost tag, in band or out of band.
    pub vlan: u16,
    /// That of the second tag.
    pub inner_vlan: u16,
    /// TCP window, not scaled.
    pub window: u16,
    /// IP protocol number; of IPv6, that behind the extension headers.
    pub protocol: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Differentiated services codepoint (RFC 2474), six bits.
    pub dscp: u8,
    /// TCP flags, the low eight.
    pub tcp_flags: u8,
    /// Type of the ICMP or ICMPv6 message.
    pub icmp_type: u8,
    /// Its code.
    pub icmp_code: u8,
    /// Zero.
    pub reserved: u8,
    /// TCP sequence number.
    pub sequence: u32,
    /// TCP acknowledgement number.
    pub acknowledgement: u32,
    /// Bytes behind the transport header, or behind the IP header where its protocol has none that is known; as the IP header has it, so
    /// without Ethernet padding, and whole where a capture was cut.
    pub payload_len: u32,
    /// Bytes before that payload, from the start of the packet and with all tags; where the payload is not known, before what is not
    /// known either.
    pub header_len: u32,
}

const _: () = assert!(size_of::<Headers>() == 72);

const WORDS: usize = size_of::<Headers>() / 8;

impl Headers {
    /// Of nothing.
    pub const NONE: Self = Self {
        source: Address::ZERO,
        destination: Address::ZERO,
        source_port: 0,
        destination_port: 0,
        ethertype: 0,
        present: 0,
        vlan: 0,
        inner_vlan: 0,
        window: 0,
        protocol: 0,
        ip_version: 0,
        ttl: 0,
        dscp: 0,
        tcp_flags: 0,
        icmp_type: 0,
        icmp_code: 0,
        reserved: 0,
        sequence: 0,
        acknowledgement: 0,
        payload_len: 0,
        header_len: 0,
    };

    /// Whether all these bits of [`present`] are set.
    #[inline(always)]
    pub fn has(&self, bits: u16) -> bool {
        self.present & bits == bits
    }

    /// Makes them [`Headers::NONE`], in words: for BPF, the compiler would call a function that goes byte by byte.
    #[inline(always)]
    pub fn clear(&mut self) {
        let words = core::ptr::from_mut(self).cast::<u64>();
        for at in 0..WORDS {
            // SAFETY: headers consist of so many aligned words, and are valid when all are zero.
            unsafe { words.add(at).write_volatile(0) };
        }
    }

    /// Writes them somewhere, in words likewise.
    ///
    /// # Safety
    /// `to` is valid and aligned.
    #[inline(always)]
    pub unsafe fn write_to(&self, to: *mut Self) {
        let words = core::ptr::from_ref(self).cast::<u64>();
        for at in 0..WORDS {
            // SAFETY: headers consist of so many aligned words, and by the caller's promise.
            unsafe { to.cast::<u64>().add(at).write_volatile(words.add(at).read()) };
        }
    }

    /// Adds a VLAN tag that is out of band, which counts in [`header_len`](Self::header_len).
    #[inline(always)]
    pub fn tag(&mut self, tci: u16) {
        self.set_tag(tci);
        self.header_len += TAG_LEN;
    }

    /// Adds a VLAN tag: the next one from the outside, up to the second.
    #[inline(always)]
    fn set_tag(&mut self, tci: u16) {
        const IDENTIFIER: u16 = 0x0fff;
        if self.has(present::VLAN) {
            self.inner_vlan = tci & IDENTIFIER;
            self.present |= present::INNER_VLAN;
        } else {
            self.vlan = tci & IDENTIFIER;
            self.present |= present::VLAN;
        }
    }

    /// Whether it carries packets of others, by its protocol or by a port that IANA registers for that.
    #[inline(always)]
    pub fn is_tunnel(&self) -> bool {
        const L2TP: u16 = 1701;
        const GTP_U: u16 = 2152;
        const VXLAN: u16 = 4789;
        const GENEVE: u16 = 6081;
        if !self.has(present::IP) {
            return matches!(self.ethertype, ethertype::MPLS | ethertype::MPLS_MULTICAST | ethertype::PPPOE_SESSION);
        }
        match self.protocol {
            protocol::IPV4 | protocol::IPV6 | protocol::GRE | protocol::ESP | protocol::AUTHENTICATION => true,
            protocol::L2TP | protocol::MPLS => true,
            protocol::UDP => matches!(self.destination_port, L2TP | GTP_U | VXLAN | GENEVE),
            _ => false,
        }
    }
}
