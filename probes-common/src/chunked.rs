//! The chunked transfer coding (RFC 9112 section 7.1) as a state machine over bytes, so that kernel and user space can
//! stop and go on at any byte, and hand the state to each other.

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct State {
    /// Bytes of chunk data still to come, in `phase::DATA`; else the size read so far.
    pub left: u64,
    /// One of [`phase`].
    pub phase: u8,
}

/// Values of [`State::phase`]: what the next byte belongs to.
pub mod phase {
    /// First digit of a chunk size.
    pub const SIZE_START: u8 = 0;
    /// Further digits of a chunk size.
    pub const SIZE: u8 = 1;
    /// Chunk extension, or white space after the size.
    pub const EXTENSION: u8 = 2;
    /// LF after the CR of the size line.
    pub const SIZE_LF: u8 = 3;
    /// Chunk data.
    pub const DATA: u8 = 4;
    /// CR after chunk data.
    pub const DATA_CR: u8 = 5;
    /// LF after chunk data.
    pub const DATA_LF: u8 = 6;
    /// First byte of a trailer line, or of the empty line that ends the body.
    pub const TRAILER_START: u8 = 7;
    /// Within a trailer line.
    pub const TRAILER: u8 = 8;
    /// LF of the empty line.
    pub const LAST_LF: u8 = 9;
    /// The body is over; the byte belongs to the next message.
    pub const END: u8 = 10;
    /// This is no chunked body.
    pub const BAD: u8 = 11;
}

/// A larger chunk is taken for nonsense (and would not fit a handover).
const MAX_SIZE: u64 = 1 << 48;

impl State {
    /// Before the first chunk.
    pub const START: Self = Self { left: 0, phase: phase::SIZE_START };

    /// The state after `byte`. In `phase::DATA` use [`State::skip`] instead, which takes many bytes at once.
    #[inline(always)]
    #[must_use]
    pub fn step(self, byte: u8) -> Self {
        match self.phase {
            phase::SIZE_START | phase::SIZE => self.size(byte),
            phase::EXTENSION if byte == b'\n' => self.size_over(),
            phase::EXTENSION => self,
            phase::SIZE_LF if byte == b'\n' => self.size_over(),
            phase::DATA => self.skip(1),
            phase::DATA_CR if byte == b'\r' => Self { left: 0, phase: phase::DATA_LF },
            phase::DATA_CR | phase::DATA_LF if byte == b'\n' => Self::START,
            phase::TRAILER_START if byte == b'\r' => Self { left: 0, phase: phase::LAST_LF },
            phase::TRAILER_START | phase::LAST_LF if byte == b'\n' => Self { left: 0, phase: phase::END },
            phase::TRAILER if byte == b'\n' => Self { left: 0, phase: phase::TRAILER_START },
            phase::TRAILER_START | phase::TRAILER => Self { left: 0, phase: phase::TRAILER },
            _ => Self { left: 0, phase: phase::BAD },
        }
    }

    /// The state after `count` bytes of chunk data, at most `left`.
    #[inline(always)]
    #[must_use]
    pub fn skip(self, count: u64) -> Self {
        let left = self.left.wrapping_sub(count);
        if left == 0 { Self { left, phase: phase::DATA_CR } } else { Self { left, phase: phase::DATA } }
    }

    #[inline(always)]
    fn size(self, byte: u8) -> Self {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.phase == phase::SIZE_START => return Self { left: 0, phase: phase::BAD },
            b'\r' => return Self { left: self.left, phase: phase::SIZE_LF },
            b'\n' => return self.size_over(),
            // RFC 9112 section 7.1.1 wants ";"; white space before it is common ("BWS").
            b';' | b' ' | b'\t' => return Self { left: self.left, phase: phase::EXTENSION },
            _ => return Self { left: 0, phase: phase::BAD },
        };
        let left = (self.left << 4) | digit as u64;
        if left > MAX_SIZE {
            return Self { left: 0, phase: phase::BAD };
        }
        Self { left, phase: phase::SIZE }
    }

    #[inline(always)]
    fn size_over(self) -> Self {
        if self.left == 0 { Self { left: 0, phase: phase::TRAILER_START } } else { Self { left: self.left, phase: phase::DATA } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bytes: &[u8]) -> State {
        bytes.iter().fold(State::START, |state, byte| state.step(*byte))
    }

    #[test]
    fn ends_after_the_empty_line_and_not_before() {
        let body = b"4\r\nWiki\r\n5;ext=\"1\"\r\npedia\r\n00e \r\n in\r\n\r\nchunks.\r\n0\r\nExpires: never\r\n\r\n";
        for cut in 0..body.len() {
            assert!(run(&body[..cut]).phase < phase::END, "ended early at {cut}");
        }
        assert_eq!(run(body).phase, phase::END);
    }

    #[test]
    fn refuses_what_is_no_chunk_size() {
        for body in [&b"\r\n"[..], b"-1\r\n", b"0x10\r\n", b"fffffffffffffffff\r\n", b"2\r\nabc", b"5 \r\nhello\rx"] {
            assert_eq!(run(body).phase, phase::BAD, "{:?}", body.escape_ascii().to_string());
        }
    }

    #[test]
    fn skips_chunk_data_in_one_go() {
        let state = run(b"ff\r\n");
        assert_eq!(state, State { left: 255, phase: phase::DATA });
        assert_eq!(state.skip(254), State { left: 1, phase: phase::DATA });
        assert_eq!(state.skip(255), State { left: 0, phase: phase::DATA_CR });
    }
}
