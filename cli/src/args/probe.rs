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
}

impl FromStr for ProbeName {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        match typed {
            "sock-http" => Ok(Self::SockHttp),
            "ssl-uprobe" => Ok(Self::SslUprobe),
            "xdp-headers" | "tc-headers" => Err(Invalid::new("this probe is not in this version", "sock-http and ssl-uprobe are")),
            _ => Err(Invalid::new("there is no such probe", "write sock-http or ssl-uprobe")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_of_this_version_are_accepted() {
        assert_eq!("sock-http".parse(), Ok(ProbeName::SockHttp));
        assert_eq!("ssl-uprobe".parse(), Ok(ProbeName::SslUprobe));
    }

    #[test]
    fn a_probe_to_come_is_told_from_one_that_does_not_exist() {
        for (typed, expected) in [
            ("xdp-headers", "this probe is not in this version; sock-http and ssl-uprobe are"),
            ("tc-headers", "this probe is not in this version; sock-http and ssl-uprobe are"),
            ("sock_http", "there is no such probe; write sock-http or ssl-uprobe"),
            ("", "there is no such probe; write sock-http or ssl-uprobe"),
        ] {
            let refused = typed.parse::<ProbeName>().expect_err("refused").to_string();
            assert_eq!(refused, expected, "{typed:?}");
        }
    }
}
