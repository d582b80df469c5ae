//! Which packets are watched, besides by port and network: by protocol and flags. Set by user space before loading.

use aya_ebpf::{macros::map, maps::Array};
use ehl_probes_common::packet::headers::{Headers, present};

use crate::kernel::filter::{filters_networks, filters_ports, setting, watches_networks, watches_ports};

/// Whether only packets of the protocols in `PROTOCOLS` and `ETHERTYPES` are watched.
#[unsafe(no_mangle)]
static FILTER_PROTOCOLS: u8 = 0;

/// Watched EtherTypes; 0 is none.
#[unsafe(no_mangle)]
static ETHERTYPES: [u16; 8] = [0; 8];

/// Flags of TCP that are all set in packets that are watched. Without any here and in `TCP_FLAGS_CLEAR`, all packets are.
#[unsafe(no_mangle)]
static TCP_FLAGS_SET: u8 = 0;

/// Flags of TCP of which none is set.
#[unsafe(no_mangle)]
static TCP_FLAGS_CLEAR: u8 = 0;

/// One bit for each IP protocol.
#[map]
static PROTOCOLS: Array<[u64; 4]> = Array::with_max_entries(1, 0);

/// Whether a packet is watched. What a filter asks for and the packet does not have, does not match.
#[inline(always)]
pub(super) fn watches(headers: &Headers) -> bool {
    let Headers { source, destination, source_port, destination_port, .. } = *headers;
    watches_protocol(headers)
        && watches_flags(headers)
        && (!filters_ports() || headers.has(present::PORTS) && watches_ports(source_port, destination_port))
        && (!filters_networks() || headers.has(present::IP) && watches_networks(source, destination))
}

#[inline(always)]
fn watches_protocol(headers: &Headers) -> bool {
    if setting(&FILTER_PROTOCOLS) == 0 || ETHERTYPES.iter().any(|watched| is_ethertype(headers, setting(watched))) {
        return true;
    }
    let Headers { protocol, .. } = *headers;
    match PROTOCOLS.get(0) {
        Some(bits) => headers.has(present::IP) && bits[(protocol >> 6) as usize] >> (protocol & 63) & 1 != 0,
        None => true,
    }
}

#[inline(always)]
fn is_ethertype(headers: &Headers, watched: u16) -> bool {
    watched != 0 && headers.ethertype == watched
}

#[inline(always)]
fn watches_flags(headers: &Headers) -> bool {
    let (set, clear) = (setting(&TCP_FLAGS_SET), setting(&TCP_FLAGS_CLEAR));
    set | clear == 0 || headers.has(present::TCP) && headers.tcp_flags & (set | clear) == set
}
