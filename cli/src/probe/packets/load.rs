//! What both packet probes do to get their programs into the kernel, told what to watch, and what they hand out then.

use std::os::fd::OwnedFd;

use aya::util::nr_cpus;
use caps::Capability;
use rustix::time::{ClockId, clock_gettime};

use super::{Filter, MAX_ETHERTYPES, Protocol, Settings, Task, TcpFlags};
use crate::probe::flows::Flows;
use crate::probe::object::{Loader, Object};
use crate::probe::programs::Programs;
use crate::probe::{Attached, Error, Links, Memory, counters, filters, needs, records};

/// A packet probe.
pub(in crate::probe) struct Probe {
    pub(in crate::probe) name: &'static str,
    /// Its name in an error, when its cost is to be measured.
    pub(in crate::probe) with_cost: &'static str,
    pub(in crate::probe) object: fn() -> &'static [u8],
}

/// Its object, loaded; nothing is attached.
pub(in crate::probe) struct Loaded {
    probe: &'static Probe,
    object: Object,
    statistics: Option<OwnedFd>,
}

/// `FLOWS_BY` for programs that submit records.
const RECORDS: u32 = u32::MAX;
/// A ring buffer has at least a page.
const SMALLEST_RING: u32 = 4096;
/// Until the probe is detached its programs work, however long it took to load them.
const SLACK_NS: u64 = 10_000_000_000;

/// The time, as the programs have it: `CLOCK_MONOTONIC` in nanoseconds.
pub(in crate::probe) fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// When the programs are to do nothing any more.
pub(in crate::probe) fn deadline_ns(settings: &Settings) -> u64 {
    let run_time_ns = u64::try_from(settings.run_time.as_nanos()).unwrap_or(u64::MAX);
    now_ns().saturating_add(run_time_ns).saturating_add(SLACK_NS)
}

impl Probe {
    /// Loads the object, and tells its programs what to do, and until when.
    pub(in crate::probe) fn load(&'static self, settings: &Settings, deadline_ns: u64) -> Result<Loaded, Error> {
        needs::check(self.name, needs::PACKETS)?;
        if settings.measure {
            needs::check(self.with_cost, &[Capability::CAP_SYS_ADMIN])?;
        }
        let Filter { ports, networks, protocols, tcp_flags } = &settings.filter;
        let TcpFlags { set, clear } = tcp_flags.unwrap_or(TcpFlags { set: 0, clear: 0 });
        let (by, sample, ring_bytes, flows) = match settings.task {
            Task::Records { sample, ring_bytes } => (RECORDS, sample, ring_bytes, 1),
            Task::Flows { by, max_flows } => (by as u32, 1, SMALLEST_RING, max_flows),
        };
        let ethertypes = self.ethertypes(protocols)?;
        let places = self.places(flows)?;
        let mut object = Loader::new((self.object)())
            .tell("FILTER_PORTS", [u8::from(!ports.is_empty())])
            .tell("FILTER_NETWORKS", [u8::from(!networks.is_empty())])
            .tell("FILTER_PROTOCOLS", [u8::from(!protocols.is_empty())])
            .tell("ETHERTYPES", ethertypes.map(u16::to_ne_bytes).concat())
            .tell("TCP_FLAGS_SET", [set])
            .tell("TCP_FLAGS_CLEAR", [clear])
            .tell("FLOWS_BY", by.to_ne_bytes())
            .tell("SAMPLE", sample.to_ne_bytes())
            .tell("DEADLINE_NS", deadline_ns.to_ne_bytes())
            .size("RECORDS", ring_bytes)
            .size("FLOWS", flows)
            .size("TOTALS", places)
            .load()
            .map_err(|reason| self.unsupported(&reason))?;
        filters::fill(self.name, &mut object, ports, networks)?;
        filters::fill_protocols(self.name, &mut object, protocols)?;
        let statistics = if settings.measure { Some(Programs::measure(self.name)?) } else { None };
        Ok(Loaded { probe: self, object, statistics })
    }

    /// For so many flows, and what each CPU may have to spare.
    fn places(&self, flows: u32) -> Result<u32, Error> {
        let cpus = nr_cpus().map_err(|(file, error)| self.failed(&format!("{file} does not tell how many CPUs there may be: {error}")))?;
        Ok(flows.saturating_add(u32::try_from(cpus).unwrap_or(u32::MAX)))
    }

    fn ethertypes(&self, protocols: &[Protocol]) -> Result<[u16; MAX_ETHERTYPES], Error> {
        let mut ethertypes = [0; MAX_ETHERTYPES];
        let mut places = ethertypes.iter_mut();
        for protocol in protocols {
            if let Protocol::Link(ethertype) = protocol {
                let too_many = || self.failed(&format!("its programs look for at most {MAX_ETHERTYPES} protocols other than IP"));
                *places.next().ok_or_else(too_many)? = *ethertype;
            }
        }
        Ok(ethertypes)
    }

    pub(in crate::probe) fn failed(&self, reason: &str) -> Error {
        Error::Failed { probe: self.name, reason: reason.to_owned() }
    }

    /// A kernel that lacks a map type, a helper or the program type says EINVAL or worse at loading.
    pub(in crate::probe) fn unsupported(&self, reason: &str) -> Error {
        Error::Unsupported { probe: self.name, reason: reason.to_owned() }
    }
}

impl Loaded {
    /// Loads one of its programs; the reason, when the kernel does not take it.
    pub(in crate::probe) fn program(&self, name: &str) -> Result<OwnedFd, String> {
        self.object.program(name)
    }

    /// What is handed out once its programs are attached by `links`: `run` are those that run.
    pub(in crate::probe) fn attached(mut self, run: Vec<OwnedFd>, links: impl FnOnce(Programs) -> Links) -> Result<Attached, Error> {
        let missing = || self.probe.failed("the object lacks a map");
        let records = records(&mut self.object).ok_or_else(missing)?;
        let counters = counters(self.probe.name, &mut self.object).ok_or_else(missing)?;
        let memory = Memory::Flows(Flows::of(&mut self.object).ok_or_else(missing)?);
        let links = links(Programs::new(run, self.object.into_maps(), self.statistics));
        Ok(Attached { links, records, memory, counters })
    }
}
