//! Which packets are looked at, and how, by the probes that see packets.

use std::num::NonZeroU32;

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use super::options::{SELECTION, WATCHING};

/// Which packets.
#[derive(Debug, Args)]
pub struct Packets {
    /// Look at packets of these protocols only (tcp,udp,icmp,arp,47)
    ///
    /// IP protocols by name or number, and what is not IP by name (arp, lldp, mpls) or EtherType (0x88cc). Repeatable. The kernel
    /// applies this filter. Of xdp-headers and tc-headers.
    #[arg(long = "protocol", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION,
          value_parser = NonEmptyStringValueParser::new())]
    pub protocols: Vec<String>,

    /// Look at TCP packets with these flags only (syn or syn,!ack)
    ///
    /// All flags named must be set, and those with a ! in front must not be: fin, syn, rst, psh, ack, urg, ece, cwr. Quote the !, so
    /// that the shell leaves it alone. The kernel applies this filter. Of xdp-headers and tc-headers.
    #[arg(long, value_name = "LIST", help_heading = SELECTION, value_parser = NonEmptyStringValueParser::new())]
    pub tcp_flags: Option<String>,

    /// Which way packets go; both if not given
    ///
    /// Of tc-headers: xdp-headers sees ingress only.
    #[arg(id = "way", long = "direction", value_name = "WAY", help_heading = SELECTION, conflicts_with = "read")]
    pub direction: Option<Way>,

    /// Where XDP runs: native or generic; native if not given
    ///
    /// native runs in the driver, where packets arrive first; not every driver can. Attaching it can disturb a network card: some reset
    /// their queues and lose packets for a moment. generic works everywhere and sees packets a little later, at a higher cost. Of
    /// xdp-headers.
    #[arg(long, value_name = "MODE", help_heading = WATCHING, conflicts_with = "read")]
    pub mode: Option<Mode>,
}

impl Packets {
    /// The first of these options that was typed.
    pub fn given(&self) -> Option<&'static str> {
        let Self { protocols, tcp_flags, direction, mode } = self;
        let given = [
            (!protocols.is_empty(), "--protocol"),
            (tcp_flags.is_some(), "--tcp-flags"),
            (direction.is_some(), "--direction"),
            (mode.is_some(), "--mode"),
        ];
        first(&given)
    }
}

impl Sampling {
    /// The option, if it was typed.
    pub fn given(&self) -> Option<&'static str> {
        first(&[(self.sample.get() > 1, "--sample")])
    }
}

/// The first that was given.
pub(super) fn first(given: &[(bool, &'static str)]) -> Option<&'static str> {
    given.iter().find(|(is_given, _)| *is_given).map(|(_, option)| *option)
}

/// How many of the packets become rows.
#[derive(Debug, Args)]
pub struct Sampling {
    /// Print one of N packets
    ///
    /// Every N-th packet of each CPU that passes the filters becomes a row; the others are counted. Of xdp-headers and tc-headers.
    #[arg(long, value_name = "N", default_value = "1", hide_default_value = true, help_heading = SELECTION)]
    pub sample: NonZeroU32,
}

/// Which way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// received by this host
    Ingress,
    /// sent by this host
    Egress,
    /// both
    Both,
}

/// Where XDP runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// in the driver
    Native,
    /// at the entry of the network stack
    Generic,
}

/// What the packets of a flow have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// addresses, ports, protocol and interface
    Tuple,
    /// the sender's address
    Src,
    /// the receiver's address
    Dst,
    /// protocol and the lower one of both ports, which is the service's as a rule
    Port,
    /// the protocol
    Protocol,
    /// the interface
    Interface,
}
