//! What was told of a packet, by whom ever.

use std::fmt;
use std::net::IpAddr;

/// Key header elements of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its number in the capture, from 1.
    pub(crate) number: u64,
    pub(crate) length: u32,
    pub(crate) protocol: Option<String>,
    pub(crate) ends: Option<[IpAddr; 2]>,
    pub(crate) ports: Option<[u16; 2]>,
    /// From the outside; at most two.
    pub(crate) vlans: Vec<u16>,
    /// Time to live and codepoint.
    pub(crate) ip: Option<[u8; 2]>,
    /// Flags, window and payload of TCP.
    pub(crate) tcp: Option<(u8, u16, Option<u32>)>,
    /// Whether ehl says that the packet ends within a header.
    pub(crate) is_cut: bool,
}

/// What two tell differently of a packet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) tshark: Told,
    pub(crate) ehl: Told,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  tshark {:?}\n  ehl    {:?}", self.tshark, self.ehl)
    }
}

/// Packet by packet. Of whom more is told, the rest is nothing at the other's.
pub(crate) fn differences(tshark: &[Told], ehl: &[Told]) -> Vec<Difference> {
    let at = |told: &[Told], index: usize| told.get(index).cloned().unwrap_or_default();
    (0..tshark.len().max(ehl.len()))
        .map(|index| Difference { tshark: at(tshark, index), ehl: at(ehl, index) })
        .filter(|difference| !difference.is_explained())
        .collect()
}

impl Difference {
    fn is_explained(&self) -> bool {
        let Self { mut tshark, mut ehl } = self.clone();
        if ehl.is_cut {
            // Of a header that is cut, tshark tells the fields that are there, and nothing of an IPv4 header whose options are cut.
            return (tshark.number, tshark.length) == (ehl.number, ehl.length)
                && is_same(tshark.ends, ehl.ends)
                && is_same(tshark.ports, ehl.ports)
                && tshark.vlans.starts_with(&ehl.vlans);
        }
        if tshark.protocol.is_none() && ehl.ends.is_none() {
            // Of raw IP that is no IP, the link type tells the protocol.
            ehl.protocol = None;
        }
        if let (Some((_, _, None)), Some((_, _, payload))) = (tshark.tcp, &mut ehl.tcp) {
            // Of a packet that is shorter than its IP header has it, tshark tells no payload.
            *payload = None;
        }
        if tshark.protocol.as_deref() == Some("sctp") && tshark.ports.is_none() {
            // Nor ports, unless the whole header of SCTP was captured.
            tshark.ports = ehl.ports;
        }
        tshark == ehl
    }
}

/// Unless one of them tells nothing.
fn is_same<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}
