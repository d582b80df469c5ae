//! The loaded programs and what they cost.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::sys::{Stats, enable_stats};

use super::{Error, syscall};

/// The loaded programs that the hooks run.
pub(super) struct Programs {
    run: Vec<OwnedFd>,
    /// What must stay open for them to run as they should.
    kept: Option<OwnedFd>,
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
    pub(super) fn new(run: Vec<OwnedFd>, statistics: Option<OwnedFd>) -> Self {
        Self { run, kept: None, statistics }
    }

    pub(super) fn keeping(self, kept: Option<OwnedFd>) -> Self {
        Self { kept, ..self }
    }

    /// For more hooks.
    pub(super) fn descriptors(&self) -> &[OwnedFd] {
        &self.run
    }

    /// Switches on the kernel's statistics for all programs of the host, until the descriptor is closed.
    pub(super) fn measure(probe: &'static str) -> Result<OwnedFd, Error> {
        enable_stats(Stats::RunTime)
            .map_err(|error| Error::Failed { probe, reason: format!("--probe-cost needs CAP_SYS_ADMIN and kernel 5.8: {error}") })
    }

    /// Unloads. What the programs cost; `None` when that is not measured or cannot be read.
    pub(super) fn release(self) -> Option<Cost> {
        let Self { run, kept, statistics } = self;
        drop(kept);
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
