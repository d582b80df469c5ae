//! Calls that read, seen where they have ended or where they hand out what they have read. The cookie says where what matters is there.

use core::hint::black_box;
use core::ptr::read_volatile;

use aya_ebpf::{bindings::pt_regs, helpers::generated::bpf_probe_read_user, programs::ProbeContext};
use ehl_probes::kernel::counters::count;
use ehl_probes_common::{
    call::{Copying, Held, Length, Slot},
    counter::Counter,
    tls::{Key, READ},
    window::Window,
};

use crate::calls::{find_or_join, now, number_at, pass};
use crate::processes;
use crate::sockets;
use crate::switch;
use crate::threads::{self, Thread};

/// The type of records that hold application data (RFC 8446 section 5.1).
const APPLICATION_DATA: u8 = 23;

/// Bytes that were read.
#[derive(Clone, Copy)]
struct Read {
    /// The `SSL`.
    ssl: u64,
    /// Address of the first byte.
    bytes: u64,
    /// How many.
    length: u64,
    /// Whether they will be read again.
    is_peek: bool,
}

/// A call that reads has ended, or hands out bytes.
#[inline(always)]
pub(crate) fn ended(ctx: &ProbeContext, cookie: u64) -> Option<()> {
    // SAFETY: the kernel passes valid registers.
    let regs = unsafe { &*ctx.regs };
    let is_copy = (cookie >> 8) as u8 == Length::Third as u8;
    // Every other end finds nothing to read.
    if !is_copy && regs.rax as i32 <= 0 || !switch::is_on() {
        return None;
    }
    let id = threads::current();
    let process = (id >> 32) as u32;
    let known = threads::find(id);
    if !processes::is_watched(process, known.is_some()) {
        return None;
    }
    let Some(Thread { receipts, scratch, .. }) = known.or_else(|| threads::insert(id)) else {
        count(Counter::Untracked);
        return None;
    };
    let Read { ssl, bytes, length, is_peek } =
        if is_copy { copied(regs, cookie, &mut scratch.draft.window)? } else { returned(regs, cookie)? };
    if is_peek {
        receipts.forget();
        return None;
    }
    if length == 0 || length > u32::MAX as u64 {
        return None;
    }
    let key = Key { ssl, process, zero: 0 };
    let Some(connection) = find_or_join(&key) else {
        count(Counter::Untracked);
        return None;
    };
    let is_first = connection.from_start != 0 && connection.totals[READ as usize] == 0;
    if connection.is_addressed == 0 && is_first {
        sockets::address_first(connection, receipts, length as u32);
    }
    receipts.forget();
    scratch.payload = bytes;
    pass(scratch, &key, connection, READ, now(), length as u32);
    None
}

/// At the end of a call that has read something.
#[inline(always)]
fn returned(regs: &pt_regs, cookie: u64) -> Option<Read> {
    let slot = |at: u32| cookie >> at & ((1 << Slot::BITS) - 1);
    let is_peek = slot(Held::PEEK) != Slot::NOWHERE && held(regs, slot(Held::PEEK))? as u32 != 0;
    let length = if is_peek { 0 } else { number_at(held(regs, slot(Held::LENGTH_AT))?)? };
    Some(Read { ssl: held(regs, slot(Held::SSL))?, bytes: held(regs, slot(Held::BUFFER))?, length, is_peek })
}

/// At a call of `memcpy(to, from, length)`, if it is for application data. The room is for a part of the stack.
#[inline(always)]
fn copied(regs: &pt_regs, cookie: u64, room: &mut Window) -> Option<Read> {
    // SAFETY: the room has more bytes than that; a bad address makes the helper fail.
    let result = unsafe { bpf_probe_read_user(room.as_mut_ptr().cast(), Copying::REACH as u32, regs.rsp as *const _) };
    if result != 0 {
        return None;
    }
    let near = |at: u32| near(regs, room, cookie >> at);
    if near(Copying::KIND)? as u8 != APPLICATION_DATA {
        return None;
    }
    let is_peek = near(Copying::PEEK)? as u32 != 0;
    Some(Read { ssl: near(Copying::SSL)?, bytes: regs.rsi, length: regs.rdx, is_peek })
}

/// What a slot of [`Copying`] holds.
#[inline(always)]
fn near(regs: &pt_regs, stack: &Window, slot: u64) -> Option<u64> {
    match slot & Copying::IN_STACK {
        0 => in_register(regs, slot & (Copying::IN_STACK - 1)),
        _ => Some(stack.word((slot & (Copying::IN_STACK - 1)) as u32)),
    }
}

/// What a slot of [`Held`] holds.
#[inline(always)]
fn held(regs: &pt_regs, slot: u64) -> Option<u64> {
    match slot & Slot::IN_STACK {
        0 => in_register(regs, slot),
        _ => number_at(register(&raw const regs.rsp) + (slot & !Slot::IN_STACK) * 4),
    }
}

/// The verifier wants each read at an offset that it knows: volatile, and out of the compiler's sight, which else makes one read of several.
#[inline(always)]
fn register(at: *const u64) -> u64 {
    // SAFETY: a field of registers that the caller has.
    black_box(unsafe { read_volatile(at) })
}

/// What a register holds, by the processor's number for it.
#[inline(always)]
fn in_register(regs: &pt_regs, number: u64) -> Option<u64> {
    let value = match number {
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
        _ => return None,
    };
    Some(value)
}
