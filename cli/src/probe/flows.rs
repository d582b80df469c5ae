//! The kernel's totals of flows, as user space finds them.

use aya::Pod;
use aya::maps::{HashMap, MapData, PerCpuArray};
use ehl_probes_common::flow::{FlowKey, FlowTotals};

use super::connections::Plain;
use super::object::Object;

/// What the map of flows holds, and what did not fit it.
pub struct Flows {
    flows: HashMap<MapData, Plain<FlowKey>, Plain<FlowTotals>>,
    other: PerCpuArray<MapData, Plain<FlowTotals>>,
}

// SAFETY: plain numbers, valid for every bit pattern; without padding (its size is the sum of its fields).
unsafe impl Pod for Plain<FlowKey> {}
// SAFETY: plain numbers, valid for every bit pattern; values are only read.
unsafe impl Pod for Plain<FlowTotals> {}

impl Flows {
    pub(super) fn of(object: &mut Object) -> Option<Self> {
        Some(Self { flows: object.take_map("FLOWS")?, other: object.take_map("OTHER")? })
    }

    /// Calls `each` with every flow that can be read.
    pub fn each(&self, mut each: impl FnMut(&FlowKey, &FlowTotals)) {
        for (Plain(key), Plain(totals)) in self.flows.iter().flatten() {
            each(&key, &totals);
        }
    }

    /// The totals of all packets whose flow did not fit the map.
    pub fn other(&self) -> FlowTotals {
        let mut sum = FlowTotals::NONE;
        for Plain(totals) in self.other.get(&0, 0).iter().flat_map(|values| values.iter()) {
            sum.merge(totals);
        }
        sum
    }
}
