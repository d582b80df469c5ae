//! The loaded programs and what they cost.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::Map;
use aya::sys::{Stats, enable_stats};

use super::{Error, syscall};

/// The loaded programs that the hooks run.
pub(super) struct Programs {
    run: Vec<OwnedFd>,
    /// Their maps that nobody reads: the kernel tells by them whose the programs are, and empties one of programs when it is closed.
    maps: Vec<Map>,
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
    pub(super) fn new(run: Vec<OwnedFd>, maps: Vec<Map>, statistics: Option<OwnedFd>) -> Self {
        Self { run, maps, statistics }
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
        let Self { run, maps, statistics } = self;
        drop(maps);
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
