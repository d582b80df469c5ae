//! ehl's eBPF programs.
//!
//! For the host this crate is the precompiled objects, aligned as an ELF reader wants them. For BPF it is what the
//! programs share. `scripts/build-probes` makes the objects from `src/bin`.

#![cfg_attr(target_arch = "bpf", no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
pub mod kernel;

#[cfg(not(target_arch = "bpf"))]
mod prebuilt {
    #[repr(C, align(8))]
    struct Aligned<T: ?Sized>(T);

    static SOCK_HTTP: &Aligned<[u8]> = &Aligned(*include_bytes!("../prebuilt/sock_http.o"));
    static SOCK_ENTRY: &Aligned<[u8]> = &Aligned(*include_bytes!("../prebuilt/sock_entry.o"));

    static SSL_UPROBE: &Aligned<[u8]> = &Aligned(*include_bytes!("../prebuilt/ssl_uprobe.o"));
    static XDP_HEADERS: &Aligned<[u8]> = &Aligned(*include_bytes!("../prebuilt/xdp_headers.o"));
    static TC_HEADERS: &Aligned<[u8]> = &Aligned(*include_bytes!("../prebuilt/tc_headers.o"));

    /// The ELF of `sock-http`: one socket filter, `sock_http`.
    pub fn sock_http() -> &'static [u8] {
        &SOCK_HTTP.0
    }

    /// The ELF of the small program in front of it, for sockets that take no larger one: one socket filter, `sock_entry`.
    pub fn sock_entry() -> &'static [u8] {
        &SOCK_ENTRY.0
    }

    /// The ELF of `ssl-uprobe`: `call` for uprobes and uretprobes, `sent` and `received` for raw tracepoints, `sending` and
    /// `receiving` for kprobes in their stead, `forked` and `exited` for raw tracepoints.
    pub fn ssl_uprobe() -> &'static [u8] {
        &SSL_UPROBE.0
    }

    /// The ELF of `xdp-headers`: one XDP program that takes packets in fragments, `xdp_headers`.
    pub fn xdp_headers() -> &'static [u8] {
        &XDP_HEADERS.0
    }

    /// The ELF of `tc-headers`: the classifiers `ingress` and `egress`, and `ingress_l3` and `egress_l3` for links without Ethernet headers.
    pub fn tc_headers() -> &'static [u8] {
        &TC_HEADERS.0
    }
}

#[cfg(not(target_arch = "bpf"))]
pub use prebuilt::{sock_entry, sock_http, ssl_uprobe, tc_headers, xdp_headers};
