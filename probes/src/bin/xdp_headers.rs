//! `xdp-headers`: packets as an interface receives them, before the stack. All of them pass.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod hook {
    use aya_ebpf::{
        bindings::{xdp_action::XDP_PASS, xdp_md},
        helpers::generated::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
        macros::xdp,
        programs::XdpContext,
    };
    use ehl_probes::kernel::packets::{
        Frame,
        direct::{Context, Linear, Packet},
        observe, work,
    };
    use ehl_probes_common::{
        packet::{
            headers::{Start, parse},
            ip::{self, Content, Flaw},
        },
        record::{ProbeId, Way},
    };

    #[xdp(frags)]
    fn xdp_headers(ctx: XdpContext) -> u32 {
        look(ctx.ctx);
        XDP_PASS
    }

    #[inline(always)]
    fn look(md: *mut xdp_md) -> Option<()> {
        let work = work()?;
        let mut packet = Packet::new(Xdp(md));
        parse(&mut packet, Start::Ethernet, &mut work.headers);
        let length = packet.len(&work.headers);
        // SAFETY: the kernel passes a valid context; this is a field that every XDP program may read.
        let interface = unsafe { (*md).ingress_ifindex };
        observe(work, &Frame { length, segments: 0, interface, probe: ProbeId::XdpHeaders, way: Way::Ingress });
        None
    }

    /// [`ip::extensions`]. A global function (see the module `kernel`).
    ///
    /// # Safety
    /// Both are valid, or null.
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn ehl_extensions(md: *mut xdp_md, content: *mut Content) -> u32 {
        // SAFETY: by the caller's promise.
        let Some(content) = (unsafe { content.as_mut() }) else { return 0 };
        match ip::extensions(&mut Packet::new(Xdp(md)), content) {
            Ok(()) => 0,
            Err(flaw) => flaw as u32,
        }
    }

    /// The kernel's context.
    #[derive(Clone, Copy)]
    struct Xdp(*mut xdp_md);

    impl Context for Xdp {
        #[inline(always)]
        fn linear(self) -> Linear {
            // SAFETY: the kernel passes a valid context; these are fields that every XDP program may read. Volatile, because pointers
            // that are kept from one read to the next would have the verifier go many more ways.
            unsafe { Linear::new((&raw const (*self.0).data).read_volatile(), (&raw const (*self.0).data_end).read_volatile()) }
        }

        #[inline(always)]
        fn len(self) -> u32 {
            // SAFETY: likewise; the helper only reads.
            unsafe { bpf_xdp_get_buff_len(self.0) as u32 }
        }

        #[inline(always)]
        unsafe fn copy(self, offset: u32, to: *mut u8, len: u32) -> bool {
            // SAFETY: by the caller's promise.
            unsafe { bpf_xdp_load_bytes(self.0, offset, to.cast(), len) == 0 }
        }

        #[inline(always)]
        fn extensions(self, content: &mut Content) -> Result<(), Flaw> {
            // SAFETY: the kernel's context, and a reference.
            Flaw::result(unsafe { ehl_extensions(self.0, content) })
        }
    }
}
