//! Calls that read, seen at one instruction behind what has got their bytes: the result is in eax, and the cookie says where the rest is.

use core::hint::black_box;
use core::ptr::read_volatile;

use aya_ebpf::{EbpfContext as _, bindings::pt_regs, helpers::generated::bpf_get_attach_cookie, programs::ProbeContext};
use ehl_probes::kernel::counters::count;
use ehl_probes_common::{
    call::{Held, Slot},
    counter::Counter,
    tls::{Key, READ},
};

use crate::calls::{find_or_join, now, number_at, pass};
use crate::processes;
use crate::sockets;
use crate::switch;
use crate::threads::{self, Thread};

const SLOT: u64 = (1 << Slot::BITS) - 1;

/// A call that reads has ended.
#[inline(always)]
pub(crate) fn ended(ctx: &ProbeContext) -> Option<()> {
    // SAFETY: the kernel passes valid registers.
    let regs = unsafe { &*ctx.regs };
    // Every other one finds nothing to read.
    if regs.rax as i32 <= 0 || !switch::is_on() {
        return None;
    }
    let id = threads::current();
    let process = (id >> 32) as u32;
    let known = threads::find(id);
    if !processes::is_watched(process, known.is_some()) {
        return None;
    }
    // SAFETY: the kernel passes a valid context.
    let cookie = unsafe { bpf_get_attach_cookie(ctx.as_ptr()) };
    let slot = |at: u32| cookie >> at & SLOT;
    let key = Key { ssl: held(regs, slot(Held::SSL))?, process, zero: 0 };
    if slot(Held::PEEK) != Slot::NOWHERE && held(regs, slot(Held::PEEK))? as u32 != 0 {
        known?.receipts.forget();
        return None;
    }
    let length = number_at(held(regs, slot(Held::LENGTH_AT))?)?;
    if length == 0 || length > u32::MAX as u64 {
        return None;
    }
    let (Some(connection), Some(thread)) = (find_or_join(&key), known.or_else(|| threads::insert(id))) else {
        count(Counter::Untracked);
        return None;
    };
    let Thread { receipts, scratch, .. } = thread;
    let is_first = connection.from_start != 0 && connection.totals[READ as usize] == 0;
    if connection.is_addressed == 0 && is_first {
        sockets::address_first(connection, receipts, length as u32);
    }
    receipts.forget();
    scratch.payload = held(regs, slot(Held::BUFFER))?;
    pass(scratch, &key, connection, READ, now(), length as u32);
    None
}

/// The verifier wants each read at an offset that it knows: volatile, and out of the compiler's sight, which else makes one read of several.
#[inline(always)]
fn register(at: *const u64) -> u64 {
    // SAFETY: a field of registers that the caller has.
    black_box(unsafe { read_volatile(at) })
}

/// What a slot holds.
#[inline(always)]
fn held(regs: &pt_regs, slot: u64) -> Option<u64> {
    let value = match slot {
        3 => register(&raw const regs.rbx),
        5 => register(&raw const regs.rbp),
        12 => register(&raw const regs.r12),
        13 => register(&raw const regs.r13),
        14 => register(&raw const regs.r14),
        15 => register(&raw const regs.r15),
        0 => register(&raw const regs.rax),
        1 => register(&raw const regs.rcx),
        2 => register(&raw const regs.rdx),
        4 => register(&raw const regs.rsp),
        6 => register(&raw const regs.rsi),
        7 => register(&raw const regs.rdi),
        8 => register(&raw const regs.r8),
        9 => register(&raw const regs.r9),
        10 => register(&raw const regs.r10),
        11 => register(&raw const regs.r11),
        _ => return number_at(register(&raw const regs.rsp) + (slot & !Slot::IN_STACK) * 4),
    };
    Some(value)
}
