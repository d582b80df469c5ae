//! SIGINT and SIGTERM: the first one asks to stop, the second one ends the process.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Exit status when a second signal comes.
const FORCED: i32 = 130;

/// Both signals, caught.
pub(super) struct Signals {
    pub(super) requested: Arc<AtomicBool>,
    /// Where a byte ends a wait for [`Signals::woken`].
    pub(super) wake: UnixStream,
    /// Readable once a signal came.
    pub(super) woken: UnixStream,
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
