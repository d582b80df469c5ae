//! The bytes of `--read`: a file, a pipe or stdin, which a signal or the deadline ends like the end of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::signals::Signals;

/// Reads until there is nothing more, or a reason to stop.
pub(super) struct Input {
    file: File,
    /// A regular file never keeps a reader waiting.
    waits: bool,
    stop: Arc<Stop>,
}

/// Why to stop before the end.
pub(super) struct Stop {
    signals: Signals,
    deadline: Option<Instant>,
    stopped: AtomicBool,
}

impl Stop {
    /// At a signal, or at the deadline.
    pub(super) fn at(signals: Signals, deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Self { signals, deadline, stopped: AtomicBool::new(false) })
    }

    /// Whether there is a reason to stop, or was when the input was last read.
    pub(super) fn is_due(&self) -> bool {
        self.is_signalled() || self.stopped.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Whether it is a signal.
    pub(super) fn is_signalled(&self) -> bool {
        self.signals.is_requested()
    }

    /// Waits until `file` has something; false when it is time to stop.
    fn wait(&self, file: &File) -> io::Result<bool> {
        loop {
            if self.is_due() {
                self.stopped.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
            let (file, woken) = (file.as_fd(), self.signals.woken.as_fd());
            let mut fds = [PollFd::new(&file, PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) if !fds[0].revents().is_empty() => return Ok(true),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Input {
    /// Opens `path`; `-` is stdin.
    pub(super) fn open(path: &Path, stop: Arc<Stop>) -> io::Result<Self> {
        let file = if path.as_os_str() == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            // Opening a pipe would wait for its writer, whatever the signals.
            OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { file, waits: !metadata.is_file(), stop })
    }

    /// Whether it may keep a reader waiting.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.waits && !self.stop.wait(&self.file)? {
                return Ok(0);
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                other => return other,
            }
        }
    }
}
