//! The probes: what each needs, loading and attaching it, reading its records and counters. The only module that names
//! aya, behind one small interface ([`sock_http::attach`], [`Attached`]), so that another loader could take its place.

pub mod catalog;
mod connections;
pub mod needs;
mod programs;
mod sock_entry;
pub mod sock_http;

pub use connections::Connections;
pub use programs::Cost;

use std::os::fd::OwnedFd;

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use ehl_probes_common::counter::{COUNTERS, Counter};
use ehl_probes_common::record::HEADER_LEN;

use programs::Programs;

/// Why a probe did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Capabilities are missing (exit status 77).
    #[error("not permitted: {probe} needs {}; missing {}; run as root, or once: setcap {}+ep $(command -v ehl)", .needed.join(", "), .missing.join(", "), .needed.join(",").to_lowercase())]
    NotPermitted {
        /// The probe's name.
        probe: &'static str,
        /// All capabilities that it needs.
        needed: Vec<String>,
        /// Those that this process does not have.
        missing: Vec<String>,
    },
    /// This kernel cannot run the probe (exit status 69).
    #[error("this kernel cannot run {probe}: {reason}")]
    Unsupported {
        /// The probe's name.
        probe: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// Anything else (exit status 1).
    #[error("cannot attach {probe}: {reason}")]
    Failed {
        /// The probe's name.
        probe: &'static str,
        /// What was tried and what the kernel said.
        reason: String,
    },
}

/// A running probe. [`Links::release`] detaches it; the rest reads what it left.
pub struct Attached {
    /// What keeps the probe attached.
    pub links: Links,
    /// Records, oldest first.
    pub records: Records,
    /// What the kernel knows of connections.
    pub connections: Connections,
    /// What the kernel counted.
    pub counters: Counters,
}

/// What keeps a probe loaded and attached. The kernel closes it with the process, however that ends.
#[must_use = "dropping it detaches the probe"]
pub struct Links {
    sockets: Vec<OwnedFd>,
    programs: Programs,
}

impl Links {
    /// Detaches and unloads the probe; what it cost, if that was measured.
    pub fn release(self) -> Option<Cost> {
        drop(self.sockets);
        self.programs.cost()
    }
}

/// The reading end of the ring buffer.
pub struct Records {
    ring: RingBuf<MapData>,
}

impl Records {
    /// Calls `each` with every record that is there now, in place; at most `limit`, so that a busy kernel cannot keep the
    /// caller here. Returns how many there were.
    pub fn drain(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> usize {
        for count in 0..limit {
            match self.ring.next() {
                Some(record) => each(&record),
                None => return count,
            }
        }
        limit
    }

    /// The smallest space that a record takes in the ring, in bytes.
    pub const SMALLEST: usize = HEADER_LEN + 8;
}

/// The per-CPU counters of a probe.
pub struct Counters {
    map: PerCpuArray<MapData, u64>,
}

/// Sums of the counters over all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    values: [u64; COUNTERS as usize],
}

impl Counters {
    /// The present sums. A counter that cannot be read counts as 0 only if none can: the error is the caller's to tell.
    pub fn read(&self) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for (index, sum) in (0..COUNTERS).zip(&mut counts.values) {
            let values = self
                .map
                .get(&index, 0)
                .map_err(|error| Error::Failed { probe: "sock-http", reason: format!("its counters cannot be read: {error}") })?;
            *sum = values.iter().sum();
        }
        Ok(counts)
    }
}

impl Counts {
    /// One counter's sum.
    pub fn of(&self, counter: Counter) -> u64 {
        self.values.get(counter.index() as usize).copied().unwrap_or(0)
    }
}

fn records(ebpf: &mut Ebpf) -> Option<Records> {
    Some(Records { ring: RingBuf::try_from(ebpf.take_map("RECORDS")?).ok()? })
}

fn counters(ebpf: &mut Ebpf) -> Option<Counters> {
    Some(Counters { map: PerCpuArray::try_from(ebpf.take_map("COUNTERS")?).ok()? })
}
