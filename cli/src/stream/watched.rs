//! Which connections are watched: by port and network of either end, as the kernel's filter does.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::Endpoint;

/// What is watched.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Ports of either end; all when empty.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Networks of either end, by address and prefix length; all when empty.
    pub networks: Vec<(IpAddr, u8)>,
}

/// What is watched, in a form that is quick to ask.
#[derive(Clone, Debug)]
pub struct Filter {
    /// One bit for each port.
    ports: Option<Box<[u64; 1024]>>,
    networks: Vec<Network>,
}

/// Addresses as numbers, IPv4 ones as `::ffff:a.b.c.d`.
#[derive(Clone, Debug)]
struct Network {
    address: u128,
    mask: u128,
}

impl Filter {
    /// Of what is watched.
    pub fn new(watched: &Watched) -> Self {
        let ports = (!watched.ports.is_empty()).then(|| bits(&watched.ports));
        let networks = watched.networks.iter().map(|(address, prefix)| Network::new(*address, *prefix)).collect();
        Self { ports, networks }
    }

    /// Whether what is between these ends is watched: by one of the ports, and by one of the addresses.
    pub fn watches(&self, ends: [Endpoint; 2]) -> bool {
        let by_port = self.ports.as_ref().is_none_or(|bits| ends.iter().any(|end| has(bits, end.port)));
        by_port && (self.networks.is_empty() || ends.iter().any(|end| self.is_within(end)))
    }

    fn is_within(&self, end: &Endpoint) -> bool {
        let address = u128::from_be_bytes(end.address);
        self.networks.iter().any(|network| address & network.mask == network.address)
    }
}

impl Network {
    /// A prefix that is longer than the address stands for the address alone.
    fn new(address: IpAddr, prefix: u8) -> Self {
        let (address, prefix) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 96 + u32::from(prefix)),
            IpAddr::V6(v6) => (v6, u32::from(prefix)),
        };
        let mask = !u128::MAX.checked_shr(prefix).unwrap_or(0);
        Self { address: u128::from(address) & mask, mask }
    }
}

fn bits(ports: &[RangeInclusive<u16>]) -> Box<[u64; 1024]> {
    let mut bits = Box::new([0; 1024]);
    for port in ports.iter().cloned().flatten() {
        bits[usize::from(port >> 6)] |= 1 << (port & 63);
    }
    bits
}

fn has(bits: &[u64; 1024], port: u16) -> bool {
    bits[usize::from(port >> 6)] >> (port & 63) & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end((address, port): (&str, u16)) -> Endpoint {
        let address = match address.parse().expect("an address") {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Endpoint { address, port }
    }

    fn watches(ports: &[RangeInclusive<u16>], networks: &[(&str, u8)], from: (&str, u16), to: (&str, u16)) -> bool {
        let networks = networks.iter().map(|(address, prefix)| (address.parse().expect("an address"), *prefix)).collect();
        Filter::new(&Watched { ports: ports.to_vec(), networks }).watches([end(from), end(to)])
    }

    const CLIENT: (&str, u16) = ("10.0.0.1", 50_000);
    const SERVER: (&str, u16) = ("192.0.2.1", 8080);

    #[test]
    fn watches_everything_unless_told_otherwise() {
        assert!(watches(&[], &[], CLIENT, SERVER));
    }

    #[test]
    fn a_port_of_either_end_is_enough() {
        for (ports, expected) in [([80..=80, 8000..=8999], true), ([50_000..=u16::MAX, 1..=1], true), ([80..=80, 8081..=49_999], false)] {
            assert_eq!(watches(&ports, &[], CLIENT, SERVER), expected, "{ports:?}");
            assert_eq!(watches(&ports, &[], SERVER, CLIENT), expected, "{ports:?}");
        }
    }

    #[test]
    fn a_network_of_either_end_is_enough() {
        for (network, expected) in [
            (("10.0.0.0", 8), true),
            (("10.9.9.9", 8), true),
            (("192.0.2.1", 32), true),
            (("0.0.0.0", 0), true),
            (("::", 0), true),
            (("::ffff:0:0", 96), true),
            (("192.0.2.2", 32), false),
            (("2001:db8::", 32), false),
        ] {
            assert_eq!(watches(&[], &[network], CLIENT, SERVER), expected, "{network:?}");
            assert_eq!(watches(&[], &[network], SERVER, CLIENT), expected, "{network:?}");
        }
        assert!(watches(&[], &[("192.0.2.0", 24), ("2001:db8::", 32)], ("2001:db8::1", 1), ("2001:db9::1", 2)));
        assert!(!watches(&[], &[("0.0.0.0", 0)], ("2001:db8::1", 1), ("2001:db9::1", 2)));
    }

    #[test]
    fn where_ports_and_networks_are_given_both_must_match() {
        let here = [("10.0.0.0", 8)];
        assert!(watches(&[8080..=8080], &here, CLIENT, SERVER));
        assert!(!watches(&[80..=80], &here, CLIENT, SERVER));
        assert!(!watches(&[8080..=8080], &[("172.16.0.0", 12)], CLIENT, SERVER));
    }
}
