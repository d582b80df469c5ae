//! Packets that carry others, by the name of how they do so.

use ehl_probes_common::packet::headers::{Headers, present};

/// IP protocols; the second name is that over IPv6.
const BY_PROTOCOL: &[(u8, &str, &str)] = &[
    (4, "ipip", "ipip6"),
    (41, "sit", "ip6ip6"),
    (47, "gre", "ip6gre"),
    (50, "esp", "esp"),
    (51, "ah", "ah"),
    (115, "l2tp", "l2tp"),
    (137, "mpls", "mpls"),
];

/// UDP, by the port that IANA registers.
const BY_PORT: &[(u16, &str)] = &[(1701, "l2tp"), (2152, "gtp-u"), (4789, "vxlan"), (6081, "geneve")];

const BY_ETHERTYPE: &[(u16, &str)] = &[(0x8847, "mpls"), (0x8848, "mpls"), (0x8864, "pppoe")];

const UDP: u8 = 17;

/// How a packet carries another; `None` when it does not, as [`Headers::is_tunnel`] has it.
///
/// Over UDP only the receiver's port is looked at: what VXLAN and Geneve send comes from a port that stands for the inner flow, and may
/// be any.
pub fn name(headers: &Headers) -> Option<&'static str> {
    if !headers.has(present::IP) {
        return BY_ETHERTYPE.iter().find(|known| known.0 == headers.ethertype).map(|known| known.1);
    }
    if headers.protocol == UDP && headers.has(present::PORTS) {
        return BY_PORT.iter().find(|known| known.0 == headers.destination_port).map(|known| known.1);
    }
    let known = BY_PROTOCOL.iter().find(|known| known.0 == headers.protocol)?;
    Some(if headers.ip_version == 6 { known.2 } else { known.1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_told_by_protocol_port_and_ethertype() {
        let ip = Headers { present: present::IP, ip_version: 4, ..Headers::NONE };
        let udp = Headers { present: present::IP | present::PORTS, protocol: UDP, ..ip };
        for (headers, expected) in [
            (Headers { protocol: 47, ..ip }, Some("gre")),
            (Headers { protocol: 41, ..ip }, Some("sit")),
            (Headers { protocol: 41, ip_version: 6, ..ip }, Some("ip6ip6")),
            (Headers { protocol: 6, ..ip }, None),
            (Headers { destination_port: 4789, ..udp }, Some("vxlan")),
            (Headers { source_port: 4789, ..udp }, None),
            (Headers { destination_port: 4789, protocol: 6, ..udp }, None),
            (Headers { protocol: UDP, ..ip }, None),
            (Headers { ethertype: 0x8847, ..Headers::NONE }, Some("mpls")),
            (Headers { ethertype: 0x8864, ..Headers::NONE }, Some("pppoe")),
            (Headers { ethertype: 0x0806, ..Headers::NONE }, None),
        ] {
            assert_eq!(name(&headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_has_a_name_is_a_tunnel_and_the_other_way_round() {
        let ip = Headers { present: present::IP | present::PORTS, ..Headers::NONE };
        let protocols = (0..=u8::MAX).map(|protocol| Headers { protocol, ..ip });
        let ports = (0..=u16::MAX).map(|destination_port| Headers { protocol: UDP, destination_port, ..ip });
        let link = (0..=u16::MAX).map(|ethertype| Headers { ethertype, ..Headers::NONE });
        for headers in protocols.chain(ports).chain(link) {
            assert_eq!(name(&headers).is_some(), headers.is_tunnel(), "{headers:?}");
        }
    }
}
