//! BPF programs of other owners on an interface: each counts its packets, and has one verdict for all of them.
//!
//! Written in instructions and system calls, so that nothing of what is tested attaches them.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use aya_obj::generated::{
    BPF_F_AFTER, BPF_F_BEFORE, XDP_FLAGS_SKB_MODE, bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_map_type, bpf_prog_type,
};

use super::netns::Netns;

/// Where it is attached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hook {
    /// For packets that come in, before all others or after them.
    TcxIngress { is_first: bool },
    /// For packets that go out.
    TcxEgress { is_first: bool },
    /// In the generic mode.
    Xdp,
}

/// What it says of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Next,
    Drop,
}

/// A program, attached until this is dropped.
pub(crate) struct Other {
    map: OwnedFd,
    _link: OwnedFd,
}

impl Other {
    /// Attaches one to an interface of a namespace.
    pub(crate) fn attach(netns: &Netns, interface: &str, hook: Hook, verdict: Verdict) -> Self {
        Self::try_attach(netns, interface, hook, verdict).expect("root may attach programs")
    }

    /// The same, where it may be refused.
    pub(crate) fn try_attach(netns: &Netns, interface: &str, hook: Hook, verdict: Verdict) -> io::Result<Self> {
        let index = netns.run(ehl::network::interfaces)?.into_iter().find(|found| found.name == interface).expect("it is there").index;
        let map = counter()?;
        let answer = match (hook, verdict) {
            // XDP_PASS and XDP_DROP, TCX_NEXT and TCX_DROP (linux/bpf.h).
            (Hook::Xdp, Verdict::Next) => 2,
            (Hook::Xdp, Verdict::Drop) => 1,
            (_, Verdict::Next) => -1,
            (_, Verdict::Drop) => 2,
        };
        let program = program(&map, matches!(hook, Hook::Xdp), answer)?;
        let _link = netns.run(|| link(&program, index, hook))?;
        Ok(Self { map, _link })
    }

    /// Packets that it has seen.
    pub(crate) fn packets(&self) -> u64 {
        let (key, mut value) = (0u32, 0u64);
        let mut attr = zeroed();
        // SAFETY: plain numbers; the call reads these fields of the union.
        let fields = unsafe { &mut attr.__bindgen_anon_2 };
        fields.map_fd = self.map.as_raw_fd() as u32;
        fields.key = (&raw const key) as u64;
        fields.__bindgen_anon_1.value = (&raw mut value) as u64;
        call(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attr).expect("an array has its elements");
        value
    }
}

/// An array of one number.
fn counter() -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_1 };
    fields.map_type = bpf_map_type::BPF_MAP_TYPE_ARRAY as u32;
    fields.key_size = 4;
    fields.value_size = 8;
    fields.max_entries = 1;
    open(bpf_cmd::BPF_MAP_CREATE, &mut attr)
}

/// `count += 1; return answer`
fn program(map: &OwnedFd, is_xdp: bool, answer: i32) -> io::Result<OwnedFd> {
    let instruction = |code, destination: u8, source: u8, imm| {
        // SAFETY: plain numbers, all valid when zero.
        let mut instruction: bpf_insn = unsafe { mem::zeroed() };
        instruction.code = code;
        instruction.set_dst_reg(destination);
        instruction.set_src_reg(source);
        instruction.imm = imm;
        instruction
    };
    let instructions = [
        // r1 = the number's address (BPF_PSEUDO_MAP_VALUE), which takes two
        instruction(0x18, 1, 2, map.as_raw_fd()),
        instruction(0, 0, 0, 0),
        // r2 = 1
        instruction(0xb7, 2, 0, 1),
        // lock *r1 += r2
        instruction(0xdb, 1, 2, 0),
        // r0 = answer
        instruction(0xb7, 0, 0, answer),
        instruction(0x95, 0, 0, 0),
    ];
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_3 };
    for (to, from) in fields.prog_name.iter_mut().zip(b"someone_elses") {
        *to = from.cast_signed();
    }
    fields.prog_type = if is_xdp { bpf_prog_type::BPF_PROG_TYPE_XDP } else { bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS } as u32;
    fields.insns = instructions.as_ptr() as u64;
    fields.insn_cnt = instructions.len() as u32;
    fields.license = c"GPL".as_ptr() as u64;
    open(bpf_cmd::BPF_PROG_LOAD, &mut attr)
}

fn link(program: &OwnedFd, interface: u32, hook: Hook) -> io::Result<OwnedFd> {
    let order = |is_first| if is_first { BPF_F_BEFORE } else { BPF_F_AFTER };
    let (attach_type, flags) = match hook {
        Hook::TcxIngress { is_first } => (bpf_attach_type::BPF_TCX_INGRESS, order(is_first)),
        Hook::TcxEgress { is_first } => (bpf_attach_type::BPF_TCX_EGRESS, order(is_first)),
        Hook::Xdp => (bpf_attach_type::BPF_XDP, XDP_FLAGS_SKB_MODE),
    };
    let mut attr = zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.link_create };
    fields.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    fields.__bindgen_anon_2.target_ifindex = interface;
    fields.attach_type = attach_type as u32;
    fields.flags = flags;
    open(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}

fn zeroed() -> bpf_attr {
    // SAFETY: a union of plain numbers, all valid when zero.
    unsafe { mem::zeroed() }
}

fn open(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    let descriptor = call(command, attr)?;
    // SAFETY: the kernel opened it for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What the attributes point to lives through the call.
fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i32> {
    // SAFETY: the attributes are of the size that is given; the kernel checks all that they say.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_long, std::ptr::from_mut(attr), size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
