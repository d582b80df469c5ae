//! Loads `tc-headers` and attaches it where packets come and go, before what others have there: by links where the kernel has them
//! (TCX, since 6.6), by filters elsewhere.

mod clsact;
mod tag;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::resume_unwind;
use std::thread;

use aya_obj::generated::BPF_F_BEFORE;
use aya_obj::generated::bpf_attach_type::{BPF_TCX_EGRESS, BPF_TCX_INGRESS};

use super::packets::load::{Loaded, Probe, deadline_ns};
use super::packets::{Directions, Settings};
use super::{Attached, Error, Links, syscall};
use crate::network::tc::Parent;
use crate::network::{Interface, interfaces};

pub(super) use clsact::Filters;

static PROBE: Probe = Probe { name: "tc-headers", with_cost: "tc-headers with --probe-cost", object: ehl_probes::tc_headers };

/// Where a program is attached.
struct Spot<'s> {
    interface: &'s str,
    index: u32,
    parent: Parent,
    program: &'static str,
}

/// Loads the programs and attaches them.
pub fn attach(settings: &Settings) -> Result<Attached, Error> {
    attach_by(settings, link_all)
}

/// The same, as on a kernel that has no links.
pub fn attach_by_filters(settings: &Settings) -> Result<Attached, Error> {
    attach_by(settings, |_, _| Ok(None))
}

/// `link` answers `None` where there are no links.
fn attach_by(
    settings: &Settings,
    link: impl FnOnce(&[Spot<'_>], &Programs) -> Result<Option<Vec<OwnedFd>>, String>,
) -> Result<Attached, Error> {
    let deadline_ns = deadline_ns(settings);
    let loaded = PROBE.load(settings, deadline_ns)?;
    let known = interfaces().map_err(|error| PROBE.failed(&format!("interfaces cannot be listed: {error}")))?;
    let spots = spots(settings, &known);
    let programs = Programs::load(&loaded, &spots)?;
    let linked = link(&spots, &programs).map_err(|reason| PROBE.failed(&reason))?;
    let (hooks, filters) = match linked {
        Some(links) => (links, None),
        None => (Vec::new(), Some(filter_all(&spots, &programs, deadline_ns).map_err(|reason| PROBE.failed(&reason))?)),
    };
    loaded.attached(programs.into_descriptors(), |programs| Links::with_filters(hooks, filters, programs, None))
}

/// Each direction of each interface, with the program for its kind of packets.
fn spots<'s>(settings: &'s Settings, known: &[Interface]) -> Vec<Spot<'s>> {
    let parents = match settings.directions {
        Directions::Ingress => &[Parent::Ingress][..],
        Directions::Egress => &[Parent::Egress],
        Directions::Both => &Parent::BOTH,
    };
    let mut spots = Vec::new();
    for (interface, index) in &settings.interfaces {
        let is_ethernet = known.iter().find(|known| known.index == *index).is_none_or(|known| known.is_ethernet);
        spots.extend(parents.iter().map(|&parent| {
            let program = match (parent, is_ethernet) {
                (Parent::Ingress, true) => "ingress",
                (Parent::Egress, true) => "egress",
                (Parent::Ingress, false) => "ingress_l3",
                (Parent::Egress, false) => "egress_l3",
            };
            Spot { interface, index: *index, parent, program }
        }));
    }
    spots
}

/// The programs that are needed, by name.
struct Programs(Vec<(&'static str, OwnedFd)>);

impl Programs {
    fn load(loaded: &Loaded, spots: &[Spot<'_>]) -> Result<Self, Error> {
        let mut names: Vec<_> = spots.iter().map(|spot| spot.program).collect();
        names.sort_unstable();
        names.dedup();
        // Each takes the verifier its time.
        let programs: Result<_, String> = thread::scope(|scope| {
            let threads: Vec<_> = names.iter().map(|name| scope.spawn(|| Ok((*name, loaded.program(name)?)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        programs.map(Self).map_err(|reason| PROBE.unsupported(&reason))
    }

    fn find(&self, name: &str) -> Option<&OwnedFd> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, program)| program)
    }

    fn of(&self, spot: &Spot<'_>) -> Result<&OwnedFd, String> {
        self.find(spot.program).ok_or_else(|| format!("its program {} is not loaded", spot.program))
    }

    fn into_descriptors(self) -> Vec<OwnedFd> {
        self.0.into_iter().map(|(_, program)| program).collect()
    }
}

/// A link for each spot, before all others there; `None` where the kernel does not know such links.
fn link_all(spots: &[Spot<'_>], programs: &Programs) -> Result<Option<Vec<OwnedFd>>, String> {
    let mut links = Vec::new();
    for spot in spots {
        let attach_type = match spot.parent {
            Parent::Ingress => BPF_TCX_INGRESS,
            Parent::Egress => BPF_TCX_EGRESS,
        };
        match syscall::link(programs.of(spot)?.as_fd(), spot.index, attach_type, BPF_F_BEFORE) {
            Ok(link) => links.push(link),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
            Err(error) => return Err(format!("{} refuses it: {error}", spot.interface)),
        }
    }
    Ok(Some(links))
}

fn filter_all(spots: &[Spot<'_>], programs: &Programs, deadline_ns: u64) -> Result<Filters, String> {
    let places = spots.iter().map(|spot| Ok((spot, programs.of(spot)?.as_fd()))).collect::<Result<Vec<_>, String>>()?;
    Filters::attach(&places, deadline_ns)
}
