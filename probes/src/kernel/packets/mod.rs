//! What the packet probes make of a packet: nothing, a record, or a part of a flow's totals. Set by user space before loading.

pub mod direct;
mod filter;
mod flows;
mod table;

use core::arch::asm;

use aya_ebpf::{
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns},
    macros::map,
    maps::PerCpuArray,
};
use ehl_probes_common::{
    counter::Counter,
    flow::By,
    packet::headers::{Headers, present},
    record::{ProbeId, Way},
};

use self::table::Recent;
use super::{
    counters::{count, count_here},
    filter::setting,
    records,
};

/// `CLOCK_MONOTONIC` in nanoseconds after which the programs do nothing; 0 for none.
#[unsafe(no_mangle)]
static DEADLINE_NS: u64 = 0;

/// What the packets of a flow have in common: a [`By`]; [`RECORDS`] when there are none.
#[unsafe(no_mangle)]
static FLOWS_BY: u32 = RECORDS;

/// A record of each so many-th packet.
#[unsafe(no_mangle)]
static SAMPLE: u32 = 1;

const RECORDS: u32 = u32::MAX;

#[map]
static WORK: PerCpuArray<Work> = PerCpuArray::with_max_entries(1, 0);

/// What one CPU works with.
#[repr(C)]
pub struct Work {
    /// Those of the packet. They are in a map because the verifier takes numbers on the stack for what they were in each of the many ways
    /// through the parser, and those of a map for any.
    pub headers: Headers,
    /// The last timer tick on which a packet came.
    tick: u64,
    /// When the first packet after it came: `CLOCK_MONOTONIC` in nanoseconds.
    tick_ns: u64,
    /// How many packets were left out since the last record.
    left_out: u32,
    /// Where totals of flows are.
    recent: Recent,
}

/// A packet as its hook tells of it.
#[derive(Clone, Copy)]
pub struct Frame {
    /// As [`ehl_probes_common::packet::record::PacketRecord::length`].
    pub length: u32,
    /// As [`ehl_probes_common::packet::record::PacketRecord::segments`].
    pub segments: u32,
    /// Interface index.
    pub interface: u32,
    /// Which hook it is.
    pub probe: ProbeId,
    /// Which way the packet goes.
    pub way: Way,
}

/// What this CPU works with on a new packet; `None` when the programs' time is over.
#[inline(always)]
pub fn work() -> Option<&'static mut Work> {
    // SAFETY: the pointer comes from a map look-up that succeeded, and nothing on this CPU interrupts the program to use it.
    let work = unsafe { &mut *WORK.get_ptr_mut(0)? };
    // SAFETY: the helper takes no arguments and only reads a number.
    let tick = unsafe { bpf_jiffies64() };
    if tick != work.tick {
        work.tick = tick;
        work.tick_ns = time_ns();
    }
    let deadline = setting(&DEADLINE_NS);
    if deadline != 0 && work.tick_ns >= deadline {
        return None;
    }
    work.headers.clear();
    Some(work)
}

/// Reading the clock takes longer than all the rest of a record.
#[inline(always)]
fn time_ns() -> u64 {
    // SAFETY: the helper takes no arguments and only reads the clock.
    unsafe { bpf_ktime_get_ns() }
}

/// Counts the packet whose headers are read, and does with it what it is for.
#[inline(always)]
pub fn observe(work: &mut Work, frame: &Frame) {
    let mut headers = &raw const work.headers;
    // SAFETY: does nothing to the pointer; the compiler is to write the headers and to read them again, for the verifier's sake.
    let headers = unsafe {
        asm!("{headers} = {headers}", headers = inout(reg) headers, options(nostack));
        &*headers
    };
    count_here(Counter::Packets);
    if headers.present & (present::CUT | present::MALFORMED) != 0 {
        count(Counter::Malformed);
    }
    if !headers.has(present::IP) {
        count(Counter::NotIp);
    }
    if headers.is_tunnel() {
        count(Counter::Tunnels);
    }
    if !filter::watches(headers) {
        count(Counter::Filtered);
        return;
    }
    match by(setting(&FLOWS_BY)) {
        Some(by) => flows::add(by, headers, frame, work.tick_ns, &mut work.recent),
        None if is_left_out(&mut work.left_out) => count(Counter::Unsampled),
        None => submit(&work.headers, frame),
    }
}

#[inline(always)]
fn by(number: u32) -> Option<By> {
    match number {
        0 => Some(By::Tuple),
        1 => Some(By::Source),
        2 => Some(By::Destination),
        3 => Some(By::Port),
        4 => Some(By::Protocol),
        5 => Some(By::Interface),
        _ => None,
    }
}

#[inline(always)]
fn is_left_out(left_out: &mut u32) -> bool {
    let sample = setting(&SAMPLE);
    if sample <= 1 {
        return false;
    }
    *left_out += 1;
    if *left_out < sample {
        return true;
    }
    *left_out = 0;
    false
}

#[inline(always)]
fn submit(headers: &Headers, frame: &Frame) {
    let Frame { length, segments, interface, probe, way } = *frame;
    let (time_ns, probe, way) = (time_ns(), probe as u8, way as u8);
    // SAFETY: the ring's room for a record; all of its fields are written.
    records::submit_packet(|record| unsafe {
        (*record).time_ns = time_ns;
        headers.write_to(&raw mut (*record).headers);
        (*record).length = length;
        (*record).segments = segments;
        (*record).interface = interface;
        (*record).probe = probe;
        (*record).way = way;
        (*record).reserved = 0;
    });
}
