//! The per-CPU counters.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use ehl_probes_common::counter::{COUNTERS as LEN, Counter};

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(LEN, 0);

/// Adds one.
#[inline(always)]
pub fn count(counter: Counter) {
    ehl_count(counter.index());
}

/// [`count`], where every packet comes along: without the call.
#[inline(always)]
pub fn count_here(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter.index()) {
        // SAFETY: the pointer is to this CPU's value, and nothing on this CPU interrupts the program to change it.
        unsafe { *value += 1 };
    }
}

/// [`count`]. A global function (see the module `kernel`).
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn ehl_count(index: u32) -> u32 {
    if let Some(value) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: as in `count_here`.
        unsafe { *value += 1 };
    }
    0
}
