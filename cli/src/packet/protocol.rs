//! Names of protocols: of what an IP packet carries, and of what is no IP.

use std::fmt;
use std::str::FromStr;

use ehl_probes_common::packet::headers::{Headers, present};

use crate::probe::packets::Protocol;

/// Keywords of IANA's "Protocol Numbers" in lower case, shortened where everybody else does so: 4, 41, 58, 89 and 135 to 137.
const IP: &[(u8, &str)] = &[
    (0, "hopopt"),
    (1, "icmp"),
    (2, "igmp"),
    (3, "ggp"),
    (4, "ipip"),
    (5, "st"),
    (6, "tcp"),
    (7, "cbt"),
    (8, "egp"),
    (9, "igp"),
    (12, "pup"),
    (17, "udp"),
    (20, "hmp"),
    (22, "xns-idp"),
    (27, "rdp"),
    (28, "irtp"),
    (29, "iso-tp4"),
    (33, "dccp"),
    (36, "xtp"),
    (37, "ddp"),
    (40, "il"),
    (41, "ipv6"),
    (42, "sdrp"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (45, "idrp"),
    (46, "rsvp"),
    (47, "gre"),
    (48, "dsr"),
    (50, "esp"),
    (51, "ah"),
    (54, "narp"),
    (57, "skip"),
    (58, "icmpv6"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (81, "vmtp"),
    (88, "eigrp"),
    (89, "ospf"),
    (92, "mtp"),
    (97, "etherip"),
    (98, "encap"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (113, "pgm"),
    (115, "l2tp"),
    (124, "isis"),
    (132, "sctp"),
    (133, "fc"),
    (135, "mobility"),
    (136, "udplite"),
    (137, "mpls-in-ip"),
    (138, "manet"),
    (139, "hip"),
    (140, "shim6"),
    (141, "wesp"),
    (142, "rohc"),
    (143, "ethernet"),
    (144, "aggfrag"),
];

/// EtherTypes, but for those of IP: a packet of IP is named by what it carries, and one whose IP header is not there has the number alone.
const LINK: &[(u16, &str)] = &[
    (NO_ETHERTYPE, "802.3"),
    (0x0806, "arp"),
    (0x0842, "wake-on-lan"),
    (0x22ea, "srp"),
    (0x22f0, "avtp"),
    (0x22f3, "trill"),
    (0x4305, "batman"),
    (0x6558, "teb"),
    (0x8035, "rarp"),
    (0x809b, "appletalk"),
    (0x80f3, "aarp"),
    (0x8100, "vlan"),
    (0x8137, "ipx"),
    (0x8808, "mac-control"),
    (0x8809, "slow"),
    (0x8847, "mpls"),
    (0x8848, "mpls-multicast"),
    (0x8863, "pppoe-discovery"),
    (0x8864, "pppoe-session"),
    (0x888e, "eapol"),
    (0x8892, "profinet"),
    (0x88a2, "aoe"),
    (0x88a4, "ethercat"),
    (0x88a8, "qinq"),
    (0x88b8, "goose"),
    (0x88ba, "sampled-values"),
    (0x88c7, "preauth"),
    (0x88cc, "lldp"),
    (0x88e1, "homeplug"),
    (0x88e3, "mrp"),
    (0x88e5, "macsec"),
    (0x88e7, "pbb"),
    (0x88f5, "mvrp"),
    (0x88f6, "mmrp"),
    (0x88f7, "ptp"),
    (0x88fb, "prp"),
    (0x8902, "cfm"),
    (0x8906, "fcoe"),
    (0x8914, "fip"),
    (0x8915, "roce"),
    (0x892f, "hsr"),
    (0x893a, "ieee1905"),
    (0x894f, "nsh"),
    (0x9000, "loopback"),
];

/// What else they are called, for who types them.
const ALIASES: &[(&str, Protocol)] = &[
    ("ipv4", Protocol::Ip(4)),
    ("ipencap", Protocol::Ip(4)),
    ("sit", Protocol::Ip(41)),
    ("icmp6", Protocol::Ip(58)),
    ("ipv6-icmp", Protocol::Ip(58)),
    ("ospfigp", Protocol::Ip(89)),
    ("udp-lite", Protocol::Ip(136)),
    ("lacp", Protocol::Link(0x8809)),
    ("802.1x", Protocol::Link(0x888e)),
];

/// IEEE 802.3: a length stands in its place.
const NO_ETHERTYPE: u16 = 0;

/// Why what was typed names no protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownProtocol {
    /// No name, and no number either.
    #[error(
        "no such protocol; write a name (tcp, udp, icmp, icmpv6, igmp, sctp, gre, esp, ah, ipip, ipv6, ospf, vrrp, arp, lldp, mpls, eapol, \
         pppoe-session, ptp, macsec), the number of an IP protocol from 0 to 255, or an EtherType as in 0x88cc"
    )]
    Name,
    /// An IP protocol has eight bits.
    #[error("no IP protocol has this number: they end with 255; an EtherType is written 0x88cc")]
    Number,
    /// An EtherType has sixteen.
    #[error("no such EtherType; write one from 0x0600 to 0xffff, as in 0x88cc")]
    EtherType,
}

impl Protocol {
    /// Of a packet; `None` when it ends before that is told.
    pub fn of(headers: &Headers) -> Option<Self> {
        if headers.has(present::IP) {
            return Some(Self::Ip(headers.protocol));
        }
        let is_told = headers.ethertype != NO_ETHERTYPE || !headers.has(present::CUT);
        is_told.then_some(Self::Link(headers.ethertype))
    }

    /// Its name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Ip(number) => named(IP, number),
            Self::Link(ethertype) => named(LINK, ethertype),
        }
    }
}

fn named<N: Copy + Ord>(names: &[(N, &'static str)], number: N) -> Option<&'static str> {
    names.binary_search_by_key(&number, |(number, _)| *number).ok().map(|at| names[at].1)
}

/// The name; where there is none, the number of an IP protocol in decimal, and an EtherType as `0x88cc`.
impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), *self) {
            (Some(name), _) => formatter.write_str(name),
            (None, Self::Ip(number)) => write!(formatter, "{number}"),
            (None, Self::Link(ethertype)) => write!(formatter, "{ethertype:#06x}"),
        }
    }
}

/// What [`fmt::Display`] writes, in either case, but for `802.3`, which no filter knows; and other names that are in use.
impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(typed: &str) -> Result<Self, UnknownProtocol> {
        let name = typed.trim().to_ascii_lowercase();
        if let Some(digits) = name.strip_prefix("0x") {
            return ethertype(digits).map(Self::Link).ok_or(UnknownProtocol::EtherType);
        }
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return name.parse().map(Self::Ip).map_err(|_| UnknownProtocol::Number);
        }
        let ip = IP.iter().find(|known| known.1 == name).map(|known| Self::Ip(known.0));
        let link = || LINK.iter().find(|known| known.1 == name && known.0 != NO_ETHERTYPE).map(|known| Self::Link(known.0));
        let alias = || ALIASES.iter().find(|known| known.0 == name).map(|known| known.1);
        ip.or_else(link).or_else(alias).ok_or(UnknownProtocol::Name)
    }
}

/// IEEE 802.3 section 3.2.6: what is below is a length.
fn ethertype(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|ethertype| is_number && *ethertype >= 0x0600)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all() -> impl Iterator<Item = Protocol> {
        (0..=u8::MAX).map(Protocol::Ip).chain((0x0600..=u16::MAX).map(Protocol::Link))
    }

    #[test]
    fn tables_are_sorted_and_names_are_of_one_protocol() {
        assert!(IP.is_sorted_by(|a, b| a.0 < b.0) && LINK.is_sorted_by(|a, b| a.0 < b.0));
        let names = || IP.iter().map(|known| known.1).chain(LINK.iter().map(|known| known.1)).chain(ALIASES.iter().map(|known| known.0));
        assert_eq!(names().collect::<HashSet<_>>().len(), names().count());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for protocol in all() {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            assert_eq!(protocol.to_string().to_uppercase().parse(), Ok(protocol));
        }
    }

    #[test]
    fn protocols_are_written_by_name_or_number() {
        for (protocol, expected) in [
            (Protocol::Ip(6), "tcp"),
            (Protocol::Ip(58), "icmpv6"),
            (Protocol::Ip(41), "ipv6"),
            (Protocol::Ip(253), "253"),
            (Protocol::Link(0x0806), "arp"),
            (Protocol::Link(0), "802.3"),
            (Protocol::Link(0x0800), "0x0800"),
            (Protocol::Link(0x88b5), "0x88b5"),
        ] {
            assert_eq!(protocol.to_string(), expected);
        }
    }

    #[test]
    fn other_names_are_read_too() {
        for (typed, protocol) in [(" UDP ", Protocol::Ip(17)), ("ipv6-icmp", Protocol::Ip(58)), ("0X88CC", Protocol::Link(0x88cc))] {
            assert_eq!(typed.parse(), Ok(protocol), "{typed:?}");
        }
    }

    #[test]
    fn what_names_none_is_refused_with_what_would_be_right() {
        for typed in ["", "-", "http", "tcp,udp", "-1", "1.5", "+6", "802.3"] {
            assert_eq!(typed.parse::<Protocol>(), Err(UnknownProtocol::Name), "{typed:?}");
        }
        for typed in ["256", "2048", "99999999999999999999"] {
            assert_eq!(typed.parse::<Protocol>(), Err(UnknownProtocol::Number), "{typed:?}");
        }
        for typed in ["0x", "0x10000", "0x5ff", "0x+800", "0xarp"] {
            assert_eq!(typed.parse::<Protocol>(), Err(UnknownProtocol::EtherType), "{typed:?}");
        }
    }

    #[test]
    fn a_packet_of_ip_is_named_by_what_it_carries() {
        let ip = Headers { present: present::IP, ethertype: 0x0800, protocol: 17, ..Headers::NONE };
        assert_eq!(Protocol::of(&ip), Some(Protocol::Ip(17)));
        let cut = Headers { present: present::CUT, ethertype: 0x86dd, ..Headers::NONE };
        assert_eq!(Protocol::of(&cut).map(|protocol| protocol.to_string()).as_deref(), Some("0x86dd"));
    }

    #[test]
    fn a_packet_that_ends_in_its_link_layer_has_none() {
        assert_eq!(Protocol::of(&Headers { present: present::CUT, ..Headers::NONE }), None);
        assert_eq!(Protocol::of(&Headers::NONE), Some(Protocol::Link(NO_ETHERTYPE)));
    }
}
