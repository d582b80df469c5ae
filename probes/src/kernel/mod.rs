//! What the programs share in the kernel. Each map is private to the module whose functions use it.
//!
//! Functions named `ehl_...` are global functions, which the verifier checks once: see the documentation of
//! `ehl_probes_common`. What one of them answers is any number to its callers.

pub mod counters;
pub mod filter;
#[cfg(feature = "packets")]
pub mod packets;
pub mod records;
pub mod shared;
#[cfg(feature = "streams")]
pub mod tap;

/// The objects' licence: helpers that the programs call are for GPL-compatible programs only.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
pub static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// A program of this crate cannot panic; the verifier would refuse a loop.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
