//! What the running kernel has, and where it keeps it.

use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};

use crate::probe::btf::{Btf, with_vmlinux};
use crate::probe::needs;

/// The programs' name for an offset, and the field.
const FIELDS: [(&str, &str, &str); 10] = [
    ("SOCK_FAMILY", "sock_common", "skc_family"),
    ("SOCK_LOCAL_V4", "sock_common", "skc_rcv_saddr"),
    ("SOCK_REMOTE_V4", "sock_common", "skc_daddr"),
    ("SOCK_LOCAL_V6", "sock_common", "skc_v6_rcv_saddr"),
    ("SOCK_REMOTE_V6", "sock_common", "skc_v6_daddr"),
    ("SOCK_LOCAL_PORT", "inet_sock", "inet_sport"),
    ("SOCK_REMOTE_PORT", "sock_common", "skc_dport"),
    ("TASK_PROCESS", "task_struct", "tgid"),
    ("TASK_LEADER", "task_struct", "group_leader"),
    ("TASK_COMM", "task_struct", "comm"),
];

/// Offsets of the fields that the programs read, by their name for them. `struct inet_sock` begins with its `sock`, and that with its
/// `sock_common`. A field that is not found stays unknown to them.
pub(super) fn offsets() -> Vec<(&'static str, u32)> {
    let look = |data: &[u8]| {
        let btf = Btf::parse(data, &["sock_common", "inet_sock", "task_struct"])?;
        Some(FIELDS.iter().filter_map(|(name, of, field)| Some((*name, btf.offset(of, field)?))).collect())
    };
    with_vmlinux(look).ok().flatten().unwrap_or_default()
}

/// Whether it has `bpf_loop` (since 5.17).
pub(super) fn has_loop() -> bool {
    is_helper_supported(ProgramType::KProbe, BpfHelper::BPF_FUNC_loop).unwrap_or(false)
}

/// Whether it has a stock of memory for programs: hash maps need not have theirs from the beginning. It is of 6.1, and since 6.7 it
/// is filled up before somebody who interrupts another may find it empty.
pub(super) fn has_stock() -> bool {
    needs::kernel_version().is_some_and(|version| version >= (6, 7))
}

/// A process's name as the kernel keeps it: cut, and filled up with zeros.
pub(super) fn comm(name: &str) -> [u8; 16] {
    let mut comm = [0; 16];
    for (to, from) in comm[..15].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    comm
}
