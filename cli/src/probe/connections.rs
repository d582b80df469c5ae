//! The kernel's memory of connections, as user space finds it while the probe runs and when it is detached.

use aya::Pod;
use aya::maps::{HashMap, MapData};
use ehl_probes_common::connection::{Connection, Key};
use ehl_probes_common::tls;

use super::object::Object;

/// What the map of connections holds.
pub struct Connections {
    map: HashMap<MapData, Plain<Key>, Plain<Connection>>,
}

/// What the maps of connections of TLS and of their processes hold.
pub struct TlsConnections {
    connections: HashMap<MapData, Plain<tls::Key>, Plain<tls::Connection>>,
    processes: HashMap<MapData, u32, Plain<tls::Process>>,
}

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Plain<T>(pub(super) T);

// SAFETY: plain numbers, valid for every bit pattern; keys have no padding (asserted where they are defined).
unsafe impl Pod for Plain<Key> {}
// SAFETY: plain numbers, valid for every bit pattern; values are only read.
unsafe impl Pod for Plain<Connection> {}
// SAFETY: as for `Key`.
unsafe impl Pod for Plain<tls::Key> {}
// SAFETY: as for `Connection`.
unsafe impl Pod for Plain<tls::Connection> {}
// SAFETY: as for `Connection`.
unsafe impl Pod for Plain<tls::Process> {}

impl Connections {
    pub(super) fn of(object: &mut Object) -> Option<Self> {
        Some(Self { map: object.take_map("CONNECTIONS")? })
    }

    /// Calls `each` with every connection that can be read.
    pub fn each(&self, mut each: impl FnMut(&Key, &Connection)) {
        for (Plain(key), Plain(connection)) in self.map.iter().flatten() {
            each(&key, &connection);
        }
    }
}

impl TlsConnections {
    pub(super) fn of(object: &mut Object) -> Option<Self> {
        Some(Self { connections: object.take_map("TLS_CONNECTIONS")?, processes: object.take_map("PROCESSES")? })
    }

    /// Calls `each` with every connection that can be read.
    pub fn each(&self, mut each: impl FnMut(&tls::Key, &tls::Connection)) {
        for (Plain(key), Plain(connection)) in self.connections.iter().flatten() {
            each(&key, &connection);
        }
    }

    /// What is known of a process that was seen.
    pub fn process(&self, id: u32) -> Option<tls::Process> {
        self.processes.get(&id, 0).ok().map(|Plain(process)| process)
    }
}
