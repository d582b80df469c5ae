//! Which segments and packets are watched: by port and network, of either end. Set by user space before loading.

use aya_ebpf::{
    macros::map,
    maps::{Array, LpmTrie, lpm_trie::Key},
};
use ehl_probes_common::packet::Address;

/// Whether only the ports in `PORTS` are watched.
#[unsafe(no_mangle)]
static FILTER_PORTS: u8 = 0;

/// Whether only the networks in `NETWORKS` are watched.
#[unsafe(no_mangle)]
static FILTER_NETWORKS: u8 = 0;

/// One bit for each port.
#[map]
static PORTS: Array<[u64; 1024]> = Array::with_max_entries(1, 0);

/// Watched networks, IPv4 ones as `::ffff:a.b.c.d`.
#[map]
static NETWORKS: LpmTrie<[u8; 16], u8> = LpmTrie::with_max_entries(256, 1);

/// A setting that user space may have changed in the object.
#[inline(always)]
pub fn setting<T: Copy>(global: &T) -> T {
    // SAFETY: reads an initialised static; volatile, because the compiler must not take the built-in value for granted.
    unsafe { core::ptr::read_volatile(global) }
}

/// Whether not all ports are watched.
#[inline(always)]
pub fn filters_ports() -> bool {
    setting(&FILTER_PORTS) != 0
}

/// Whether not all networks are watched.
#[inline(always)]
pub fn filters_networks() -> bool {
    setting(&FILTER_NETWORKS) != 0
}

/// Whether a segment between these ports is watched.
#[inline(always)]
pub fn watches_ports(source: u16, destination: u16) -> bool {
    if !filters_ports() {
        return true;
    }
    match PORTS.get(0) {
        Some(bits) => has(bits, source) || has(bits, destination),
        None => true,
    }
}

#[inline(always)]
fn has(bits: &[u64; 1024], port: u16) -> bool {
    bits[(port >> 6) as usize] >> (port & 63) & 1 != 0
}

/// Whether a segment between these addresses is watched.
#[inline(always)]
pub fn watches_networks(source: Address, destination: Address) -> bool {
    !filters_networks() || is_watched(source) || is_watched(destination)
}

#[inline(always)]
fn is_watched(address: Address) -> bool {
    NETWORKS.get(&Key::new(128, address.bytes())).is_some()
}
