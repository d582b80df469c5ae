//! The calls that threads are in, and the memory that each thread's work is done in.
//!
//! Programs of uprobes can be preempted by others on the same CPU, so that memory is the thread's, not the CPU's.

use aya_ebpf::{helpers::generated::bpf_get_current_pid_tgid, macros::map, maps::HashMap};
use ehl_probes::kernel::tap::Scratch;
use ehl_probes_common::window::bounded;

/// Calls within calls: TLS within TLS, and functions of a library that call others of it.
const DEPTH: u32 = 4;

/// Threads of watched processes. One may be in a call for hours, so none makes room for another: they go when they end.
#[map]
static THREADS: HashMap<u64, Thread> = HashMap::with_max_entries(8 * 1024, 0);

static NEW: Thread = Thread {
    calls: Calls { frames: [Frame::NONE; DEPTH as usize], depth: 0, reserved: 0 },
    receipts: Receipts::NONE,
    scratch: Scratch::NEW,
};

/// One value for all that is of a thread: looking it up is what costs.
#[repr(C)]
pub(crate) struct Thread {
    /// The calls that it is in.
    pub(crate) calls: Calls,
    /// What it has received since it last read anything of TLS.
    pub(crate) receipts: Receipts,
    /// What it works with. Nothing in it outlives a run.
    pub(crate) scratch: Scratch,
}

/// Calls within each other, the outermost first.
#[repr(C)]
pub(crate) struct Calls {
    frames: [Frame; DEPTH as usize],
    depth: u32,
    reserved: u32,
}

/// A call that has not returned.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Frame {
    /// Stack pointer when it began.
    pub(crate) stack: u64,
    /// The `SSL`.
    pub(crate) ssl: u64,
    /// The bytes.
    pub(crate) buffer: u64,
    /// Address of the number of bytes that there were; 0 when the call returns it.
    pub(crate) length_at: u64,
    /// When it began.
    pub(crate) time_ns: u64,
    /// The socket that bytes went through, if it was one.
    pub(crate) socket: u64,
    /// How many bytes.
    pub(crate) moved: u64,
    /// The `Call`.
    pub(crate) call: u32,
    /// 1 when a call within this one has told of its bytes.
    pub(crate) is_told: u32,
}

/// The last two times that a thread has received bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Receipts {
    /// The socket of the last time; 0 when there was none.
    pub(crate) socket: u64,
    /// How many bytes.
    pub(crate) last: u32,
    /// And the time before, if it was the same socket; else 0.
    pub(crate) before: u32,
}

impl Receipts {
    /// None.
    pub(crate) const NONE: Self = Self { socket: 0, last: 0, before: 0 };

    /// Bytes were received.
    #[inline(always)]
    pub(crate) fn note(&mut self, socket: u64, bytes: u32) {
        self.before = if self.socket == socket { self.last } else { 0 };
        self.socket = socket;
        self.last = bytes;
    }

    /// Whatever is received from here on is another message's.
    #[inline(always)]
    pub(crate) fn forget(&mut self) {
        self.socket = 0;
    }
}

impl Frame {
    /// None.
    pub(crate) const NONE: Self = Self { stack: 0, ssl: 0, buffer: 0, length_at: 0, time_ns: 0, socket: 0, moved: 0, call: 0, is_told: 0 };
}

/// The running thread and its process: thread id below, process id above.
#[inline(always)]
pub(crate) fn current() -> u64 {
    // SAFETY: the helper takes no arguments.
    unsafe { bpf_get_current_pid_tgid() }
}

/// The running thread, if it was seen.
#[inline(always)]
pub(crate) fn find(id: u64) -> Option<&'static mut Thread> {
    // SAFETY: the value is the running thread's, which runs one program at a time.
    THREADS.get_ptr_mut(&id).map(|thread| unsafe { &mut *thread })
}

/// The running thread, that was not seen; `None` when there is no room.
#[inline(always)]
pub(crate) fn insert(id: u64) -> Option<&'static mut Thread> {
    THREADS.insert(&id, &NEW, 0).ok()?;
    find(id)
}

/// The running thread ends.
#[inline(always)]
pub(crate) fn forget(id: u64) {
    let _ = THREADS.remove(&id);
}

impl Calls {
    /// The call that the thread is in.
    #[inline(always)]
    pub(crate) fn top(&mut self) -> Option<&mut Frame> {
        let depth = self.depth;
        if depth == 0 || depth > DEPTH {
            return None;
        }
        Some(self.frame(depth - 1))
    }

    #[inline(always)]
    fn frame(&mut self, index: u32) -> &mut Frame {
        // SAFETY: the index is below DEPTH, a power of two. The verifier is to see that it is.
        unsafe { &mut *self.frames.as_mut_ptr().add((bounded(index) & (DEPTH as u64 - 1)) as usize) }
    }

    /// A call begins at this stack pointer, of which all else is to be told; `None` when there is no room. Calls whose stack is gone
    /// have ended without being seen to.
    #[inline(always)]
    pub(crate) fn push(&mut self, stack: u64) -> Option<&mut Frame> {
        for _ in 0..DEPTH {
            match self.top() {
                Some(top) if top.stack <= stack => self.depth -= 1,
                _ => break,
            }
        }
        let depth = self.depth;
        if depth >= DEPTH {
            return None;
        }
        self.depth = depth + 1;
        let frame = self.frame(depth);
        frame.stack = stack;
        Some(frame)
    }

    /// The call ends that began with this stack pointer, or one word below it: its place.
    #[inline(always)]
    pub(crate) fn pop(&mut self, stack: u64) -> Option<u32> {
        for _ in 0..DEPTH {
            let began = self.top()?.stack;
            if began > stack {
                return None;
            }
            self.depth -= 1;
            if began == stack || began + 8 == stack {
                return Some(self.depth);
            }
        }
        None
    }

    /// A call that has just ended.
    #[inline(always)]
    pub(crate) fn ended(&mut self, place: u32) -> &mut Frame {
        self.frame(place)
    }
}
