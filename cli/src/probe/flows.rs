//! The kernel's totals of flows, as user space finds them.

use aya::Pod;
use aya::maps::{Array, MapData, PerCpuArray};
use ehl_probes_common::flow::{Flow, FlowKey, FlowTotals};

use super::connections::Plain;
use super::object::Object;

/// What the maps of flows hold, and what did not fit them.
pub struct Flows {
    totals: Array<MapData, Plain<Flow>>,
    taken: Array<MapData, u32>,
    other: PerCpuArray<MapData, Plain<FlowTotals>>,
}

// SAFETY: plain numbers, valid for every bit pattern; values are only read.
unsafe impl Pod for Plain<Flow> {}
// SAFETY: plain numbers, valid for every bit pattern; values are only read.
unsafe impl Pod for Plain<FlowTotals> {}

impl Flows {
    pub(super) fn of(object: &mut Object) -> Option<Self> {
        Some(Self { totals: object.take_map("TOTALS")?, taken: object.take_map("TAKEN")?, other: object.take_map("OTHER")? })
    }

    /// Calls `each` with every flow that can be read.
    pub fn each(&self, mut each: impl FnMut(&FlowKey, &FlowTotals)) {
        let taken = self.taken.get(&0, 0).unwrap_or(self.totals.len());
        for Plain(Flow { key, totals }) in (0..taken).filter_map(|place| self.totals.get(&place, 0).ok()) {
            // A CPU may have a place to spare.
            if totals.packets != 0 {
                each(&key, &totals);
            }
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
