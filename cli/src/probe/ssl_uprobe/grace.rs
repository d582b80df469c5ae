//! The first file that is probed after a while waits for a grace period of RCU, some 10 ms (`dup_mmap_sem` in
//! kernel/events/uprobes.c, `rcu_sync_enter` in kernel/rcu/sync.c). Files that follow soon do not.

use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::event::uprobe;
use super::places::When;

/// While it lives, the kernel is kept ready, for some 40 ms: the wait goes on while maps are made and programs verified.
pub(super) struct Ready {
    /// Tells the thread that it is dropped.
    _over: Sender<()>,
}

impl Ready {
    /// From now on. What fails here is left alone: then the first file waits.
    pub(super) fn start() -> Self {
        let (over, is_over) = channel();
        thread::spawn(move || keep(&is_over));
        Self { _over: over }
    }
}

/// Probes a file of ours that nobody runs, and again before that is long ago.
fn keep(is_over: &Receiver<()>) {
    /// Less than a grace period.
    const AGAIN: Duration = Duration::from_millis(8);
    /// Each must be let go of in the end.
    const MOST: u64 = 4;
    const RET: [u8; MOST as usize] = [0xc3; MOST as usize];
    let Ok(file) = memfd_create(c"ehl", MemfdFlags::CLOEXEC) else { return };
    if rustix::io::write(&file, &RET).is_err() {
        return;
    }
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let mut kept = Vec::new();
    for offset in 0..MOST {
        let Ok(event) = uprobe(&path, offset, When::At, |event| event.build()) else { return };
        // To let go of one takes the kernel longer, and the next probe would wait for that: both are closed in the end.
        kept.push(event);
        if is_over.recv_timeout(AGAIN) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
    let _ = is_over.recv();
}
