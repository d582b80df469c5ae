//! Finds the messages in one direction of a connection: where heads start and end, and where bodies end. What a head says
//! is for its [`Sink`] to tell.

use ehl_probes_common::chunked::{self, phase};
use ehl_probes_common::record::flag;
use ehl_probes_common::walk::{Handover, is_token};

use super::exchange::Flags;
use super::framing::Framing;
use crate::stream::Part;

/// A longer head is cut here, and its row flagged.
const MAX_HEAD: usize = 128 * 1024;
/// A first token of more bytes starts no head.
const MAX_TOKEN: usize = 64;

/// Where a message started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) time_ns: u64,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    /// The place was lost before, and these bytes only look like a start.
    pub(super) guessed: bool,
}

/// Who is told.
pub(super) trait Sink {
    /// A head, cut if `truncated`. Answers how the body is framed; `None` when this is no head.
    fn head(&mut self, bytes: &[u8], start: &Start, truncated: bool) -> Option<Framing>;
    /// So many bytes of the current message, the last of them at `time_ns`.
    fn bytes(&mut self, count: u64, time_ns: u64);
    /// The current message is over.
    fn end(&mut self, flags: Flags);
    /// Something is odd about the current message.
    fn odd(&mut self, flags: Flags);
    /// Bytes are missing, and a head may have been in them.
    fn lost_head(&mut self);
    /// Bytes that are no message.
    fn undecodable(&mut self);
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Messages {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// A message starts here.
    #[default]
    Boundary,
    /// Lost: waits for a part that starts like a head.
    Resync,
    Head(Partial),
    Length(u64),
    Chunked(chunked::State),
    /// Up to the end of the connection.
    Close,
    /// The same, whatever the source takes the bytes for: it may not have seen how the tunnel began.
    Tunnel,
}

#[derive(Debug)]
struct Partial {
    start: Start,
    bytes: Vec<u8>,
}

impl Partial {
    /// Whether what was taken for the start of a head was text, and the head starts with `captured` instead.
    fn is_superseded(&self, captured: &[u8]) -> bool {
        self.start.guessed && self.bytes.contains(&b' ') && !is_first_line(&self.bytes) && is_first_line(captured)
    }
}

impl Messages {
    /// A new connection.
    pub(super) fn restart(&mut self) {
        self.state = State::Boundary;
    }

    /// The connection was joined in the middle.
    pub(super) fn join(&mut self) {
        self.state = State::Resync;
    }

    /// No more HTTP/1 from here on.
    pub(super) fn tunnel(&mut self) {
        self.state = State::Tunnel;
    }

    /// Bytes that are kept until a head is complete.
    pub(super) fn buffered(&self) -> usize {
        match &self.state {
            State::Head(partial) => partial.bytes.capacity(),
            _ => 0,
        }
    }

    /// The next part of the stream.
    pub(super) fn part(&mut self, part: &Part<'_>, sink: &mut impl Sink) {
        match (part.handover, &self.state) {
            (Some(Handover::Body(left)), State::Length(_)) => self.state = State::Length(left),
            (Some(Handover::Chunked(state)), State::Chunked(_)) => self.state = State::Chunked(state),
            _ => {}
        }
        if matches!(self.state, State::Tunnel) {
            sink.bytes(u64::from(part.covered), part.time_ns);
            return;
        }
        if part.proven & flag::BODY != 0 {
            self.body(part, sink);
            return;
        }
        if part.proven & flag::HEAD_START != 0 && !matches!(self.state, State::Boundary | State::Resync) {
            self.lose(sink);
        }
        if part.proven & flag::HEAD_START != 0 {
            self.state = State::Boundary;
        }
        let covered = part.covered as usize;
        let mut at = 0;
        while at < covered {
            let captured = part.captured.get(at..).unwrap_or(&[]);
            let taken = match &mut self.state {
                State::Boundary | State::Resync => self.find_start(captured, covered - at, at, part, sink),
                State::Head(_) => self.read_head(captured, covered - at, part, sink),
                State::Length(left) => {
                    let count = (*left).min((covered - at) as u64);
                    *left -= count;
                    sink.bytes(count, part.time_ns);
                    self.end_if_over(sink);
                    count as usize
                }
                State::Chunked(_) => self.read_chunks(captured, covered - at, part, sink),
                State::Close | State::Tunnel => {
                    sink.bytes((covered - at) as u64, part.time_ns);
                    covered - at
                }
            };
            at += taken;
        }
        if part.proven & flag::MESSAGE_END != 0 {
            self.end_by_proof(sink);
        }
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self, missing: u32, sink: &mut impl Sink) {
        let missing = u64::from(missing);
        match &mut self.state {
            State::Length(left) if missing <= *left => {
                *left -= missing;
                sink.odd(Flags::GAP);
                sink.bytes(missing, 0);
                self.end_if_over(sink);
            }
            State::Close | State::Tunnel => {
                sink.odd(Flags::GAP);
                sink.bytes(missing, 0);
            }
            _ => self.lose(sink),
        }
    }

    /// The connection is over; `aborted` when by more than an orderly end of this direction.
    pub(super) fn finish(&mut self, aborted: bool, sink: &mut impl Sink) {
        match std::mem::replace(&mut self.state, State::Resync) {
            State::Boundary | State::Resync => {}
            State::Head(_) => sink.undecodable(),
            State::Close | State::Tunnel if !aborted => sink.end(Flags::default()),
            State::Close | State::Tunnel | State::Length(_) | State::Chunked(_) => sink.end(Flags::ABORTED),
        }
    }

    /// Proven body.
    fn body(&mut self, part: &Part<'_>, sink: &mut impl Sink) {
        let ends = part.proven & flag::MESSAGE_END != 0;
        match &mut self.state {
            State::Length(left) => {
                *left = left.saturating_sub(u64::from(part.covered));
                sink.bytes(u64::from(part.covered), part.time_ns);
            }
            State::Chunked(_) | State::Close | State::Tunnel => sink.bytes(u64::from(part.covered), part.time_ns),
            // Its head was lost.
            State::Boundary | State::Resync | State::Head(_) => {}
        }
        if ends {
            self.end_by_proof(sink);
        } else {
            self.end_if_over(sink);
        }
    }

    fn end_by_proof(&mut self, sink: &mut impl Sink) {
        if matches!(self.state, State::Length(_) | State::Chunked(_)) {
            sink.end(Flags::default());
        }
        self.state = State::Boundary;
    }

    fn end_if_over(&mut self, sink: &mut impl Sink) {
        if matches!(self.state, State::Length(0)) {
            self.state = State::Boundary;
            sink.end(Flags::default());
        }
    }

    /// The place in the stream is lost.
    fn lose(&mut self, sink: &mut impl Sink) {
        match std::mem::replace(&mut self.state, State::Resync) {
            State::Resync => {}
            State::Boundary | State::Head(_) => sink.lost_head(),
            State::Length(_) | State::Chunked(_) | State::Close | State::Tunnel => {
                sink.end(Flags::GAP);
                sink.lost_head();
            }
        }
    }

    /// At a boundary, or waiting for one. `at` is the place in the part: only its start is trusted to be one when lost.
    fn find_start(&mut self, captured: &[u8], rest: usize, at: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let lost = matches!(self.state, State::Resync);
        if captured.is_empty() {
            self.lose(sink);
            return rest;
        }
        if !lost && matches!(captured[0], b'\r' | b'\n') && proxy_header(captured).is_none() {
            return 1;
        }
        if let Some(len) = proxy_header(captured) {
            self.state = State::Boundary;
            return len.min(rest);
        }
        if (!lost || at == 0) && may_start(captured) {
            let sequence = part.sequence.wrapping_add(at as u32);
            let start = Start { time_ns: part.time_ns, sequence, acknowledgement: part.acknowledgement, guessed: lost };
            self.state = State::Head(Partial { start, bytes: Vec::new() });
            return 0;
        }
        if !lost {
            sink.undecodable();
            sink.lost_head();
            self.state = State::Resync;
        }
        rest
    }

    fn read_head(&mut self, captured: &[u8], rest: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Head(partial) = &mut self.state else { return rest };
        if partial.is_superseded(captured) {
            sink.undecodable();
            self.state = State::Resync;
            return 0;
        }
        let start = partial.start;
        if partial.bytes.is_empty()
            && let Some(end) = head_end(captured, 0)
        {
            self.head(&captured[..end], &start, part.time_ns, sink);
            return end;
        }
        let before = partial.bytes.len();
        partial.bytes.extend_from_slice(captured);
        if let Some(len) = proxy_header(&partial.bytes).filter(|len| *len > before) {
            // It came in parts, the first of which may have been the start of a head.
            self.state = State::Boundary;
            return len - before;
        }
        if let Some(end) = head_end(&partial.bytes, before.saturating_sub(3)) {
            let mut bytes = std::mem::take(&mut partial.bytes);
            bytes.truncate(end);
            self.head(&bytes, &start, part.time_ns, sink);
            return end - before;
        }
        if captured.len() == rest && partial.bytes.len() <= MAX_HEAD {
            return rest;
        }
        // Cut by the capture, or too long: what is there makes the row, and the end is not known.
        let bytes = std::mem::take(&mut partial.bytes);
        self.state = State::Resync;
        match sink.head(&bytes, &start, true) {
            Some(_) => sink.end(Flags::TRUNCATED),
            None => sink.undecodable(),
        }
        sink.lost_head();
        rest
    }

    fn head(&mut self, bytes: &[u8], start: &Start, time_ns: u64, sink: &mut impl Sink) {
        self.state = match sink.head(bytes, start, false) {
            Some(Framing::Length(length)) => State::Length(length),
            Some(Framing::Chunked) => State::Chunked(chunked::State::START),
            Some(Framing::Close) => State::Close,
            Some(Framing::Tunnel) => State::Tunnel,
            None => {
                sink.undecodable();
                if !start.guessed {
                    sink.lost_head();
                }
                State::Resync
            }
        };
        if !matches!(self.state, State::Resync) {
            sink.bytes(bytes.len() as u64, time_ns);
            self.end_if_over(sink);
        }
    }

    fn read_chunks(&mut self, captured: &[u8], rest: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Chunked(mut state) = self.state else { return rest };
        let mut at = 0;
        while at < rest {
            if state.phase == phase::DATA {
                let count = state.left.min((rest - at) as u64);
                state = state.skip(count);
                at += count as usize;
                continue;
            }
            let Some(byte) = captured.get(at) else {
                // Cut by the capture: the next chunk size is not known.
                sink.bytes(rest as u64, part.time_ns);
                self.lose(sink);
                return rest;
            };
            state = state.step(*byte);
            at += 1;
            if state.phase >= phase::END {
                break;
            }
        }
        sink.bytes(at as u64, part.time_ns);
        match state.phase {
            phase::END => {
                self.state = State::Boundary;
                sink.end(Flags::default());
            }
            phase::BAD => {
                self.state = State::Resync;
                sink.end(Flags::BAD_CHUNK);
                sink.lost_head();
                return rest;
            }
            _ => self.state = State::Chunked(state),
        }
        at
    }
}

/// Whether a head may start with these bytes: `HTTP/1.`, or a token and a space (RFC 9112 sections 3 and 4), or as much of
/// that as is here.
pub(super) fn may_start(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.starts_with(b"PRI * HTTP/2") {
        return false;
    }
    let version = b"HTTP/1.";
    let shared = bytes.len().min(version.len());
    if bytes[..shared] == version[..shared] {
        return true;
    }
    match bytes.iter().take(MAX_TOKEN).position(|byte| !is_token(*byte)) {
        Some(end) => end > 0 && bytes[end] == b' ',
        None => bytes.len() < MAX_TOKEN,
    }
}

/// Whether the bytes start with a whole first line of a head.
fn is_first_line(bytes: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', bytes) else { return false };
    let line = bytes[..end].trim_ascii_end();
    let is_response = || line.starts_with(b"HTTP/1.") && matches!(line.get(8..12), Some([b' ', b'1'..=b'9', _, _]));
    let is_request = || line.len() > 9 && line[line.len() - 9..].starts_with(b" HTTP/1.") && line[..line.len() - 9].contains(&b' ');
    may_start(line) && (is_response() || is_request())
}

/// Length of the PROXY protocol header (version 1 or 2) that the bytes start with.
fn proxy_header(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"PROXY ") {
        return memchr::memchr(b'\n', &bytes[..bytes.len().min(107)]).map(|newline| newline + 1);
    }
    let length = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?.get(2..4)?;
    Some(16 + usize::from(u16::from_be_bytes([length[0], length[1]])))
}

/// Index after the empty line that ends a head, looking from `from` on. Lines may end with LF alone.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes.get(from..)?).find_map(|newline| {
        let after = from + newline + 1;
        match bytes.get(after..)? {
            [b'\n', ..] => Some(after + 1),
            [b'\r', b'\n', ..] => Some(after + 2),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_head_may_start_with() {
        for start in ["GET /", "FROBNICATE x", "G", "GET", "H", "HTTP/1", "HTTP/1.1 200", "a-b! c"] {
            assert!(may_start(start.as_bytes()), "{start}");
        }
        for start in ["", " GET", "GET/", "PRI * HTTP/2.0", "HTTP/2 200", "\x16\x03\x01", "(x) y"] {
            assert!(!may_start(start.as_bytes()), "{start}");
        }
        assert!(!may_start(&[b'x'; 100]));
    }

    #[test]
    fn finds_the_empty_line() {
        assert_eq!(head_end(b"a\r\n\r\nb", 0), Some(5));
        assert_eq!(head_end(b"a\n\nb", 0), Some(3));
        assert_eq!(head_end(b"a\r\n\nb", 0), Some(4));
        assert_eq!(head_end(b"a\r\nb\r\n", 0), None);
        assert_eq!(head_end(b"a\r\n\r", 0), None);
    }

    #[test]
    fn measures_proxy_headers() {
        assert_eq!(proxy_header(b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET /"), Some(33));
        assert_eq!(proxy_header(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c123456789012GET"), Some(28));
        assert_eq!(proxy_header(b"PROXY "), None);
        assert_eq!(proxy_header(b"GET / HTTP/1.1\r\n"), None);
    }
}
