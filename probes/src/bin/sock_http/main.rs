//! `sock-http`: a socket filter on AF_PACKET sockets that submits what can belong to a cleartext head of HTTP/1 or HTTP/2.
//!
//! The sockets are of type SOCK_DGRAM, so that every packet starts at the network layer, with or without Ethernet below.
//! The filter always answers 0: no packet is ever queued on the socket.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod connections;

#[cfg(target_arch = "bpf")]
mod filter {
    use aya_ebpf::{
        bindings::__sk_buff,
        helpers::generated::{bpf_ktime_get_ns, bpf_skb_load_bytes},
        macros::{map, socket_filter},
        maps::PerCpuArray,
        programs::SkBuffContext,
    };
    use ehl_probes::kernel::{
        counters::count,
        filter::{self, setting},
        tap::{Scratch, walk_segment, window_len},
    };
    use ehl_probes_common::{
        connection::Key,
        counter::Counter,
        packet::{
            self, Header, Kind, Load, Tcp,
            ip::{self, Content, Flaw},
        },
        record::{LOOPBACK, ProbeId, Way, tcp_flag},
    };

    use crate::connections;

    /// What one CPU works with: too large for the stack.
    #[repr(C)]
    struct Work {
        scratch: Scratch,
        /// The segment's headers.
        tcp: Tcp,
        /// The segment's connection.
        key: Key,
    }

    #[map]
    static WORK: PerCpuArray<Work> = PerCpuArray::with_max_entries(1, 0);

    /// Whether of the loopback's packets only those come here that are received: set by user space before loading.
    #[unsafe(no_mangle)]
    static LOOPBACK_RECEIVED: u8 = 0;

    /// `skb->pkt_type` of a packet that this host sends (linux/if_packet.h).
    const PACKET_OUTGOING: u32 = 4;

    #[socket_filter]
    fn sock_http(ctx: SkBuffContext) -> i64 {
        observe(ctx.skb.skb);
        0
    }

    #[inline(always)]
    fn observe(skb: *mut __sk_buff) -> Option<()> {
        // SAFETY: the kernel passes a valid context; these are fields that a socket filter may read.
        let (interface, pkt_type, protocol) = unsafe { ((*skb).ifindex, (*skb).pkt_type, (*skb).protocol) };
        // The loopback shows each packet twice, as sent and as received. The first one counts: it is seen under the sender's
        // socket lock, so in order, while a sender that changes its CPU can have its packets received out of order.
        let is_twice = interface == LOOPBACK && setting(&LOOPBACK_RECEIVED) == 0;
        if is_twice && pkt_type != PACKET_OUTGOING {
            return None;
        }
        // SAFETY: the pointer comes from a map look-up that succeeded, and this CPU's value is used by nobody else.
        let Work { scratch, tcp, key } = unsafe { &mut *WORK.get_ptr_mut(0)? };
        match packet::parse(&mut Packet { skb }, u16::from_be(protocol as u16), tcp) {
            Kind::Tcp => {}
            Kind::Fragment => {
                count(Counter::Fragments);
                return None;
            }
            Kind::Other => return None,
        }
        let opens_or_closes = tcp.flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST);
        if tcp.payload_len == 0 && opens_or_closes == 0 {
            return None;
        }
        if !filter::watches_ports(tcp.source_port, tcp.destination_port) || !filter::watches_networks(tcp.source, tcp.destination) {
            return None;
        }
        if is_twice && tcp.payload_len > 0 {
            count(Counter::Duplicates);
        }
        let direction = key.set(tcp);
        let connection = if tcp.payload_len > 0 || opens_or_closes & tcp_flag::SYN != 0 {
            let Some(connection) = connections::find_or_insert(key) else {
                count(Counter::Untracked);
                return None;
            };
            connection
        } else {
            connections::find(key)?
        };
        let way = if pkt_type == PACKET_OUTGOING { Way::Egress } else { Way::Ingress };
        prepare(scratch, tcp, interface, way, direction);
        // SAFETY: the kernel's context, and pointers from map look-ups that succeeded.
        unsafe { walk_segment(skb, scratch, connection) };
        None
    }

    /// Lays out the walk, and the part of the record header that all records of the segment share.
    #[inline(always)]
    fn prepare(scratch: &mut Scratch, tcp: &Tcp, interface: u32, way: Way, direction: u32) {
        let Scratch { draft, walk, payload, .. } = scratch;
        *payload = tcp.payload as u64;
        // SAFETY: the helper takes no arguments and only reads the clock.
        walk.segment.time_ns = unsafe { bpf_ktime_get_ns() };
        walk.segment.sequence = tcp.sequence;
        walk.segment.len = tcp.payload_len;
        walk.segment.interface = interface;
        walk.segment.tcp_flags = tcp.flags;
        walk.offset = 0;
        walk.direction = direction;
        walk.runs = 0;
        let header = &mut draft.header;
        header.set_addresses(tcp.source, tcp.destination);
        header.source_port = tcp.source_port;
        header.destination_port = tcp.destination_port;
        header.acknowledgement = tcp.acknowledgement;
        header.origin = interface;
        header.probe = ProbeId::SockHttp as u8;
        header.way = way as u8;
        header.tcp_flags = tcp.flags;
    }

    /// Declared by the module `tap`.
    ///
    /// # Safety
    /// Both are valid, or null.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn ehl_load(skb: *mut __sk_buff, scratch: *mut Scratch, offset: u32, len: u32) -> u32 {
        // SAFETY: by the caller's promise.
        let Some(Scratch { draft, payload, .. }) = (unsafe { scratch.as_mut() }) else { return 1 };
        // SAFETY: the window has WINDOW writable bytes.
        let result = unsafe { bpf_skb_load_bytes(skb.cast(), *payload as u32 + offset, draft.window.as_mut_ptr().cast(), window_len(len)) };
        (result != 0) as u32
    }

    /// [`ip::extensions`]. A global function (see the module `kernel`).
    ///
    /// # Safety
    /// The kernel's context, and a content that is valid, or null.
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn ehl_extensions(skb: *mut __sk_buff, content: *mut Content) -> u32 {
        // SAFETY: by the caller's promise.
        let Some(content) = (unsafe { content.as_mut() }) else { return 0 };
        match ip::extensions(&mut Packet { skb }, content) {
            Ok(()) => 0,
            Err(flaw) => flaw as u32,
        }
    }

    /// [`ip::extension`], likewise.
    ///
    /// # Safety
    /// As of [`ehl_extensions`].
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn ehl_extension(skb: *mut __sk_buff, content: *mut Content) -> u32 {
        // SAFETY: by the caller's promise.
        let Some(content) = (unsafe { content.as_mut() }) else { return 0 };
        match ip::extension(&mut Packet { skb }, content) {
            Ok(()) => 0,
            Err(flaw) => flaw as u32,
        }
    }

    struct Packet {
        skb: *mut __sk_buff,
    }

    impl Load for Packet {
        #[inline(always)]
        fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
            // SAFETY: the header has room for N bytes, and all are written when the helper succeeds.
            unsafe {
                match bpf_skb_load_bytes(self.skb.cast(), offset, header.0.as_mut_ptr().cast(), N as u32) {
                    0 => Some(header.0.assume_init_ref()),
                    _ => None,
                }
            }
        }

        #[inline(always)]
        fn packet_len(&self) -> u32 {
            // SAFETY: the kernel passes a valid context, whose length a socket filter may read.
            unsafe { (*self.skb).len }
        }

        #[inline(always)]
        fn extensions(&mut self, content: &mut Content) -> Result<(), Flaw> {
            // SAFETY: the kernel's context, and a reference.
            Flaw::result(unsafe { ehl_extensions(self.skb, content) })
        }

        #[inline(always)]
        fn extension(&mut self, content: &mut Content) -> Result<(), Flaw> {
            // SAFETY: likewise.
            Flaw::result(unsafe { ehl_extension(self.skb, content) })
        }
    }
}
