//! The loaded programs and what they cost.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::Ebpf;
use aya::sys::{Stats, enable_stats};

use super::{Error, syscall};

/// The loaded programs; they stay loaded, and those that aya attached stay attached, as long as this lives.
pub(super) struct Programs {
    objects: Vec<Ebpf>,
    /// Those that the hooks run.
    run: Vec<OwnedFd>,
    statistics: Option<OwnedFd>,
}

/// How often the programs ran, and how long in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Runs.
    pub run_count: u64,
    /// Nanoseconds.
    pub run_time_ns: u64,
}

impl Programs {
    pub(super) fn new(objects: Vec<Ebpf>, run: Vec<OwnedFd>, statistics: Option<OwnedFd>) -> Self {
        Self { objects, run, statistics }
    }

    /// The object of this place, for more to be attached, and the programs that hooks run.
    pub(super) fn parts(&mut self) -> (&mut [Ebpf], &[OwnedFd]) {
        (&mut self.objects, &self.run)
    }

    /// Switches on the kernel's statistics for all programs of the host, until the descriptor is closed.
    pub(super) fn measure(probe: &'static str) -> Result<OwnedFd, Error> {
        enable_stats(Stats::RunTime)
            .map_err(|error| Error::Failed { probe, reason: format!("--probe-cost needs CAP_SYS_ADMIN and kernel 5.8: {error}") })
    }

    /// Detaches what aya attached, and unloads. What the programs cost; `None` when that is not measured or cannot be read.
    pub(super) fn release(self) -> Option<Cost> {
        let Self { objects, run, statistics } = self;
        drop(objects);
        statistics?;
        let mut sum = Cost::default();
        for program in run {
            // By its descriptor: looking it up by id would take CAP_SYS_ADMIN, which is gone by now.
            let info = syscall::program_info(program.as_fd()).ok()?;
            sum.run_count += info.run_cnt;
            sum.run_time_ns += info.run_time_ns;
        }
        Some(sum)
    }
}
