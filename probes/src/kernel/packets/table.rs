//! Which totals a flow has. To look that up by key takes longer than to read the packet's headers, so each CPU remembers it of flows that
//! it saw lately.
//!
//! Places of totals count from one: zero is none.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    macros::map,
    maps::{Array, HashMap},
};
use ehl_probes_common::flow::{Flow, FlowKey, FlowTotals, RECENT};

use crate::kernel::shared;

/// The places of flows. Its size, which is how many flows are kept, is set by user space before loading.
#[map]
static FLOWS: HashMap<FlowKey, u32> = HashMap::with_max_entries(1024, 0);

/// As many, and one for what each CPU may have to spare: set likewise. The key of a place that is in [`FLOWS`] does not change any more.
#[map]
static TOTALS: Array<Flow> = Array::with_max_entries(1024, 0);

/// How many of these places were taken.
#[map]
static TAKEN: Array<u32> = Array::with_max_entries(1, 0);

/// What one CPU remembers. A run of a program that interrupts another one may leave it less, but nothing wrong.
#[repr(C)]
pub(super) struct Recent {
    /// Places by [`FlowKey::slot`]. Flows share slots: only the key that is at the place tells whose it is.
    places: [u32; RECENT],
    /// The place that this CPU took for a flow that did not get into [`FLOWS`].
    spare: u32,
}

impl Recent {
    /// The totals of a flow; `None` when it is a new one and does not fit.
    #[inline(always)]
    pub(super) fn find_or_insert(&mut self, key: &FlowKey) -> Option<*mut FlowTotals> {
        let remembered = &mut self.places[key.slot()];
        // SAFETY: pointers from map look-ups that succeeded. Places are remembered once they are in the map, so that the key is whole.
        unsafe {
            if let Some(flow) = at(*remembered)
                && (*flow).key.is(key)
            {
                return Some(&raw mut (*flow).totals);
            }
            let place = look_up_or_insert(key, &mut self.spare)?;
            *remembered = place;
            at(place).map(|flow| &raw mut (*flow).totals)
        }
    }
}

#[inline(always)]
fn at(place: u32) -> Option<*mut Flow> {
    TOTALS.get_ptr_mut(place.wrapping_sub(1))
}

#[inline(always)]
fn look_up_or_insert(key: &FlowKey, spare: &mut u32) -> Option<u32> {
    let known = look_up(key);
    if known.is_some() {
        return known;
    }
    let place = free_place(spare)?;
    if let Some(flow) = at(place) {
        // SAFETY: the pointer comes from a map look-up that succeeded, and nobody else knows of the place yet.
        unsafe { (*flow).key = *key };
        if FLOWS.insert(key, place, BPF_NOEXIST as u64).is_ok() {
            return Some(place);
        }
    }
    // Another CPU was faster, or the map is full.
    *spare = place;
    look_up(key)
}

#[inline(always)]
fn look_up(key: &FlowKey) -> Option<u32> {
    // SAFETY: nobody changes or removes what is in the map.
    unsafe { FLOWS.get(key).copied() }
}

/// Only the caller has it, whoever interrupts it.
#[inline(always)]
fn free_place(spare: &mut u32) -> Option<u32> {
    // SAFETY: the numbers are in map values, whose look-ups succeeded, and nobody else writes them.
    unsafe {
        match shared::swap(spare, 0) {
            0 => TAKEN.get_ptr_mut(0).map(|taken| shared::take(taken) + 1),
            place => Some(place),
        }
    }
}
