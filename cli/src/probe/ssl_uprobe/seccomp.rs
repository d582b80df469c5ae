//! Whether a uretprobe may kill a process that is confined by seccomp(2).
//!
//! From kernel 6.11 on, a probed function returns by a system call of its own, `uretprobe`. Filters that do not list it kill the
//! process for it, until seccomp learned to let it pass (6.14, and in the stable kernels of that time).

use std::io;
use std::mem;

use crate::probe::needs;

/// Number of `uretprobe` (arch/x86/entry/syscalls/syscall_64.tbl).
const SYS_URETPROBE: u32 = 335;

/// Whether uretprobes harm nobody on the running kernel.
pub fn returns_are_safe() -> bool {
    match needs::kernel_version() {
        Some(version) if version < (6, 11) => true,
        _ => passes_filters(),
    }
}

/// Asks the kernel: a child that forbids itself the call makes it. The kernel answers with SIGILL, as it is no probe's, if it lets
/// it pass; else the filter kills with SIGSYS. Where there are no filters, nobody is confined by one.
fn passes_filters() -> bool {
    // SAFETY: the child calls nothing that is not safe in the child of a process with threads: system calls, and _exit.
    let child = unsafe { libc::fork() };
    match child {
        -1 => false,
        0 => {
            make_the_call();
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(0) }
        }
        child => {
            let mut status = 0;
            loop {
                // SAFETY: the status is a number to write to.
                let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
                if waited == child {
                    break;
                }
                if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                    return false;
                }
            }
            !libc::WIFSIGNALED(status) || libc::WTERMSIG(status) != libc::SIGSYS
        }
    }
}

fn make_the_call() {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut filter = [
        statement((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, mem::offset_of!(libc::seccomp_data, nr) as u32),
        libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt: 0, jf: 1, k: SYS_URETPROBE },
        statement((libc::BPF_RET | libc::BPF_K) as u16, libc::SECCOMP_RET_KILL_PROCESS),
        statement((libc::BPF_RET | libc::BPF_K) as u16, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls; the filter outlives the call that reads it. No core is to be left behind.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        // A limit is none to who gets cores through a pipe.
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        let confined = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0;
        if confined {
            libc::syscall(libc::c_long::from(SYS_URETPROBE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_and_survives() {
        let _ = passes_filters();
        assert!(needs::kernel_version().is_none_or(|version| version < (6, 15)) || returns_are_safe());
    }
}
