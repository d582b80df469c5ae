//! What is attached for `sock-http` where a socket takes no larger program: it goes on with the real one.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod filter {
    use aya_ebpf::{
        macros::{map, socket_filter},
        maps::ProgramArray,
        programs::SkBuffContext,
    };
    // For the licence and the panic handler.
    use ehl_probes as _;

    /// The real program.
    #[map]
    static BEHIND: ProgramArray = ProgramArray::with_max_entries(1, 0);

    #[socket_filter]
    fn sock_entry(ctx: SkBuffContext) -> i64 {
        // SAFETY: user space puts nothing but a socket filter there. If there is none, nothing happens.
        unsafe { BEHIND.tail_call(&ctx, 0) };
        0
    }
}
