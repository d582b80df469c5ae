//! The probes that can be named on the command line.

use std::str::FromStr;

use super::Invalid;

/// A probe of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeName {
    /// Cleartext HTTP heads, from an AF_PACKET socket filter.
    SockHttp,
}

impl FromStr for ProbeName {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        match typed {
            "sock-http" => Ok(Self::SockHttp),
            "xdp-headers" | "tc-headers" | "ssl-uprobe" => Err(Invalid::new("this probe is not in this version", "sock-http is")),
            _ => Err(Invalid::new("there is no such probe", "write sock-http")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_probe_of_this_version_is_accepted() {
        assert_eq!("sock-http".parse(), Ok(ProbeName::SockHttp));
    }

    #[test]
    fn a_probe_to_come_is_told_from_one_that_does_not_exist() {
        for (typed, expected) in [
            ("xdp-headers", "this probe is not in this version; sock-http is"),
            ("tc-headers", "this probe is not in this version; sock-http is"),
            ("ssl-uprobe", "this probe is not in this version; sock-http is"),
            ("sock_http", "there is no such probe; write sock-http"),
            ("", "there is no such probe; write sock-http"),
        ] {
            let refused = typed.parse::<ProbeName>().expect_err("refused").to_string();
            assert_eq!(refused, expected, "{typed:?}");
        }
    }
}
