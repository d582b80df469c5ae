//! Attaching a program that is larger than a socket takes, through a small one that goes on with it.
//!
//! A socket pays for its filter's instructions from net.core.optmem_max: 20 KiB on kernel 6.1, 128 KiB on 6.12. Only where
//! that is too little: a map of programs that another process looks up just as it is closed can stay in the kernel, empty.

use std::os::unix::net::UnixDatagram;

use aya::maps::ProgramArray;
use aya::programs::{ProgramError, SocketFilter, SocketFilterError};
use aya::{Ebpf, EbpfLoader};

use super::sock_http::{failed, loaded};
use super::{Error, error_chain};

/// Whether a socket takes the program as it is.
pub(super) fn fits(program: &SocketFilter) -> Result<bool, Error> {
    let any = UnixDatagram::unbound().map_err(|error| failed(&format!("a socket cannot be opened: {error}")))?;
    match program.attach(&any) {
        Ok(()) => Ok(true),
        Err(ProgramError::SocketFilterError(SocketFilterError::SetsockoptError { io_error, .. }))
            if io_error.raw_os_error() == Some(libc::ENOMEM) =>
        {
            Ok(false)
        }
        Err(error) => Err(failed(&error_chain(&error))),
    }
}

/// Loads the small program, in front of `program`. It stays in front as long as the result lives: the kernel empties the
/// map between them when the map's descriptor is closed.
pub(super) fn before(program: &SocketFilter) -> Result<Ebpf, Error> {
    let mut ebpf = EbpfLoader::new().btf(None).load(ehl_probes::sock_entry()).map_err(|error| failed(&error_chain(&error)))?;
    let program = program.fd().map_err(|error| failed(&error_chain(&error)))?;
    let map = ebpf.map_mut("BEHIND").ok_or_else(|| failed("the object lacks a map"))?;
    let set = ProgramArray::try_from(map).and_then(|mut map| map.set(0, program, 0));
    set.map_err(|error| failed(&format!("its programs cannot be put together: {}", error_chain(&error))))?;
    loaded(&mut ebpf, "sock_entry")?;
    Ok(ebpf)
}
