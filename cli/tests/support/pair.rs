//! Two hosts on a wire: real stacks at both ends of a veth pair.

use std::fs;
use std::net::Ipv4Addr;

use super::netns::Netns;

/// The interface `near` has [`NEAR`], and `far`, in a namespace of its own, [`FAR`].
pub(crate) struct Pair {
    near: Netns,
    far: Netns,
}

pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Frames to this address get to `far`, where nobody has it.
pub(crate) const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

impl Pair {
    pub(crate) fn new() -> Self {
        let (near, far) = (Netns::new(), Netns::new());
        near.ip(&format!("link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02 netns {}", far.name()));
        let ends = [(&near, "near", NEAR, FAR, "02:00:00:00:00:02"), (&far, "far", FAR, NEAR, "02:00:00:00:00:01")];
        for (netns, interface, own, other, other_mac) in ends {
            // Nobody asks who has an address, and nobody tells of its own.
            netns.run(|| fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"), "1").expect("there is IPv6"));
            netns.ip(&format!("link set {interface} up arp off"));
            netns.ip(&format!("address add {own}/24 dev {interface}"));
            netns.ip(&format!("neighbour replace {other} lladdr {other_mac} dev {interface}"));
        }
        near.ip(&format!("neighbour replace {NOBODY} lladdr 02:00:00:00:00:02 dev near"));
        Self { near, far }
    }

    pub(crate) fn near(&self) -> &Netns {
        &self.near
    }

    pub(crate) fn far(&self) -> &Netns {
        &self.far
    }
}
