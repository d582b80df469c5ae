//! Attaching a program that is larger than a socket takes, through a small one that goes on with it.
//!
//! A socket pays for its filter's instructions from net.core.optmem_max: 20 KiB on kernel 6.1, 128 KiB on 6.12. Only where
//! that is too little: a map of programs that another process looks up just as it is closed can stay in the kernel, empty.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;

use aya::maps::Map;

use super::object::Loader;
use super::sock_http::{failed, unsupported};
use super::{Error, syscall};

/// The small program.
pub(super) struct Entry {
    pub(super) program: OwnedFd,
    /// What it goes on with: the kernel empties this map when its descriptor is closed.
    pub(super) maps: Vec<Map>,
}

/// Whether a socket takes the program as it is.
pub(super) fn fits(program: &OwnedFd) -> Result<bool, Error> {
    let any = UnixDatagram::unbound().map_err(|error| failed(&format!("a socket cannot be opened: {error}")))?;
    match syscall::filter_socket(any.as_fd(), program.as_fd()) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => Ok(false),
        Err(error) => Err(failed(&format!("a socket does not take its program: {error}"))),
    }
}

/// Loads the small program, in front of `program`.
pub(super) fn before(program: &OwnedFd) -> Result<Entry, Error> {
    let object = Loader::new(ehl_probes::sock_entry()).load().map_err(|reason| failed(&reason))?;
    let behind = object.descriptor("BEHIND").ok_or_else(|| failed("the object lacks a map"))?;
    let set = syscall::set(behind, &[0; 4], &program.as_raw_fd().to_ne_bytes());
    set.map_err(|error| failed(&format!("its programs cannot be put together: {error}")))?;
    Ok(Entry { program: object.program("sock_entry").map_err(|reason| unsupported(&reason))?, maps: object.into_maps() })
}
