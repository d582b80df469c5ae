//! Whether anything is looked at: user space says so when all is attached, and no more before the first place is detached. In
//! between, reads may be seen and writes not.

use aya_ebpf::{macros::map, maps::Array};

/// 1 while the probe is whole.
#[map]
static SWITCH: Array<u32> = Array::with_max_entries(1, 0);

/// Whether the probe is whole.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    // SAFETY: a number, valid for every bit pattern; user space writes it as a whole.
    SWITCH.get_ptr(0).is_some_and(|switch| unsafe { core::ptr::read_volatile(switch) } != 0)
}
