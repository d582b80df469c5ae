//! The containers of processes.

use std::collections::HashMap;

use crate::process::{Cgroups, ContainerId, Proc};
use crate::stream::Process;

/// Processes that are remembered.
const MOST_KNOWN: usize = 8192;

/// In which container a process runs; looked up once a process.
pub(super) struct Containers {
    proc: Proc,
    cgroups: Cgroups,
    known: HashMap<(u32, u64), Option<ContainerId>>,
}

impl Default for Containers {
    fn default() -> Self {
        Self { proc: Proc::of_this_host(), cgroups: Cgroups::of_this_host(), known: HashMap::new() }
    }
}

impl Containers {
    /// `None` on the host itself, and when it is not known.
    pub(super) fn of(&mut self, process: &Process) -> Option<ContainerId> {
        let Self { proc, cgroups, known } = self;
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        // The one that has its id now may be another: the kernel's word comes first.
        let look = || {
            let by_cgroup = (process.cgroup != 0).then(|| cgroups.container(process.cgroup)).flatten();
            by_cgroup.or_else(|| proc.container(process.id).ok().flatten())
        };
        *known.entry((process.id, process.cgroup)).or_insert_with(look)
    }
}
