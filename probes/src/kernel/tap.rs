//! The walk's door to a packet: reads its payload, submits records, repeats steps.

use aya_ebpf::{
    bindings::__sk_buff,
    cty::c_void,
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
};
use ehl_probes_common::{
    chunked,
    connection::{Connection, Key},
    counter::Counter,
    head::{self, Cursor, MAX_STEPS, Scan},
    packet::Tcp,
    walk::{self, Span, Tap, Walk},
    window::{WINDOW, Window, bounded},
};

use super::{
    counters,
    filter::setting,
    records::{self, Draft},
};

/// Whether the kernel has `bpf_loop` (5.17). Without it the loops below are short, and what exceeds them goes up as
/// unproven.
#[unsafe(no_mangle)]
static BPF_LOOP: u8 = 1;

/// Heads, body parts and chunks walked in one segment.
const STEPS: u32 = 1024;
const FEW_STEPS: u32 = 4;
const FEW_LINES: u32 = 24;
const FEW_CHUNK_BYTES: u32 = 12;

/// What one CPU works with: too large for the stack.
#[repr(C)]
pub struct Scratch {
    /// The record under construction.
    pub draft: Draft,
    /// The segment's headers.
    pub tcp: Tcp,
    /// The segment's connection.
    pub key: Key,
    /// Where the walk stands.
    pub walk: Walk,
    cursor: Cursor,
    chunk: chunked::State,
    chunk_at: u32,
    chunk_end: u32,
}

/// A packet, the CPU's scratch memory, and the connection.
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
        if !walk::begin(walk, connection, &mut self) {
            return;
        }
        if setting(&BPF_LOOP) != 0 {
            // SAFETY: the callback has the signature that the helper wants, and the job outlives the call.
            unsafe { bpf_loop(STEPS, step_callback as *mut c_void, (&raw mut self).cast(), 0) };
        } else {
            for _ in 0..FEW_STEPS {
                if step(&mut self) != 0 {
                    break;
                }
            }
        }
        walk::finish(walk, connection, &mut self);
    }
}

/// Walks the segment that stands in the scratch memory. A function of its own: the stack is small.
#[inline(never)]
pub fn walk_segment(skb: *mut __sk_buff, scratch: *mut Scratch, connection: *mut Connection) {
    Job { skb, scratch, connection }.run();
}

unsafe extern "C" fn step_callback(_index: u64, job: *mut c_void) -> i64 {
    // SAFETY: `job` is what `Job::run` passed to the helper.
    step(unsafe { &mut *job.cast::<Job>() })
}

/// One step of the walk; 1 when it was the last. A function of its own, so that its code is there once.
#[inline(never)]
fn step(job: &mut Job) -> i64 {
    // SAFETY: as in `Job::run`.
    let (walk, connection) = unsafe { (&mut (*job.scratch).walk, &mut *job.connection) };
    walk::step(walk, connection, job) as i64
}

/// What a head scan works on.
#[repr(C)]
struct ScanJob {
    scan: *mut Scan,
    scratch: *mut Scratch,
}

unsafe extern "C" fn scan_callback(_index: u64, job: *mut ScanJob) -> i64 {
    // SAFETY: `job` is what `Tap::scan` passed to the helper.
    scan_step(unsafe { &mut *job })
}

/// One step of a head scan; 1 when it was the last.
#[inline(never)]
fn scan_step(job: &mut ScanJob) -> i64 {
    // SAFETY: the scan stands in the connection's state, cursor and window in the scratch memory; as in `Job::run`.
    let (scan, Scratch { cursor, draft, .. }) = unsafe { (&mut *job.scan, &mut *job.scratch) };
    head::step(scan, cursor, &draft.window);
    (cursor.progress != head::progress::GOING) as i64
}

unsafe extern "C" fn chunk_callback(_index: u64, scratch: *mut *mut Scratch) -> i64 {
    // SAFETY: `scratch` is what `Tap::chunk` passed to the helper.
    chunk_step(unsafe { &mut **scratch }) as i64
}

/// One byte of a chunk's size line or of a trailer; whether that was the last one.
#[inline(always)]
fn chunk_step(scratch: &mut Scratch) -> bool {
    if scratch.chunk_at >= scratch.chunk_end {
        return true;
    }
    let chunked::State { left, phase } = scratch.chunk.step(scratch.draft.window.byte(scratch.chunk_at));
    scratch.chunk.left = left;
    scratch.chunk.phase = phase;
    scratch.chunk_at += 1;
    matches!(phase, chunked::phase::DATA | chunked::phase::END | chunked::phase::BAD)
}

impl Tap for Job {
    #[inline(always)]
    fn load(&mut self, offset: u32, len: u32) -> bool {
        // The verifier wants to see that the length is neither zero nor larger than the window.
        let len = (bounded(len.wrapping_sub(1)) & (WINDOW as u32 - 1)) + 1;
        // SAFETY: the window has WINDOW writable bytes.
        unsafe {
            let window = (*self.scratch).draft.window.as_mut_ptr();
            bpf_skb_load_bytes(self.skb.cast(), (*self.scratch).tcp.payload + offset, window.cast(), len) == 0
        }
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
        counters::count(counter);
    }

    #[inline(always)]
    fn scan(&mut self, scan: &mut Scan, end: u32) {
        // SAFETY: as in `Job::run`.
        unsafe { (*self.scratch).cursor.restart(end) };
        let mut job = ScanJob { scan, scratch: self.scratch };
        if setting(&BPF_LOOP) != 0 {
            // SAFETY: the callback has the signature that the helper wants, and the job outlives the call.
            unsafe { bpf_loop(MAX_STEPS, scan_callback as *mut c_void, (&raw mut job).cast(), 0) };
            return;
        }
        for _ in 0..FEW_LINES {
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
            // SAFETY: the callback has the signature that the helper wants, and the pointer outlives the call.
            unsafe { bpf_loop(WINDOW as u32, chunk_callback as *mut c_void, (&raw mut self.scratch).cast(), 0) };
            return;
        }
        for _ in 0..FEW_CHUNK_BYTES {
            if chunk_step(scratch) {
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
}
