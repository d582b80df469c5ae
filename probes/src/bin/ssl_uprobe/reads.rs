//! Calls that read, seen where they have ended or where they hand out what they have read. The cookie says where what matters is there.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{bindings::pt_regs, helpers::generated::bpf_probe_read_user};
use ehl_probes::kernel::counters::count;
use ehl_probes_common::{
    call::{Copying, Held, Length, Slot},
    counter::Counter,
    tls::{Key, READ},
    window::{WINDOW, Window},
};

use crate::calls::{find_or_join, now, number_at, pass};
use crate::sockets;
use crate::threads::Thread;

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

/// Whether a call that reads has ended without anything: every other one does.
#[inline(always)]
pub(crate) fn is_vain(regs: &pt_regs, cookie: u64) -> bool {
    !is_copy(cookie) && regs.rax as i32 <= 0
}

/// Whether this is where bytes are handed out, not where a call has ended.
#[inline(always)]
fn is_copy(cookie: u64) -> bool {
    (cookie >> 8) as u8 == Length::Third as u8
}

/// A call that reads has ended, or hands out bytes.
#[inline(always)]
pub(crate) fn ended(regs: &pt_regs, cookie: u64, id: u64, thread: &mut Thread) -> Option<()> {
    let Thread { receipts, scratch, .. } = thread;
    let room = &mut scratch.draft.window;
    let Read { ssl, bytes, length, is_peek } = if is_copy(cookie) { copied(regs, cookie, room)? } else { returned(regs, cookie, room)? };
    if is_peek {
        receipts.forget();
        return None;
    }
    if length == 0 || length > u32::MAX as u64 {
        return None;
    }
    let key = Key { ssl, process: (id >> 32) as u32, zero: 0 };
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

/// At the end of a call that has read something. The room is for the registers.
#[inline(always)]
fn returned(regs: &pt_regs, cookie: u64, room: &mut Window) -> Option<Read> {
    keep_registers(regs, room);
    let slot = |at: u32| cookie >> at & ((1 << Slot::BITS) - 1);
    let is_peek = slot(Held::PEEK) != Slot::NOWHERE && held(room, slot(Held::PEEK))? as u32 != 0;
    let length = if is_peek { 0 } else { number_at(held(room, slot(Held::LENGTH_AT))?)? };
    Some(Read { ssl: held(room, slot(Held::SSL))?, bytes: held(room, slot(Held::BUFFER))?, length, is_peek })
}

/// At a call of `memcpy(to, from, length)`, if it is for application data. The room is for a part of the stack and the registers.
#[inline(always)]
fn copied(regs: &pt_regs, cookie: u64, room: &mut Window) -> Option<Read> {
    // SAFETY: the room has more bytes than that; a bad address makes the helper fail.
    let result = unsafe { bpf_probe_read_user(room.as_mut_ptr().cast(), Copying::REACH as u32, regs.rsp as *const _) };
    if result != 0 {
        return None;
    }
    keep_registers(regs, room);
    let near = |at: u32| near(room, cookie >> at);
    if near(Copying::KIND) as u8 != APPLICATION_DATA {
        return None;
    }
    let is_peek = near(Copying::PEEK) as u32 != 0;
    Some(Read { ssl: near(Copying::SSL), bytes: in_register(room, RSI), length: in_register(room, RDX), is_peek })
}

/// What a slot of [`Copying`] holds.
#[inline(always)]
fn near(room: &Window, slot: u64) -> u64 {
    match slot & Copying::IN_STACK {
        0 => in_register(room, slot),
        _ => room.word((slot & (Copying::IN_STACK - 1)) as u32),
    }
}

/// What a slot of [`Held`] holds.
#[inline(always)]
fn held(room: &Window, slot: u64) -> Option<u64> {
    match slot & Slot::IN_STACK {
        0 => Some(in_register(room, slot)),
        _ => number_at(in_register(room, RSP) + (slot & !Slot::IN_STACK) * 4),
    }
}

/// The processor's numbers for registers.
const RDX: u64 = 2;
const RSP: u64 = 4;
const RSI: u64 = 6;

/// Puts the registers where they can be looked up by number, behind what [`Copying`] looks at: the verifier wants each to be read at an
/// offset that it knows.
#[inline(always)]
fn keep_registers(regs: &pt_regs, room: &mut Window) {
    let in_order = [
        &raw const regs.rax,
        &raw const regs.rcx,
        &raw const regs.rdx,
        &raw const regs.rbx,
        &raw const regs.rsp,
        &raw const regs.rbp,
        &raw const regs.rsi,
        &raw const regs.rdi,
        &raw const regs.r8,
        &raw const regs.r9,
        &raw const regs.r10,
        &raw const regs.r11,
        &raw const regs.r12,
        &raw const regs.r13,
        &raw const regs.r14,
        &raw const regs.r15,
    ];
    let to = room.as_mut_ptr().cast::<u64>();
    for (number, register) in in_order.into_iter().enumerate() {
        // SAFETY: a field of registers that the caller has, and a place within the room, which is aligned for it. Volatile, because the
        // compiler else makes one read of several.
        unsafe { write_volatile(to.add(Copying::REACH as usize / 8 + number), read_volatile(register)) };
    }
}

const _: () = assert!(Copying::REACH as usize + 16 * 8 <= WINDOW && Copying::REACH % 8 == 0);

/// What a register holds, by the processor's number for it.
#[inline(always)]
fn in_register(room: &Window, number: u64) -> u64 {
    room.word(Copying::REACH as u32 + (number as u32 & 15) * 8)
}
