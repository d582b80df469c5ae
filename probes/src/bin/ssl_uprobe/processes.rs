//! Which processes are watched, and what they are called.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_task},
    macros::map,
    maps::{HashMap, LruHashMap},
};
use ehl_probes::kernel::{counters::count, filter::setting};
use ehl_probes_common::counter::Counter;
use ehl_probes_common::tls::Process;

use crate::kernel_types::{TASK_COMM, TASK_LEADER, TASK_PROCESS};

/// Whether only the processes in `WATCHED` are watched, and their children.
#[unsafe(no_mangle)]
static FILTER_PROCESSES: u8 = 0;

/// Whether only processes of the names in `NAMES` are watched.
#[unsafe(no_mangle)]
static FILTER_NAMES: u8 = 0;

/// Process ids.
#[map]
static WATCHED: HashMap<u32, u8> = HashMap::with_max_entries(16 * 1024, 0);

/// Names as in /proc/PID/comm, filled up with zeros.
#[map]
static NAMES: HashMap<[u8; 16], u8> = HashMap::with_max_entries(64, 0);

/// What user space is to know of those that were seen.
#[map]
static PROCESSES: LruHashMap<u32, Process> = LruHashMap::with_max_entries(8192, 0);

/// Whether the running process is watched. With `was_seen`, one of its threads was, and the same thread runs: as long as it lives, its
/// process stays among those in `WATCHED`.
#[inline(always)]
pub(crate) fn is_watched(id: u32, was_seen: bool) -> bool {
    if setting(&FILTER_PROCESSES) != 0 && !was_seen && WATCHED.get_ptr(&id).is_none() {
        return false;
    }
    setting(&FILTER_NAMES) == 0 || ehl_is_named() != 0
}

/// Whether the running process has a name that is watched. A global function (see the module `kernel`), as the next one: what they
/// keep on the stack is gone before the walk.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn ehl_is_named() -> u32 {
    NAMES.get_ptr(&name()).is_some() as u32
}

/// Remembers the running process.
#[inline(always)]
pub(crate) fn remember(id: u32) {
    ehl_remember(id);
}

/// [`remember`].
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn ehl_remember(id: u32) -> u32 {
    // SAFETY: the helper takes no arguments.
    let process = Process { comm: name(), cgroup: unsafe { bpf_get_current_cgroup_id() } };
    let _ = PROCESSES.insert(&id, &process, 0);
    0
}

/// A process begins: a thread, or a child.
#[inline(always)]
pub(crate) fn forked(parent: u64, child: u64) {
    let (Some(parent), Some(child)) = (TASK_PROCESS.read::<u32>(parent), TASK_PROCESS.read::<u32>(child)) else { return };
    if parent != child && WATCHED.get_ptr(&parent).is_some() && WATCHED.insert(&child, &1, 0).is_err() {
        count(Counter::Untracked);
    }
}

/// The running thread ends, and with the first one of a process the process: its id may become another's.
#[inline(always)]
pub(crate) fn exited(id: u64) {
    let (process, thread) = ((id >> 32) as u32, id as u32);
    if process == thread {
        let _ = WATCHED.remove(&process);
    }
}

/// The running process's name: that of its first thread, as tools show it.
#[inline(always)]
fn name() -> [u8; 16] {
    // SAFETY: the helper takes no arguments.
    let leader = TASK_LEADER.read::<u64>(unsafe { bpf_get_current_task() });
    if let Some(name) = leader.and_then(|leader| TASK_COMM.read(leader)) {
        return name;
    }
    let mut name = [0; 16];
    // SAFETY: there are 16 bytes to write to.
    unsafe { bpf_get_current_comm(name.as_mut_ptr().cast(), 16) };
    name
}
