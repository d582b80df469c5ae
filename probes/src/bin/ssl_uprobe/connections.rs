//! The connections of TLS that processes have.

use aya_ebpf::{
    macros::map,
    maps::{Array, LruHashMap},
};
use ehl_probes::kernel::shared;
use ehl_probes_common::connection::phase;
use ehl_probes_common::tls::{Connection, Ends, Key};

use crate::processes;

/// The least recently used connection makes room: what it reads and writes afterwards is joined anew.
#[map]
static TLS_CONNECTIONS: LruHashMap<Key, Connection> = LruHashMap::with_max_entries(32 * 1024, 0);

/// How many of them have no addresses. Those that made room are not taken off: it may be too many, never too few.
#[map]
static UNADDRESSED: Array<u32> = Array::with_max_entries(1, 0);

static NEW: Connection = Connection::NEW;

/// The connection, if it is known.
#[inline(always)]
pub(crate) fn find(key: &Key) -> Option<&'static mut Connection> {
    // SAFETY: a connection is used by one thread at a time, as its library wants it; else plain numbers, each valid in itself.
    TLS_CONNECTIONS.get_ptr_mut(key).map(|connection| unsafe { &mut *connection })
}

/// A connection that is new, or was not seen before; whether there is room for it.
#[inline(always)]
pub(crate) fn insert(key: &Key, time_ns: u64, from_start: bool) -> bool {
    ehl_insert(key.process, key.ssl, time_ns, from_start as u32) != 0
}

/// [`insert`]. A global function (see the module `kernel`).
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn ehl_insert(process: u32, ssl: u64, time_ns: u64, from_start: u32) -> u32 {
    processes::remember(process);
    let key = Key { ssl, process, zero: 0 };
    if TLS_CONNECTIONS.insert(&key, &NEW, 0).is_err() {
        return 0;
    }
    if let Some(number) = UNADDRESSED.get_ptr_mut(0) {
        // SAFETY: a map value, which nobody writes in another way.
        unsafe { shared::count(number) };
    }
    let Some(connection) = find(&key) else { return 0 };
    connection.id = (time_ns ^ ssl << 16) | 1;
    if from_start != 0 {
        connection.from_start = 1;
        connection.streams.directions[0].restart(0, phase::BOUNDARY, 0, 0);
        connection.streams.directions[1].restart(0, phase::BOUNDARY, 0, 0);
    }
    1
}

/// Forgets a connection.
#[inline(always)]
pub(crate) fn remove(key: &Key, connection: &Connection) {
    if connection.is_addressed == 0 {
        one_less_unaddressed();
    }
    let _ = TLS_CONNECTIONS.remove(key);
}

/// Notes between which addresses a connection is.
#[inline(always)]
pub(crate) fn address(connection: &mut Connection, ends: Ends) {
    connection.ends = ends;
    if connection.is_addressed == 0 {
        connection.is_addressed = 1;
        one_less_unaddressed();
    }
}

#[inline(always)]
fn one_less_unaddressed() {
    if let Some(number) = UNADDRESSED.get_ptr_mut(0) {
        // SAFETY: a map value, which nobody writes in another way.
        unsafe { shared::discount(number) };
    }
}

/// Whether all connections that are known have addresses.
#[inline(always)]
pub(crate) fn are_addressed() -> bool {
    // SAFETY: a number, valid for every bit pattern, that is written as a whole.
    UNADDRESSED.get_ptr(0).is_some_and(|number| unsafe { core::ptr::read_volatile(number) } == 0)
}
