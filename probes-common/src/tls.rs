//! The kernel's memory of a connection of TLS, as its process has it, and of that process.

use crate::connection;
use crate::packet::Address;

/// Which connection: the library's object, in its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Key {
    /// Address of the `SSL` in the process.
    pub ssl: u64,
    /// Process id (thread group id), in the first pid namespace.
    pub process: u32,
    /// Zero, so that the key has no undefined bytes.
    pub zero: u32,
}

const _: () = assert!(size_of::<Key>() == 16);

/// Directions of [`Connection`]: what the process writes.
pub const WRITTEN: u32 = 0;
/// And what it reads.
pub const READ: u32 = 1;

/// A connection from the process's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Connection {
    /// How far its streams are understood: [`WRITTEN`], then [`READ`]. Sequence numbers count plaintext from 0.
    pub streams: connection::Connection,
    /// Tells it from others that had or will have the same `SSL`; never 0.
    pub id: u64,
    /// Plaintext bytes so far, by direction.
    pub totals: [u32; 2],
    /// Addresses and ports (host byte order).
    pub ends: Ends,
    /// 1 when they are known.
    pub is_addressed: u8,
    /// 1 when it was seen from its start.
    pub from_start: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

/// Both ends of a TCP connection, as one of them has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Ends {
    /// This end.
    pub local: Address,
    /// The peer.
    pub remote: Address,
    /// This end's port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Ends>() == 40);
const _: () = assert!(size_of::<Connection>() == size_of::<connection::Connection>() + 64);

impl Connection {
    /// Nothing was seen yet.
    pub const NEW: Self = Self {
        streams: connection::Connection::NEW,
        id: 0,
        totals: [0; 2],
        ends: Ends { local: Address::ZERO, remote: Address::ZERO, local_port: 0, remote_port: 0, reserved: 0 },
        is_addressed: 0,
        from_start: 0,
        reserved: [0; 6],
    };
}

/// A process that was seen, by its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Process {
    /// Its name as in /proc/PID/comm, filled up with zeros.
    pub comm: [u8; 16],
    /// Its cgroup (version 2) as an inode number.
    pub cgroup: u64,
}

impl Process {
    /// The name without the zeros.
    pub fn name(&self) -> &[u8] {
        let len = self.comm.iter().position(|byte| *byte == 0).unwrap_or(self.comm.len());
        &self.comm[..len]
    }
}
