//! The probes that can be named on the command line.

use std::str::FromStr;

use super::Invalid;

/// A probe of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeName {
    /// Cleartext HTTP heads, from an AF_PACKET socket filter.
    SockHttp,
    /// HTTP heads within TLS, from uprobes in TLS libraries.
    SslUprobe,
    /// Headers of packets, from XDP.
    XdpHeaders,
    /// Headers of packets, from TCX or clsact.
    TcHeaders,
}

impl FromStr for ProbeName {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        match typed {
            "sock-http" => Ok(Self::SockHttp),
            "ssl-uprobe" => Ok(Self::SslUprobe),
            "xdp-headers" => Ok(Self::XdpHeaders),
            "tc-headers" => Ok(Self::TcHeaders),
            _ => Err(Invalid::new("there is no such probe", "write sock-http, ssl-uprobe, xdp-headers or tc-headers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_probes() {
        assert_eq!("sock-http".parse(), Ok(ProbeName::SockHttp));
        assert_eq!("ssl-uprobe".parse(), Ok(ProbeName::SslUprobe));
        assert_eq!("xdp-headers".parse(), Ok(ProbeName::XdpHeaders));
        assert_eq!("tc-headers".parse(), Ok(ProbeName::TcHeaders));
        for typed in ["sock_http", "tc", ""] {
            let refused = typed.parse::<ProbeName>().expect_err("refused").to_string();
            assert_eq!(refused, "there is no such probe; write sock-http, ssl-uprobe, xdp-headers or tc-headers", "{typed:?}");
        }
    }
}
