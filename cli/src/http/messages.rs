//! Finds the messages in one direction of a connection: where heads start and end, and where bodies end. What a head says
//! is for its [`Sink`] to tell.

use ehl_probes_common::chunked::{self, phase};
use ehl_probes_common::record::flag;
use ehl_probes_common::walk::{Handover, is_token};

use super::exchange::Flags;
use super::first_line::{self, Kind, is_version};
use super::framing::Framing;
use super::proxy::{self, Proxy};
use crate::stream::{Endpoint, Part};

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
    /// Whether the messages are known to be responses.
    fn is_server(&self) -> bool;
    /// A PROXY header, before all messages, and whom it names.
    fn proxied(&mut self, client: Option<Endpoint>);
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
    /// All there is in this direction is of another protocol.
    fn foreign(&mut self, protocol: Protocol);
    /// Bytes that start no head. Answers whether they are the answer to a request of HTTP/0.9, which has none.
    fn headless(&mut self, start: &Start) -> bool;
}

/// What else than HTTP/1 a connection may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tls,
    Http2,
    Other,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Messages {
    state: State,
    /// Whether a message was seen.
    is_http: bool,
    /// Whether it was told that this is not HTTP/1.
    is_foreign: bool,
}

#[derive(Debug, Default)]
enum State {
    /// A message starts here.
    #[default]
    Boundary,
    /// Nothing was seen yet: a PROXY header may stand here.
    Proxy(Opening),
    /// Lost: waits for a part that starts like a head.
    Resync,
    /// After a head that does not tell how long its body is: a whole first line here is one, and so is the start
    /// of one in a new segment; anything else is body.
    Doubt,
    Head(Partial),
    Length(u64),
    Chunked(chunked::State),
    /// Up to the end of the connection.
    Close,
    /// The same, whatever the source takes the bytes for: it may not have seen how the tunnel began.
    Tunnel,
    /// Another protocol, up to the end of the connection.
    Foreign,
}

/// What may be a PROXY header.
#[derive(Debug, Default)]
struct Opening {
    /// The start of the connection was not seen.
    joined: bool,
    partial: Partial,
}

#[derive(Debug, Default)]
struct Partial {
    start: Start,
    bytes: Vec<u8>,
    /// The first line is here, and is one of a head.
    has_line: bool,
}

impl Partial {
    /// Whether what was taken for the start of a head was text, and the head starts with `captured` instead.
    fn is_superseded(&self, captured: &[u8]) -> bool {
        self.start.guessed && !self.has_line && self.bytes.contains(&b' ') && is_first_line(captured)
    }
}

impl Messages {
    /// A new connection.
    pub(super) fn restart(&mut self, from_client: bool) {
        let state = if from_client { State::Proxy(Opening::default()) } else { State::Boundary };
        *self = Self { state, ..Self::default() };
    }

    /// The connection was joined in the middle.
    pub(super) fn join(&mut self) {
        self.state = State::Proxy(Opening { joined: true, ..Opening::default() });
    }

    /// No more HTTP/1 from here on.
    pub(super) fn tunnel(&mut self) {
        self.state = State::Tunnel;
    }

    /// How many of the next bytes are body for certain.
    pub(super) fn body_left(&self) -> u64 {
        match self.state {
            State::Length(left) => left,
            State::Chunked(chunked::State { left, phase: phase::DATA }) => left,
            State::Close | State::Tunnel | State::Foreign => u64::MAX,
            _ => 0,
        }
    }

    /// Bytes that are kept until a head is complete.
    pub(super) fn buffered(&self) -> usize {
        match &self.state {
            State::Head(partial) | State::Proxy(Opening { partial, .. }) => partial.bytes.capacity(),
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
        match self.state {
            State::Tunnel => return sink.bytes(u64::from(part.covered), part.time_ns),
            State::Foreign if part.proven & flag::HEAD_START == 0 => return,
            _ => {}
        }
        if part.proven & (flag::BODY | flag::HEAD_START) != 0 {
            self.settle(sink);
        }
        if part.proven & flag::BODY != 0 {
            self.body(part, sink);
            return;
        }
        if part.proven & flag::HEAD_START != 0 && !matches!(self.state, State::Boundary | State::Resync | State::Doubt) {
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
                State::Proxy(_) => self.read_proxy(captured, covered - at, at, part, sink),
                State::Boundary | State::Resync => self.find_start(captured, covered - at, at, part, sink),
                State::Doubt => self.decide(captured, covered - at, at, sink),
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
                State::Foreign => covered - at,
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
        self.settle(sink);
        if missing == 0 {
            // Another connection on the same ports.
            sink.proxied(None);
        }
        match &mut self.state {
            // Another connection.
            _ if missing == 0 => self.lose(sink),
            // Body, whatever it is: nothing is told of it but its length.
            State::Length(left) if missing < *left => {
                *left -= missing;
                sink.bytes(missing, 0);
            }
            State::Close | State::Tunnel => sink.bytes(missing, 0),
            // When it ended is not known.
            State::Length(left) if missing == *left => {
                *left = 0;
                sink.odd(Flags::GAP);
                sink.bytes(missing, 0);
                self.end_if_over(sink);
            }
            State::Foreign => {}
            _ => self.lose(sink),
        }
    }

    /// The connection is over; `aborted` when by more than an orderly end of this direction.
    pub(super) fn finish(&mut self, aborted: bool, sink: &mut impl Sink) {
        self.settle(sink);
        match std::mem::replace(&mut self.state, State::Resync) {
            State::Boundary | State::Resync | State::Proxy(_) | State::Doubt | State::Foreign => {}
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
            State::Boundary | State::Resync | State::Proxy(_) | State::Doubt | State::Head(_) | State::Foreign => {}
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
            State::Resync | State::Foreign => {}
            State::Boundary | State::Proxy(_) | State::Doubt | State::Head(_) => sink.lost_head(),
            State::Length(_) | State::Chunked(_) | State::Close | State::Tunnel => {
                sink.end(Flags::GAP);
                sink.lost_head();
            }
        }
    }

    /// The first bytes of the connection: kept until it is clear whether they are a PROXY header. When the start of the
    /// connection was not seen, only a whole signature makes them one.
    fn read_proxy(&mut self, captured: &[u8], rest: usize, at: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Proxy(Opening { joined, partial }) = &mut self.state else { return rest };
        let before = partial.bytes.len();
        let parsed = match before {
            0 if *joined && !proxy::is_signed(captured) => Proxy::No,
            0 => proxy::parse(captured),
            _ => {
                partial.bytes.extend_from_slice(captured);
                proxy::parse(&partial.bytes)
            }
        };
        match parsed {
            Proxy::Header { len, client } => {
                sink.proxied(client);
                self.state = State::Boundary;
                len - before
            }
            Proxy::Partial if captured.len() == rest => {
                if before == 0 {
                    let sequence = part.sequence.wrapping_add(at as u32);
                    partial.start = Start { time_ns: part.time_ns, sequence, acknowledgement: part.acknowledgement, guessed: false };
                    partial.bytes.extend_from_slice(captured);
                }
                rest
            }
            // None, or cut by the capture.
            Proxy::No | Proxy::Partial => {
                partial.bytes.truncate(before);
                self.settle(sink);
                0
            }
        }
    }

    /// No PROXY header comes, or no more of it: what was kept of it are the first bytes of a message, or none.
    fn settle(&mut self, sink: &mut impl Sink) {
        let State::Proxy(Opening { joined, partial }) = &mut self.state else { return };
        let Partial { start, bytes, .. } = std::mem::take(partial);
        self.state = if *joined { State::Resync } else { State::Boundary };
        let Start { time_ns, sequence, acknowledgement, .. } = start;
        let covered = bytes.len() as u32;
        let part = Part { time_ns, sequence, acknowledgement, tcp_flags: 0, covered, captured: &bytes, proven: 0, handover: None };
        self.part(&part, sink);
    }

    /// After a head that does not tell how long its body is.
    fn decide(&mut self, captured: &[u8], rest: usize, at: usize, sink: &mut impl Sink) -> usize {
        if is_first_line(captured) || at == 0 && may_start(captured) {
            self.state = State::Boundary;
            return 0;
        }
        self.lose(sink);
        rest
    }

    /// At a boundary, or waiting for one. `at` is the place in the part: only its start is trusted to be one when lost.
    fn find_start(&mut self, captured: &[u8], rest: usize, at: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let lost = matches!(self.state, State::Resync);
        if captured.is_empty() {
            self.lose(sink);
            return rest;
        }
        if !lost && matches!(captured[0], b'\r' | b'\n') {
            return 1;
        }
        let sequence = part.sequence.wrapping_add(at as u32);
        let start = Start { time_ns: part.time_ns, sequence, acknowledgement: part.acknowledgement, guessed: lost };
        if (!lost || at == 0) && !is_version(captured) && sink.headless(&start) {
            self.is_http = true;
            self.state = State::Close;
            return 0;
        }
        let starts = if sink.is_server() { is_version(captured) } else { may_start(captured) };
        if (!lost || at == 0) && starts {
            self.state = State::Head(Partial { start, bytes: Vec::new(), has_line: false });
            return 0;
        }
        if !self.is_http && (!lost || at == 0) && is_tls(captured) {
            self.foreign(Protocol::Tls, sink);
            self.state = State::Foreign;
        } else if !self.is_http && (!lost || at == 0) && captured.starts_with(HTTP2_PREFACE) {
            self.foreign(Protocol::Http2, sink);
            self.state = State::Foreign;
        } else if !lost {
            self.give_up(sink);
        }
        rest
    }

    /// What stands at a boundary is no message.
    fn give_up(&mut self, sink: &mut impl Sink) {
        if self.is_http {
            sink.undecodable();
        } else {
            self.foreign(Protocol::Other, sink);
        }
        sink.lost_head();
        self.state = State::Resync;
    }

    fn foreign(&mut self, protocol: Protocol, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.is_foreign, true) {
            sink.foreign(protocol);
        }
    }

    fn read_head(&mut self, captured: &[u8], rest: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Head(partial) = &mut self.state else { return rest };
        if partial.is_superseded(captured) {
            sink.undecodable();
            self.state = State::Resync;
            return 0;
        }
        let start = partial.start;
        let before = partial.bytes.len();
        if before > 0 {
            partial.bytes.extend_from_slice(captured);
        }
        let bytes = if before > 0 { &partial.bytes } else { captured };
        if !partial.has_line
            && let Some(newline) = memchr::memchr(b'\n', bytes)
        {
            // Of a head that comes in parts, only the first one was looked at.
            let line = trim_line_end(&bytes[..newline]);
            let kind = if may_start(bytes) { first_line::kind(line, &bytes[newline + 1..]) } else { Kind::Other };
            match kind {
                Kind::OfHead => partial.has_line = true,
                Kind::Open => {}
                Kind::Simple => {
                    let line = bytes[..=newline].to_vec();
                    self.head(&line, &start, part.time_ns, sink);
                    return newline + 1 - before;
                }
                Kind::Other if start.guessed => {
                    self.state = State::Resync;
                    if !self.is_http {
                        self.foreign(Protocol::Other, sink);
                    }
                    return rest;
                }
                Kind::Other => {
                    self.give_up(sink);
                    return rest;
                }
            }
        }
        if let Some(end) = head_end(bytes, before.saturating_sub(3)) {
            if before == 0 {
                self.head(&captured[..end], &start, part.time_ns, sink);
            } else {
                let mut bytes = std::mem::take(&mut partial.bytes);
                bytes.truncate(end);
                self.head(&bytes, &start, part.time_ns, sink);
            }
            return end - before;
        }
        if before == 0 {
            partial.bytes.extend_from_slice(captured);
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
            Some(Framing::Unknown) => State::Doubt,
            Some(Framing::Unreadable) => {
                self.is_http = true;
                sink.bytes(bytes.len() as u64, time_ns);
                sink.end(Flags::default());
                sink.lost_head();
                State::Resync
            }
            None => {
                sink.undecodable();
                if !start.guessed {
                    sink.lost_head();
                }
                State::Resync
            }
        };
        if !matches!(self.state, State::Resync) {
            self.is_http = true;
            sink.bytes(bytes.len() as u64, time_ns);
            if matches!(self.state, State::Doubt) {
                sink.end(Flags::default());
            }
            self.end_if_over(sink);
        }
    }

    fn read_chunks(&mut self, captured: &[u8], rest: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Chunked(mut state) = self.state else { return rest };
        let (mut at, mut is_size) = (0, false);
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
            is_size = state.phase == phase::SIZE && byte.is_ascii_hexdigit();
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
                // All the rest is in a chunk of a size that nobody can count. After other nonsense a request may follow.
                let next = if is_size { None } else { captured.get(at..).and_then(next_request) };
                let Some(next) = next else { return rest };
                self.state = State::Boundary;
                return at + next;
            }
            _ => self.state = State::Chunked(state),
        }
        at
    }
}

/// The start of the connection preface of HTTP/2 (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Whether the bytes start with the header of a TLS record (RFC 8446 section 5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, ..])
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a connection may start with these bytes, where that was not seen.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    may_start(bytes) || proxy::is_signed(bytes)
}

/// Whether a head may start with these bytes: `HTTP/` and a digit, or a token and a space (RFC 9112 sections 3 and 4), or as much of
/// that as is here.
pub(super) fn may_start(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.starts_with(b"PRI * HTTP/2") {
        return false;
    }
    if is_version(bytes) {
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
    may_start(bytes) && first_line::kind(trim_line_end(&bytes[..end]), &bytes[end + 1..]) == Kind::OfHead
}

/// Where a line starts that is a whole request line.
fn next_request(bytes: &[u8]) -> Option<usize> {
    let mut starts = memchr::memchr_iter(b'\n', bytes).map(|newline| newline + 1);
    starts.find(|start| !is_version(&bytes[*start..]) && is_first_line(&bytes[*start..]))
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
        for start in ["GET /", "FROBNICATE x", "G", "GET", "H", "HTTP/1", "HTTP/1.1 200", "HTTP/2 200", "a-b! c"] {
            assert!(may_start(start.as_bytes()), "{start}");
        }
        for start in ["", " GET", "GET/", "PRI * HTTP/2.0", "HTTP/x 200", "\x16\x03\x01", "(x) y"] {
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
}
