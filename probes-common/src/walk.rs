//! Which bytes of a segment go up to user space.
//!
//! The rule: everything that can be part of a head goes up; only bytes *proven* to be body stay down, and are counted.
//! A direction is followed from a known message boundary (a SYN, or the first head seen) through heads and bodies. On
//! any anomaly (reordering at a place that matters, framing that cannot be proven) it is out of step and everything
//! goes up, after a handover that tells user space where in a body that began.
//!
//! HTTP/2 is followed frame by frame, see [`frames`].
//!
//! A segment is walked in steps, each over one head window, body part, chunk, or run of frames; the caller repeats [`step`] so that
//! the probe can use `bpf_loop`.

pub mod frames;

use crate::chunked;
use crate::connection::{Connection, Direction, phase};
use crate::counter::Counter;
use crate::head::{self, Cursor, MAX_HEAD, Scan, fact, progress};
use crate::record::{flag, tcp_flag};
use crate::window::{NOT_FOUND, REACH, WINDOW, Window, bounded};

/// A jump of the sequence number by more than any window (RFC 7323 allows 1 GiB, hosts use some MiB) is another
/// connection on the same ports.
pub const RESTART_DISTANCE: u32 = 1 << 27;

/// Body that stayed down is reported at least this often, so that user space knows that the exchange lives.
const REPORT_AFTER_NS: u64 = 1_000_000_000;
/// And before its length could wrap.
const REPORT_AFTER_BYTES: u32 = 1 << 30;
/// Bytes looked at for chunk sizes at a time: a size line without extensions is much shorter.
const CHUNK_WINDOW: u32 = 32;

/// A TCP segment that carries payload, SYN, FIN or RST.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Segment {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time_ns: u64,
    /// Sequence number of the segment.
    pub sequence: u32,
    /// Bytes of payload.
    pub len: u32,
    /// Interface index.
    pub interface: u32,
    /// Bits of [`tcp_flag`].
    pub tcp_flags: u8,
}

/// What a record is to cover.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Time of the last covered byte, `CLOCK_MONOTONIC` in nanoseconds.
    pub time_ns: u64,
    /// See [`Handover`].
    pub framing: u64,
    /// Sequence number of the first covered byte.
    pub sequence: u32,
    /// How many bytes at the start of the window are captured.
    pub captured: u32,
    /// How many bytes are covered.
    pub covered: u32,
    /// Bits of [`flag`].
    pub flags: u16,
}

/// What the walk needs from its host: the kernel, or a test.
pub trait Tap: Sized {
    /// Fills the window with `len` (1 to [`WINDOW`]) bytes of payload from `offset` on; false when they cannot be read.
    fn load(&mut self, offset: u32, len: u32) -> bool;
    /// The window.
    fn window(&self) -> &Window;
    /// Submits a record.
    fn submit(&mut self, span: Span);
    /// Counts.
    fn count(&mut self, counter: Counter);
    /// Repeats [`head::step`] from the start of the window until the cursor stops.
    fn scan(&mut self, scan: &mut Scan, end: u32);
    /// Where the last scan stopped.
    fn cursor(&self) -> &Cursor;
    /// Repeats [`chunked::State::step`] over the window's bytes, at most `end`, until chunk data, the end or nonsense.
    fn chunk(&mut self, state: chunked::State, end: u32);
    /// The state that the last chunk walk ended in, and how many bytes it took.
    fn chunked(&self) -> (chunked::State, u32);

    /// How many runs of frames are followed in a segment at most: no more than half of all steps, so that the rest can go up whole.
    fn most_runs(&self) -> u32;

    /// [`messages`]; this and the next five are here so that the kernel can have one copy of each, which the verifier checks once.
    fn messages(&mut self, walk: &Walk, connection: &mut Connection, remaining: u32) -> u32 {
        messages(walk, connection, remaining, self)
    }
    /// [`head_end`].
    fn head_end(&mut self, walk: &Walk, connection: &mut Connection, remaining: u32, flags: u16) -> u32 {
        head_end(walk, connection, remaining, flags, self)
    }
    /// [`frames::step`].
    fn frames(&mut self, walk: &mut Walk, connection: &mut Connection, remaining: u32) -> u32 {
        frames::step(walk, connection, remaining, self)
    }
    /// [`raw`].
    fn raw(&mut self, this: &mut Direction, walk: &Walk, remaining: u32) -> u32 {
        raw(this, walk, remaining, self)
    }
    /// [`desynchronise`].
    fn desynchronise(&mut self, this: &mut Direction, time_ns: u64) {
        desynchronise(this, time_ns, self);
    }
    /// [`report`].
    fn report(&mut self, this: &mut Direction, flags: u16) {
        report(this, flags, self);
    }
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Walk {
    /// The segment.
    pub segment: Segment,
    /// Payload bytes that are done with.
    pub offset: u32,
    /// Which direction of the connection.
    pub direction: u32,
    /// Runs of frames followed so far.
    pub runs: u32,
    /// Zero.
    pub reserved: u32,
}

impl Walk {
    /// Of nothing.
    pub const NEW: Self = Self {
        segment: Segment { time_ns: 0, sequence: 0, len: 0, interface: 0, tcp_flags: 0 },
        offset: 0,
        direction: 0,
        runs: 0,
        reserved: 0,
    };

    /// Before the first byte of a segment.
    #[inline(always)]
    pub fn new(segment: Segment, direction: u32) -> Self {
        Self { segment, offset: 0, direction, runs: 0, reserved: 0 }
    }

    /// Whether nothing of the segment is left.
    #[inline(always)]
    pub fn is_over(&self) -> bool {
        self.offset == self.segment.len
    }

    /// Sequence number of the byte at the offset.
    #[inline(always)]
    fn sequence(&self) -> u32 {
        self.segment.sequence.wrapping_add(self.offset)
    }
}

/// The state of a body at the start of a handover, packed into a record's `framing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// So many bytes of the body are left.
    Body(u64),
    /// Within a chunked body.
    Chunked(chunked::State),
}

impl Handover {
    /// Kind in the top byte, chunk phase below it, then 48 bits of length. A longer body is cut to that.
    #[inline(always)]
    pub fn pack(self) -> u64 {
        match self {
            Self::Body(left) => 1 << 56 | left & LENGTH_MASK,
            Self::Chunked(state) => 2 << 56 | (state.phase as u64) << 48 | state.left & LENGTH_MASK,
        }
    }

    /// The reverse of [`Handover::pack`].
    pub fn unpack(framing: u64) -> Option<Self> {
        let left = framing & LENGTH_MASK;
        match framing >> 56 {
            1 => Some(Self::Body(left)),
            2 => Some(Self::Chunked(chunked::State { left, phase: (framing >> 48) as u8 })),
            _ => None,
        }
    }
}

const LENGTH_MASK: u64 = (1 << 48) - 1;

/// Takes a segment up. Returns whether [`step`] is to be called on it.
#[inline(always)]
pub fn begin<T: Tap>(walk: &mut Walk, connection: &mut Connection, tap: &mut T) -> bool {
    let segment = walk.segment;
    let (this, other) = both(connection, walk.direction);
    if segment.tcp_flags & tcp_flag::SYN != 0 {
        this.restart(segment.sequence.wrapping_add(1), phase::BOUNDARY, segment.interface, 0);
        tap.submit(mark(&segment, segment.sequence));
        // RFC 7413: a SYN may carry the first bytes, and has a sequence number of its own.
        walk.segment.sequence = segment.sequence.wrapping_add(1);
        if segment.len > 0 {
            tap.count(Counter::Segments);
        }
        return segment.len > 0;
    }
    if this.phase == phase::NEW {
        join(this, &segment);
    }
    let fin = segment.tcp_flags & tcp_flag::FIN != 0;
    let end = segment.sequence.wrapping_add(segment.len).wrapping_add(fin as u32);
    if segment.interface != this.interface {
        if segment.len > 0 && after(end, this.next) <= 0 {
            tap.count(Counter::Duplicates);
            return false;
        }
        this.interface = segment.interface;
    }
    if segment.len == 0 {
        // What is missing before it may be the first that is HTTP.
        let is_early = after(segment.sequence, this.next) > 0;
        if is_early || is_told(this, other) {
            close(this, other, &segment, tap);
        }
        return false;
    }
    tap.count(Counter::Segments);
    let distance = after(segment.sequence, this.next);
    if distance.unsigned_abs() > RESTART_DISTANCE {
        join(this, &segment);
    } else if distance < 0 {
        if this.phase == phase::JOINED {
            // It may come late, and start what was seen without its start.
            this.next = segment.sequence;
        } else if this.phase != phase::DESYNC && !frames::is_missing(this, segment.sequence) {
            let known = distance.unsigned_abs();
            if known >= segment.len {
                // Sent before, and dealt with then.
                return false;
            }
            walk.offset = known;
        }
    } else if distance > 0 {
        jump(this, distance as u32, segment, tap);
    }
    if frames::is_framed(other.phase) {
        // What comes may end streams: what was sent on them before is to be told before.
        tap.report(other, flag::OPPOSITE);
    }
    true
}

/// One step over the segment; true when it is done. Call it until then, and then [`finish`].
#[inline(always)]
pub fn step<T: Tap>(walk: &mut Walk, connection: &mut Connection, tap: &mut T) -> bool {
    let remaining = walk.segment.len.wrapping_sub(walk.offset);
    if remaining == 0 || walk.offset > walk.segment.len {
        return true;
    }
    if frames::are_next(walk, connection) {
        let done = tap.frames(walk, connection, remaining);
        walk.offset = walk.offset.wrapping_add(done);
        return done == 0;
    }
    let done = tap.messages(walk, connection, remaining);
    walk.offset = walk.offset.wrapping_add(done);
    done == 0 && !frames::are_next(walk, connection)
}

/// One step over what is not HTTP/2; returns how many bytes are done with, 0 when they cannot be read or are frames.
#[inline(always)]
pub fn messages<T: Tap>(walk: &Walk, connection: &mut Connection, remaining: u32, tap: &mut T) -> u32 {
    let (this, _) = both(connection, walk.direction);
    match this.phase {
        phase::BODY => body(this, &walk.segment, remaining, tap),
        phase::CHUNKED => chunks(this, walk, remaining, tap),
        phase::CLOSE => {
            skip(this, &walk.segment, remaining);
            report_if_due(this, &walk.segment, tap);
            remaining
        }
        phase::TLS => {
            tap.count(Counter::Tls);
            pass(this, remaining)
        }
        phase::DESYNC => tap.raw(this, walk, remaining),
        _ => message(walk, connection, remaining, tap),
    }
}

/// After the last step: what the steps left over goes up as far as it can, and a FIN or RST is told.
#[inline(always)]
pub fn finish<T: Tap>(walk: &mut Walk, connection: &mut Connection, tap: &mut T) {
    let (this, other) = both(connection, walk.direction);
    if walk.offset < walk.segment.len {
        // More to do than the loop allows, or unreadable: the rest is not seen.
        tap.count(Counter::Untracked);
        let end = walk.segment.sequence.wrapping_add(walk.segment.len);
        tap.desynchronise(this, walk.segment.time_ns);
        if after(end, this.next) > 0 {
            this.next = end;
            this.since = end;
        }
    }
    if walk.segment.tcp_flags & (tcp_flag::FIN | tcp_flag::RST) != 0 && is_told(this, other) {
        close(this, other, &walk.segment, tap);
    }
}

/// Distance from `b` to `a` in sequence space.
#[inline(always)]
fn after(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

#[inline(always)]
fn both(connection: &mut Connection, direction: u32) -> (&mut Direction, &mut Direction) {
    let index = (bounded(direction) & 1) as usize;
    let directions = connection.directions.as_mut_ptr();
    // SAFETY: both are one of the two, and never the same. Computed, because a branch would have the verifier check all
    // that follows once for each direction.
    unsafe { (&mut *directions.add(index), &mut *directions.add(1 - index)) }
}

/// A record of no bytes, for the TCP flags.
#[inline(always)]
fn mark(segment: &Segment, sequence: u32) -> Span {
    Span { time_ns: segment.time_ns, framing: 0, sequence, captured: 0, covered: 0, flags: 0 }
}

#[inline(always)]
fn join(this: &mut Direction, segment: &Segment) {
    this.restart(segment.sequence, phase::JOINED, segment.interface, MAX_HEAD);
}

/// Whether user space knows the connection, and is to know its end.
#[inline(always)]
fn is_told(this: &Direction, other: &Direction) -> bool {
    this.http | other.http != 0 || is_up(this.phase) || is_up(other.phase)
}

/// Whether bytes went up that are not known to be HTTP.
#[inline(always)]
fn is_up(phase: u8) -> bool {
    phase == phase::DESYNC || phase == phase::HEAD || frames::is_framed(phase)
}

#[inline(always)]
fn close<T: Tap>(this: &mut Direction, other: &mut Direction, segment: &Segment, tap: &mut T) {
    tap.report(this, 0);
    if segment.tcp_flags & tcp_flag::RST != 0 {
        // It ends both, and nothing more may come of the other one.
        tap.report(other, flag::OPPOSITE);
    }
    this.closed = 1;
    let end = segment.sequence.wrapping_add(segment.len);
    // What is missing before it may still come.
    if end == this.next && segment.tcp_flags & tcp_flag::FIN != 0 {
        this.next = end.wrapping_add(1);
    }
    tap.submit(mark(segment, end));
}

/// Bytes are missing before this segment.
#[inline(always)]
fn jump<T: Tap>(this: &mut Direction, distance: u32, segment: Segment, tap: &mut T) {
    match this.phase {
        // Wherever the missing bytes are, they are body.
        phase::BODY if (distance as u64) < this.left => {
            this.left -= distance as u64;
            skip(this, &segment, distance);
        }
        phase::CHUNKED if this.chunk_phase == chunked::phase::DATA && (distance as u64) < this.left => {
            this.left -= distance as u64;
            skip(this, &segment, distance);
        }
        phase::CLOSE => skip(this, &segment, distance),
        phase::HTTP2 | phase::HTTP2_GUESS => frames::gap(this, distance, &segment, tap),
        phase::JOINED | phase::TLS | phase::DESYNC => {
            this.next = segment.sequence;
        }
        phase::UPGRADED => frames::join(this, segment.sequence, tap),
        _ => tap.desynchronise(this, segment.time_ns),
    }
}

/// From here on everything goes up.
#[inline(always)]
pub fn desynchronise<T: Tap>(this: &mut Direction, time_ns: u64, tap: &mut T) {
    if this.phase == phase::DESYNC {
        return;
    }
    if frames::is_framed(this.phase) {
        frames::lose(this, tap);
        return;
    }
    let framing = match this.phase {
        phase::BODY => Handover::Body(this.left).pack(),
        phase::CHUNKED => Handover::Chunked(this.chunk()).pack(),
        _ => 0,
    };
    tap.report(this, 0);
    if framing != 0 {
        tap.submit(Span { time_ns, framing, sequence: this.next, captured: 0, covered: 0, flags: flag::HANDOVER });
    }
    this.phase = phase::DESYNC;
    tap.count(Counter::Desynchronised);
}

/// Body that stays down.
#[inline(always)]
fn skip(this: &mut Direction, segment: &Segment, count: u32) {
    this.next = this.next.wrapping_add(count);
    this.skipped = this.skipped.wrapping_add(count);
    this.skipped_ns = segment.time_ns;
}

/// Tells user space now and then. Not where a message ends: that is to be told with its last bytes.
#[inline(always)]
fn report_if_due<T: Tap>(this: &mut Direction, segment: &Segment, tap: &mut T) {
    if this.closed != 0 || this.skipped > REPORT_AFTER_BYTES || segment.time_ns.wrapping_sub(this.reported_ns) > REPORT_AFTER_NS {
        tap.report(this, 0);
    }
}

/// Tells user space of body that stayed down.
#[inline(always)]
pub fn report<T: Tap>(this: &mut Direction, flags: u16, tap: &mut T) {
    if this.skipped == 0 {
        return;
    }
    let sequence = this.next.wrapping_sub(this.skipped);
    let kind = if this.phase == phase::HTTP2 { flag::BODY | flag::HTTP2 } else { flag::BODY };
    tap.submit(Span { time_ns: this.skipped_ns, framing: 0, sequence, captured: 0, covered: this.skipped, flags: kind | flags });
    this.skipped = 0;
    this.reported_ns = this.skipped_ns;
}

/// Bytes of a connection that is not HTTP/1.
#[inline(always)]
fn pass(this: &mut Direction, count: u32) -> u32 {
    this.next = this.next.wrapping_add(count);
    count
}

#[inline(always)]
fn body<T: Tap>(this: &mut Direction, segment: &Segment, remaining: u32, tap: &mut T) -> u32 {
    let count = if this.left < remaining as u64 { this.left as u32 } else { remaining };
    this.left -= count as u64;
    skip(this, segment, count);
    if this.left == 0 {
        tap.report(this, flag::MESSAGE_END);
        this.phase = phase::BOUNDARY;
    } else {
        report_if_due(this, segment, tap);
    }
    count
}

#[inline(always)]
fn chunks<T: Tap>(this: &mut Direction, walk: &Walk, remaining: u32, tap: &mut T) -> u32 {
    let state = this.chunk();
    if state.phase == chunked::phase::DATA {
        let count = if state.left < remaining as u64 { state.left as u32 } else { remaining };
        this.set_chunk(state.skip(count as u64));
        skip(this, &walk.segment, count);
        report_if_due(this, &walk.segment, tap);
        return count;
    }
    let end = if remaining < CHUNK_WINDOW { remaining } else { CHUNK_WINDOW };
    if !tap.load(walk.offset, end) {
        return 0;
    }
    tap.chunk(state, end);
    let (state, count) = tap.chunked();
    if state.phase == chunked::phase::BAD {
        tap.desynchronise(this, walk.segment.time_ns);
        return tap.raw(this, walk, remaining);
    }
    this.set_chunk(state);
    skip(this, &walk.segment, count);
    if state.phase == chunked::phase::END {
        tap.report(this, flag::MESSAGE_END);
        this.phase = phase::BOUNDARY;
    } else {
        report_if_due(this, &walk.segment, tap);
    }
    count
}

/// How many of these bytes the window has room for.
#[inline(always)]
fn in_window(remaining: u32) -> u32 {
    if remaining < WINDOW as u32 { remaining } else { WINDOW as u32 }
}

/// Everything goes up, a window at a time.
#[inline(always)]
pub fn raw<T: Tap>(this: &mut Direction, walk: &Walk, remaining: u32, tap: &mut T) -> u32 {
    let count = in_window(remaining);
    if !tap.load(walk.offset, count) {
        return 0;
    }
    submit_raw(walk, count, tap);
    let end = walk.sequence().wrapping_add(count);
    if after(end, this.next) > 0 {
        this.next = end;
    }
    count
}

#[inline(always)]
fn submit_raw<T: Tap>(walk: &Walk, count: u32, tap: &mut T) {
    let sequence = walk.sequence();
    tap.submit(Span { time_ns: walk.segment.time_ns, framing: 0, sequence, captured: count, covered: count, flags: flag::UNPROVEN });
}

/// At a boundary, within a head, or not yet in step.
#[inline(always)]
fn message<T: Tap>(walk: &Walk, connection: &mut Connection, remaining: u32, tap: &mut T) -> u32 {
    let end = in_window(remaining);
    if !tap.load(walk.offset, end) {
        return 0;
    }
    let (this, other) = both(connection, walk.direction);
    let mut flags = 0;
    if this.phase != phase::HEAD {
        let opens = this.phase == phase::BOUNDARY && this.http == 0;
        let start = Start::of(tap.window(), end, remaining, opens);
        match start {
            Start::Head => {}
            // Nothing else is known of the connection; later on it is in a tunnel whose beginning was not followed.
            _ if this.http == 0 && (other.http == 0 || frames::is_http2(other)) && frames::begin(this, walk, &start, other, tap) => {
                return 0;
            }
            Start::Blank => {
                // RFC 9112 section 2.2: empty lines before a request line are to be ignored.
                submit_raw(walk, 1, tap);
                return pass(this, 1);
            }
            Start::Proxy(len) if this.http == 0 => {
                tap.count(Counter::Proxy);
                submit_raw(walk, len, tap);
                return pass(this, len);
            }
            // Only user space can put it together: where it ends, a head starts.
            Start::CutProxy if this.http == 0 => {
                tap.desynchronise(this, walk.segment.time_ns);
                return tap.raw(this, walk, remaining);
            }
            // Before the request's head is over: it may be HTTP/0.9, which has one line and an answer without a head.
            _ if this.http == 0 && other.phase == phase::HEAD => {
                tap.desynchronise(other, walk.segment.time_ns);
                tap.desynchronise(this, walk.segment.time_ns);
                return tap.raw(this, walk, remaining);
            }
            other_start => return not_http(this, walk, remaining, end, &other_start, tap),
        }
        head::start(&mut this.scan, tap.window(), end);
        if this.phase == phase::BOUNDARY {
            flags |= flag::HEAD_START;
        }
        this.phase = phase::HEAD;
    }
    tap.scan(&mut this.scan, end);
    match tap.cursor().progress {
        progress::DONE => tap.head_end(walk, connection, remaining, flags),
        progress::MORE if this.scan.length < MAX_HEAD => {
            let count = head::consume(&mut this.scan, tap.cursor(), tap.window(), end == remaining);
            this.scan.length += count;
            let sequence = walk.sequence();
            tap.submit(Span { time_ns: walk.segment.time_ns, framing: 0, sequence, captured: count, covered: count, flags });
            pass(this, count)
        }
        // User space is to tell, and to tell the response to it, which may have no head.
        progress::NOT_HTTP if this.http == 0 && (this.scan.length > 0 || is_meant(tap.window())) => {
            tap.desynchronise(this, walk.segment.time_ns);
            tap.desynchronise(other, walk.segment.time_ns);
            tap.raw(this, walk, remaining)
        }
        progress::NOT_HTTP if this.http == 0 => {
            // Text with a space after its first word: it went up already or goes now.
            this.phase = phase::JOINED;
            this.budget = this.budget.saturating_sub(end);
            tap.count(Counter::Other);
            submit_raw(walk, end, tap);
            pass(this, end)
        }
        _ => {
            tap.desynchronise(this, walk.segment.time_ns);
            tap.raw(this, walk, remaining)
        }
    }
}

/// Whether a line that is no first line of HTTP/1 may be meant as one, or be a request of HTTP/0.9: it starts with a common
/// method, or with the name of the protocol.
#[inline(always)]
fn is_meant(window: &Window) -> bool {
    const GET: (u64, u64) = padded(b"GET ");
    const PUT: (u64, u64) = padded(b"PUT ");
    const POST: (u64, u64) = padded(b"POST ");
    const HEAD: (u64, u64) = padded(b"HEAD ");
    const HTTP: (u64, u64) = padded(b"HTTP/");
    const PATCH: (u64, u64) = padded(b"PATCH ");
    const DELETE: (u64, u64) = padded(b"DELETE ");
    const CONNECT: (u64, u64) = padded(b"CONNECT ");
    const OPTIONS: (u64, u64) = padded(b"OPTIONS ");
    let word = window.word(0);
    let starts = |(start, mask): (u64, u64)| word & mask == start;
    starts(GET)
        | starts(PUT)
        | starts(POST)
        | starts(HEAD)
        | starts(HTTP)
        | starts(PATCH)
        | starts(DELETE)
        | starts(CONNECT)
        | starts(OPTIONS)
}

/// Up to eight bytes as a word, and which of its bits they are.
const fn padded(bytes: &[u8]) -> (u64, u64) {
    let (mut word, mut mask, mut at) = (0, 0, 0);
    while at < bytes.len() {
        word |= (bytes[at] as u64) << (8 * at);
        mask |= 0xff << (8 * at);
        at += 1;
    }
    (word, mask)
}

/// The head ends where the cursor is: what its body is, and so what of this segment stays down.
#[inline(always)]
pub fn head_end<T: Tap>(walk: &Walk, connection: &mut Connection, remaining: u32, flags: u16, tap: &mut T) -> u32 {
    let len = tap.cursor().at;
    let (this, other) = both(connection, walk.direction);
    this.http = 1;
    let body = if this.scan.has(fact::RESPONSE) { response_body(this, other) } else { request_body(this) };
    let sequence = walk.sequence();
    let mut span = Span { time_ns: walk.segment.time_ns, framing: 0, sequence, captured: len, covered: len, flags: flags | flag::HEAD_END };
    match body {
        Body::Unproven => {
            tap.desynchronise(this, walk.segment.time_ns);
            return tap.raw(this, walk, remaining);
        }
        Body::Orphan => {
            this.phase = phase::JOINED;
            this.budget = MAX_HEAD;
            return tap.raw(this, walk, remaining);
        }
        Body::Length(0) => {
            span.flags |= flag::MESSAGE_END;
            this.phase = phase::BOUNDARY;
        }
        Body::Length(length) => {
            let rest = remaining.wrapping_sub(len);
            let here = if length < rest as u64 { length as u32 } else { rest };
            span.covered = len + here;
            this.left = length - here as u64;
            this.phase = phase::BODY;
            if this.left == 0 {
                span.flags |= flag::MESSAGE_END;
                this.phase = phase::BOUNDARY;
            }
        }
        Body::Chunked => {
            this.set_chunk(chunked::State::START);
            this.phase = phase::CHUNKED;
        }
        Body::Close => this.phase = phase::CLOSE,
        Body::Upgrade => {
            this.phase = phase::UPGRADED;
            other.phase = if other.phase == phase::BOUNDARY { phase::UPGRADED } else { phase::CLOSE };
        }
        Body::Tunnel => {
            this.phase = phase::CLOSE;
            other.phase = phase::CLOSE;
        }
    }
    this.next = sequence.wrapping_add(span.covered);
    this.reported_ns = span.time_ns;
    tap.submit(span);
    span.covered
}

/// How the body after a head is framed.
enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Up to the end of the connection.
    Close,
    /// Another protocol in both directions.
    Upgrade,
    /// Anything in both directions.
    Tunnel,
    /// Not for certain.
    Unproven,
    /// A response whose request was not seen: it may answer a HEAD.
    Orphan,
}

/// What a request's method means for its response, two bits in [`Direction::bodyless`].
mod method {
    pub(super) const PLAIN: u64 = 0;
    pub(super) const HEAD: u64 = 1;
    pub(super) const CONNECT: u64 = 2;
    pub(super) const UNKNOWN: u64 = 3;
    /// How many requests are remembered.
    pub(super) const REMEMBERED: u32 = 32;
}

#[inline(always)]
fn request_body(this: &mut Direction) -> Body {
    let scan = this.scan;
    let method = if scan.has(fact::UNPROVEN) {
        method::UNKNOWN
    } else if scan.has(fact::HEAD) {
        method::HEAD
    } else if scan.has(fact::CONNECT) {
        method::CONNECT
    } else {
        method::PLAIN
    };
    let at = 2 * (this.messages % method::REMEMBERED);
    this.bodyless = this.bodyless & !(3 << at) | method << at;
    this.messages = this.messages.wrapping_add(1);
    // RFC 9112 section 6.3: a request without these fields has no body.
    framed(&scan, Body::Length(0))
}

/// RFC 9112 section 6.3, in its order.
#[inline(always)]
fn response_body(this: &mut Direction, requests: &Direction) -> Body {
    let scan = this.scan;
    if scan.has(fact::UNPROVEN) {
        return Body::Unproven;
    }
    if matches!(scan.status, 100 | 102..=199) {
        return Body::Length(0);
    }
    if requests.phase == phase::DESYNC || frames::is_framed(requests.phase) {
        return Body::Unproven;
    }
    let number = this.messages;
    let outstanding = requests.messages.wrapping_sub(number);
    if outstanding == 0 || outstanding > i32::MAX as u32 {
        return Body::Orphan;
    }
    this.messages = number.wrapping_add(1);
    if outstanding > method::REMEMBERED {
        return Body::Unproven;
    }
    let method = requests.bodyless >> (2 * (number % method::REMEMBERED)) & 3;
    match (method, scan.status) {
        (_, 204 | 304) | (method::HEAD, _) => Body::Length(0),
        (_, 101) => Body::Upgrade,
        (method::CONNECT, 200..=299) => Body::Tunnel,
        (method::UNKNOWN, _) => Body::Unproven,
        _ => framed(&scan, Body::Close),
    }
}

#[inline(always)]
fn framed(scan: &Scan, without: Body) -> Body {
    if scan.has(fact::UNPROVEN) {
        Body::Unproven
    } else if scan.has(fact::CHUNKED) {
        Body::Chunked
    } else if scan.has(fact::LENGTH) {
        Body::Length(scan.content_length)
    } else {
        without
    }
}

/// What the first bytes of a message, or of a segment, look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A head of HTTP/1, or as much of its start as is here.
    Head,
    /// CR or LF.
    Blank,
    /// The connection preface of a client of HTTP/2 (RFC 9113 section 3.4).
    Preface,
    /// The one of a server, or where `opens`, as much of its start as is here.
    Settings,
    /// A frame header of HTTP/2.
    Frame,
    /// A PROXY protocol header of so many bytes.
    Proxy(u32),
    /// The start of a PROXY protocol header, or one that does not fit the window.
    CutProxy,
    /// A TLS record (RFC 8446 section 5.1).
    Tls,
    /// Text that may be the rest of a head.
    Text,
    /// Anything else.
    Binary,
}

impl Start {
    /// Looks at `end` bytes of the window, of a segment that has `remaining` bytes from there; `opens`: of a connection of
    /// which nothing is known but that it starts here.
    #[inline(always)]
    pub fn of(window: &Window, end: u32, remaining: u32, opens: bool) -> Self {
        // SAFETY: the window is a reference.
        Self::unpack(unsafe { ehl_start(window, end, remaining, opens as u32) })
    }

    /// As a number.
    #[inline(always)]
    fn pack(self) -> u64 {
        match self {
            Self::Head => 0,
            Self::Blank => 1,
            Self::Preface => 2,
            Self::Tls => 3,
            Self::Text => 4,
            Self::Binary => 5,
            Self::CutProxy => 6,
            Self::Settings => 7,
            Self::Frame => 8,
            Self::Proxy(len) => 9 + len as u64,
        }
    }

    /// The reverse of [`Start::pack`].
    #[inline(always)]
    fn unpack(number: u64) -> Self {
        match number {
            0 => Self::Head,
            1 => Self::Blank,
            2 => Self::Preface,
            3 => Self::Tls,
            4 => Self::Text,
            5 => Self::Binary,
            6 => Self::CutProxy,
            7 => Self::Settings,
            8 => Self::Frame,
            more => Self::Proxy((more - 9) as u32),
        }
    }

    #[inline(always)]
    fn look(window: &Window, end: u32, remaining: u32, opens: bool) -> Self {
        let word = window.word(0);
        let first = word as u8;
        if word & 0x00ff_ffff_ffff_ffff == head::HTTP_1 && end >= 7 {
            return Self::Head;
        }
        let is_enough = end >= frames::LEAST_PREFACE || opens && end >= frames::LEAST_OPENING;
        if first == b'P' && is_enough && frames::is_preface(window, end) {
            return Self::Preface;
        }
        if end >= 7 && word & below(6) == PROXY_V1 && matches!((word >> 48) as u8, b'T' | b'U') {
            return proxy_v1(window, end);
        }
        if end >= 8 && word == PROXY_V2 {
            let len = 16 + (window.byte(14) as u32) * 256 + window.byte(15) as u32;
            return if end >= 16 && len <= end { Self::Proxy(len) } else { Self::CutProxy };
        }
        if opens && end == remaining && is_cut_signature(word, end) {
            return Self::CutProxy;
        }
        match first {
            b'\r' | b'\n' => return Self::Blank,
            0 => return frames::look(window, end, end == remaining && opens),
            0x14..=0x17 if end >= 3 && (word >> 8) as u8 == 3 && (word >> 16) as u8 <= 4 => return Self::Tls,
            _ => {}
        }
        token(window, end, remaining)
    }
}

/// [`Start::of`], packed. A global function (see the crate's documentation).
///
/// # Safety
/// `window` is null or valid.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_start(window: *const Window, end: u32, remaining: u32, opens: u32) -> u64 {
    // SAFETY: by the caller's promise.
    let start = match unsafe { window.as_ref() } {
        Some(window) => Start::look(window, end, remaining, opens != 0),
        None => Start::Binary,
    };
    start.pack()
}

/// How headers of the PROXY protocol begin: version 1, before `TCP` or `UNKNOWN` (else it is a method that nobody
/// registered), and eight bytes of version 2.
const PROXY_V1: u64 = u64::from_le_bytes(*b"PROXY \0\0");
const PROXY_V2: u64 = u64::from_le_bytes(*b"\r\n\r\n\0\r\nQ");

/// Whether one of them ends with the segment, before it is whole. A preface of HTTP/2 starts as the first one does.
#[inline(always)]
fn is_cut_signature(word: u64, end: u32) -> bool {
    let is_start = |signature: u64| (word ^ signature) & below(end) == 0;
    end < 7 && is_start(PROXY_V1) || end < 8 && is_start(PROXY_V2)
}

/// The header of version 1 of the PROXY protocol is one line of at most 107 bytes.
#[inline(always)]
fn proxy_v1(window: &Window, end: u32) -> Start {
    let mut newline = window.find(b'\n', 0, end);
    if newline == NOT_FOUND {
        newline = window.find(b'\n', REACH, end);
    }
    if newline < 107 {
        Start::Proxy(newline + 1)
    } else if end < 107 {
        Start::CutProxy
    } else {
        Start::Text
    }
}

/// RFC 9110 section 5.6.2: a method is a token, and a space follows. Only the first byte and the space are looked at: what
/// passes for a token and is none costs a look in user space, no more.
#[inline(always)]
fn token(window: &Window, end: u32, remaining: u32) -> Start {
    let word = window.word(0);
    let space = window.find(b' ', 0, end);
    // Only what would be the method tells text from other things: what follows it may hold any byte.
    let method_end = if space < end { space } else { end };
    if has_control(word, method_end) {
        return Start::Binary;
    }
    if !is_token(word as u8) {
        return Start::Text;
    }
    // Cut by the end of the segment: all of it may be the start of a method, or of "HTTP/1.".
    let cut = end == remaining && end < REACH;
    if space != NOT_FOUND || cut { Start::Head } else { Start::Text }
}

/// Whether one of the first eight bytes is a control character that no text has.
#[inline(always)]
fn has_control(word: u64, end: u32) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let below_tab = word.wrapping_sub(ONES * b'\t' as u64) & !word & TOPS;
    // The lowest hit is exact; what lies beyond the end does not count.
    below_tab & below(end) != 0
}

/// The first `end` bytes of a word.
#[inline(always)]
fn below(end: u32) -> u64 {
    if end >= 8 { u64::MAX } else { (1 << (8 * end)) - 1 }
}

/// RFC 9110 section 5.6.2 `tchar`, as a bit set.
#[inline(always)]
pub fn is_token(byte: u8) -> bool {
    const LOW: u64 = set(b"!#$%&'*+-.0123456789", 0);
    const HIGH: u64 = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~", 64);
    const fn set(bytes: &[u8], base: u8) -> u64 {
        let mut set = 0;
        let mut at = 0;
        while at < bytes.len() {
            set |= 1 << (bytes[at] - base);
            at += 1;
        }
        set
    }
    let bits = if byte < 64 { LOW } else { HIGH };
    byte < 128 && bits >> (byte & 63) & 1 != 0
}

/// The direction does not start a head here.
#[inline(always)]
fn not_http<T: Tap>(this: &mut Direction, walk: &Walk, remaining: u32, end: u32, start: &Start, tap: &mut T) -> u32 {
    match start {
        // After HTTP, it goes through a tunnel whose beginning was not followed.
        Start::Tls if this.http == 0 => {
            tap.count(Counter::Tls);
            this.phase = phase::TLS;
            return pass(this, remaining);
        }
        // It may be the rest of a head whose start comes late or was not seen; no head is longer than the budget.
        Start::Text | Start::Proxy(_) | Start::CutProxy if this.phase == phase::JOINED && this.budget > 0 => {
            this.budget = this.budget.saturating_sub(end);
            submit_raw(walk, end, tap);
            return pass(this, end);
        }
        _ => {}
    }
    if this.phase == phase::BOUNDARY && this.http != 0 {
        // After a message something else than a message: user space is to see it.
        tap.desynchronise(this, walk.segment.time_ns);
        return tap.raw(this, walk, remaining);
    }
    this.phase = phase::JOINED;
    tap.count(Counter::Other);
    pass(this, remaining)
}
