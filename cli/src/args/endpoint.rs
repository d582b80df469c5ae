//! Ports and networks: what either end of a connection must match.

use std::{net::IpAddr, ops::RangeInclusive, str::FromStr};

use ipnet::IpNet;

use super::Invalid;

const PORTS: &str = "write ports from 1 to 65535, as in 80,8000-8999";

/// One element of a port list: `80` or `8000-8999`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange(pub RangeInclusive<u16>);

impl FromStr for PortRange {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let (first, last) = typed.split_once('-').unwrap_or((typed, typed));
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(Invalid::new("the range is the wrong way round", PORTS));
        }
        Ok(Self(first..=last))
    }
}

fn port(typed: &str) -> Result<u16, Invalid> {
    match typed.trim().parse() {
        Ok(0) => Err(Invalid::new("there is no port 0", PORTS)),
        Ok(port) => Ok(port),
        Err(_) => Err(Invalid::new("not a port", PORTS)),
    }
}

const NETS: &str = "write 10.0.0.0/8, 2001:db8::/32 or one address";

/// A network with its host bits cleared, or one address as a network of its own.
///
/// Host bits are cleared rather than refused because `ip address` prints `10.1.2.3/24`, and that is
/// what gets pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net(pub IpNet);

impl FromStr for Net {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        if let Ok(address) = typed.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        match typed.parse::<IpNet>() {
            Ok(net) => Ok(Self(net.trunc())),
            Err(_) if has_address(typed) => Err(Invalid::new("no such prefix length", NETS)),
            Err(_) => Err(Invalid::new("not a network", NETS)),
        }
    }
}

fn has_address(typed: &str) -> bool {
    typed.split_once('/').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_single_or_ranges() {
        for (typed, range) in
            [("80", 80..=80), ("8000-8999", 8000..=8999), ("443-443", 443..=443), (" 80 ", 80..=80), ("1-65535", 1..=65535)]
        {
            assert_eq!(typed.parse(), Ok(PortRange(range)), "{typed:?}");
        }
    }

    #[test]
    fn a_refused_port_says_what_would_be_right() {
        for (typed, wrong) in [
            ("0", "there is no port 0"),
            ("0-80", "there is no port 0"),
            ("65536", "not a port"),
            ("http", "not a port"),
            ("", "not a port"),
            ("80-", "not a port"),
            ("80-90-100", "not a port"),
            ("8999-8000", "the range is the wrong way round"),
        ] {
            let refused = typed.parse::<PortRange>().expect_err("refused").to_string();
            assert_eq!(refused, format!("{wrong}; {PORTS}"), "{typed:?}");
        }
    }

    #[test]
    fn networks_and_bare_addresses_are_read_and_host_bits_cleared() {
        for (typed, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3/24", "10.1.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("fe80::1/64", "fe80::/64"),
        ] {
            let net: Net = typed.parse().expect(typed);
            assert_eq!(net.0.to_string(), expected, "{typed}");
        }
    }

    #[test]
    fn a_refused_network_says_what_would_be_right() {
        for (typed, wrong) in [
            ("10.0.0.0/33", "no such prefix length"),
            ("::/129", "no such prefix length"),
            ("10.0.0.0/", "no such prefix length"),
            ("10.0.0.0/255.0.0.0", "no such prefix length"),
            ("10.0.0", "not a network"),
            ("300.0.0.0/8", "not a network"),
            ("localhost", "not a network"),
            ("[::1]", "not a network"),
            ("", "not a network"),
        ] {
            let refused = typed.parse::<Net>().expect_err("refused").to_string();
            assert_eq!(refused, format!("{wrong}; {NETS}"), "{typed:?}");
        }
    }
}
