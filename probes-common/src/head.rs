//! Finds the end of an HTTP/1 head and what it says of the body's length (RFC 9112 section 6), line by line in a window.
//!
//! It *proves*: whatever is unusual (folding, several or odd lengths, a coding other than plain `chunked`, a framing
//! line cut by the window) makes the result [`fact::UNPROVEN`], and then user space gets all bytes and decides.

use crate::window::{NOT_FOUND, REACH, WINDOW, Window};

/// A head longer than this is not followed: everything goes up, and user space marks the row `truncated`.
pub const MAX_HEAD: u32 = 128 * 1024;

/// Bits of [`Scan::facts`].
pub mod fact {
    /// The first line is over.
    pub const FIRST_LINE: u16 = 1;
    /// It is a response.
    pub const RESPONSE: u16 = 1 << 1;
    /// `Content-Length` was given once, and is a number.
    pub const LENGTH: u16 = 1 << 2;
    /// `Transfer-Encoding: chunked` and nothing else.
    pub const CHUNKED: u16 = 1 << 3;
    /// The request's method is HEAD: the response has no body whatever its fields say.
    pub const HEAD: u16 = 1 << 4;
    /// The request's method is CONNECT.
    pub const CONNECT: u16 = 1 << 5;
    /// The body's length cannot be told for certain.
    pub const UNPROVEN: u16 = 1 << 6;
    /// The line that the window starts in began before the window.
    pub const CONTINUED: u16 = 1 << 7;
    /// That line is so far a single CR.
    pub const CONTINUED_CR: u16 = 1 << 8;
    /// The line before this one was a framing field: folding would change its meaning.
    pub const AFTER_FRAMING: u16 = 1 << 9;
    /// All there was at the start of the first line is a part of `HTTP/1.`: it may be a response.
    pub const CUT_VERSION: u16 = 1 << 10;
}

/// What is known of a head, across windows and segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Scan {
    /// `Content-Length`, with [`fact::LENGTH`].
    pub content_length: u64,
    /// Bytes of the head before the window.
    pub length: u32,
    /// Bits of [`fact`].
    pub facts: u16,
    /// Status code of a response.
    pub status: u16,
}

/// Where in the window a scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cursor {
    /// How many bytes of the window are filled.
    pub end: u32,
    /// Where the next look for a newline starts.
    pub at: u32,
    /// Where the current line starts (0 if before the window).
    pub line: u32,
    /// One of [`progress`].
    pub progress: u32,
}

/// Values of [`Cursor::progress`].
pub mod progress {
    /// Call [`super::step`] again.
    pub const GOING: u32 = 0;
    /// The window is used up and the head goes on.
    pub const MORE: u32 = 1;
    /// The head ends before [`super::Cursor::at`].
    pub const DONE: u32 = 2;
    /// The first line is not one of HTTP/1.
    pub const NOT_HTTP: u32 = 3;
}

/// No call of [`step`] finds more often something to do in one window.
pub const MAX_STEPS: u32 = WINDOW as u32 / 2 + 16;

impl Scan {
    /// Before the first byte of a head.
    pub const START: Self = Self { content_length: 0, length: 0, facts: 0, status: 0 };

    /// Becomes [`Scan::START`].
    #[inline(always)]
    pub fn clear(&mut self) {
        // SAFETY: a reference. Volatile, because what sets several fields at once is a call that goes byte by byte.
        unsafe { core::ptr::write_volatile(&raw mut self.content_length, 0) };
        self.length = 0;
        self.facts = 0;
        self.status = 0;
    }

    /// Whether all of `facts` hold.
    #[inline(always)]
    pub fn has(&self, facts: u16) -> bool {
        self.facts & facts == facts
    }
}

impl Cursor {
    /// At the start of no window.
    pub const NEW: Self = Self { end: 0, at: 0, line: 0, progress: 0 };

    /// Before the first byte of an empty window.
    pub const START: Self = Self { end: 0, at: 0, line: 0, progress: progress::GOING };

    /// Goes to the start of a window of `end` bytes.
    #[inline(always)]
    pub fn restart(&mut self, end: u32) {
        self.end = end;
        self.at = 0;
        self.line = 0;
        self.progress = progress::GOING;
    }
}

/// Notes what the first bytes of a head tell: request or response, status, method. `end` is how many are there.
#[inline(always)]
pub fn start(scan: &mut Scan, window: &Window, end: u32) {
    scan.clear();
    let word = window.word(0);
    if word & SEVEN == HTTP_1 {
        scan.facts |= fact::RESPONSE;
        // "HTTP/1.1 200": the status is proven only when all of it is here.
        let tail = window.word(8);
        let (space, a, b, c) = (byte(tail, 0), digit(byte(tail, 1)), digit(byte(tail, 2)), digit(byte(tail, 3)));
        if end < 12 || space != b' ' || a > 9 || b > 9 || c > 9 {
            scan.facts |= fact::UNPROVEN;
        }
        scan.status = a as u16 * 100 + b as u16 * 10 + c as u16;
    } else if word & FIVE == *HEAD {
        scan.facts |= fact::HEAD;
    } else if word == *CONNECT {
        scan.facts |= fact::CONNECT;
    }
    if end < 8 {
        scan.facts |= fact::UNPROVEN;
    }
    if end < 7 && (word ^ HTTP_1) & ((1 << (8 * end)) - 1) == 0 {
        scan.facts |= fact::CUT_VERSION;
    }
}

/// Looks at one line, or at a part of a long one. Call it until [`Cursor::progress`] is not `GOING`, at most
/// [`MAX_STEPS`] times.
#[inline(always)]
pub fn step(scan: &mut Scan, cursor: &mut Cursor, window: &Window) {
    let newline = window.find(b'\n', cursor.at, cursor.end);
    if newline != NOT_FOUND {
        line(scan, cursor, window, newline);
        return;
    }
    cursor.at += REACH;
    if cursor.at >= cursor.end {
        cursor.progress = progress::MORE;
    }
}

/// One line is over: the bytes from `cursor.line` up to the LF at `newline`.
#[inline(always)]
fn line(scan: &mut Scan, cursor: &mut Cursor, window: &Window, newline: u32) {
    let start = cursor.line;
    let cr = newline > start && window.byte(newline - 1) == b'\r';
    let end = if cr { newline - 1 } else { newline };
    let continued = scan.has(fact::CONTINUED);
    let only_cr = scan.has(fact::CONTINUED_CR);
    scan.facts &= !(fact::CONTINUED | fact::CONTINUED_CR);
    cursor.line = newline + 1;
    cursor.at = newline + 1;
    if !scan.has(fact::FIRST_LINE) {
        scan.facts |= fact::FIRST_LINE;
        first_line(scan, cursor, window, end, continued);
    } else if end == start && (!continued || only_cr) {
        cursor.progress = progress::DONE;
    } else if !continued {
        field(scan, window, start, end);
    }
}

/// RFC 9112 section 3: `method SP request-target SP HTTP-version`; section 4: `HTTP-version SP status-code ...`.
#[inline(always)]
fn first_line(scan: &mut Scan, cursor: &mut Cursor, window: &Window, end: u32, continued: bool) {
    if scan.has(fact::RESPONSE) {
        return;
    }
    if end < 9 && continued {
        // The version was cut by the end of a segment.
        scan.facts |= fact::UNPROVEN;
        return;
    }
    let version = window.word(end.wrapping_sub(8));
    let is_request = end >= 9 && version & SEVEN == HTTP_1 && window.byte(end.wrapping_sub(9)) == b' ';
    if !is_request && !scan.has(fact::CUT_VERSION) {
        cursor.progress = progress::NOT_HTTP;
    }
}

/// A field line: only those that frame the body matter.
#[inline(always)]
fn field(scan: &mut Scan, window: &Window, start: u32, end: u32) {
    let first = window.byte(start);
    if first == b' ' || first == b'\t' {
        if scan.has(fact::AFTER_FRAMING) {
            scan.facts |= fact::UNPROVEN;
        }
        return;
    }
    scan.facts &= !fact::AFTER_FRAMING;
    match first | 0x20 {
        b'c' if named(window, start, &CONTENT_LENGTH) => {
            scan.facts |= fact::AFTER_FRAMING;
            if window.byte(start + 14) == b':' {
                length(scan, window, start + 15, end);
            } else if is_blank(window.byte(start + 14)) {
                scan.facts |= fact::UNPROVEN;
            }
        }
        b't' if named(window, start, &TRANSFER) && named(window, start + 8, &ENCODING) => {
            scan.facts |= fact::AFTER_FRAMING;
            if window.byte(start + 17) == b':' {
                coding(scan, window, start + 18, end);
            } else if is_blank(window.byte(start + 17)) {
                scan.facts |= fact::UNPROVEN;
            }
        }
        _ => {}
    }
}

/// RFC 9110 section 8.6: `Content-Length = 1*DIGIT`. Several ones, even alike, are left to user space.
#[inline(always)]
fn length(scan: &mut Scan, window: &Window, start: u32, end: u32) {
    let start = if is_blank(window.byte(start)) { start + 1 } else { start };
    // SAFETY: the window is a reference.
    let value = unsafe { ehl_number(window, start, end) };
    if value == NO_NUMBER || scan.has(fact::LENGTH) || scan.has(fact::CHUNKED) {
        scan.facts |= fact::UNPROVEN;
    }
    scan.facts |= fact::LENGTH;
    scan.content_length = value;
}

const NO_NUMBER: u64 = u64::MAX;

/// The number from `start` to `end`: 1 to 15 digits and nothing else. A global function (see the crate's documentation).
///
/// # Safety
/// `window` is null or valid.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_number(window: *const Window, start: u32, end: u32) -> u64 {
    const DIGITS: u32 = 15;
    // SAFETY: by the caller's promise.
    let Some(window) = (unsafe { window.as_ref() }) else {
        return NO_NUMBER;
    };
    let digits = end.wrapping_sub(start);
    if digits == 0 || digits > DIGITS {
        return NO_NUMBER;
    }
    let first = window.word(start);
    let (high, low) = if digits > 8 { (last(first, digits - 8), window.word(end.wrapping_sub(8))) } else { (ZEROS, last(first, digits)) };
    if !are_digits(high) || !are_digits(low) {
        return NO_NUMBER;
    }
    number(high) * 100_000_000 + number(low)
}

/// Eight digits 0.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// The first 1 to 8 bytes of a word, behind zeros.
#[inline(always)]
fn last(word: u64, count: u32) -> u64 {
    word << (8 * (8 - count)) | ZEROS >> 8 >> (8 * (count - 1))
}

#[inline(always)]
fn are_digits(word: u64) -> bool {
    const SIX: u64 = 0x0606_0606_0606_0606;
    const UPPER: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let digits = word ^ ZEROS;
    // What carries into the byte above is itself no digit.
    (digits | digits.wrapping_add(SIX)) & UPPER == 0
}

/// Of eight digits, the first one lowest: pairs are put together, then pairs of these, then both halves.
#[inline(always)]
fn number(word: u64) -> u64 {
    let ones = word ^ ZEROS;
    let pairs = (ones.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(1 + (10_000 << 32)) >> 32
}

/// RFC 9112 section 6.1: only a single `chunked` is taken as proven.
#[inline(always)]
fn coding(scan: &mut Scan, window: &Window, start: u32, end: u32) {
    let at = if is_blank(window.byte(start)) { start + 1 } else { start };
    let plain = end.wrapping_sub(at) == 7 && (window.word(at) | LOWER_SEVEN) & SEVEN == *CHUNKED & SEVEN;
    if !plain || scan.has(fact::LENGTH) || scan.has(fact::CHUNKED) {
        scan.facts |= fact::UNPROVEN;
    }
    scan.facts |= fact::CHUNKED;
}

/// After `progress::MORE`: how many bytes of the window are done with. With `last`, no more bytes of this segment come,
/// so all are; otherwise the unfinished line stays, to be seen whole in the next window.
#[inline(always)]
pub fn consume(scan: &mut Scan, cursor: &Cursor, window: &Window, last: bool) -> u32 {
    /// Enough of a first line's end to check its version in the next window.
    const OVERLAP: u32 = 16;
    let continued = scan.has(fact::CONTINUED) && cursor.line == 0;
    if !last && cursor.line > 0 {
        return cursor.line;
    }
    let partial = cursor.end.wrapping_sub(cursor.line);
    if !continued && scan.has(fact::FIRST_LINE) && partial > 0 {
        cut_field(scan, window, cursor.line, partial);
    }
    let only_cr = partial == 1 && !continued && window.byte(cursor.line) == b'\r';
    if partial > 0 {
        scan.facts = scan.facts & !fact::CONTINUED_CR | fact::CONTINUED;
    }
    if only_cr {
        scan.facts |= fact::CONTINUED_CR;
    }
    if last || cursor.end <= OVERLAP { cursor.end } else { cursor.end - OVERLAP }
}

/// A field line is cut after `partial` bytes: unproven if it frames the body, or may.
#[inline(always)]
fn cut_field(scan: &mut Scan, window: &Window, start: u32, partial: u32) {
    let framing = match window.byte(start) | 0x20 {
        b'c' => partial < 8 || named(window, start, &CONTENT_LENGTH_START),
        b't' => partial < 8 || named(window, start, &TRANSFER),
        // Space, or tab with the case bit: folding of the line before.
        b' ' | b')' => scan.has(fact::AFTER_FRAMING),
        _ => false,
    };
    if framing {
        scan.facts |= fact::UNPROVEN;
    }
    scan.facts &= !fact::AFTER_FRAMING;
}

/// A name of eight letters and hyphens to compare a window with, without regard to case.
struct Name {
    lower: u64,
    letters: u64,
    /// Where the second comparison starts (for names longer than eight), and what it compares with.
    second: Option<(u32, u64, u64)>,
}

const CONTENT_LENGTH: Name = Name {
    lower: u64::from_le_bytes(*b"content-"),
    letters: 0x0020_2020_2020_2020,
    second: Some((6, u64::from_le_bytes(*b"t-length"), 0x2020_2020_2020_0020)),
};
const CONTENT_LENGTH_START: Name = Name { second: None, ..CONTENT_LENGTH };
const TRANSFER: Name = Name { lower: u64::from_le_bytes(*b"transfer"), letters: LOWER_EIGHT, second: None };
const ENCODING: Name = Name {
    lower: u64::from_le_bytes(*b"-encodin"),
    letters: 0x2020_2020_2020_2000,
    second: Some((1, u64::from_le_bytes(*b"encoding"), LOWER_EIGHT)),
};

#[inline(always)]
fn named(window: &Window, at: u32, name: &Name) -> bool {
    if window.word(at) | name.letters != name.lower {
        return false;
    }
    match name.second {
        Some((offset, lower, letters)) => window.word(at + offset) | letters == lower,
        None => true,
    }
}

const LOWER_EIGHT: u64 = 0x2020_2020_2020_2020;
const LOWER_SEVEN: u64 = LOWER_EIGHT & SEVEN;
const FIVE: u64 = 0x00ff_ffff_ffff;
const SEVEN: u64 = 0x00ff_ffff_ffff_ffff;
/// `HTTP/1.`, which starts every response head and ends (with one digit) every request line.
pub const HTTP_1: u64 = u64::from_le_bytes(*b"HTTP/1.\0");
const HEAD: &u64 = &u64::from_le_bytes(*b"HEAD \0\0\0");
const CONNECT: &u64 = &u64::from_le_bytes(*b"CONNECT ");
const CHUNKED: &u64 = &u64::from_le_bytes(*b"chunked\0");

#[inline(always)]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[inline(always)]
fn digit(byte: u8) -> u8 {
    byte.wrapping_sub(b'0')
}

#[inline(always)]
fn byte(word: u64, at: u32) -> u8 {
    (word >> (8 * at)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans `head` in segments of the given sizes; where it ended, and the final scan.
    fn scan(segments: &[&[u8]]) -> (u32, u32, Scan) {
        let mut scan = Scan::START;
        let mut passed = 0;
        let mut begun = false;
        for segment in segments {
            let mut offset = 0;
            while offset < segment.len() {
                let mut window = Window::ZERO;
                let end = (segment.len() - offset).min(WINDOW) as u32;
                window.fill(&segment[offset..]);
                if !begun {
                    start(&mut scan, &window, end);
                    begun = true;
                }
                let mut cursor = Cursor::START;
                cursor.restart(end);
                let mut steps = 0;
                while cursor.progress == progress::GOING {
                    step(&mut scan, &mut cursor, &window);
                    steps += 1;
                    assert!(steps <= MAX_STEPS);
                }
                match cursor.progress {
                    progress::MORE => {
                        let last = offset + end as usize == segment.len();
                        let done = consume(&mut scan, &cursor, &window, last);
                        assert!(done > 0);
                        scan.length += done;
                        offset += done as usize;
                    }
                    other => return (other, passed + (offset as u32 + cursor.at), scan),
                }
            }
            passed += segment.len() as u32;
        }
        (progress::MORE, passed, scan)
    }

    fn facts(head: &[u8]) -> u16 {
        let (progress, at, scan) = scan(&[head]);
        assert_eq!((progress, at as usize), (progress::DONE, head.len()), "{}", head.escape_ascii());
        scan.facts & !(fact::FIRST_LINE | fact::AFTER_FRAMING)
    }

    #[test]
    fn reads_the_framing_of_plain_heads() {
        assert_eq!(facts(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
        assert_eq!(facts(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), fact::HEAD);
        assert_eq!(facts(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), fact::CONNECT);
        assert_eq!(facts(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), fact::RESPONSE | fact::CHUNKED);
        assert_eq!(facts(b"HTTP/1.0 200\nconTENT-length:7\n\n"), fact::RESPONSE | fact::LENGTH);
        let (_, _, partial) = scan(&[b"HTTP/1.1 206 Partial\r\nA: b\r\nContent-Length: 1234567890123 \r\n\r\n"]);
        assert_eq!(partial.status, 206);
        assert!(partial.has(fact::UNPROVEN), "white space after the number is left to user space");
        let (_, _, scan) = scan(&[b"POST / HTTP/1.1\r\nContent-Length: 1234567890123\r\n\r\n"]);
        assert_eq!((scan.content_length, scan.has(fact::UNPROVEN)), (1_234_567_890_123, false));
    }

    #[test]
    fn proves_nothing_from_odd_framing() {
        for odd in [
            &b"Content-Length: 5\r\nContent-Length: 5"[..],
            b"Content-Length: +5",
            b"Content-Length: 5, 5",
            b"Content-Length:",
            b"Content-Length: 99999999999999999999",
            b"Content-Length : 5",
            b"Content-Length: 5\r\n 6",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5",
            b"Content-Length: 5\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding:\r\n chunked",
        ] {
            let mut head = b"POST / HTTP/1.1\r\n".to_vec();
            head.extend_from_slice(odd);
            head.extend_from_slice(b"\r\nA: b\r\n\r\n");
            assert_ne!(facts(&head) & fact::UNPROVEN, 0, "{}", odd.escape_ascii());
        }
    }

    #[test]
    fn is_not_fooled_by_names_that_only_look_alike() {
        for plain in ["Content-Lengths: x", "Content-Type: y", "Transfer-Encodings: z", "Content\rLength: 5", "X-Content-Length: 1"] {
            let head = format!("POST / HTTP/1.1\r\n{plain}\r\n\r\n");
            assert_eq!(facts(head.as_bytes()), 0, "{plain}");
        }
    }

    #[test]
    fn finds_the_same_end_however_the_head_is_cut() {
        let mut head = b"POST /a/path HTTP/1.1\r\nHost: example\r\nCookie: a=b\r\nContent-Length: 42\r\nX: ".to_vec();
        head.extend_from_slice(&[b'x'; 3000]);
        head.extend_from_slice(b"\r\nTrace: t\r\n\r\n");
        for cut in 1..head.len() {
            let (progress, at, scan) = scan(&[&head[..cut], &head[cut..]]);
            assert_eq!((progress, at as usize), (progress::DONE, head.len()), "cut at {cut}");
            if !scan.has(fact::UNPROVEN) {
                assert_eq!((scan.facts & fact::LENGTH, scan.content_length), (fact::LENGTH, 42), "cut at {cut}");
            }
        }
        let bytewise: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(scan(&bytewise).1 as usize, head.len());
    }

    #[test]
    fn follows_long_targets_and_long_heads() {
        let mut head = b"GET /".to_vec();
        head.extend_from_slice(&[b'u'; 20_000]);
        head.extend_from_slice(b" HTTP/1.1\r\n");
        for number in 0..500 {
            head.extend_from_slice(format!("X-{number}: {number}\r\n").as_bytes());
        }
        head.extend_from_slice(b"Content-Length: 3\r\n\r\n");
        assert_eq!(facts(&head), fact::LENGTH);
    }

    #[test]
    fn refuses_a_first_line_without_the_version() {
        for line in ["GET /", "SSH-2.0-OpenSSH_9.2p1 Debian-2", "MAIL FROM:<a@b>", "GET / HTTP/2.0", "GET /HTTP/1.1"] {
            let text = format!("{line}\r\nA: b\r\n\r\n");
            assert_eq!(scan(&[text.as_bytes()]).0, progress::NOT_HTTP, "{line}");
        }
    }
}
