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

impl FlowKey {
    /// Of one packet.
    #[inline(always)]
    pub fn of(by: By, headers: &Headers, interface: u32, way: Way) -> Self {
        let mut key = Self { way: way as u8, ..Self::default() };
        if matches!(by, By::Interface | By::Tuple) {
            key.interface = interface;
        }
        if matches!(by, By::Source | By::Tuple) {
            key.source = headers.source;
        }
        if matches!(by, By::Destination | By::Tuple) {
            key.destination = headers.destination;
        }
        if matches!(by, By::Port | By::Protocol | By::Tuple) {
            key.protocol = headers.protocol;
            key.ethertype = if headers.has(present::IP) { 0 } else { headers.ethertype };
        }
        if matches!(by, By::Tuple) {
            key.source_port = headers.source_port;
            key.destination_port = headers.destination_port;
        } else if matches!(by, By::Port) {
            key.source_port = if headers.source_port < headers.destination_port { headers.source_port } else { headers.destination_port };
        }
        if headers.has(present::IP) && !matches!(by, By::Interface) {
            key.known |= known::IP;
        }
        if headers.has(present::PORTS) && matches!(by, By::Tuple | By::Port) {
            key.known |= known::PORTS;
        }
        key
    }
}

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
    /// `CLOCK_MONOTONIC` of the first packet (of a file: since 1970), in nanoseconds.
    pub first_ns: u64,
    /// That of the last one.
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
