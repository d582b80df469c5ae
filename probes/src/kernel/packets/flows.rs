//! Totals of flows. User space reads them while the programs write: each number is exact in itself.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use ehl_probes_common::{
    flow::{By, FlowKey, FlowTotals},
    packet::headers::{Headers, present},
    record::tcp_flag::{ACK, RST, SYN},
};

use super::{Frame, table::Recent};
use crate::kernel::shared;

/// The totals of what does not fit.
#[map]
static OTHER: PerCpuArray<FlowTotals> = PerCpuArray::with_max_entries(1, 0);

/// Adds a packet to the totals of its flow.
#[inline(always)]
pub(super) fn add(by: By, headers: &Headers, frame: &Frame, time_ns: u64, recent: &mut Recent) {
    let key = FlowKey::of(by, headers, frame.interface, frame.way);
    // SAFETY: pointers from map look-ups that succeeded, and all numbers are written as `shared` wants it.
    unsafe {
        if let Some(totals) = recent.find_or_insert(&key) {
            add_packet(totals, headers, frame, time_ns);
            if matches!(by, By::Tuple) && headers.has(present::TCP | present::PAYLOAD) {
                follow(totals, headers);
            }
        } else if let Some(totals) = OTHER.get_ptr_mut(0) {
            add_packet(totals, headers, frame, time_ns);
        }
    }
}

/// # Safety
/// `totals` is a valid map value, whose numbers nobody writes but through `shared` or as plain ones that may be lost.
#[inline(always)]
unsafe fn add_packet(totals: *mut FlowTotals, headers: &Headers, frame: &Frame, time_ns: u64) {
    let Frame { length, segments, .. } = *frame;
    // SAFETY: by the caller's promise.
    unsafe {
        shared::add(&raw mut (*totals).packets, 1);
        shared::add(&raw mut (*totals).bytes, length as u64);
        if segments != 0 {
            shared::add(&raw mut (*totals).segments, segments as u64);
            shared::add(&raw mut (*totals).wire_bytes, length as u64 + (segments - 1) as u64 * headers.header_len as u64);
        }
        if (*totals).first_ns == 0 {
            (*totals).first_ns = time_ns;
        }
        // Of one tick, each CPU has its own time.
        if (*totals).last_ns < time_ns {
            (*totals).last_ns = time_ns;
        }
        shared::replace(&raw mut (*totals).min_bytes, |shortest| if shortest == 0 || length < shortest { length } else { shortest });
        shared::replace(&raw mut (*totals).max_bytes, |longest| if length > longest { length } else { longest });
        if headers.has(present::TCP) {
            add_flags(totals, headers.tcp_flags, headers.window);
        }
    }
}

/// # Safety
/// As of [`add_packet`].
#[inline(always)]
unsafe fn add_flags(totals: *mut FlowTotals, flags: u8, window: u16) {
    // SAFETY: by the caller's promise.
    unsafe {
        shared::set(&raw mut (*totals).tcp_flags, flags as u32);
        match flags & (SYN | ACK) {
            SYN => shared::count(&raw mut (*totals).syn),
            SYN_ACK => shared::count(&raw mut (*totals).syn_ack),
            _ => {}
        }
        if flags & RST != 0 {
            shared::count(&raw mut (*totals).rst);
        }
        if window == 0 && flags & (SYN | RST) == 0 {
            shared::count(&raw mut (*totals).zero_window);
        }
    }
}

/// Bytes of TCP that were sent before are those below the highest end that was seen.
///
/// # Safety
/// As of [`add_packet`].
#[inline(always)]
unsafe fn follow(totals: *mut FlowTotals, headers: &Headers) {
    /// No window is larger (RFC 7323 section 2.3).
    const MAX_WINDOW: u32 = 1 << 30;
    let Headers { sequence, payload_len, tcp_flags, .. } = *headers;
    if payload_len == 0 && tcp_flags & SYN == 0 || tcp_flags & RST != 0 {
        return;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        let next_sequence = &raw mut (*totals).next_sequence;
        if tcp_flags & SYN != 0 {
            // What had the same ports before was another connection. A SYN has a sequence number (RFC 9293 section 3.4).
            *next_sequence = sequence.wrapping_add(1).wrapping_add(payload_len);
            return;
        }
        let end = sequence.wrapping_add(payload_len);
        let next = *next_sequence;
        let (below, above) = (next.wrapping_sub(sequence), end.wrapping_sub(next));
        if next == 0 || below > MAX_WINDOW && above > MAX_WINDOW {
            *next_sequence = end;
            return;
        }
        // RFC 9293 section 3.8.4: a keep-alive probe may have one byte, which the receiver has.
        let is_probe = payload_len == 1 && below == 1;
        if below != 0 && below <= MAX_WINDOW && !is_probe {
            let sent_before = if below < payload_len { below } else { payload_len };
            shared::add(&raw mut (*totals).retransmitted_bytes, sent_before as u64);
        }
        shared::replace(next_sequence, |next| if end.wrapping_sub(next) <= MAX_WINDOW { end } else { next });
    }
}

const SYN_ACK: u8 = SYN | ACK;
