//! The walk's door to what a program sees: reads the payload, submits records, repeats steps.
//!
//! How payload is read is each program's own: it defines [`ehl_load`].

use core::ptr::null_mut;

use aya_ebpf::{bindings::__sk_buff, cty::c_void, helpers::generated::bpf_loop};
use ehl_probes_common::{
    chunked,
    connection::{Connection, Direction},
    counter::Counter,
    head::{self, Cursor, MAX_STEPS, Scan},
    walk::{self, Span, Tap, Walk},
    window::{WINDOW, Window, bounded},
};

use super::{
    counters,
    filter::setting,
    records::{self, Draft},
};

/// Whether the kernel has `bpf_loop` (5.17). Without it the loops below are shorter, because the verifier goes round each of
/// them, and what exceeds them goes up as unproven.
#[unsafe(no_mangle)]
static BPF_LOOP: u8 = 1;

/// Heads, body parts, chunks and runs of frames walked in one segment.
const STEPS: u32 = 1024;
/// Enough for the largest segment (64 KiB) of windows.
const FEW_STEPS: u32 = 128;
const FEW_SCANS: u32 = 128 / LINES;
const FEW_CHUNK_BYTES: u32 = 32;

/// Lines of a head in one go: more than most have, and each go is a call.
const LINES: u32 = 16;
/// Of them, as many as one call takes on.
const LINES_A_CALL: u32 = 2;

/// What one CPU works with: too large for the stack.
#[repr(C)]
pub struct Scratch {
    /// The record under construction.
    pub draft: Draft,
    /// Where the walk stands.
    pub walk: Walk,
    /// Where the segment's payload is: an offset in the packet, or an address in the process.
    pub payload: u64,
    cursor: Cursor,
    chunk: chunked::State,
    chunk_at: u32,
    chunk_end: u32,
}

unsafe extern "C" {
    /// Fills the window with `len` (1 to [`WINDOW`]) bytes of payload from `offset` on; 0 when they can be read. A global function
    /// (see the module `kernel`), that each program defines.
    fn ehl_load(skb: *mut __sk_buff, scratch: *mut Scratch, offset: u32, len: u32) -> u32;
}

/// A length of 1 to [`WINDOW`], as the verifier wants to see that it is neither zero nor larger than the window.
#[inline(always)]
pub fn window_len(len: u32) -> u32 {
    (bounded(len.wrapping_sub(1)) & (WINDOW as u64 - 1)) as u32 + 1
}

impl Scratch {
    /// Nothing was looked at yet.
    pub const NEW: Self = Self {
        draft: Draft::NEW,
        walk: Walk::NEW,
        payload: 0,
        cursor: Cursor::NEW,
        chunk: chunked::State { left: 0, phase: 0 },
        chunk_at: 0,
        chunk_end: 0,
    };
}

/// A packet if there is one, the scratch memory, and the connection.
#[derive(Clone, Copy)]
#[repr(C)]
struct Job {
    skb: *mut __sk_buff,
    scratch: *mut Scratch,
    connection: *mut Connection,
}

impl Job {
    /// Walks the segment that stands in the scratch memory.
    #[inline(always)]
    fn run(mut self) {
        // SAFETY: both pointers come from map look-ups that succeeded, and no other reference to them lives here. Another
        // CPU may write the connection's other direction at the same time: plain numbers, each valid in itself.
        let (walk, connection) = unsafe { (&mut (*self.scratch).walk, &mut *self.connection) };
        // SAFETY: the job holds what the function wants.
        if unsafe { ehl_begin(self.skb, self.scratch, self.connection) } == 0 {
            return;
        }
        // Most segments take one step, which needs no loop.
        // SAFETY: the job holds what the function wants.
        let is_over = unsafe { ehl_step(self.skb, self.scratch, self.connection) } != 0 || walk.is_over();
        if !is_over {
            self.run_on();
        }
        walk::finish(walk, connection, &mut self);
    }

    /// All further steps.
    #[inline(always)]
    fn run_on(&mut self) {
        if setting(&BPF_LOOP) != 0 {
            // SAFETY: the callback has the signature that the helper wants, and the job outlives the call.
            unsafe { bpf_loop(STEPS, step_callback as *mut c_void, (&raw mut *self).cast(), 0) };
            return;
        }
        for _ in 0..FEW_STEPS {
            // SAFETY: the job holds what the function wants.
            if unsafe { ehl_step(self.skb, self.scratch, self.connection) } != 0 {
                break;
            }
        }
    }
}

/// [`walk::begin`]; 1 when there are steps to do. A global function (see the module `kernel`), so that what it keeps on the stack
/// is gone before the first step.
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_begin(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection) -> u32 {
    if scratch.is_null() || connection.is_null() {
        return 0;
    }
    let mut job = Job { skb, scratch, connection };
    // SAFETY: as in `Job::run`.
    let (walk, connection) = unsafe { (&mut (*scratch).walk, &mut *connection) };
    walk::begin(walk, connection, &mut job) as u32
}

/// Walks the segment that stands in the scratch memory.
///
/// # Safety
/// All three are valid, or null.
#[inline(always)]
pub unsafe fn walk_segment(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection) {
    // SAFETY: by the caller's promise.
    unsafe { ehl_walk(skb, scratch, connection) };
}

/// [`walk_segment`]. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_walk(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection) -> u32 {
    if !scratch.is_null() && !connection.is_null() {
        Job { skb, scratch, connection }.run();
    }
    0
}

/// What a callback of `bpf_loop` answers: the verifier wants to see that it is 0 or 1.
#[inline(always)]
fn answer(is_last: u32) -> i64 {
    (bounded(is_last) & 1) as i64
}

unsafe extern "C" fn step_callback(_index: u64, job: *mut c_void) -> i64 {
    // SAFETY: `job` is what `Job::run` passed to the helper.
    answer(step(unsafe { &mut *job.cast::<Job>() }))
}

/// One step of the walk; 1 when it was the last.
#[inline(always)]
fn step(job: &mut Job) -> u32 {
    // SAFETY: as in `Job::run`.
    let (walk, connection) = unsafe { (&mut (*job.scratch).walk, &mut *job.connection) };
    walk::step(walk, connection, job) as u32
}

/// [`step`], where the verifier goes round the loop. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_step(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection) -> u32 {
    if scratch.is_null() || connection.is_null() {
        return 1;
    }
    step(&mut Job { skb, scratch, connection })
}

/// [`walk::messages`]. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_messages(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection, remaining: u32) -> u32 {
    if scratch.is_null() || connection.is_null() {
        return 0;
    }
    let mut job = Job { skb, scratch, connection };
    // SAFETY: as in `Job::run`.
    unsafe { walk::messages(&(*scratch).walk, &mut *connection, remaining, &mut job) }
}

/// What a head scan works on.
#[repr(C)]
struct ScanJob {
    scan: *mut Scan,
    scratch: *mut Scratch,
}

unsafe extern "C" fn scan_callback(_index: u64, job: *mut ScanJob) -> i64 {
    // SAFETY: `job` is what `Tap::scan` passed to the helper.
    answer(scan_step(unsafe { &mut *job }))
}

/// Some lines of a head; 1 when the last of the window was among them.
#[inline(always)]
fn scan_step(job: &mut ScanJob) -> u32 {
    for _ in 0..LINES / LINES_A_CALL {
        // SAFETY: the scan stands in the connection's state, cursor and window in the scratch memory; as in `Job::run`.
        if unsafe { ehl_lines(job.scan, job.scratch) } != 0 {
            return 1;
        }
    }
    0
}

/// A few lines of a head; 1 when the last of the window was among them. A global function (see the module `kernel`): the verifier
/// goes through each turn of its loop once more, and is spared the other turns.
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_lines(scan: *mut Scan, scratch: *mut Scratch) -> u32 {
    // SAFETY: by the caller's promise.
    let (Some(scan), Some(Scratch { cursor, draft, .. })) = (unsafe { (scan.as_mut(), scratch.as_mut()) }) else {
        return 1;
    };
    for _ in 0..LINES_A_CALL {
        head::step(scan, cursor, &draft.window);
        if cursor.progress != head::progress::GOING {
            return 1;
        }
    }
    0
}

unsafe extern "C" fn chunk_callback(_index: u64, scratch: *mut *mut Scratch) -> i64 {
    // SAFETY: `scratch` is what `Tap::chunk` passed to the helper.
    answer(unsafe { ehl_chunk(*scratch) })
}

/// One byte of a chunk's size line or of a trailer; 1 when it was the last one. A global function (see the module
/// `kernel`).
///
/// # Safety
/// `scratch` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_chunk(scratch: *mut Scratch) -> u32 {
    // SAFETY: by the caller's promise.
    let Some(scratch) = (unsafe { scratch.as_mut() }) else {
        return 1;
    };
    if scratch.chunk_at >= scratch.chunk_end {
        return 1;
    }
    let chunked::State { left, phase } = scratch.chunk.step(scratch.draft.window.byte(scratch.chunk_at));
    scratch.chunk.left = left;
    scratch.chunk.phase = phase;
    scratch.chunk_at += 1;
    matches!(phase, chunked::phase::DATA | chunked::phase::END | chunked::phase::BAD) as u32
}

impl Tap for Job {
    #[inline(always)]
    fn load(&mut self, offset: u32, len: u32) -> bool {
        // SAFETY: as in `Job::run`.
        unsafe { ehl_load(self.skb, self.scratch, offset, len) == 0 }
    }

    #[inline(always)]
    fn window(&self) -> &Window {
        // SAFETY: as in `Job::run`.
        unsafe { &(*self.scratch).draft.window }
    }

    #[inline(always)]
    fn submit(&mut self, span: Span) {
        // SAFETY: as in `Job::run`.
        let draft = unsafe { &mut (*self.scratch).draft };
        draft.header.time_ns = span.time_ns;
        draft.header.framing = span.framing;
        draft.header.sequence = span.sequence;
        draft.header.payload_len = span.covered;
        draft.header.captured_len = span.captured;
        draft.header.flags = span.flags;
        records::submit(draft, span.captured);
    }

    #[inline(always)]
    fn count(&mut self, counter: Counter) {
        counters::count_here(counter);
    }

    #[inline(always)]
    fn scan(&mut self, scan: &mut Scan, end: u32) {
        // SAFETY: as in `Job::run`.
        unsafe { (*self.scratch).cursor.restart(end) };
        let mut job = ScanJob { scan, scratch: self.scratch };
        // Most heads take one, which needs no loop.
        if scan_step(&mut job) != 0 {
            return;
        }
        if setting(&BPF_LOOP) != 0 {
            // SAFETY: the callback has the signature that the helper wants, and the job outlives the call.
            unsafe { bpf_loop(MAX_STEPS / LINES + 1, scan_callback as *mut c_void, (&raw mut job).cast(), 0) };
            return;
        }
        for _ in 0..FEW_SCANS {
            if scan_step(&mut job) != 0 {
                break;
            }
        }
    }

    #[inline(always)]
    fn cursor(&self) -> &Cursor {
        // SAFETY: as in `Job::run`.
        unsafe { &(*self.scratch).cursor }
    }

    #[inline(always)]
    fn chunk(&mut self, state: chunked::State, end: u32) {
        // SAFETY: as in `Job::run`.
        let scratch = unsafe { &mut *self.scratch };
        scratch.chunk.left = state.left;
        scratch.chunk.phase = state.phase;
        scratch.chunk_at = 0;
        scratch.chunk_end = end;
        if setting(&BPF_LOOP) != 0 {
            // Of its own, so that the job need not be in memory.
            let mut context = self.scratch;
            // SAFETY: the callback has the signature that the helper wants, and the pointer outlives the call.
            unsafe { bpf_loop(WINDOW as u32, chunk_callback as *mut c_void, (&raw mut context).cast(), 0) };
            return;
        }
        for _ in 0..FEW_CHUNK_BYTES {
            // SAFETY: as in `Job::run`.
            if unsafe { ehl_chunk(scratch) } != 0 {
                break;
            }
        }
    }

    #[inline(always)]
    fn chunked(&self) -> (chunked::State, u32) {
        // SAFETY: as in `Job::run`.
        let scratch = unsafe { &*self.scratch };
        (scratch.chunk, scratch.chunk_at)
    }

    #[inline(always)]
    fn most_runs(&self) -> u32 {
        if setting(&BPF_LOOP) != 0 { STEPS / 2 } else { FEW_STEPS / 2 }
    }

    #[inline(always)]
    fn messages(&mut self, _walk: &Walk, connection: &mut Connection, remaining: u32) -> u32 {
        // SAFETY: as in `Job::run`; the walk is the one in the scratch memory.
        unsafe { ehl_messages(self.skb, self.scratch, connection, remaining) }
    }

    #[inline(always)]
    fn head_end(&mut self, _walk: &Walk, connection: &mut Connection, remaining: u32, flags: u16) -> u32 {
        // SAFETY: as in `Job::run`; the walk is the one in the scratch memory.
        unsafe { ehl_head_end(self.skb, self.scratch, connection, remaining, flags as u32) }
    }

    #[inline(always)]
    fn frames(&mut self, _walk: &mut Walk, connection: &mut Connection, remaining: u32) -> u32 {
        // SAFETY: as in `Job::run`; the walk is the one in the scratch memory.
        unsafe { ehl_frames(self.skb, self.scratch, connection, remaining) }
    }

    #[inline(always)]
    fn raw(&mut self, this: &mut Direction, _walk: &Walk, remaining: u32) -> u32 {
        // SAFETY: as in `Job::run`; the walk is the one in the scratch memory.
        unsafe { ehl_raw(self.skb, self.scratch, this, remaining) }
    }

    #[inline(always)]
    fn desynchronise(&mut self, this: &mut Direction, time_ns: u64) {
        // SAFETY: as in `Job::run`.
        unsafe { ehl_desynchronise(self.scratch, this, time_ns) };
    }

    #[inline(always)]
    fn report(&mut self, this: &mut Direction, flags: u16) {
        // SAFETY: as in `Job::run`.
        unsafe { ehl_report(self.scratch, this, flags as u32) };
    }
}

/// [`walk::head_end`]. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_head_end(
    skb: *mut __sk_buff,
    scratch: *mut Scratch,
    connection: *mut Connection,
    remaining: u32,
    flags: u32,
) -> u32 {
    if scratch.is_null() || connection.is_null() {
        return 0;
    }
    let mut job = Job { skb, scratch, connection };
    // SAFETY: as in `Job::run`.
    unsafe { walk::head_end(&(*scratch).walk, &mut *connection, remaining, flags as u16, &mut job) }
}

/// [`walk::frames::step`]. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_frames(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection, remaining: u32) -> u32 {
    if scratch.is_null() || connection.is_null() {
        return 0;
    }
    let mut job = Job { skb, scratch, connection };
    // SAFETY: as in `Job::run`.
    unsafe { walk::frames::step(&mut (*scratch).walk, &mut *connection, remaining, &mut job) }
}

/// [`walk::raw`]. A global function (see the module `kernel`).
///
/// # Safety
/// All three are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_raw(skb: *mut __sk_buff, scratch: *mut Scratch, this: *mut Direction, remaining: u32) -> u32 {
    if scratch.is_null() || this.is_null() {
        return 0;
    }
    // SAFETY: as in `Job::run`.
    unsafe { walk::raw(&mut *this, &(*scratch).walk, remaining, &mut Job { skb, scratch, connection: null_mut() }) }
}

/// [`walk::desynchronise`]. A global function (see the module `kernel`).
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_desynchronise(scratch: *mut Scratch, this: *mut Direction, time_ns: u64) -> u32 {
    if !scratch.is_null() && !this.is_null() {
        // SAFETY: as in `Job::run`.
        unsafe { walk::desynchronise(&mut *this, time_ns, &mut Job { skb: null_mut(), scratch, connection: null_mut() }) };
    }
    0
}

/// [`walk::report`]. A global function (see the module `kernel`).
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_report(scratch: *mut Scratch, this: *mut Direction, flags: u32) -> u32 {
    if !scratch.is_null() && !this.is_null() {
        // SAFETY: as in `Job::run`.
        unsafe { walk::report(&mut *this, flags as u16, &mut Job { skb: null_mut(), scratch, connection: null_mut() }) };
    }
    0
}
