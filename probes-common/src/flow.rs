//! Totals of packets that have something in common, kept in the kernel, or by user space when it reads a file.

use crate::packet::Address;
use crate::packet::headers::{Headers, present};
use crate::record::Way;

/// What the packets of a flow have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum By {
    /// Addresses, ports, protocol and interface.
    Tuple = 0,
    /// The sender.
    Source = 1,
    /// The receiver.
    Destination = 2,
    /// Protocol and the lower one of both ports, which is the service's as a rule.
    Port = 3,
    /// The protocol.
    Protocol = 4,
    /// The interface.
    Interface = 5,
}

/// Which flow. What [`By`] does not ask for is zero; the direction is always told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// Sender.
    pub source: Address,
    /// Receiver.
    pub destination: Address,
    /// Sender's port, or the lower one (`By::Port`).
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// Interface index.
    pub interface: u32,
    /// EtherType of what is not IP.
    pub ethertype: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// Bits of [`known`].
    pub known: u8,
    /// A [`Way`].
    pub way: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Bits of [`FlowKey::known`].
pub mod known {
    /// The addresses that were asked for.
    pub const IP: u8 = 1;
    /// The ports that were asked for.
    pub const PORTS: u8 = 1 << 1;
}

const _: () = assert!(size_of::<FlowKey>() == 48);

/// How many flows each CPU remembers at most.
pub const RECENT: usize = 1 << RECENT_BITS;

const RECENT_BITS: u32 = 10;

impl FlowKey {
    /// Of one packet.
    #[inline(always)]
    pub fn of(by: By, headers: &Headers, interface: u32, way: Way) -> Self {
        let is_ip = headers.has(present::IP);
        let is_tuple = matches!(by, By::Tuple);
        let has_protocol = is_tuple || matches!(by, By::Port | By::Protocol);
        let has_ports = headers.has(present::PORTS) && (is_tuple || matches!(by, By::Port));
        let lower = if headers.source_port < headers.destination_port { headers.source_port } else { headers.destination_port };
        let ip = if is_ip && !matches!(by, By::Interface) { known::IP } else { 0 };
        let [source, destination] = [is_tuple || matches!(by, By::Source), is_tuple || matches!(by, By::Destination)];
        let source = if source { headers.source } else { Address::ZERO };
        let destination = if destination { headers.destination } else { Address::ZERO };
        let source_port = if is_tuple { headers.source_port } else { lower };
        Self::packed(Self {
            source,
            destination,
            source_port: if has_ports { source_port } else { 0 },
            destination_port: if is_tuple { headers.destination_port } else { 0 },
            interface: if is_tuple || matches!(by, By::Interface) { interface } else { 0 },
            ethertype: if has_protocol && !is_ip { headers.ethertype } else { 0 },
            protocol: if has_protocol { headers.protocol } else { 0 },
            known: if has_ports { ip | known::PORTS } else { ip },
            way: way as u8,
            reserved: [0; 3],
        })
    }

    /// The same, written in words: who looks it up reads it in words at once, which would wait for parts of them.
    #[inline(always)]
    fn packed(self) -> Self {
        let Self { source, destination, source_port, destination_port, interface, ethertype, protocol, known, way, reserved: _ } = self;
        let [source, destination] = [source.words(), destination.words()];
        let [a, b] = source_port.to_ne_bytes();
        let [c, d] = destination_port.to_ne_bytes();
        let [e, f, g, h] = interface.to_ne_bytes();
        let ends = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        let [a, b] = ethertype.to_ne_bytes();
        let rest = u64::from_ne_bytes([a, b, protocol, known, way, 0, 0, 0]);
        // SAFETY: both have 48 bytes without padding, and a key is valid for every bit pattern.
        unsafe { core::mem::transmute::<[u64; 6], Self>([source[0], source[1], destination[0], destination[1], ends, rest]) }
    }

    #[inline(always)]
    fn words(self) -> [u64; 6] {
        // SAFETY: both have 48 bytes without padding, and numbers are valid for every bit pattern.
        unsafe { core::mem::transmute::<Self, [u64; 6]>(self) }
    }

    /// Whether it is the same, in words likewise.
    #[inline(always)]
    pub fn is(&self, other: &Self) -> bool {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.words(), other.words());
        (a ^ g) | (b ^ h) | (c ^ i) | (d ^ j) | (e ^ k) | (f ^ l) == 0
    }

    /// Where a CPU remembers it, below [`RECENT`]: the highest bits of a sum of products with odd numbers, which all bits have a part in.
    #[inline(always)]
    pub fn slot(&self) -> usize {
        let [a, b, c, d, e, f] = self.words();
        let sum = a
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(b.wrapping_mul(0xbf58_476d_1ce4_e5b9))
            .wrapping_add(c.wrapping_mul(0x94d0_49bb_1331_11eb))
            .wrapping_add(d.wrapping_mul(0xd6e8_feb8_6659_fd93))
            .wrapping_add(e.wrapping_mul(0xa076_1d64_78bd_642f))
            .wrapping_add(f.wrapping_mul(0xe703_7ed1_a0b4_28db));
        (sum >> (u64::BITS - RECENT_BITS)) as usize
    }
}

/// A flow, and its totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Flow {
    /// Which one.
    pub key: FlowKey,
    /// Zero where there is none.
    pub totals: FlowTotals,
}

const _: () = assert!(size_of::<Flow>() == 136);

/// The totals of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FlowTotals {
    /// Frames, as the hook has them.
    pub packets: u64,
    /// Packets of the wire; 0 where the hook cannot know.
    pub segments: u64,
    /// Bytes of the frames ([`crate::packet::record::PacketRecord::length`]).
    pub bytes: u64,
    /// Bytes on the wire, with the headers of each segment; 0 where the hook cannot know.
    pub wire_bytes: u64,
    /// `CLOCK_MONOTONIC` of the first packet (of a file: since 1970), in nanoseconds; the kernel's is at most a timer tick early.
    pub first_ns: u64,
    /// That of the last one, likewise.
    pub last_ns: u64,
    /// Payload bytes of TCP that were sent before (`By::Tuple`).
    pub retransmitted_bytes: u64,
    /// Packets with SYN and without ACK.
    pub syn: u32,
    /// Packets with SYN and ACK.
    pub syn_ack: u32,
    /// Packets with RST.
    pub rst: u32,
    /// Packets of TCP whose window is 0, without SYN and RST.
    pub zero_window: u32,
    /// Bytes of the shortest frame.
    pub min_bytes: u32,
    /// And of the longest.
    pub max_bytes: u32,
    /// The sequence number behind the last byte that was sent (`By::Tuple`).
    pub next_sequence: u32,
    /// All TCP flags that were seen.
    pub tcp_flags: u32,
}

const _: () = assert!(size_of::<FlowTotals>() == 88);

impl FlowTotals {
    /// Of no packet.
    pub const NONE: Self = Self {
        packets: 0,
        segments: 0,
        bytes: 0,
        wire_bytes: 0,
        first_ns: 0,
        last_ns: 0,
        retransmitted_bytes: 0,
        syn: 0,
        syn_ack: 0,
        rst: 0,
        zero_window: 0,
        min_bytes: 0,
        max_bytes: 0,
        next_sequence: 0,
        tcp_flags: 0,
    };

    /// Adds those of other packets: of another part of the run, or of another CPU.
    pub fn merge(&mut self, more: &Self) {
        *self = match (self.packets, more.packets) {
            (_, 0) => *self,
            (0, _) => *more,
            _ => Self {
                packets: self.packets + more.packets,
                segments: self.segments + more.segments,
                bytes: self.bytes + more.bytes,
                wire_bytes: self.wire_bytes + more.wire_bytes,
                first_ns: self.first_ns.min(more.first_ns),
                last_ns: self.last_ns.max(more.last_ns),
                retransmitted_bytes: self.retransmitted_bytes + more.retransmitted_bytes,
                syn: self.syn.saturating_add(more.syn),
                syn_ack: self.syn_ack.saturating_add(more.syn_ack),
                rst: self.rst.saturating_add(more.rst),
                zero_window: self.zero_window.saturating_add(more.zero_window),
                min_bytes: self.min_bytes.min(more.min_bytes),
                max_bytes: self.max_bytes.max(more.max_bytes),
                next_sequence: if more.last_ns >= self.last_ns { more.next_sequence } else { self.next_sequence },
                tcp_flags: self.tcp_flags | more.tcp_flags,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_are_much_alike_are_remembered_in_many_places() {
        let alike: [fn(u16, [u8; 2]) -> FlowKey; 4] = [
            |port, _| FlowKey { source_port: 32_768 + port, destination_port: 443, ..FlowKey::default() },
            |_, [a, b]| FlowKey { source: Address::v4([10, 0, a, b]), ..FlowKey::default() },
            |_, [a, b]| FlowKey { destination: Address::v6([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b]), ..FlowKey::default() },
            |interface, _| FlowKey { interface: interface.into(), ..FlowKey::default() },
        ];
        for key in alike {
            let mut places: Vec<_> = (0..512u16).map(|n| key(n, n.to_be_bytes()).slot()).collect();
            places.sort_unstable();
            places.dedup();
            // At random they would be 403.
            assert!(places.len() > 350 && places.iter().all(|place| *place < RECENT), "{}", places.len());
        }
    }

    #[test]
    fn adds_up_what_each_cpu_has() {
        let one = FlowTotals { packets: 1, bytes: 60, first_ns: 5, last_ns: 5, min_bytes: 60, max_bytes: 60, ..FlowTotals::NONE };
        let two = FlowTotals { packets: 2, bytes: 200, first_ns: 2, last_ns: 9, min_bytes: 90, max_bytes: 110, ..FlowTotals::NONE };
        let both = FlowTotals { packets: 3, bytes: 260, first_ns: 2, last_ns: 9, min_bytes: 60, max_bytes: 110, ..FlowTotals::NONE };
        for (mut sum, more, expected) in [(one, two, both), (two, one, both), (one, FlowTotals::NONE, one), (FlowTotals::NONE, one, one)] {
            sum.merge(&more);
            assert_eq!(sum, expected);
        }
    }
}
