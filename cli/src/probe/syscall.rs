//! bpf(2), for the few calls that aya does not make.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_info};

/// Attributes of a call, all zero.
pub(super) fn zeroed() -> bpf_attr {
    // SAFETY: a union of plain numbers, all valid when zero.
    unsafe { mem::zeroed() }
}

/// A call that answers with a descriptor. What the attributes point to must live until it returns.
pub(super) fn open(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    let result = call(command, attr)?;
    // SAFETY: the kernel opened it for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// A link of a program to an interface: the program is attached as long as it is open.
pub(super) fn link(program: BorrowedFd<'_>, interface: u32, attach_type: bpf_attach_type, flags: u32) -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    link.__bindgen_anon_2.target_ifindex = interface;
    link.attach_type = attach_type as u32;
    link.flags = flags;
    open(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}

/// A program by its id (CAP_SYS_ADMIN).
pub(super) fn program(id: u32) -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_6 };
    fields.__bindgen_anon_1.prog_id = id;
    open(bpf_cmd::BPF_PROG_GET_FD_BY_ID, &mut attr)
}

/// What the kernel says of a program.
pub(super) fn program_info(program: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    // SAFETY: plain numbers, all valid when zero.
    let mut info: bpf_prog_info = unsafe { mem::zeroed() };
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.info };
    fields.bpf_fd = program.as_raw_fd() as u32;
    fields.info_len = size_of::<bpf_prog_info>() as u32;
    fields.info = std::ptr::from_mut(&mut info) as u64;
    call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr)?;
    Ok(info)
}

fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<RawFd> {
    // SAFETY: the attributes are of the size that is given; the kernel checks all that they say.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_long, std::ptr::from_mut(attr), size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
}
