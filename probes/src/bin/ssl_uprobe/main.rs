//! `ssl-uprobe`: uprobes in TLS libraries that submit what can belong to a head of HTTP/1 or HTTP/2, before it is encrypted or
//! after it was decrypted.
//!
//! A call is looked at when it has ended: only then is it known how many bytes there are, and that they count. What the
//! call was given is remembered by thread from its begin on, unless it is at hand where it ends.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod calls;
#[cfg(target_arch = "bpf")]
mod connections;
#[cfg(target_arch = "bpf")]
mod kernel_types;
#[cfg(target_arch = "bpf")]
mod processes;
#[cfg(target_arch = "bpf")]
mod reads;
#[cfg(target_arch = "bpf")]
mod sockets;
#[cfg(target_arch = "bpf")]
mod switch;
#[cfg(target_arch = "bpf")]
mod threads;

#[cfg(target_arch = "bpf")]
mod programs {
    use aya_ebpf::{
        EbpfContext as _,
        helpers::generated::bpf_get_attach_cookie,
        macros::{kprobe, raw_tracepoint, uprobe},
        programs::{ProbeContext, RawTracePointContext},
    };
    use ehl_probes::kernel::counters::count;
    use ehl_probes_common::{call::Cookie, counter::Counter};

    use crate::{calls, processes, reads, sockets, switch, threads};

    /// At a place of a TLS library, as its cookie says: one program, so that the verifier sees the walk once.
    #[uprobe]
    fn call(ctx: ProbeContext) -> u32 {
        // SAFETY: the kernel passes a valid context, and valid registers in it.
        let (cookie, regs) = unsafe { (bpf_get_attach_cookie(ctx.as_ptr()), &*ctx.regs) };
        let (is_end, is_begin) = (cookie == Cookie::END, cookie >> Cookie::BEGIN_BITS == 0);
        let is_read = !is_end && !is_begin;
        if is_read && reads::is_vain(regs, cookie) || !switch::is_on() {
            return 0;
        }
        let id = threads::current();
        let known = threads::find(id);
        if is_end {
            if let Some(thread) = known {
                calls::leave(regs, id, thread);
            }
            return 0;
        }
        if !processes::is_watched((id >> 32) as u32, known.is_some()) {
            return 0;
        }
        let thread = known.or_else(|| threads::insert(id));
        if is_begin {
            calls::enter(regs, cookie, id, thread);
        } else if let Some(thread) = thread {
            reads::ended(regs, cookie, id, thread);
        } else {
            count(Counter::Untracked);
        }
        0
    }

    /// `sock_send_length(sk, ret, flags)`, since kernel 6.3.
    #[raw_tracepoint(tracepoint = "sock_send_length")]
    fn sent(ctx: RawTracePointContext) -> i32 {
        sockets::sent(ctx.arg(0), ctx.arg(1));
        0
    }

    /// `sock_recv_length(sk, ret, flags)`, since kernel 6.3.
    #[raw_tracepoint(tracepoint = "sock_recv_length")]
    fn received(ctx: RawTracePointContext) -> i32 {
        sockets::received(ctx.arg(0), ctx.arg(1));
        0
    }

    /// `tcp_sendmsg(sk, msg, size)`, where the kernel has no such tracepoints.
    #[kprobe]
    fn sending(ctx: ProbeContext) -> u32 {
        if let (Some(socket), Some(size)) = (ctx.arg(0), ctx.arg::<u64>(2)) {
            sockets::sent(socket, size as i32);
        }
        0
    }

    /// `tcp_recvmsg(sk, msg, size, ...)`, likewise.
    #[kprobe]
    fn receiving(ctx: ProbeContext) -> u32 {
        if let (Some(socket), Some(size)) = (ctx.arg(0), ctx.arg::<u64>(2)) {
            sockets::received(socket, size as i32);
        }
        0
    }

    /// `sched_process_exit(task)`, of each thread, on that thread.
    #[raw_tracepoint(tracepoint = "sched_process_exit")]
    fn exited(_ctx: RawTracePointContext) -> i32 {
        let id = threads::current();
        threads::forget(id);
        processes::exited(id);
        0
    }

    /// `sched_process_fork(parent, child)`: what is watched includes children.
    #[raw_tracepoint(tracepoint = "sched_process_fork")]
    fn forked(ctx: RawTracePointContext) -> i32 {
        processes::forked(ctx.arg(0), ctx.arg(1));
        0
    }
}
