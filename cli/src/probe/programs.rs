//! The loaded programs and what they cost.

use std::os::fd::OwnedFd;

use aya::Ebpf;
use aya::programs::SocketFilter;
use aya::sys::{Stats, enable_stats};

use super::Error;

/// The loaded programs; they stay loaded as long as this lives.
pub(super) struct Programs {
    ebpf: Ebpf,
    /// The program in front of it, where there is one.
    entry: Option<Ebpf>,
    statistics: Option<OwnedFd>,
}

/// How often the programs ran, and how long in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Runs.
    pub run_count: u64,
    /// Nanoseconds.
    pub run_time_ns: u64,
}

impl Programs {
    pub(super) fn new(ebpf: Ebpf, entry: Option<Ebpf>, statistics: Option<OwnedFd>) -> Self {
        Self { ebpf, entry, statistics }
    }

    /// The program that sockets run: the one that the kernel's statistics are about.
    pub(super) fn attached(&self) -> Option<&SocketFilter> {
        let (ebpf, name) = match &self.entry {
            Some(entry) => (entry, "sock_entry"),
            None => (&self.ebpf, "sock_http"),
        };
        ebpf.program(name)?.try_into().ok()
    }

    /// Switches on the kernel's statistics for all programs of the host, until the descriptor is closed.
    pub(super) fn measure() -> Result<OwnedFd, Error> {
        enable_stats(Stats::RunTime).map_err(|error| Error::Failed {
            probe: "sock-http",
            reason: format!("--probe-cost needs CAP_SYS_ADMIN and kernel 5.8: {error}"),
        })
    }

    /// What the programs cost so far; `None` when that is not measured or cannot be read.
    pub(super) fn cost(&self) -> Option<Cost> {
        self.statistics.as_ref()?;
        // By its descriptor: looking it up by id would take CAP_SYS_ADMIN, which is gone by now.
        let info = self.attached()?.info().ok()?;
        Some(Cost { run_count: info.run_count(), run_time_ns: info.run_time().as_nanos() as u64 })
    }
}
