//! The record of a stream probe: a fixed header, then the captured bytes.
//!
//! A record *covers* `payload_len` bytes of one direction of a connection from `sequence` on; the first `captured_len`
//! of them follow the header. What is covered and not captured is body (`flag::BODY`) or lies beyond the capture window.
//! Records of one direction cover each byte at least once, in the order in which the hook saw them.

use core::mem::{offset_of, size_of};

use crate::packet::Address;

/// Bits of [`RecordHeader::flags`].
pub mod flag {
    /// The covered bytes start at a message boundary that the kernel knows for certain.
    pub const HEAD_START: u16 = 1;
    /// The head ends within the captured bytes, and what is covered after it is proven body.
    pub const HEAD_END: u16 = 1 << 1;
    /// All covered bytes are proven body.
    pub const BODY: u16 = 1 << 2;
    /// The message ends with the covered bytes.
    pub const MESSAGE_END: u16 = 1 << 3;
    /// The kernel is out of step from `sequence` on and submits everything; `framing` tells where in a body it was.
    pub const HANDOVER: u16 = 1 << 4;
    /// Submitted out of step, or before the direction was known to be HTTP.
    pub const UNPROVEN: u16 = 1 << 5;
    /// The covered bytes were sent by the receiver that the record names, before this segment: of the segment, only its
    /// addresses count.
    pub const OPPOSITE: u16 = 1 << 6;
    /// The covered bytes are frames of HTTP/2, in step; with [`HEAD_START`], they start with a frame header or the preface, and what is
    /// covered and not captured is payload of DATA frames.
    pub const HTTP2: u16 = 1 << 7;
}

/// Bits of [`RecordHeader::tcp_flags`], as in the TCP header (RFC 9293 section 3.1).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// The acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
}

/// Every network namespace's loopback interface has this index.
pub const LOOPBACK: u32 = 1;

/// Which probe wrote a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ProbeId {
    /// The socket filter on AF_PACKET sockets.
    SockHttp = 1,
    /// The uprobes in TLS libraries.
    SslUprobe = 2,
    /// XDP on interfaces.
    XdpHeaders = 3,
    /// TCX or clsact on interfaces.
    TcHeaders = 4,
}

/// Which way a segment passed the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// Received by this host, or read.
    Ingress = 0,
    /// Sent by this host, or written.
    Egress = 1,
}

/// Fixed part of a record, in native byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RecordHeader {
    /// `CLOCK_MONOTONIC` in nanoseconds, when the hook ran.
    pub time_ns: u64,
    /// Identity of the connection where addresses are not one (TLS); 0 for packets.
    pub connection: u64,
    /// With `flag::HANDOVER`: a [`crate::chunked::State`] or a body length, packed by [`crate::walk::Handover`].
    pub framing: u64,
    /// Sender, IPv4 as `::ffff:a.b.c.d`, network byte order.
    pub source: [u8; 16],
    /// Receiver, likewise.
    pub destination: [u8; 16],
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first covered byte.
    pub sequence: u32,
    /// Acknowledgement number of the segment: the byte of the other direction that the sender expects next.
    pub acknowledgement: u32,
    /// How many bytes of the stream the record covers.
    pub payload_len: u32,
    /// How many of them follow this header.
    pub captured_len: u32,
    /// Interface index (packets) or process id (TLS).
    pub origin: u32,
    /// Bits of [`flag`].
    pub flags: u16,
    /// A [`ProbeId`].
    pub probe: u8,
    /// A [`Way`].
    pub way: u8,
    /// Bits of [`tcp_flag`].
    pub tcp_flags: u8,
    /// 1 when the connection was seen from its start, so that the sequence numbers of both directions begin with 0 (TLS).
    pub from_start: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// Size of the fixed part in bytes.
pub const HEADER_LEN: usize = size_of::<RecordHeader>();

const _: () = assert!(HEADER_LEN == 88);
const _: () = assert!(offset_of!(RecordHeader, source) == 24);
const _: () = assert!(offset_of!(RecordHeader, destination) == 40 && size_of::<Address>() == 16);
const _: () = assert!(offset_of!(RecordHeader, sequence) == 60);
const _: () = assert!(offset_of!(RecordHeader, flags) == 80);

/// Why bytes from the ring buffer are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than the fixed part.
    Short,
    /// `captured_len` exceeds `payload_len` or what is there.
    Length,
}

/// Splits the bytes of one ring buffer record into its header and the captured bytes.
pub fn decode(bytes: &[u8]) -> Result<(RecordHeader, &[u8]), DecodeError> {
    let Some((fixed, rest)) = bytes.split_at_checked(HEADER_LEN) else {
        return Err(DecodeError::Short);
    };
    // SAFETY: `fixed` holds HEADER_LEN bytes, RecordHeader is plain old data without padding (asserted above) and valid
    // for every bit pattern; the read does not assume alignment.
    let header = unsafe { core::ptr::read_unaligned(fixed.as_ptr().cast::<RecordHeader>()) };
    if header.captured_len > header.payload_len {
        return Err(DecodeError::Length);
    }
    match rest.get(..header.captured_len as usize) {
        Some(captured) => Ok((header, captured)),
        None => Err(DecodeError::Length),
    }
}

impl RecordHeader {
    /// A header of zeros.
    pub const ZERO: Self = Self {
        time_ns: 0,
        connection: 0,
        framing: 0,
        source: [0; 16],
        destination: [0; 16],
        source_port: 0,
        destination_port: 0,
        sequence: 0,
        acknowledgement: 0,
        payload_len: 0,
        captured_len: 0,
        origin: 0,
        flags: 0,
        probe: 0,
        way: 0,
        tcp_flags: 0,
        from_start: 0,
        reserved: [0; 2],
    };

    /// Sets sender and receiver, without going byte by byte.
    #[inline(always)]
    pub fn set_addresses(&mut self, source: Address, destination: Address) {
        for (field, address) in [(&raw mut self.source, source), (&raw mut self.destination, destination)] {
            let [first, second] = address.words();
            // SAFETY: the fields have 16 bytes, and are aligned to 8 (asserted above). Volatile, because what copies several words at
            // once is a call that goes byte by byte.
            unsafe {
                field.cast::<u64>().write_volatile(first);
                field.cast::<u64>().add(1).write_volatile(second);
            }
        }
    }

    /// The bytes of the header, as the kernel writes them.
    pub fn as_bytes(&self) -> &[u8; HEADER_LEN] {
        // SAFETY: RecordHeader is repr(C) without padding (its size is the sum of its fields), so all bytes are initialised.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_the_kernel_lays_out() {
        let header = RecordHeader {
            time_ns: 0x0102_0304_0506_0708,
            source_port: 0x1122,
            sequence: 0xaabb_ccdd,
            payload_len: 5,
            captured_len: 3,
            flags: flag::HEAD_START,
            tcp_flags: tcp_flag::ACK,
            ..RecordHeader::ZERO
        };
        let mut bytes = header.as_bytes().to_vec();
        assert_eq!(&bytes[..8], &0x0102_0304_0506_0708u64.to_ne_bytes());
        assert_eq!(&bytes[56..58], &0x1122u16.to_ne_bytes());
        assert_eq!(&bytes[60..64], &0xaabb_ccddu32.to_ne_bytes());
        assert_eq!(&bytes[80..82], &flag::HEAD_START.to_ne_bytes());
        assert_eq!(bytes[84], tcp_flag::ACK);
        bytes.extend_from_slice(b"GET and the ring's padding");
        let (decoded, captured) = decode(&bytes).expect("a whole record");
        assert_eq!(decoded, header);
        assert_eq!(captured, b"GET");
    }

    #[test]
    fn refuses_records_whose_lengths_lie() {
        let header = RecordHeader { payload_len: 9, captured_len: 9, ..RecordHeader::ZERO };
        let mut bytes = header.as_bytes().to_vec();
        assert_eq!(decode(&bytes[..HEADER_LEN - 1]), Err(DecodeError::Short));
        bytes.extend_from_slice(b"12345678");
        assert_eq!(decode(&bytes), Err(DecodeError::Length));
        let header = RecordHeader { payload_len: 1, captured_len: 2, ..RecordHeader::ZERO };
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(b"12");
        assert_eq!(decode(&bytes), Err(DecodeError::Length));
    }
}
