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
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::probe::{Cost, Links};

/// Exit status when a second signal comes.
const FORCED: i32 = 130;

/// SIGINT and SIGTERM: the first one asks to stop, the second one ends the process.
pub(super) struct Signals {
    requested: Arc<AtomicBool>,
    wake: UnixStream,
    woken: UnixStream,
}

/// Holds the links in a thread of its own.
pub(super) struct Guard {
    released: Arc<AtomicBool>,
    requested: Arc<AtomicBool>,
    wake: UnixStream,
    deadline: Instant,
    thread: Option<JoinHandle<Option<Cost>>>,
}

impl Signals {
    /// From here on a signal does not end the process at once.
    pub(super) fn catch() -> anyhow::Result<Self> {
        let (woken, wake) = UnixStream::pair().context("cannot make a pipe for signals")?;
        wake.set_nonblocking(true).context("cannot make a pipe for signals")?;
        let requested = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let caught = || format!("cannot catch signal {signal}");
            // In this order: the first signal finds the flag unset, and only then sets it.
            signal_hook::flag::register_conditional_shutdown(signal, FORCED, Arc::clone(&requested)).with_context(caught)?;
            signal_hook::flag::register(signal, Arc::clone(&requested)).with_context(caught)?;
            let wake = wake.try_clone().with_context(caught)?;
            signal_hook::low_level::pipe::register(signal, wake).with_context(caught)?;
        }
        Ok(Self { requested, wake, woken })
    }

    /// Whether a signal came.
    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }
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
