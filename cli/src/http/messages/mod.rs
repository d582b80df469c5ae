//! Finds the messages of HTTP/1 in one direction of a connection: where heads start and end, and where bodies end. What a head
//! says is for its [`Sink`] to tell. Tells when what follows is HTTP/2 instead.

mod head;
mod start;

use ehl_probes_common::chunked::{self, phase};
use ehl_probes_common::record::flag;
use ehl_probes_common::walk::Handover;

use self::head::{Partial, next_request};
use self::start::Opening;
pub(super) use self::start::may_begin;
use super::exchange::Flags;
use super::framing::Framing;
use super::http2::Begin;
use super::raw::Raw;
use crate::stream::{Endpoint, Part};

/// Where a message started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) time_ns: u64,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    /// The place was lost before, and these bytes only look like a start.
    pub(super) guessed: bool,
    /// Its sender has received more than an interim response since the last bytes that were seen of it.
    pub(super) answered: bool,
    /// Nothing is missing between these and those.
    pub(super) follows: bool,
}

/// How much of a head was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it, in one part of the stream.
    AtOnce,
    /// All of it, in several parts.
    InParts,
    /// Not its end.
    Cut,
}

/// Who is told.
pub(super) trait Sink {
    /// Whether the messages are known to be responses.
    fn is_server(&self) -> bool;
    /// A PROXY header, before all messages, and whom it names.
    fn proxied(&mut self, client: Option<Endpoint>);
    /// A head of `len` bytes. Answers how the body is framed; `None` when this is no head.
    fn head(&mut self, raw: Raw<'_>, len: usize, start: &Start, extent: Extent) -> Option<Framing>;
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
    /// Whether nothing says that the connection is not HTTP/2.
    fn may_be_http2(&self) -> bool;
}

/// What else than HTTP/1 a connection may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tls,
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
    /// Where the last part ended, and what its sender had received.
    last: Option<(u32, u32)>,
    /// From which byte of the current part on there are frames.
    frames: Option<(usize, Begin)>,
    /// The current part does not start with one.
    is_no_frame: bool,
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
    /// Frames, for another reader.
    Http2(Begin),
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

    /// What looked like HTTP/2, up to the current part, is something else.
    pub(super) fn resume(&mut self, sink: &mut impl Sink) {
        match self.state {
            // Its first bytes are gone.
            State::Http2(Begin::PerhapsFirst) => self.give_up(sink),
            State::Http2(_) => self.state = State::Resync,
            _ => {}
        }
        self.is_no_frame = true;
    }

    /// Whether a message of HTTP/1 was seen.
    pub(super) fn is_http(&self) -> bool {
        self.is_http
    }

    /// Whether nothing came yet, or what may be the start of a first message.
    pub(super) fn may_open(&self) -> bool {
        match &self.state {
            State::Boundary => !self.is_http && !self.is_foreign,
            State::Proxy(opening) => !opening.joined,
            State::Head(partial) => !self.is_http && !partial.start.guessed,
            _ => false,
        }
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

    /// The next part of the stream. Answers from which byte on it is HTTP/2.
    pub(super) fn part(&mut self, part: &Part<'_>, sink: &mut impl Sink) -> Option<(usize, Begin)> {
        self.read(part, sink);
        if part.covered > 0 {
            self.last = Some((part.sequence.wrapping_add(part.covered), part.acknowledgement));
        }
        self.is_no_frame = false;
        self.frames.take()
    }

    fn read(&mut self, part: &Part<'_>, sink: &mut impl Sink) {
        if let State::Http2(_) = self.state {
            // Whoever read it has given up.
            self.state = State::Resync;
        }
        match (part.handover, &self.state) {
            (Some(Handover::Body(left)), State::Length(_)) => self.state = State::Length(left),
            (Some(Handover::Chunked(state)), State::Chunked(_)) => self.state = State::Chunked(state),
            _ => {}
        }
        match self.state {
            State::Tunnel => return sink.bytes(u64::from(part.covered), part.time_ns),
            State::Foreign if part.proven & flag::HEAD_START == 0 => return,
            _ if self.is_proven_http2(part) => {
                self.state = State::Http2(Begin::Proven);
                self.frames = Some((0, Begin::Proven));
                return;
            }
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
                State::Http2(begin) => {
                    self.frames = Some((at, *begin));
                    return;
                }
            };
            at += taken;
        }
        if let State::Http2(begin) = self.state {
            self.frames = Some((covered, begin));
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
            return self.lose(sink);
        }
        match &mut self.state {
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
            State::Foreign | State::Http2(_) => {}
            _ => self.lose(sink),
        }
    }

    /// The connection is over; `aborted` when by more than an orderly end of this direction.
    pub(super) fn finish(&mut self, aborted: bool, sink: &mut impl Sink) {
        self.settle(sink);
        match std::mem::replace(&mut self.state, State::Resync) {
            State::Boundary | State::Resync | State::Proxy(_) | State::Doubt | State::Foreign | State::Http2(_) => {}
            State::Head(Partial { start, bytes, has_line: false }) if sink.headless(&start) => {
                sink.bytes(bytes.len() as u64, start.time_ns);
                sink.end(if aborted { Flags::ABORTED } else { Flags::default() });
            }
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
            State::Boundary | State::Resync | State::Proxy(_) | State::Doubt | State::Head(_) | State::Foreign | State::Http2(_) => {}
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
            State::Resync | State::Foreign | State::Http2(_) => {}
            State::Boundary | State::Proxy(_) | State::Doubt | State::Head(_) => sink.lost_head(),
            State::Length(_) | State::Chunked(_) | State::Close | State::Tunnel => {
                sink.end(Flags::GAP);
                sink.lost_head();
            }
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
