//! One link for all instructions of a file, and one for all returns (`BPF_TRACE_UPROBE_MULTI`, since kernel 6.6): attached and detached
//! at once.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya_obj::generated::{bpf_attach_type, bpf_cmd};

use super::File;
use super::places::{Place, Places, When};
use crate::probe::syscall;

/// `BPF_F_UPROBE_MULTI_RETURN` (linux/bpf.h).
const RETURN: u32 = 1;

/// Attaches the program to all places of a file. The result keeps it attached.
pub(super) fn attach_all(program: BorrowedFd<'_>, file: &File) -> io::Result<Vec<OwnedFd>> {
    let places = Places::of(&file.sites);
    let some = places.each().into_iter().filter(|(_, places)| !places.is_empty());
    some.map(|(when, places)| attach(program, &file.path, places, when)).collect()
}

/// One link.
fn attach(program: BorrowedFd<'_>, path: &Path, places: &[Place], when: When) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let (offsets, cookies): (Vec<u64>, Vec<u64>) = places.iter().copied().unzip();
    let mut attr = syscall::zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    link.attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
    // SAFETY: as above.
    let multi = unsafe { &mut link.__bindgen_anon_3.uprobe_multi };
    multi.path = path.as_ptr() as u64;
    multi.offsets = offsets.as_ptr() as u64;
    multi.cookies = cookies.as_ptr() as u64;
    multi.cnt = places.len() as u32;
    multi.flags = if when == When::Return { RETURN } else { 0 };
    syscall::open(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}
