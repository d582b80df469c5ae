//! The connections of TLS that processes have.

use aya_ebpf::{macros::map, maps::LruHashMap};
use ehl_probes_common::connection::phase;
use ehl_probes_common::tls::{Connection, Key};

/// The least recently used connection makes room: what it reads and writes afterwards is joined anew.
#[map]
static TLS_CONNECTIONS: LruHashMap<Key, Connection> = LruHashMap::with_max_entries(32 * 1024, 0);

static NEW: Connection = Connection::NEW;

/// The connection, if it is known.
#[inline(always)]
pub(crate) fn find(key: &Key) -> Option<&'static mut Connection> {
    // SAFETY: a connection is used by one thread at a time, as its library wants it; else plain numbers, each valid in itself.
    TLS_CONNECTIONS.get_ptr_mut(key).map(|connection| unsafe { &mut *connection })
}

/// A connection that is new, or was not seen before.
#[inline(always)]
pub(crate) fn insert(key: &Key, id: u64, from_start: bool) -> Option<&'static mut Connection> {
    TLS_CONNECTIONS.insert(key, &NEW, 0).ok()?;
    let connection = find(key)?;
    connection.id = id;
    if from_start {
        connection.from_start = 1;
        connection.streams.directions[0].restart(0, phase::BOUNDARY, 0, 0);
        connection.streams.directions[1].restart(0, phase::BOUNDARY, 0, 0);
    }
    Some(connection)
}

/// Forgets a connection.
#[inline(always)]
pub(crate) fn remove(key: &Key) {
    let _ = TLS_CONNECTIONS.remove(key);
}
