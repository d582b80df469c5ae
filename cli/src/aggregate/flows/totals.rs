//! The totals of one flow, and a packet more. The same numbers as the programs in the kernel make of the same packets, which cannot share
//! this: several of them write at a time.

use ehl_probes_common::flow::FlowTotals;
use ehl_probes_common::packet::headers::{Headers, present};
use ehl_probes_common::record::tcp_flag::{ACK, RST, SYN};

use crate::packet::Sighting;

/// Adds a packet.
pub(super) fn add(totals: &mut FlowTotals, packet: &Sighting) {
    let Sighting { time_ns, headers, length, segments, interface: _, way: _ } = packet;
    let is_tcp = headers.has(present::TCP);
    let counts = |flags, set| u32::from(is_tcp && headers.tcp_flags & flags == set);
    let one = FlowTotals {
        packets: 1,
        segments: segments.unwrap_or(0).into(),
        bytes: (*length).into(),
        wire_bytes: packet.wire_bytes().unwrap_or(0),
        first_ns: *time_ns,
        last_ns: *time_ns,
        retransmitted_bytes: 0,
        syn: counts(SYN | ACK, SYN),
        syn_ack: counts(SYN | ACK, SYN | ACK),
        rst: counts(RST, RST),
        zero_window: if headers.window == 0 { counts(SYN | RST, 0) } else { 0 },
        min_bytes: *length,
        max_bytes: *length,
        next_sequence: totals.next_sequence,
        tcp_flags: if is_tcp { headers.tcp_flags.into() } else { 0 },
    };
    totals.merge(&one);
}

/// Follows the sequence numbers of one direction of a connection: what is below the highest end that was seen was sent before.
pub(super) fn follow(totals: &mut FlowTotals, headers: &Headers) {
    /// No window is larger (RFC 7323 section 2.3).
    const MAX_WINDOW: u32 = 1 << 30;
    let Headers { sequence, payload_len, tcp_flags, .. } = *headers;
    if !headers.has(present::TCP | present::PAYLOAD) || payload_len == 0 && tcp_flags & SYN == 0 || tcp_flags & RST != 0 {
        return;
    }
    if tcp_flags & SYN != 0 {
        // What had the same ports before was another connection. A SYN has a sequence number (RFC 9293 section 3.4).
        totals.next_sequence = sequence.wrapping_add(1).wrapping_add(payload_len);
        return;
    }
    let (next, end) = (totals.next_sequence, sequence.wrapping_add(payload_len));
    let (below, above) = (next.wrapping_sub(sequence), end.wrapping_sub(next));
    if next == 0 || below > MAX_WINDOW && above > MAX_WINDOW {
        totals.next_sequence = end;
        return;
    }
    // RFC 9293 section 3.8.4: a keep-alive probe may have one byte, which the receiver has.
    let is_probe = payload_len == 1 && below == 1;
    if below <= MAX_WINDOW && !is_probe {
        totals.retransmitted_bytes += u64::from(below.min(payload_len));
    }
    if above <= MAX_WINDOW {
        totals.next_sequence = end;
    }
}
