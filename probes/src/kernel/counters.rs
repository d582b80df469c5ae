//! The per-CPU counters.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use ehl_probes_common::counter::{COUNTERS as LEN, Counter};

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(LEN, 0);

/// Adds one.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter.index()) {
        // SAFETY: the pointer is to this CPU's value, and nothing on this CPU interrupts the program to change it.
        unsafe { *value += 1 };
    }
}
