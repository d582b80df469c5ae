//! The kernel's memory of connections, as user space finds it when the probe is detached.

use aya::maps::{HashMap, MapData};
use aya::{Ebpf, Pod};
use ehl_probes_common::connection::{Connection, Key};

/// What the map of connections holds.
pub struct Connections {
    map: HashMap<MapData, PlainKey, PlainConnection>,
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct PlainKey(Key);

#[derive(Clone, Copy)]
#[repr(transparent)]
struct PlainConnection(Connection);

// SAFETY: plain numbers, valid for every bit pattern; keys have no padding (asserted where they are defined).
unsafe impl Pod for PlainKey {}
// SAFETY: plain numbers, valid for every bit pattern; values are only read.
unsafe impl Pod for PlainConnection {}

impl Connections {
    pub(super) fn of(ebpf: &mut Ebpf) -> Option<Self> {
        Some(Self { map: HashMap::try_from(ebpf.take_map("CONNECTIONS")?).ok()? })
    }

    /// Calls `each` with every connection that can be read.
    pub fn each(&self, mut each: impl FnMut(&Key, &Connection)) {
        for (PlainKey(key), PlainConnection(connection)) in self.map.iter().flatten() {
            each(&key, &connection);
        }
    }
}
