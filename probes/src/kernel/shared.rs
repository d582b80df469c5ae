//! Numbers in map values that several CPUs change at the same time. The compiler has no atomic operations for BPF, so these are
//! instructions (kernel 5.12).

use core::arch::asm;

/// How often a number is tried to be replaced that other CPUs change too.
const ATTEMPTS: u32 = 4;

/// Adds to it.
///
/// # Safety
/// The number is in a valid map value, and nobody writes it but through this module.
#[inline(always)]
pub unsafe fn add(number: *mut u64, more: u64) {
    // SAFETY: by the caller's promise.
    unsafe { asm!("lock *(u64 *)({number} + 0) += {more}", number = in(reg) number, more = in(reg) more, options(nostack)) };
}

/// Adds one to it.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn count(number: *mut u32) {
    // SAFETY: by the caller's promise.
    unsafe { asm!("lock *(u32 *)(r1 + 0) += w2", in("r1") number, in("r2") 1u64, options(nostack)) };
}

/// Adds one to it; what it was before.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn take(number: *mut u32) -> u32 {
    let mut before = 1u64;
    // SAFETY: by the caller's promise.
    unsafe { asm!("w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)", in("r1") number, inout("r2") before, options(nostack)) };
    before as u32
}

/// Replaces it, whatever it is; what it was before.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn swap(number: *mut u32, new: u32) -> u32 {
    let mut before = new as u64;
    // SAFETY: by the caller's promise.
    unsafe { asm!("w2 = xchg32_32(r1 + 0, w2)", in("r1") number, inout("r2") before, options(nostack)) };
    before as u32
}

/// Takes one from it.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn discount(number: *mut u32) {
    // SAFETY: by the caller's promise.
    unsafe { asm!("lock *(u32 *)(r1 + 0) += w2", in("r1") number, in("r2") u32::MAX as u64, options(nostack)) };
}

/// Sets bits of it; only writes if there are new ones.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn set(number: *mut u32, bits: u32) {
    // SAFETY: by the caller's promise.
    unsafe {
        if number.read_volatile() | bits != number.read_volatile() {
            asm!("lock *(u32 *)(r1 + 0) |= w2", in("r1") number, in("r2") bits as u64, options(nostack));
        }
    }
}

/// Replaces it; only writes if it changes, and tries that a few times.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn replace(number: *mut u32, with: impl Fn(u32) -> u32) {
    // SAFETY: by the caller's promise.
    unsafe {
        let mut old = number.read_volatile();
        for _ in 0..ATTEMPTS {
            let new = with(old);
            if new == old {
                return;
            }
            let mut found = old as u64;
            asm!("w0 = cmpxchg32_32(r1 + 0, w0, w2)", in("r1") number, in("r2") new as u64, inout("r0") found, options(nostack));
            if found as u32 == old {
                return;
            }
            old = found as u32;
        }
    }
}
