//! Follows the frames of HTTP/2 (RFC 9113 section 4.1): in step, all goes up but the payload of DATA frames.
//!
//! A direction is in step from its connection preface on. One that was joined in the middle is guessed at: everything goes up
//! while what looks like a frame header is followed to the next one, and after [`CONFIRMED`] of them in a row it is in step.
//! On any anomaly everything goes up, and it is guessed at again from each segment on: these connections live long.

use crate::connection::{Connection, Direction, frame_part, phase};
use crate::counter::Counter;
use crate::frame::{FRAME_HEADER_LEN, Frame, PREFACE, kind};
use crate::record::flag;
use crate::walk::{
    RESTART_DISTANCE, Segment, Span, Start, Tap, Walk, after, below, both, in_window, pass, report_if_due, skip, submit_raw,
};
use crate::window::Window;

/// So many headers in a row that a sender may send are frames: of random bytes one in five million passes for the first, and the
/// place of each further one is told by the one before.
pub const CONFIRMED: u16 = 8;

/// Bytes that tell the preface from a request: no method is called `PRI`.
pub(super) const LEAST_PREFACE: u32 = 5;
/// And at the start of a connection.
pub(super) const LEAST_OPENING: u32 = 3;

/// Most frames in one record.
const MOST_FRAMES: u32 = 16;

/// Follows a run of frames; returns how many bytes are done with, 0 when they cannot be read.
#[inline(always)]
pub fn step<T: Tap>(walk: &mut Walk, connection: &mut Connection, remaining: u32, tap: &mut T) -> u32 {
    let (this, other) = both(connection, walk.direction);
    if this.phase == phase::DESYNC && !is_http2(other) && !is_found(this, walk, remaining, tap) {
        return tap.raw(this, walk, remaining);
    }
    prepare(this, other, tap);
    if after(walk.sequence(), this.next) > 0 {
        // It was out of step before it was one of HTTP/2.
        seek(this, walk.sequence());
    }
    let behind = after(this.next, walk.sequence());
    if behind > 0 && is_framed(this.phase) {
        return late(this, walk, remaining, behind as u32, tap);
    }
    if this.phase == phase::HTTP2 && this.frame_part == frame_part::DATA {
        return data(this, &walk.segment, remaining, tap);
    }
    let end = in_window(remaining);
    if !tap.load(walk.offset, end) {
        return 0;
    }
    if this.phase == phase::UPGRADED {
        upgrade(this, other, end, end == remaining, tap);
        if this.phase == phase::CLOSE {
            skip(this, &walk.segment, remaining);
            report_if_due(this, &walk.segment, tap);
            return remaining;
        }
    }
    if this.phase == phase::HTTP2 {
        walk.runs += 1;
        if walk.runs > tap.most_runs() {
            lose(this, tap);
        }
    }
    if this.frame_part == frame_part::NONE {
        // Further on in the segment, it would be a guess too many.
        if walk.offset != 0 || look(tap.window(), end, false) == Start::Binary {
            return up(this, walk, end, remaining, tap);
        }
        this.in_row = 0;
        await_header(this);
    }
    run(this, walk, remaining, tap)
}

/// Whether frames of the direction are followed.
#[inline(always)]
pub(super) fn is_framed(phase: u8) -> bool {
    phase == phase::HTTP2 || phase == phase::HTTP2_GUESS
}

/// Whether the direction is one of HTTP/2 for certain.
#[inline(always)]
pub(super) fn is_http2(direction: &Direction) -> bool {
    is_framed(direction.phase) && direction.http != 0
}

/// Whether the segment goes on with [`step`]: with frames, or what may be some. That is also what was taken for something else
/// when the other direction is one of HTTP/2, and a segment out of step in a direction that never was one of HTTP/1.
#[inline(always)]
pub(super) fn are_next(walk: &Walk, connection: &mut Connection) -> bool {
    let (this, other) = both(connection, walk.direction);
    match this.phase {
        phase::HTTP2 | phase::HTTP2_GUESS | phase::UPGRADED => true,
        phase::JOINED | phase::HEAD | phase::TLS => this.http == 0 && is_http2(other),
        phase::DESYNC => this.http == 0 && walk.offset == 0 && (other.http == 0 || is_http2(other)),
        _ => false,
    }
}

/// Whether this may be the first sight of bytes before `next`.
#[inline(always)]
pub(super) fn is_missing(this: &Direction, sequence: u32) -> bool {
    is_framed(this.phase) && after(this.since, sequence) > 0
}

/// What starts with a zero byte; `may_be_cut`: the preface of a server may end with the segment before its first header does.
#[inline(always)]
pub(super) fn look(window: &Window, end: u32, may_be_cut: bool) -> Start {
    // SAFETY: the window is a reference.
    match unsafe { ehl_look(window, end, may_be_cut as u32) } {
        SETTINGS => Start::Settings,
        FRAME => Start::Frame,
        _ => Start::Binary,
    }
}

const SETTINGS: u32 = 1;
const FRAME: u32 = 2;

/// [`look`]. A global function (see the crate's documentation).
///
/// # Safety
/// `window` is null or valid.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_look(window: *const Window, end: u32, may_be_cut: u32) -> u32 {
    // SAFETY: by the caller's promise.
    let Some(window) = (unsafe { window.as_ref() }) else {
        return 0;
    };
    if end < FRAME_HEADER_LEN {
        return if may_be_cut != 0 && is_start_of_settings(window, end) { SETTINGS } else { 0 };
    }
    let first = Frame::new(window.word(0), window.byte(8));
    if !first.is_plausible() {
        return 0;
    }
    if first.kind == kind::SETTINGS && first.flags == 0 { SETTINGS } else { FRAME }
}

/// Whether the first few bytes are those of SETTINGS without flags on stream 0, of at most 511 bytes.
#[inline(always)]
fn is_start_of_settings(window: &Window, end: u32) -> bool {
    const HEADER: u64 = u64::from_le_bytes([0, 0, 0, kind::SETTINGS, 0, 0, 0, 0]);
    const FIXED: u64 = u64::from_le_bytes([0xff, 0xfe, 0, 0xff, 0xff, 0xff, 0xff, 0xff]);
    (window.word(0) ^ HEADER) & FIXED & below(end) == 0
}

/// Whether a connection of which nothing else is known, or whose other direction is one of HTTP/2, goes on with [`step`].
#[inline(always)]
pub(super) fn begin<T: Tap>(this: &mut Direction, walk: &Walk, start: &Start, other: &Direction, tap: &mut T) -> bool {
    match start {
        Start::Preface => {
            enter(this, phase::HTTP2, frame_part::PREFACE, tap);
            this.http = 1;
        }
        Start::Settings if this.phase == phase::BOUNDARY => enter(this, phase::HTTP2, frame_part::HEADER, tap),
        Start::Settings | Start::Frame if walk.offset == 0 => enter(this, phase::HTTP2_GUESS, frame_part::NONE, tap),
        _ if is_http2(other) => enter(this, phase::HTTP2_GUESS, frame_part::NONE, tap),
        _ => return false,
    }
    true
}

/// Bytes are missing before this segment.
#[inline(always)]
pub(super) fn gap<T: Tap>(this: &mut Direction, distance: u32, segment: &Segment, tap: &mut T) {
    // A guess is only as good as what it rests on.
    if this.phase != phase::HTTP2 || this.frame_part < frame_part::PREFACE || distance as u64 > this.left {
        lose(this, tap);
        seek(this, segment.sequence);
        return;
    }
    // Wherever the missing bytes are, they are payload.
    this.left -= distance as u64;
    if this.frame_part == frame_part::DATA {
        skip(this, segment, distance);
    } else {
        seek(this, segment.sequence);
    }
    end_part(this, tap);
}

/// The first bytes after an upgrade, which would tell what it is now, are missing.
#[inline(always)]
pub(super) fn join<T: Tap>(this: &mut Direction, sequence: u32, tap: &mut T) {
    enter(this, phase::HTTP2_GUESS, frame_part::NONE, tap);
    seek(this, sequence);
}

/// Where the next frame starts is not known any more.
#[inline(always)]
pub(super) fn lose<T: Tap>(this: &mut Direction, tap: &mut T) {
    if this.phase == phase::HTTP2 {
        tap.report(this, 0);
        this.phase = phase::HTTP2_GUESS;
        tap.count(Counter::Desynchronised);
    }
    this.frame_part = frame_part::NONE;
}

/// What is before `sequence` and comes late is to go up.
#[inline(always)]
fn seek(this: &mut Direction, sequence: u32) {
    this.next = sequence;
    this.since = sequence;
}

/// Whether a segment out of step starts with a frame.
#[inline(always)]
fn is_found<T: Tap>(this: &Direction, walk: &Walk, remaining: u32, tap: &mut T) -> bool {
    let is_next = walk.sequence() == this.next && remaining >= FRAME_HEADER_LEN;
    is_next && tap.load(walk.offset, FRAME_HEADER_LEN) && look(tap.window(), FRAME_HEADER_LEN, false) != Start::Binary
}

/// What the other direction and the state before tell.
#[inline(always)]
fn prepare<T: Tap>(this: &mut Direction, other: &Direction, tap: &mut T) {
    if is_http2(other) {
        this.http = 1;
    }
    if !is_framed(this.phase) && this.phase != phase::UPGRADED {
        enter(this, phase::HTTP2_GUESS, frame_part::NONE, tap);
    }
    // Sequence numbers wrap, and no segment comes that late.
    if this.next.wrapping_sub(this.since) > RESTART_DISTANCE {
        this.since = this.next.wrapping_sub(RESTART_DISTANCE);
    }
}

/// From `next` on the direction is followed.
#[inline(always)]
fn enter<T: Tap>(this: &mut Direction, phase: u8, part: u8, tap: &mut T) {
    tap.report(this, 0);
    // What began as HTTP/2 may still be it: user space is to tell.
    this.before = if this.phase == phase::DESYNC || this.phase == phase::BOUNDARY { phase::DESYNC } else { phase::JOINED };
    this.phase = phase;
    this.since = this.next;
    this.in_row = 0;
    await_header(this);
    this.frame_part = part;
    if part == frame_part::PREFACE {
        this.left = PREFACE.len() as u64;
    }
}

#[inline(always)]
fn await_header(this: &mut Direction) {
    this.frame_part = frame_part::HEADER;
    this.left = FRAME_HEADER_LEN as u64;
    this.cut = 0;
}

/// The bytes before `next` of a segment: what was missing goes up, what was not is known.
#[inline(always)]
fn late<T: Tap>(this: &Direction, walk: &Walk, remaining: u32, behind: u32, tap: &mut T) -> u32 {
    let missing = after(this.since, walk.sequence());
    if missing <= 0 {
        return if remaining < behind { remaining } else { behind };
    }
    let mut count = in_window(remaining);
    if count > missing as u32 {
        count = missing as u32;
    }
    if !tap.load(walk.offset, count) {
        return 0;
    }
    submit_raw(walk, count, tap);
    count
}

/// Payload that stays down.
#[inline(always)]
fn data<T: Tap>(this: &mut Direction, segment: &Segment, remaining: u32, tap: &mut T) -> u32 {
    let count = if this.left < remaining as u64 { this.left as u32 } else { remaining };
    this.left -= count as u64;
    skip(this, segment, count);
    end_part(this, tap);
    report_if_due(this, segment, tap);
    count
}

/// Where nothing is left of a part, a frame header is next.
#[inline(always)]
fn end_part<T: Tap>(this: &mut Direction, tap: &mut T) {
    if this.left == 0 {
        tap.report(this, 0);
        await_header(this);
    }
}

/// The first byte after an upgrade.
#[inline(always)]
fn upgrade<T: Tap>(this: &mut Direction, other: &mut Direction, end: u32, is_last: bool, tap: &mut T) {
    let (to, part) = match look(tap.window(), end, is_last) {
        _ if is_preface(tap.window(), end) => (phase::HTTP2, frame_part::PREFACE),
        Start::Settings => (phase::HTTP2, frame_part::HEADER),
        Start::Binary if !is_http2(other) => {
            this.phase = phase::CLOSE;
            return;
        }
        _ => (phase::HTTP2_GUESS, frame_part::NONE),
    };
    enter(this, to, part, tap);
    if this.phase == phase::HTTP2 && other.phase == phase::CLOSE {
        // Its first bytes were not seen.
        tap.report(other, flag::OPPOSITE);
        enter(other, phase::HTTP2_GUESS, frame_part::NONE, tap);
    }
}

/// Everything goes up, and it may not be HTTP/2 at all.
#[inline(always)]
fn up<T: Tap>(this: &mut Direction, walk: &Walk, end: u32, remaining: u32, tap: &mut T) -> u32 {
    this.frame_part = frame_part::NONE;
    if this.http == 0 {
        this.phase = this.before;
        if end == remaining && this.phase == phase::JOINED {
            tap.count(Counter::Other);
        }
    }
    submit_raw(walk, end, tap);
    pass(this, end)
}

/// Frames in a row, in the window: in step one record goes up to the payload of a DATA frame.
#[inline(always)]
fn run<T: Tap>(this: &mut Direction, walk: &Walk, remaining: u32, tap: &mut T) -> u32 {
    let end = in_window(remaining);
    let flags = if is_start(this) { flag::HTTP2 | flag::HEAD_START } else { flag::HTTP2 };
    let at = follow(this, tap.window(), remaining);
    let is_lost = this.frame_part == frame_part::NONE;
    if is_lost && (at == 0 || this.phase != phase::HTTP2) {
        lose(this, tap);
        return up(this, walk, end, remaining, tap);
    }
    if this.phase != phase::HTTP2 {
        submit_raw(walk, at, tap);
        return pass(this, at);
    }
    let mut covered = at;
    if this.frame_part == frame_part::DATA {
        let rest = remaining.wrapping_sub(at);
        let here = if this.left < rest as u64 { this.left as u32 } else { rest };
        this.left -= here as u64;
        covered += here;
        end_part(this, tap);
    }
    let time_ns = walk.segment.time_ns;
    tap.submit(Span { time_ns, framing: 0, sequence: walk.sequence(), captured: at, covered, flags });
    this.reported_ns = time_ns;
    if is_lost {
        lose(this, tap);
    }
    pass(this, covered)
}

/// Whether the next byte is the first one of a frame, or of the preface.
#[inline(always)]
fn is_start(this: &Direction) -> bool {
    match this.frame_part {
        frame_part::HEADER => this.left == FRAME_HEADER_LEN as u64,
        frame_part::PREFACE => this.left == PREFACE.len() as u64,
        _ => false,
    }
}

/// Follows frames through the window, in which the segment's `remaining` bytes begin, up to the payload of a DATA frame in step, or
/// to what is no header ([`frame_part::NONE`]); returns how far.
#[inline(always)]
fn follow(this: &mut Direction, window: &Window, remaining: u32) -> u32 {
    let mut at = 0;
    for _ in 0..MOST_FRAMES {
        // SAFETY: both are references.
        let next = unsafe { ehl_frame(this, window, at, remaining) };
        let is_over = next == at || next >= in_window(remaining) || this.frame_part == frame_part::DATA;
        at = next;
        if is_over {
            break;
        }
    }
    at
}

/// Takes one frame, or what is here of it, at `at` in the window, in which the segment's `remaining` bytes begin; returns where it ends.
/// A global function (see the crate's documentation).
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_frame(this: *mut Direction, window: *const Window, at: u32, remaining: u32) -> u32 {
    // SAFETY: by the caller's promise.
    let (Some(this), Some(window)) = (unsafe { (this.as_mut(), window.as_ref()) }) else {
        return at;
    };
    let (mut at, end) = (at, in_window(remaining));
    if this.frame_part == frame_part::HEADER {
        let missing = this.left as u32;
        let here = end.wrapping_sub(at);
        if here < missing {
            // It is seen whole in the next window, unless the segment ends here.
            return if end == remaining { cut(this, window, at, here) } else { at };
        }
        if !header(this, window, at, missing) {
            return at;
        }
        at = at.wrapping_add(missing);
    }
    if this.frame_part == frame_part::DATA {
        return at;
    }
    let here = end.wrapping_sub(at);
    let count = if this.left < here as u64 { this.left as u32 } else { here };
    this.left -= count as u64;
    if this.left == 0 {
        await_header(this);
    }
    at.wrapping_add(count)
}

/// Remembers the start of a header.
#[inline(always)]
fn cut(this: &mut Direction, window: &Window, at: u32, here: u32) -> u32 {
    let known = FRAME_HEADER_LEN.wrapping_sub(this.left as u32);
    this.cut |= shifted(window.word(at) & below(here), known);
    this.left -= here as u64;
    at.wrapping_add(here)
}

/// By so many bytes up.
#[inline(always)]
fn shifted(word: u64, bytes: u32) -> u64 {
    if bytes < 8 { word << (8 * bytes) } else { 0 }
}

/// Goes over to the payload of the frame whose header ends with the next `missing` bytes; not if it is none, or is to be the
/// first one of a record.
#[inline(always)]
fn header(this: &mut Direction, window: &Window, at: u32, missing: u32) -> bool {
    let known = FRAME_HEADER_LEN.wrapping_sub(missing);
    let ninth = at.wrapping_add(missing).wrapping_sub(1);
    let frame = Frame::new(this.cut | shifted(window.word(at), known), window.byte(ninth));
    let is_guess = this.phase == phase::HTTP2_GUESS;
    let is_good = if is_guess || this.http == 0 { frame.is_plausible() } else { frame.is_possible() };
    if !is_good {
        this.frame_part = frame_part::NONE;
        return false;
    }
    if this.in_row < CONFIRMED {
        this.in_row += 1;
    }
    if this.in_row == CONFIRMED {
        if is_guess && known == 0 {
            if at != 0 {
                this.in_row -= 1;
                return false;
            }
            this.phase = phase::HTTP2;
        }
        this.http = 1;
    }
    this.left = frame.length as u64;
    this.cut = 0;
    let stays_down = frame.kind == kind::DATA && frame.length > 0 && this.phase == phase::HTTP2;
    this.frame_part = if stays_down { frame_part::DATA } else { frame_part::PAYLOAD };
    true
}

/// Whether the window starts with the preface of a client, or as much of it as is here.
#[inline(always)]
pub(super) fn is_preface(window: &Window, end: u32) -> bool {
    const WORDS: [u64; 3] = [preface(0), preface(8), preface(16)];
    let differs = |at: u32, word: u64| (window.word(at) ^ word) & below(end.saturating_sub(at)) != 0;
    !(differs(0, WORDS[0]) || differs(8, WORDS[1]) || differs(16, WORDS[2]))
}

/// Eight bytes of the preface.
const fn preface(from: usize) -> u64 {
    let mut word = 0;
    let mut at = 0;
    while at < 8 {
        word |= (PREFACE[from + at] as u64) << (8 * at);
        at += 1;
    }
    word
}
