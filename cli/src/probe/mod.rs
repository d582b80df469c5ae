//! The probes: what each needs, loading and attaching it, reading its records and counters. The only module that names
//! aya, behind one small interface ([`sock_http::attach`], [`Attached`]), so that another loader could take its place.

mod btf;
pub mod catalog;
mod connections;
mod filters;
mod flows;
pub mod needs;
mod object;
pub mod packets;
mod programs;
mod sock_entry;
pub mod sock_http;
pub mod ssl_uprobe;
mod syscall;
pub mod tc_headers;
pub mod xdp_headers;

pub use connections::{Connections, TlsConnections};
pub use flows::Flows;
pub use programs::Cost;

use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf};
use ehl_probes_common::counter::{COUNTERS, Counter};
use ehl_probes_common::record::HEADER_LEN;

use caps::Capability;
use object::Object;
use programs::Programs;
use tc_headers::Filters;

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
    /// What the kernel knows besides.
    pub memory: Memory,
    /// What the kernel counted.
    pub counters: Counters,
}

/// What a probe knows in the kernel.
pub enum Memory {
    /// Of connections, by addresses.
    Packets(Connections),
    /// Of connections, by process.
    Tls(TlsConnections),
    /// Totals of packets.
    Flows(Flows),
}

/// What keeps a probe loaded and attached. The kernel closes it with the process, however that ends; but for [`Links::needs`], that is
/// all that detaches it.
#[must_use = "dropping it detaches the probe"]
pub struct Links {
    held: Arc<Mutex<Option<Held>>>,
}

/// What is attached: descriptors, filters where the kernel has no links, and the programs.
struct Held {
    hooks: Vec<OwnedFd>,
    filters: Option<Filters>,
    programs: Programs,
    switch: Option<Switch>,
}

/// Tells programs that sit in several places when all are attached: before and after, some see half of what happens.
struct Switch {
    map: Array<MapData, u32>,
}

impl Switch {
    fn of(object: &mut Object) -> Option<Self> {
        Some(Self { map: object.take_map("SWITCH")? })
    }

    fn set(&mut self, is_on: bool) -> Result<(), MapError> {
        self.map.set(0, u32::from(is_on), 0)
    }
}

impl Links {
    /// Detaches and unloads the probe; what it cost, if that was measured.
    pub fn release(self) -> Option<Cost> {
        let Held { hooks, filters, programs, switch } = lock(&self.held).take()?;
        // If it cannot be switched off, it is detached all the same.
        let _ = switch.map(|mut switch| switch.set(false));
        drop(filters);
        close_at_once(hooks);
        programs.release()
    }

    /// What a thread must still be permitted to, for [`release`](Self::release) to leave nothing behind.
    pub fn needs(&self) -> &'static [Capability] {
        let has_filters = lock(&self.held).as_ref().is_some_and(|held| held.filters.is_some());
        if has_filters { needs::DETACH_FILTERS } else { &[] }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // Others may still have a handle to add to it.
        drop(lock(&self.held).take());
    }
}

impl Links {
    fn new(hooks: Vec<OwnedFd>, programs: Programs, switch: Option<Switch>) -> Self {
        Self::with_filters(hooks, None, programs, switch)
    }

    fn with_filters(hooks: Vec<OwnedFd>, filters: Option<Filters>, programs: Programs, switch: Option<Switch>) -> Self {
        Self { held: Arc::new(Mutex::new(Some(Held { hooks, filters, programs, switch }))) }
    }
}

/// Nobody panics while it is locked; if so, what it holds is still to be let go.
fn lock(held: &Mutex<Option<Held>>) -> MutexGuard<'_, Option<Held>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes descriptors side by side: each may wait until no CPU runs its program any more.
fn close_at_once(hooks: Vec<OwnedFd>) {
    thread::scope(|scope| {
        for hook in hooks {
            // Without a thread it is closed here.
            let _ = thread::Builder::new().spawn_scoped(scope, move || drop(hook));
        }
    });
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
    probe: &'static str,
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
                .map_err(|error| Error::Failed { probe: self.probe, reason: format!("its counters cannot be read: {error}") })?;
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

fn records(object: &mut Object) -> Option<Records> {
    Some(Records { ring: object.take_map("RECORDS")? })
}

/// Its ring in memory, for which the kernel takes a while.
fn mapped(ring: Option<Map>) -> Option<Records> {
    Some(Records { ring: ring?.try_into().ok()? })
}

/// The same, made while `meanwhile` runs: both keep the kernel busy for a while.
fn records_while<R>(object: &mut Object, meanwhile: impl FnOnce(&Object) -> R) -> (Option<Records>, R) {
    let ring: Option<Map> = object.take_map("RECORDS");
    thread::scope(|scope| {
        let records = scope.spawn(|| mapped(ring));
        let result = meanwhile(object);
        (records.join().unwrap_or_else(|panic| resume_unwind(panic)), result)
    })
}

fn counters(probe: &'static str, object: &mut Object) -> Option<Counters> {
    Some(Counters { probe, map: object.take_map("COUNTERS")? })
}

/// An error and what it came from, in one line.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
