//! Which packets are wanted: as the filter of the packet probes' programs has it.

use ehl_probes_common::packet::headers::{Headers, present};

use crate::probe::packets::{self, Protocol, TcpFlags};
use crate::stream::Endpoint;
use crate::stream::watched::{self, Watched};

/// What is wanted, in a form that is quick to ask.
#[derive(Clone, Debug)]
pub struct Filter {
    ports: Option<watched::Filter>,
    networks: Option<watched::Filter>,
    protocols: Vec<Protocol>,
    tcp_flags: Option<TcpFlags>,
}

impl Filter {
    /// Of what was asked for.
    pub fn new(wanted: &packets::Filter) -> Self {
        let packets::Filter { ports, networks, protocols, tcp_flags } = wanted.clone();
        let of = |is_asked_for: bool, watched: Watched| is_asked_for.then(|| watched::Filter::new(&watched));
        Self {
            ports: of(!ports.is_empty(), Watched { ports, networks: Vec::new() }),
            networks: of(!networks.is_empty(), Watched { ports: Vec::new(), networks }),
            protocols,
            tcp_flags,
        }
    }

    /// Whether a packet is wanted. What is asked for and the packet does not have, does not match.
    pub fn passes(&self, headers: &Headers) -> bool {
        let Self { ports, networks, protocols, tcp_flags } = self;
        let watches = |filter: &Option<watched::Filter>, needed| {
            filter.as_ref().is_none_or(|filter| headers.has(needed) && filter.watches(ends(headers)))
        };
        (protocols.is_empty() || protocols.iter().any(|protocol| protocol.matches(headers)))
            && tcp_flags.is_none_or(|flags| headers.has(present::TCP) && flags.matches(headers.tcp_flags))
            && watches(ports, present::PORTS)
            && watches(networks, present::IP)
    }
}

impl Protocol {
    /// An EtherType matches whatever is in the packet: 0x0800 is all of IPv4.
    fn matches(self, headers: &Headers) -> bool {
        match self {
            Self::Ip(number) => headers.has(present::IP) && headers.protocol == number,
            Self::Link(ethertype) => headers.ethertype == ethertype,
        }
    }
}

fn ends(headers: &Headers) -> [Endpoint; 2] {
    [
        Endpoint { address: headers.source.bytes(), port: headers.source_port },
        Endpoint { address: headers.destination.bytes(), port: headers.destination_port },
    ]
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ehl_probes_common::packet::Address;

    use super::*;

    fn syn() -> Headers {
        Headers {
            source: Address::v4([10, 0, 0, 1]),
            destination: Address::v4([192, 0, 2, 1]),
            source_port: 50_000,
            destination_port: 443,
            ethertype: 0x0800,
            protocol: 6,
            tcp_flags: 0x02,
            present: present::IP | present::PORTS | present::TCP,
            ..Headers::NONE
        }
    }

    fn arp() -> Headers {
        Headers { ethertype: 0x0806, ..Headers::NONE }
    }

    fn passes(wanted: &packets::Filter) -> [bool; 2] {
        let filter = Filter::new(wanted);
        [filter.passes(&syn()), filter.passes(&arp())]
    }

    #[test]
    fn everything_passes_unless_something_is_asked_for() {
        assert_eq!(passes(&packets::Filter::default()), [true, true]);
    }

    #[test]
    fn a_port_of_either_end_is_enough_and_a_packet_without_ports_has_none() {
        for (ports, expected) in [(443..=443, true), (50_000..=50_001, true), (80..=80, false), (0..=u16::MAX, true)] {
            assert_eq!(passes(&packets::Filter { ports: vec![ports], ..Default::default() }), [expected, false]);
        }
    }

    #[test]
    fn a_network_of_either_end_is_enough_and_a_packet_without_addresses_is_in_none() {
        for (network, prefix, expected) in [("10.0.0.0", 8, true), ("192.0.2.1", 32, true), ("::", 0, true), ("10.1.0.0", 16, false)] {
            let network: IpAddr = network.parse().expect("an address");
            assert_eq!(passes(&packets::Filter { networks: vec![(network, prefix)], ..Default::default() }), [expected, false]);
        }
    }

    #[test]
    fn one_of_the_protocols_is_enough() {
        for (protocols, expected) in [
            (vec![Protocol::Ip(6)], [true, false]),
            (vec![Protocol::Ip(17), Protocol::Ip(6)], [true, false]),
            (vec![Protocol::Ip(0)], [false, false]),
            (vec![Protocol::Link(0x0806)], [false, true]),
            (vec![Protocol::Link(0x0800)], [true, false]),
        ] {
            assert_eq!(passes(&packets::Filter { protocols: protocols.clone(), ..Default::default() }), expected, "{protocols:?}");
        }
    }

    #[test]
    fn flags_are_those_of_tcp() {
        for (set, clear, expected) in [(0x02, 0x10, true), (0x12, 0, false), (0, 0x10, true), (0, 0x02, false)] {
            let tcp_flags = Some(TcpFlags { set, clear });
            assert_eq!(passes(&packets::Filter { tcp_flags, ..Default::default() }), [expected, false]);
        }
    }

    #[test]
    fn all_that_is_asked_for_must_match() {
        let both = |port| packets::Filter { ports: vec![port..=port], protocols: vec![Protocol::Ip(6)], ..Default::default() };
        assert_eq!((passes(&both(443)), passes(&both(80))), ([true, false], [false, false]));
    }
}
