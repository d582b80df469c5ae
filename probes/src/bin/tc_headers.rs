//! `tc-headers`: packets both ways, as an interface passes them to the stack and as the stack passes them to it. All of them go on to
//! whoever is next.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod hook {
    use aya_ebpf::{
        bindings::{__sk_buff, TC_ACT_UNSPEC},
        helpers::generated::bpf_skb_load_bytes,
        macros::classifier,
        programs::TcContext,
    };
    use ehl_probes::kernel::packets::{
        Frame, Work,
        direct::{Context, Linear, Packet},
        observe, work,
    };
    use ehl_probes_common::{
        packet::{
            headers::{Start, TAG_LEN, parse},
            ip::{self, Content, Flaw},
        },
        record::{ProbeId, Way},
    };

    #[classifier]
    fn ingress(ctx: TcContext) -> i32 {
        look(ctx.skb.skb, Way::Ingress, Link::Ethernet)
    }

    #[classifier]
    fn egress(ctx: TcContext) -> i32 {
        look(ctx.skb.skb, Way::Egress, Link::Ethernet)
    }

    #[classifier]
    fn ingress_l3(ctx: TcContext) -> i32 {
        look(ctx.skb.skb, Way::Ingress, Link::None)
    }

    #[classifier]
    fn egress_l3(ctx: TcContext) -> i32 {
        look(ctx.skb.skb, Way::Egress, Link::None)
    }

    /// What frames of the interface start with.
    #[derive(Clone, Copy)]
    enum Link {
        Ethernet,
        /// The network layer.
        None,
    }

    /// Answers `TC_ACT_UNSPEC`, which for TCX is `TCX_NEXT`.
    #[inline(always)]
    fn look(skb: *mut __sk_buff, way: Way, link: Link) -> i32 {
        if let Some(work) = work() {
            look_at(skb, work, way, link);
        }
        TC_ACT_UNSPEC
    }

    #[inline(always)]
    fn look_at(skb: *mut __sk_buff, work: &mut Work, way: Way, link: Link) {
        // SAFETY: the kernel passes a valid context; these are fields that every classifier may read.
        let (mut length, interface, tag) = unsafe { ((*skb).len, (*skb).ifindex, tag(skb)) };
        if let Some(tci) = tag {
            work.headers.tag(tci);
            length += TAG_LEN;
        }
        let start = match link {
            Link::Ethernet => Start::Ethernet,
            // SAFETY: likewise.
            Link::None => Start::Network(u16::from_be(unsafe { (*skb).protocol } as u16)),
        };
        parse(&mut Packet::new(Skb(skb)), start, &mut work.headers);
        // SAFETY: likewise.
        let segments = unsafe { segments(skb, work.headers.payload_len) };
        observe(work, &Frame { length, segments, interface, probe: ProbeId::TcHeaders, way });
    }

    /// How many packets of the wire it stands for. Of what virtual machines and packet sockets send, the kernel knows at first only how
    /// large each may be.
    ///
    /// # Safety
    /// The context is valid.
    #[inline(always)]
    unsafe fn segments(skb: *mut __sk_buff, payload_len: u32) -> u32 {
        // SAFETY: these are fields that every classifier may read.
        let (gso_segs, gso_size) = unsafe { ((*skb).gso_segs, (*skb).gso_size) };
        if gso_segs != 0 {
            gso_segs
        } else if gso_size != 0 && payload_len > gso_size {
            payload_len.div_ceil(gso_size)
        } else {
            1
        }
    }

    /// The VLAN tag that is out of band.
    ///
    /// # Safety
    /// The context is valid.
    #[inline(always)]
    unsafe fn tag(skb: *mut __sk_buff) -> Option<u16> {
        // SAFETY: these are fields that every classifier may read.
        unsafe { if (*skb).vlan_present != 0 { Some((*skb).vlan_tci as u16) } else { None } }
    }

    /// [`ip::extensions`]. A global function (see the module `kernel`).
    ///
    /// # Safety
    /// Both are valid, or null.
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn ehl_extensions(skb: *mut __sk_buff, content: *mut Content) -> u32 {
        // SAFETY: by the caller's promise.
        let Some(content) = (unsafe { content.as_mut() }) else { return 0 };
        match ip::extensions(&mut Packet::new(Skb(skb)), content) {
            Ok(()) => 0,
            Err(flaw) => flaw as u32,
        }
    }

    /// The kernel's context.
    #[derive(Clone, Copy)]
    struct Skb(*mut __sk_buff);

    impl Context for Skb {
        #[inline(always)]
        fn linear(self) -> Linear {
            // SAFETY: the kernel passes a valid context; these are fields that every classifier may read. Volatile, because pointers
            // that are kept from one read to the next would have the verifier go many more ways.
            unsafe { Linear::new((&raw const (*self.0).data).read_volatile(), (&raw const (*self.0).data_end).read_volatile()) }
        }

        #[inline(always)]
        fn len(self) -> u32 {
            // SAFETY: likewise.
            unsafe { (*self.0).len }
        }

        #[inline(always)]
        unsafe fn copy(self, offset: u32, to: *mut u8, len: u32) -> bool {
            // SAFETY: by the caller's promise.
            unsafe { bpf_skb_load_bytes(self.0.cast(), offset, to.cast(), len) == 0 }
        }

        #[inline(always)]
        fn extensions(self, content: &mut Content) -> Result<(), Flaw> {
            // SAFETY: the kernel's context, and a reference.
            Flaw::result(unsafe { ehl_extensions(self.0, content) })
        }
    }
}
