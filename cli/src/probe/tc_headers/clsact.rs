//! Filters at `clsact`, for kernels that have no links to interfaces.
//!
//! They outlive whoever added them, so they are removed when the probe is detached. Those of a killed run do nothing once its time is
//! over, and the next run removes them, on whichever interface they are.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::Spot;
use super::tag::Tag;
use crate::network::tc::{ALL, BPF, CLSACT, Filter, Parent, Place, Tc};
use crate::probe::packets::load::now_ns;

/// The priority of a filter where there are no others: seldom chosen by anyone, so that whoever adds one meanwhile finds his free.
const PRIORITY: u16 = 61;

/// Filters that are attached, until this is dropped.
pub(in crate::probe) struct Filters {
    tc: Tc,
    /// Where they are.
    namespace: File,
    placed: Vec<Place>,
    /// Interfaces whose `clsact` we brought: this run, or another one that is still there.
    made: Vec<u32>,
}

impl Filters {
    /// Adds programs, each before others' filters.
    pub(super) fn attach(places: &[(&Spot<'_>, BorrowedFd<'_>)], deadline_ns: u64) -> Result<Self, String> {
        let tc = Tc::open().map_err(|error| format!("filters cannot be listed: {error}"))?;
        let namespace = File::open(NAMESPACE).map_err(|error| format!("{NAMESPACE} cannot be opened: {error}"))?;
        let mut filters = Self { tc, namespace, placed: Vec::new(), made: Vec::new() };
        let _turn = Turn::take(&filters.namespace);
        filters.sweep(now_ns());
        for (spot, program) in places {
            filters.add(spot, *program, deadline_ns).map_err(|reason| format!("{}: {reason}", spot.interface))?;
        }
        Ok(filters)
    }

    /// Removes filters of ours that do nothing any more.
    fn sweep(&mut self, now_ns: u64) {
        // What cannot be listed now is left to a later run.
        for qdisc in self.tc.qdiscs().unwrap_or_default() {
            let is_over = |tag: &Tag| tag.deadline_ns <= now_ns;
            let mut made_clsact = false;
            for parent in Parent::BOTH {
                for filter in self.tc.filters(qdisc.interface, parent).unwrap_or_default() {
                    if let Some(tag) = Tag::of(&filter).filter(is_over) {
                        let _ = self.tc.remove(&filter.place);
                        made_clsact |= tag.made_clsact;
                    }
                }
            }
            if made_clsact {
                self.remove_clsact_if_unused(qdisc.interface);
            }
        }
    }

    fn add(&mut self, spot: &Spot<'_>, program: BorrowedFd<'_>, deadline_ns: u64) -> Result<(), String> {
        let unlisted = |error: io::Error| format!("its filters cannot be listed: {error}");
        let made_clsact = self.ensure_clsact(spot)?;
        let priority = priority_before(&self.tc.filters(spot.index, spot.parent).map_err(unlisted)?)?;
        // Of this run alone: whoever removes it by what was listed cannot remove another one that came into its place.
        let handle = deadline_ns as u32 | 1;
        let place = Place { interface: spot.index, parent: spot.parent, priority, handle };
        let name = Tag { deadline_ns, made_clsact }.to_string();
        self.tc.add(&place, &name, program).map_err(|error| format!("a filter cannot be added: {error}"))?;
        self.placed.push(place);
        Ok(())
    }

    /// Whether it was us who added it, in this run or in another one.
    fn ensure_clsact(&mut self, spot: &Spot<'_>) -> Result<bool, String> {
        let interface = spot.index;
        if self.made.contains(&interface) {
            return Ok(true);
        }
        let qdiscs = self.tc.qdiscs().map_err(|error| format!("its qdiscs cannot be listed: {error}"))?;
        let made = match qdiscs.into_iter().find(|qdisc| qdisc.interface == interface) {
            None => {
                self.tc.add_clsact(interface).map_err(|error| format!("{CLSACT} cannot be added: {error}"))?;
                true
            }
            Some(found) if found.kind == CLSACT => self.is_of_ours(interface),
            Some(_) if spot.parent == Parent::Ingress => false,
            // What is attached for egress there would see ingress.
            Some(found) => {
                return Err(format!("it has the qdisc `{}`, which has no egress; `--direction ingress` does without", found.kind));
            }
        };
        if made {
            self.made.push(interface);
        }
        Ok(made)
    }

    /// Whether another run of ours that is still there has added it, and leaves it to us when it ends first.
    fn is_of_ours(&mut self, interface: u32) -> bool {
        let mut filters = Parent::BOTH.into_iter().flat_map(|parent| self.tc.filters(interface, parent).unwrap_or_default());
        filters.any(|filter| Tag::of(&filter).is_some_and(|tag| tag.made_clsact))
    }

    fn remove_clsact_if_unused(&mut self, interface: u32) {
        let is_unused = Parent::BOTH.into_iter().all(|parent| self.tc.filters(interface, parent).is_ok_and(|filters| filters.is_empty()));
        if is_unused {
            // If it cannot be removed, it does nothing.
            let _ = self.tc.remove_clsact(interface);
        }
    }
}

impl Drop for Filters {
    fn drop(&mut self) {
        let _turn = Turn::take(&self.namespace);
        for place in std::mem::take(&mut self.placed) {
            // The interface may be gone, or someone removed all filters.
            let _ = self.tc.remove(&place);
        }
        for interface in std::mem::take(&mut self.made) {
            self.remove_clsact_if_unused(interface);
        }
    }
}

/// The priority that comes before others' filters.
fn priority_before(filters: &[Filter]) -> Result<u16, String> {
    let others = filters.iter().filter(|filter| filter.chain == 0 && Tag::of(filter).is_none());
    match others.min_by_key(|filter| filter.place.priority) {
        None => Ok(PRIORITY),
        Some(first) if first.place.priority > 1 => Ok(PRIORITY.min(first.place.priority - 1)),
        // Programs of one priority run in turn, the last one that was added first.
        Some(first) if first.kind == BPF && first.protocol == ALL => Ok(first.place.priority),
        Some(first) => {
            Err(format!("its first filter (`{}`) has priority {}: there is no place before it", first.kind, first.place.priority))
        }
    }
}

/// The network namespace that the calling thread is in.
const NAMESPACE: &str = "/proc/thread-self/ns/net";

/// Only one run changes filters at a time, in a network namespace: what one has listed is still so when it acts on it.
struct Turn(File);

impl Turn {
    /// Others take milliseconds. One that is stopped meanwhile, or a stranger who holds the lock, must not hold us up.
    const PATIENCE: Duration = Duration::from_millis(500);

    /// `None` when it does not get it.
    fn take(namespace: &File) -> Option<Self> {
        let turn = Self(namespace.try_clone().ok()?);
        let until = Instant::now() + Self::PATIENCE;
        loop {
            match flock(&turn.0, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(turn),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // If it cannot be given up, it ends with the descriptor.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(priority: u16, kind: &str, name: Option<&str>) -> Filter {
        let place = Place { interface: 2, parent: Parent::Ingress, priority, handle: 1 };
        Filter { place, chain: 0, protocol: ALL, kind: kind.to_owned(), name: name.map(str::to_owned) }
    }

    #[test]
    fn comes_before_all_others() {
        let ours = filter(61, BPF, Some("ehl:tc-headers:until=1:clsact=made"));
        let later_chain = Filter { chain: 1, ..filter(1, "flower", None) };
        for (filters, expected) in [
            (vec![], 61),
            (vec![filter(49152, "matchall", None)], 61),
            (vec![filter(49152, "matchall", None), filter(10, "flower", None)], 9),
            (vec![filter(2, "u32", None), ours.clone()], 1),
            (vec![ours], 61),
            (vec![later_chain], 61),
            (vec![filter(1, BPF, Some("cil_from_netdev")), filter(2, "flower", None)], 1),
        ] {
            assert_eq!(priority_before(&filters), Ok(expected), "{filters:?}");
        }
    }

    #[test]
    fn says_that_there_is_no_place_before_others() {
        let only_ipv4 = Filter { protocol: 0x0800, ..filter(1, BPF, None) };
        for first in [filter(1, "flower", None), only_ipv4] {
            let expected = format!("its first filter (`{}`) has priority 1: there is no place before it", first.kind);
            assert_eq!(priority_before(&[first]), Err(expected));
        }
    }
}
