//! Through which socket the bytes of a call went, and so between which addresses. Every process's sockets come by here, so that nothing is
//! looked at unless a connection lacks addresses.

use ehl_probes_common::packet::Address;
use ehl_probes_common::tls::{Connection, Ends};

use crate::connections;
use crate::kernel_types::{SOCK_FAMILY, SOCK_LOCAL_PORT, SOCK_LOCAL_V4, SOCK_LOCAL_V6, SOCK_REMOTE_PORT, SOCK_REMOTE_V4, SOCK_REMOTE_V6};
use crate::threads::{self, Calls, Frame, Receipts, Thread};

/// `AF_INET` and `AF_INET6` (linux/socket.h).
const INET: u16 = 2;
const INET6: u16 = 10;

/// Stands for several sockets.
const SEVERAL: u64 = u64::MAX;

/// What a record of TLS adds to its content is less than this, also with padding (RFC 8446 section 5.2).
const OVERHEAD: u64 = 512;
/// Plaintext in a record (RFC 8446 section 5.1).
const RECORD: u64 = 1 << 14;
/// What may go with it: the end of a handshake.
const HANDSHAKE: u64 = 1 << 14;
/// The header of a record.
const LEAST: u64 = 5;
/// What ciphers add that authenticate: a tag, and the content's type (RFC 8446 section 5.2) or a nonce (RFC 5288 section 3) or
/// neither (RFC 7905 section 2).
const ADDED: [u32; 3] = [17, 24, 16];

/// The running thread sent this many bytes, or failed to.
#[inline(always)]
pub(crate) fn sent(socket: u64, bytes: i32) {
    if bytes > 0
        && !connections::are_addressed()
        && let Some(Thread { calls, .. }) = threads::find(threads::current())
    {
        moved(calls, socket, bytes);
    }
}

/// The running thread received this many bytes, or failed to.
#[inline(always)]
pub(crate) fn received(socket: u64, bytes: i32) {
    if bytes > 0
        && !connections::are_addressed()
        && let Some(Thread { calls, receipts, .. }) = threads::find(threads::current())
    {
        receipts.note(socket, bytes as u32);
        moved(calls, socket, bytes);
    }
}

/// The call that the thread is in has moved bytes.
#[inline(always)]
fn moved(calls: &mut Calls, socket: u64, bytes: i32) {
    let Some(frame) = calls.top() else { return };
    frame.moved += bytes as u64;
    if frame.socket == 0 {
        frame.socket = socket;
    } else if frame.socket != socket {
        frame.socket = SEVERAL;
    }
}

/// Notes between which addresses a connection is, of which a call has moved `length` bytes, if that can be told.
#[inline(always)]
pub(crate) fn address(connection: &mut Connection, frame: &Frame, length: u32, is_write: bool) {
    // SAFETY: both are references.
    unsafe { ehl_address(connection, frame, length, is_write as u32) };
}

/// [`address`]. A global function (see the module `kernel`), so that what it keeps on the stack is gone before the walk.
///
/// # Safety
/// Both are valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_address(connection: *mut Connection, frame: *const Frame, length: u32, is_write: u32) -> u32 {
    // SAFETY: by the caller's promise.
    let (Some(connection), Some(frame)) = (unsafe { (connection.as_mut(), frame.as_ref()) }) else { return 0 };
    if let Some(ends) = ends(frame, length as u64, is_write != 0) {
        connections::address(connection, ends);
    }
    0
}

/// The ends of the socket that the call's `length` bytes went through, if their number fits.
#[inline(always)]
fn ends(frame: &Frame, length: u64, is_write: bool) -> Option<Ends> {
    if frame.socket == 0 || frame.socket == SEVERAL {
        return None;
    }
    let fits = if is_write {
        let most = length + (length / RECORD + 1) * OVERHEAD + HANDSHAKE;
        frame.moved >= length && frame.moved <= most
    } else {
        // Of what is read now, most may have been received before.
        frame.moved >= LEAST
    };
    if fits { read(frame.socket) } else { None }
}

/// Notes between which addresses a connection is whose first `length` bytes were just read, by a call of which only the end is seen, if
/// that can be told.
#[inline(always)]
pub(crate) fn address_first(connection: &mut Connection, receipts: &Receipts, length: u32) {
    if is_record(receipts, length) {
        // SAFETY: a reference.
        unsafe { ehl_address_at(connection, receipts.socket) };
    }
}

/// Whether the last that was received is a record with as many bytes of content: its header, then the rest in one piece, as a library does
/// it that reads from a socket. The size must be that of a cipher that all use now: what such a cipher adds is always as much, and
/// one that adds more or less, as it is in blocks or padded, tells nothing.
#[inline(always)]
fn is_record(receipts: &Receipts, length: u32) -> bool {
    let added = receipts.last.wrapping_sub(length);
    receipts.socket != 0 && receipts.before as u64 == LEAST && ADDED.contains(&added)
}

/// [`address`] where the socket is known. A global function likewise.
///
/// # Safety
/// `connection` is valid, or null.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_address_at(connection: *mut Connection, socket: u64) -> u32 {
    // SAFETY: by the caller's promise.
    let Some(connection) = (unsafe { connection.as_mut() }) else { return 0 };
    if let Some(ends) = read(socket) {
        connections::address(connection, ends);
    }
    0
}

#[inline(always)]
fn read(socket: u64) -> Option<Ends> {
    let mut ends = Ends::default();
    match SOCK_FAMILY.read::<u16>(socket)? {
        INET => {
            ends.local = Address::v4(SOCK_LOCAL_V4.read(socket)?);
            ends.remote = Address::v4(SOCK_REMOTE_V4.read(socket)?);
        }
        INET6 => {
            ends.local = Address::v6(SOCK_LOCAL_V6.read(socket)?);
            ends.remote = Address::v6(SOCK_REMOTE_V6.read(socket)?);
        }
        _ => return None,
    }
    ends.local_port = u16::from_be(SOCK_LOCAL_PORT.read(socket)?);
    ends.remote_port = u16::from_be(SOCK_REMOTE_PORT.read(socket)?);
    // One that is not connected (any more) has none.
    if ends.local_port == 0 || ends.remote_port == 0 { None } else { Some(ends) }
}
