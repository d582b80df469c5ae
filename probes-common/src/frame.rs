//! The header of an HTTP/2 frame (RFC 9113 section 4.1), and whether bytes in the middle of a connection look like one.

use crate::window::bounded;

/// Bytes of a frame header.
pub const FRAME_HEADER_LEN: u32 = 9;

/// What a client sends first on a connection (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 section 6).
pub mod kind {
    /// Body.
    pub const DATA: u8 = 0;
    /// Start of a head, or of trailers.
    pub const HEADERS: u8 = 1;
    /// Deprecated.
    pub const PRIORITY: u8 = 2;
    /// The stream is over at once.
    pub const RST_STREAM: u8 = 3;
    /// Parameters of the sender as a receiver.
    pub const SETTINGS: u8 = 4;
    /// Head of a request that the server answers unasked.
    pub const PUSH_PROMISE: u8 = 5;
    /// Round trip.
    pub const PING: u8 = 6;
    /// No new streams.
    pub const GOAWAY: u8 = 7;
    /// Flow control.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a head.
    pub const CONTINUATION: u8 = 9;
}

/// Frame flags (RFC 9113 section 6).
pub mod frame_flag {
    /// DATA, HEADERS: the sender's half of the stream is over.
    pub const END_STREAM: u8 = 0x01;
    /// SETTINGS, PING: an answer.
    pub const ACK: u8 = 0x01;
    /// HEADERS, PUSH_PROMISE, CONTINUATION: the head is over.
    pub const END_HEADERS: u8 = 0x04;
    /// DATA, HEADERS, PUSH_PROMISE: the payload starts with the length of the padding at its end.
    pub const PADDED: u8 = 0x08;
    /// HEADERS: five bytes of priority come before the head.
    pub const PRIORITY: u8 = 0x20;
}

/// Longest payload unless the receiver allows more (RFC 9113 section 4.2).
const DEFAULT_MAX_FRAME_SIZE: u32 = 1 << 14;
/// More settings than were ever registered, several times.
const MAX_SETTINGS: u32 = 6 * 64;

/// A frame header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Frame {
    /// Bytes of payload, 24 bits.
    pub length: u32,
    /// Stream identifier, 31 bits; 0 is the connection itself.
    pub stream: u32,
    /// One of [`kind`], or another one.
    pub kind: u8,
    /// Bits of [`frame_flag`].
    pub flags: u8,
    /// The bit before the stream identifier, which senders leave at 0.
    pub reserved: u8,
}

impl Frame {
    /// Of its first eight bytes, the first one lowest, and the ninth.
    #[inline(always)]
    pub fn new(word: u64, ninth: u8) -> Self {
        let byte = |at: u32| (word >> (8 * at)) as u32 & 0xff;
        Self {
            length: byte(0) << 16 | byte(1) << 8 | byte(2),
            stream: (byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | ninth as u32,
            kind: byte(3) as u8,
            flags: byte(4) as u8,
            reserved: (byte(5) >> 7) as u8,
        }
    }

    /// Of its bytes.
    pub fn of(bytes: &[u8; FRAME_HEADER_LEN as usize]) -> Self {
        let [a, b, c, d, e, f, g, h, ninth] = *bytes;
        Self::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]), ninth)
    }

    /// Whether a conforming sender that was told nothing else may send this, and has a reason to. Of random bytes, one header in five million
    /// passes; what passes may still be something else.
    #[inline(always)]
    pub fn is_plausible(&self) -> bool {
        use frame_flag::{ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY};
        let Self { length, stream, kind, flags, reserved } = *self;
        if reserved != 0 || bounded(length) > DEFAULT_MAX_FRAME_SIZE as u64 {
            return false;
        }
        let padding = (flags & PADDED != 0) as u32;
        let (allowed, min, max, on_stream) = match kind {
            // None that is empty and ends nothing: in binary data, zeros before a number would pass for it.
            kind::DATA => (END_STREAM | PADDED, if flags & END_STREAM != 0 { padding } else { 1 + padding }, u32::MAX, true),
            kind::HEADERS => {
                let priority = if flags & PRIORITY != 0 { 5 } else { 0 };
                (END_STREAM | END_HEADERS | PADDED | PRIORITY, 1 + padding + priority, u32::MAX, true)
            }
            kind::PRIORITY => (0, 5, 5, true),
            kind::RST_STREAM => (0, 4, 4, true),
            kind::SETTINGS => {
                if length % 6 != 0 {
                    return false;
                }
                (ACK, 0, if flags & ACK != 0 { 0 } else { MAX_SETTINGS }, false)
            }
            kind::PUSH_PROMISE => (END_HEADERS | PADDED, 5 + padding, u32::MAX, true),
            kind::PING => (ACK, 8, 8, false),
            kind::GOAWAY => (0, 8, u32::MAX, false),
            kind::WINDOW_UPDATE => (0, 4, 4, stream != 0),
            kind::CONTINUATION => (END_HEADERS, 1, u32::MAX, true),
            _ => return false,
        };
        flags & !allowed == 0 && length >= min && length <= max && (stream != 0) == on_stream
    }

    /// Whether a receiver goes on after it: anything else ends the connection (RFC 9113 section 6). Unknown types and any length are
    /// legal where they have no rule of their own.
    #[inline(always)]
    pub fn is_possible(&self) -> bool {
        let length = bounded(self.length);
        let is_on_stream = self.stream != 0;
        match self.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::PUSH_PROMISE | kind::CONTINUATION => is_on_stream,
            kind::RST_STREAM => is_on_stream && length == 4,
            kind::SETTINGS => !is_on_stream && length.is_multiple_of(6),
            kind::PING => !is_on_stream && length == 8,
            kind::GOAWAY => !is_on_stream && length >= 8,
            kind::WINDOW_UPDATE => length == 4,
            // Nobody knows what it says, and none that is registered is long.
            _ => length <= DEFAULT_MAX_FRAME_SIZE as u64,
        }
    }

    /// Whether it may be the first one of a server: SETTINGS that acknowledge nothing (RFC 9113 section 3.4).
    #[inline(always)]
    pub fn is_server_preface(&self) -> bool {
        self.kind == kind::SETTINGS && self.flags == 0 && self.is_plausible()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u32, kind: u8, flags: u8, stream: u32) -> Frame {
        let [_, a, b, c] = length.to_be_bytes();
        let [d, e, f, g] = stream.to_be_bytes();
        Frame::of(&[a, b, c, kind, flags, d, e, f, g])
    }

    #[test]
    fn reads_headers() {
        let expected = Frame { length: 0x01_02_03, stream: 0x0405_0607, kind: 8, flags: 9, reserved: 1 };
        assert_eq!(Frame::of(&[1, 2, 3, 8, 9, 0x84, 5, 6, 7]), expected);
        assert_eq!(Frame::of(&[0xff; 9]).stream, 0x7fff_ffff);
    }

    #[test]
    fn takes_what_a_sender_may_send() {
        for good in [
            frame(0, kind::DATA, 1, 3),
            frame(16_384, kind::DATA, 0, 1),
            frame(1, kind::HEADERS, 5, 1),
            frame(7, kind::HEADERS, 0x2d, 0x7fff_ffff),
            frame(5, kind::PRIORITY, 0, 3),
            frame(4, kind::RST_STREAM, 0, 3),
            frame(0, kind::SETTINGS, 0, 0),
            frame(0, kind::SETTINGS, 1, 0),
            frame(18, kind::SETTINGS, 0, 0),
            frame(5, kind::PUSH_PROMISE, 4, 1),
            frame(8, kind::PING, 1, 0),
            frame(8, kind::GOAWAY, 0, 0),
            frame(4, kind::WINDOW_UPDATE, 0, 0),
            frame(4, kind::WINDOW_UPDATE, 0, 9),
            frame(1, kind::CONTINUATION, 4, 1),
        ] {
            assert!(good.is_plausible() && good.is_possible(), "{good:?}");
        }
    }

    #[test]
    fn tells_what_a_receiver_takes_from_what_it_refuses() {
        for good in
            [frame(1 << 20, kind::DATA, 0xff, 1), frame(1 << 14, 0x42, 0xff, 0), Frame { reserved: 1, ..frame(8, kind::PING, 0x40, 0) }]
        {
            assert!(good.is_possible() && !good.is_plausible(), "{good:?}");
        }
        for bad in [
            frame(1, kind::DATA, 0, 0),
            frame(1, kind::HEADERS, 4, 0),
            frame(1, kind::CONTINUATION, 4, 0),
            frame(5, kind::RST_STREAM, 0, 1),
            frame(7, kind::SETTINGS, 0, 0),
            frame(6, kind::SETTINGS, 0, 1),
            frame(9, kind::PING, 0, 0),
            frame(7, kind::GOAWAY, 0, 0),
            frame(3, kind::WINDOW_UPDATE, 0, 1),
            frame((1 << 14) + 1, 0x42, 0, 0),
        ] {
            assert!(!bad.is_possible() && !bad.is_plausible(), "{bad:?}");
        }
    }

    #[test]
    fn refuses_what_none_sends() {
        for bad in [
            frame(0, kind::DATA, 0, 0),
            frame(0, kind::DATA, 0, 1),
            frame(16_385, kind::DATA, 0, 1),
            frame(1, kind::DATA, 2, 1),
            frame(0, kind::DATA, 8, 1),
            frame(0, kind::HEADERS, 4, 1),
            frame(6, kind::HEADERS, 0x2d, 1),
            frame(1, kind::HEADERS, 4, 0),
            frame(4, kind::PRIORITY, 0, 3),
            frame(4, kind::RST_STREAM, 0, 0),
            frame(6, kind::SETTINGS, 1, 0),
            frame(6, kind::SETTINGS, 0, 1),
            frame(7, kind::SETTINGS, 0, 0),
            frame(4, kind::PUSH_PROMISE, 4, 1),
            frame(8, kind::PING, 0, 1),
            frame(7, kind::GOAWAY, 0, 0),
            frame(5, kind::WINDOW_UPDATE, 0, 0),
            frame(1, 10, 0, 0),
            Frame { reserved: 1, ..frame(4, kind::WINDOW_UPDATE, 0, 0) },
            Frame::of(&[0; 9]),
            Frame::of(b"GET / HTT"),
            Frame::of(b"HTTP/1.1 "),
            Frame::of(b"\x16\x03\x01\x02\0\x01\0\x01\xfc"),
            Frame::of(b"*1\r\n$4\r\nP"),
        ] {
            assert!(!bad.is_plausible(), "{bad:?}");
        }
    }

    #[test]
    fn random_bytes_hardly_ever_pass() {
        let mut state = 1u64;
        let mut passed = 0;
        for _ in 0..20_000_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            passed += u32::from(Frame::new(state.rotate_left(29) ^ state, (state >> 40) as u8).is_plausible());
        }
        assert!(passed < 20, "{passed}");
    }
}
