//! What a call means: bytes that were read or written, a connection that begins or ends.

use core::hint::black_box;
use core::mem::MaybeUninit;
use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    bindings::{__sk_buff, pt_regs},
    helpers::generated::{bpf_ktime_get_ns, bpf_probe_read_user},
};
use ehl_probes::kernel::{
    counters::count,
    tap::{Scratch, walk_segment, window_len},
};
use ehl_probes_common::{
    call::{Call, Length},
    counter::Counter,
    record::{ProbeId, Way, tcp_flag},
    tls::{Connection, Key, READ, WRITTEN},
};

use crate::connections;
use crate::sockets;
use crate::threads::{Frame, Thread};

const READS: u32 = Call::Read as u32;
const CLEARS: u32 = Call::Clear as u32;
const FREES: u32 = Call::Free as u32;

/// Declared by the module `tap`: payload is read from the process.
///
/// # Safety
/// Both are valid, or null.
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_load(skb: *mut __sk_buff, scratch: *mut Scratch, offset: u32, len: u32) -> u32 {
    // There is none, and the verifier wants to see that: an argument that nobody looks at would be whatever the register holds.
    black_box(skb);
    // SAFETY: by the caller's promise.
    let Some(Scratch { draft, payload, .. }) = (unsafe { scratch.as_mut() }) else { return 1 };
    // SAFETY: the window has WINDOW writable bytes; a bad address makes the helper fail.
    let result = unsafe {
        let from = (*payload + offset as u64) as *const _;
        bpf_probe_read_user(draft.window.as_mut_ptr().cast(), window_len(len), from)
    };
    (result != 0) as u32
}

/// A call begins; there may be no room for its thread.
#[inline(always)]
pub(crate) fn enter(regs: &pt_regs, cookie: u64, id: u64, thread: Option<&mut Thread>) -> Option<()> {
    let call = cookie as u32 & 0xff;
    let key = Key { ssl: regs.rdi, process: (id >> 32) as u32, zero: 0 };
    if call == CLEARS || call == FREES {
        return turn(thread, &key, call == CLEARS);
    }
    // Else nobody would note the sockets of one that is joined only when this call has ended.
    if connections::are_addressed() {
        find_or_join(&key);
    }
    let Some(frame) = thread.and_then(|Thread { calls, .. }| calls.push(regs.rsp)) else {
        count(Counter::Untracked);
        return None;
    };
    frame.ssl = regs.rdi;
    frame.buffer = if call == Call::SendFile as u32 { 0 } else { regs.rsi };
    frame.length_at = length_at(regs, (cookie >> 8) as u8);
    // What is read is there when the call ends, and the clock is not for free.
    frame.time_ns = if call == READS { 0 } else { now() };
    // SAFETY: a reference. Volatile, because what sets several fields at once is a call that goes byte by byte.
    unsafe { write_volatile(&raw mut frame.socket, 0) };
    frame.moved = 0;
    frame.call = call;
    frame.is_told = 0;
    None
}

/// `CLOCK_MONOTONIC` in nanoseconds.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper takes no arguments and only reads the clock.
    unsafe { bpf_ktime_get_ns() }
}

#[inline(always)]
fn length_at(regs: &pt_regs, length: u8) -> u64 {
    // SAFETY: the registers are a reference. Volatile, because the verifier wants each read at an offset that it knows.
    let (fourth, fifth) = unsafe { (read_volatile(&raw const regs.rcx), read_volatile(&raw const regs.r8)) };
    if length == Length::Fourth as u8 {
        fourth
    } else if length == Length::Fifth as u8 {
        fifth
    } else {
        0
    }
}

/// A call ends.
#[inline(always)]
pub(crate) fn leave(regs: &pt_regs, id: u64, thread: &mut Thread) -> Option<()> {
    let Thread { calls, receipts, scratch } = thread;
    let place = calls.pop(regs.rsp)?;
    let result = regs.rax as i32;
    let ended = calls.ended(place);
    let (ssl, call, is_told) = (ended.ssl, ended.call, ended.is_told);
    if result <= 0 || is_told != 0 {
        return None;
    }
    if call == READS {
        receipts.forget();
    }
    // One that is built on this one.
    if let Some(outer) = calls.top()
        && outer.ssl == ssl
        && outer.call == call
    {
        outer.is_told = 1;
    }
    let frame = calls.ended(place);
    let length = if frame.length_at == 0 { result as u64 } else { number_at(frame.length_at)? };
    if length == 0 || length > u32::MAX as u64 {
        return None;
    }
    let key = Key { ssl: frame.ssl, process: (id >> 32) as u32, zero: 0 };
    let Some(connection) = find_or_join(&key) else {
        count(Counter::Untracked);
        return None;
    };
    tell(scratch, &key, connection, frame, length as u32);
    None
}

/// A number of 8 bytes in the process.
#[inline(always)]
pub(crate) fn number_at(address: u64) -> Option<u64> {
    let mut number = MaybeUninit::<u64>::uninit();
    // SAFETY: there are 8 bytes to write to, and they are written when the helper succeeds.
    unsafe {
        match bpf_probe_read_user(number.as_mut_ptr().cast(), 8, address as *const _) {
            0 => Some(number.assume_init()),
            _ => None,
        }
    }
}

#[inline(always)]
pub(crate) fn find_or_join(key: &Key) -> Option<&'static mut Connection> {
    connections::find(key).or_else(|| {
        connections::insert(key, now(), false);
        connections::find(key)
    })
}

/// Bytes were read or written.
#[inline(always)]
fn tell(scratch: &mut Scratch, key: &Key, connection: &mut Connection, frame: &Frame, length: u32) {
    let is_write = frame.call != READS;
    if connection.is_addressed == 0 {
        sockets::address(connection, frame, length, is_write);
    }
    let direction = if is_write { WRITTEN } else { READ };
    // What is written may be on its way before the call returns, what is read is there then.
    let time_ns = if is_write { frame.time_ns } else { now() };
    scratch.payload = frame.buffer;
    pass(scratch, key, connection, direction, time_ns, length);
}

/// So many bytes are next in their direction.
#[inline(always)]
pub(crate) fn pass(scratch: &mut Scratch, key: &Key, connection: &mut Connection, direction: u32, time_ns: u64, length: u32) {
    walk(scratch, key, connection, direction, time_ns, length, tcp_flag::ACK);
    let total = &mut connection.totals[(direction & 1) as usize];
    *total = total.wrapping_add(length);
}

/// One segment of a stream.
#[inline(always)]
fn walk(scratch: &mut Scratch, key: &Key, connection: &mut Connection, direction: u32, time_ns: u64, length: u32, tcp_flags: u8) {
    scratch.walk.segment.time_ns = time_ns;
    scratch.walk.segment.len = length;
    // SAFETY: there is no packet, and the rest are references.
    unsafe {
        ehl_prepare(scratch, connection, key.process, direction, tcp_flags as u32);
        walk_segment(core::ptr::null_mut(), scratch, &raw mut connection.streams);
    }
}

/// Makes the scratch memory ready for the walk of one segment, of which the time and the length are there. A global function (see the
/// module `kernel`).
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_prepare(
    scratch: *mut Scratch,
    connection: *const Connection,
    process: u32,
    direction: u32,
    tcp_flags: u32,
) -> u32 {
    // SAFETY: by the caller's promise.
    let (Some(Scratch { draft, walk, .. }), Some(connection)) = (unsafe { (scratch.as_mut(), connection.as_ref()) }) else { return 0 };
    let (this, other) = (connection.totals[(direction & 1) as usize], connection.totals[(1 - (direction & 1)) as usize]);
    walk.segment.sequence = this;
    walk.segment.interface = 0;
    walk.segment.tcp_flags = tcp_flags as u8;
    walk.offset = 0;
    walk.direction = direction;
    walk.runs = 0;
    let header = &mut draft.header;
    let ends = &connection.ends;
    if direction == WRITTEN {
        header.set_addresses(ends.local, ends.remote);
        header.source_port = ends.local_port;
        header.destination_port = ends.remote_port;
        header.way = Way::Egress as u8;
    } else {
        header.set_addresses(ends.remote, ends.local);
        header.source_port = ends.remote_port;
        header.destination_port = ends.local_port;
        header.way = Way::Ingress as u8;
    }
    header.connection = connection.id;
    header.acknowledgement = other;
    header.origin = process;
    header.probe = ProbeId::SslUprobe as u8;
    header.tcp_flags = tcp_flags as u8;
    header.from_start = connection.from_start;
    0
}

/// An `SSL` is about to be another connection, or none.
#[inline(always)]
fn turn(thread: Option<&mut Thread>, key: &Key, begins: bool) -> Option<()> {
    let time_ns = now();
    if let Some(connection) = connections::find(key) {
        if let Some(Thread { scratch, .. }) = thread {
            walk(scratch, key, connection, WRITTEN, time_ns, 0, tcp_flag::FIN | tcp_flag::ACK);
            walk(scratch, key, connection, READ, time_ns, 0, tcp_flag::FIN | tcp_flag::ACK);
        }
        connections::remove(key, connection);
    }
    if begins && key.ssl != 0 && !connections::insert(key, time_ns, true) {
        count(Counter::Untracked);
    }
    None
}
