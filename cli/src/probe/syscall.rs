//! bpf(2) and what attaches programs, for what aya is not asked to do.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_prog_info, bpf_prog_type};
use perf_event::Builder;

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

/// A program to be loaded.
pub(super) struct Program<'p> {
    pub(super) name: &'p str,
    pub(super) program_type: bpf_prog_type,
    pub(super) attach_type: Option<bpf_attach_type>,
    pub(super) flags: u32,
    pub(super) instructions: &'p [bpf_insn],
    pub(super) license: &'p CStr,
    /// The object's types, which of them each function has, and the bytes of one such record.
    pub(super) functions: Option<(BorrowedFd<'p>, &'p [u8], usize)>,
}

impl Program<'_> {
    /// Loads it. `said` gets what the verifier says, as much as it has room for.
    pub(super) fn load(&self, said: Option<&mut [u8]>) -> io::Result<OwnedFd> {
        let mut attr = zeroed();
        // SAFETY: plain numbers; the call reads these fields of the union.
        let fields = unsafe { &mut attr.__bindgen_anon_3 };
        let room = fields.prog_name.len() - 1;
        for (to, from) in fields.prog_name.iter_mut().zip(self.name.bytes().take(room)) {
            *to = from as libc::c_char;
        }
        fields.prog_type = self.program_type as u32;
        fields.expected_attach_type = self.attach_type.map_or(0, |attach_type| attach_type as u32);
        fields.prog_flags = self.flags;
        fields.insns = self.instructions.as_ptr() as u64;
        fields.insn_cnt = self.instructions.len() as u32;
        fields.license = self.license.as_ptr() as u64;
        if let Some((types, functions, record_len)) = &self.functions {
            fields.prog_btf_fd = types.as_raw_fd() as u32;
            fields.func_info = functions.as_ptr() as u64;
            fields.func_info_cnt = functions.len().checked_div(*record_len).unwrap_or(0) as u32;
            fields.func_info_rec_size = *record_len as u32;
        }
        if let Some(said) = said {
            fields.log_level = 1;
            fields.log_buf = said.as_mut_ptr() as u64;
            fields.log_size = said.len() as u32;
        }
        open(bpf_cmd::BPF_PROG_LOAD, &mut attr)
    }
}

/// Loads types in the kernel's format (BTF).
pub(super) fn load_types(types: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_7 };
    fields.btf = types.as_ptr() as u64;
    fields.btf_size = types.len() as u32;
    open(bpf_cmd::BPF_BTF_LOAD, &mut attr)
}

/// Sets an element of a map, whose keys and values are as long as these.
pub(super) fn set(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_2 };
    fields.map_fd = map.as_raw_fd() as u32;
    fields.key = key.as_ptr() as u64;
    fields.__bindgen_anon_1.value = value.as_ptr() as u64;
    call(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut attr).map(drop)
}

/// From then on, only programs change a map.
pub(super) fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads this field of the union.
    unsafe { &mut attr.__bindgen_anon_2 }.map_fd = map.as_raw_fd() as u32;
    call(bpf_cmd::BPF_MAP_FREEZE, &mut attr).map(drop)
}

/// Has a socket's packets filtered by a program, as long as the socket is open.
pub(super) fn filter_socket(socket: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_BPF, program.as_raw_fd())
}

/// Has a packet socket not see what is sent.
pub(super) fn ignore_outgoing(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)
}

fn set_option(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value is a number and its length is given.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Runs a program at a tracepoint, as long as the result is open.
pub(super) fn trace(program: BorrowedFd<'_>, tracepoint: &CStr) -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.raw_tracepoint };
    fields.name = tracepoint.as_ptr() as u64;
    fields.prog_fd = program.as_raw_fd() as u32;
    open(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attr)
}

/// Runs a program at a perf event in any process (kernel 5.15), which tells it the cookie, as long as the result is open.
pub(super) fn link_event(program: BorrowedFd<'_>, event: &mut Builder<'_>, cookie: u64) -> io::Result<OwnedFd> {
    // Probes are the same for all CPUs, and an event of no process wants one.
    let event = event.any_pid().one_cpu(0).enabled(true).build()?;
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    link.__bindgen_anon_2.target_fd = event.as_raw_fd() as u32;
    link.attach_type = bpf_attach_type::BPF_PERF_EVENT as u32;
    link.__bindgen_anon_3.perf_event.bpf_cookie = cookie;
    open(bpf_cmd::BPF_LINK_CREATE, &mut attr)
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
