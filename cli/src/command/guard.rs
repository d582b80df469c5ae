//! The second thread: it owns what keeps the probe attached, and lets go at the deadline, on a signal or when told to,
//! whatever the first thread is waiting for.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::signals::Signals;
use crate::probe::{Cost, Links};

/// Holds the links in a thread of its own.
pub(super) struct Guard {
    released: Arc<AtomicBool>,
    requested: Arc<AtomicBool>,
    wake: UnixStream,
    deadline: Instant,
    thread: Option<JoinHandle<Option<Cost>>>,
}

impl Guard {
    /// Lets go of `links` after `run_time`. Wakes the calling thread then.
    pub(super) fn hold(links: Links, run_time: Duration, signals: Signals) -> anyhow::Result<Self> {
        let released = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now() + run_time;
        let waiter = thread::current();
        let flag = Arc::clone(&released);
        let woken = signals.woken;
        let thread = thread::Builder::new()
            .name("ehl-guard".to_owned())
            .spawn(move || {
                wait(&woken, deadline);
                let cost = links.release();
                flag.store(true, Ordering::Release);
                waiter.unpark();
                cost
            })
            .context("cannot start a thread")?;
        Ok(Self { released, requested: signals.requested, wake: signals.wake, deadline, thread: Some(thread) })
    }

    /// Lets go now.
    pub(super) fn release(&self) {
        // A full pipe wakes the thread as well.
        let _ = (&self.wake).write(&[0]);
    }

    /// Whether the probe is detached.
    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Whether a signal came.
    pub(super) fn is_signalled(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Time left to the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until the probe is detached; what it cost, if that was measured.
    pub(super) fn join(mut self) -> Option<Cost> {
        self.release();
        // It cannot panic; if it did, the links went with it.
        self.thread.take()?.join().ok()?
    }
}

/// Until the deadline, or a byte on `woken`.
fn wait(mut woken: &UnixStream, deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let fd = woken.as_fd();
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => {
                let mut byte = [0];
                match woken.read(&mut byte) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    _ => return,
                }
            }
            // Without a way to wait, rather too early than too late.
            Err(_) => return,
        }
    }
}
