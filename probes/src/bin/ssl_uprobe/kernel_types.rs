//! Fields of the kernel's own types. Where they are is set by user space before loading, from the kernel's BTF.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use ehl_probes::kernel::filter::setting;

/// A field's offset in bytes; [`NOWHERE`] when it is not known.
#[repr(transparent)]
pub(crate) struct Field(u32);

/// An offset that stands for none.
const NOWHERE: u32 = u32::MAX;

/// `struct sock`: `__sk_common.skc_family`.
#[unsafe(no_mangle)]
pub(crate) static SOCK_FAMILY: Field = Field(NOWHERE);
/// `__sk_common.skc_rcv_saddr`.
#[unsafe(no_mangle)]
pub(crate) static SOCK_LOCAL_V4: Field = Field(NOWHERE);
/// `__sk_common.skc_daddr`.
#[unsafe(no_mangle)]
pub(crate) static SOCK_REMOTE_V4: Field = Field(NOWHERE);
/// `__sk_common.skc_v6_rcv_saddr`.
#[unsafe(no_mangle)]
pub(crate) static SOCK_LOCAL_V6: Field = Field(NOWHERE);
/// `__sk_common.skc_v6_daddr`.
#[unsafe(no_mangle)]
pub(crate) static SOCK_REMOTE_V6: Field = Field(NOWHERE);
/// `struct inet_sock`: `inet_sport`, in network byte order. Unlike `skc_num` it stays when the connection is reset.
#[unsafe(no_mangle)]
pub(crate) static SOCK_LOCAL_PORT: Field = Field(NOWHERE);
/// `__sk_common.skc_dport`, in network byte order.
#[unsafe(no_mangle)]
pub(crate) static SOCK_REMOTE_PORT: Field = Field(NOWHERE);
/// `struct task_struct`: `tgid`.
#[unsafe(no_mangle)]
pub(crate) static TASK_PROCESS: Field = Field(NOWHERE);
/// `group_leader`.
#[unsafe(no_mangle)]
pub(crate) static TASK_LEADER: Field = Field(NOWHERE);
/// `comm`.
#[unsafe(no_mangle)]
pub(crate) static TASK_COMM: Field = Field(NOWHERE);

impl Field {
    /// The value in the object at `base`.
    #[inline(always)]
    pub(crate) fn read<T: Copy>(&self, base: u64) -> Option<T> {
        let offset = setting(&self.0);
        if offset == NOWHERE {
            return None;
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: there is room for the value, and all of it is written when the helper succeeds; a bad address makes it fail.
        unsafe {
            match bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, (base + offset as u64) as *const _) {
                0 => Some(value.assume_init()),
                _ => None,
            }
        }
    }
}
