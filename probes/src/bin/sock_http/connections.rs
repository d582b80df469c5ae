//! The state of connections.

use aya_ebpf::{macros::map, maps::LruHashMap};
use ehl_probes_common::connection::{Connection, Key};

/// The least recently used connection makes room: what it sends afterwards is joined anew.
#[map]
static CONNECTIONS: LruHashMap<Key, Connection> = LruHashMap::with_max_entries(32 * 1024, 0);

static NEW: Connection = Connection::NEW;

/// The connection's state, if it is known.
#[inline(always)]
pub(crate) fn find(key: &Key) -> Option<*mut Connection> {
    CONNECTIONS.get_ptr_mut(key)
}

/// The connection's state, new if it is not known; `None` when there is no room.
#[inline(always)]
pub(crate) fn find_or_insert(key: &Key) -> Option<*mut Connection> {
    match find(key) {
        Some(connection) => Some(connection),
        None => {
            CONNECTIONS.insert(key, &NEW, 0).ok()?;
            find(key)
        }
    }
}
