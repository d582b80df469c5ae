//! The programs of the packet probes on packets of our own: they read what the parser reads, and count what there is.

#[path = "packet_headers/frames.rs"]
mod frames;
#[path = "conversation/random.rs"]
#[expect(dead_code, reason = "a part of it is for others")]
mod random;
mod support;

use std::thread;

use ehl_probes_common::counter::Counter;
use ehl_probes_common::flow::{By, FlowKey, FlowTotals, RECENT};
use ehl_probes_common::packet::Address;
use ehl_probes_common::packet::headers::{Start, present};
use ehl_probes_common::record::{ProbeId, Way};
use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};
use random::Random;
use support::can_run;
use support::program::{Program, Settings};

const XDP: &str = "xdp_headers";
const HOOKS: [(&str, ProbeId, Way); 3] =
    [(XDP, ProbeId::XdpHeaders, Way::Ingress), ("ingress", ProbeId::TcHeaders, Way::Ingress), ("egress", ProbeId::TcHeaders, Way::Egress)];
/// `XDP_PASS`, `TC_ACT_UNSPEC`.
const PASS: [i32; 3] = [2, -1, -1];
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

#[test]
fn records_have_the_headers_that_the_parser_reads() {
    if !can_run(&[]) {
        return;
    }
    let whole = frames::whole();
    let mut random = Random::new(7);
    let frames: Vec<_> = whole.iter().cloned().chain((0..5000).map(|_| frames::damaged(&mut random, &whole))).collect();
    for ((name, probe, way), pass) in HOOKS.into_iter().zip(PASS) {
        let mut program = Program::load(name, &Settings::default());
        // The kernel takes no shorter frames as `struct sk_buff`, nor where it says IP and has none.
        let shortest = if name == XDP { 15 } else { 54 };
        for frame in frames.iter().filter(|frame| frame.len() >= shortest) {
            assert_eq!(program.run(frame, 1).verdict, pass);
            let [record] = program.records()[..] else { panic!("one record of {frame:02x?}") };
            assert_eq!(record.headers, frames::read(Start::Ethernet, frame), "{frame:02x?}");
            let segments = u32::from(name != XDP);
            assert_eq!((record.length as usize, record.segments, record.interface), (frame.len(), segments, 1));
            assert_eq!((record.probe, record.way, record.reserved), (probe as u8, way as u8, 0));
        }
        assert_eq!(program.counter(Counter::Packets), program.counter(Counter::Submitted));
    }
}

#[test]
fn links_without_a_header_start_with_the_network_layer() {
    if !can_run(&[]) {
        return;
    }
    // The kernel takes the protocol from where an Ethernet header has it: here, that is in the sender's address.
    let mut ipv4 = Vec::new();
    PacketBuilder::ipv4([8, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2).write_to_vec(&mut ipv4, &[1; 40]).expect("a packet");
    for name in ["ingress_l3", "egress_l3"] {
        let mut program = Program::load(name, &Settings::default());
        assert_eq!(program.run(&ipv4, 1).verdict, -1);
        let [record] = program.records()[..] else { panic!("one record") };
        assert_eq!(record.headers, frames::read(Start::Network(0x0800), &ipv4));
        assert_eq!((record.headers.source, record.headers.payload_len, record.length), (Address::v4([8, 0, 0, 1]), 40, 68));
    }
}

#[test]
fn headers_beyond_the_linear_part_are_read_too() {
    if !can_run(&[]) {
        return;
    }
    // Two extension headers of 2 KiB, in front of TCP: the first part of an XDP frame is shorter. No classifier can be run on such a one.
    let tcp = frame(Tcp { payload: 3000, ..Tcp::default() });
    let (ethernet, segment) = (&tcp[..12], &tcp[34..]);
    let extension = |next| [&[next, 255][..], &[1; 2046]].concat();
    let extensions = [extension(60), extension(6)].concat();
    let len = u16::try_from(extensions.len() + segment.len()).expect("a length").to_be_bytes();
    let ip = [&[0x86, 0xdd, 0x60, 0, 0, 0, len[0], len[1], 60, 64][..], &[0xfd; 32]].concat();
    let frame = [ethernet, &ip, &extensions, segment].concat();
    let mut program = Program::load(XDP, &Settings::default());
    program.run(&frame, 1);
    let [record] = program.records()[..] else { panic!("one record") };
    assert!(record.headers.has(present::TCP | present::PAYLOAD));
    assert_eq!((record.headers, record.length as usize), (frames::read(Start::Ethernet, &frame), frame.len()));
}

#[test]
fn totals_are_exact_while_all_cpus_add_to_one_flow() {
    if !can_run(&[]) {
        return;
    }
    const TIMES: u32 = 200_000;
    let lengths = [0, 100, 700, 1400];
    for (name, _, way) in HOOKS {
        let program = Program::load(name, &Settings { flows_by: By::Source as u32, ..Settings::default() });
        thread::scope(|scope| {
            for payload in lengths {
                let program = &program;
                scope.spawn(move || program.run(&frame(Tcp { payload, ..Tcp::default() }), TIMES));
            }
        });
        let flows = program.flows();
        let key = FlowKey { source: Address::v4([10, 0, 0, 1]), known: 1, way: way as u8, ..FlowKey::default() };
        let totals = flows[&key];
        let packets = u64::from(TIMES) * lengths.len() as u64;
        let bytes = lengths.iter().map(|payload| (54 + *payload as u64) * u64::from(TIMES)).sum();
        assert_eq!((flows.len(), totals.packets, totals.bytes), (1, packets, bytes));
        let on_wire = if name == XDP { (0, 0) } else { (packets, bytes) };
        assert_eq!((totals.segments, totals.wire_bytes), on_wire);
        assert_eq!((totals.min_bytes, totals.max_bytes, totals.tcp_flags), (54, 1454, u32::from(ACK)));
        assert!(0 < totals.first_ns && totals.first_ns <= totals.last_ns);
    }
}

#[test]
fn what_does_not_fit_goes_to_the_other_totals() {
    if !can_run(&[]) {
        return;
    }
    let program = Program::load("ingress", &Settings { flows_by: By::Tuple as u32, max_flows: 10, ..Settings::default() });
    for source_port in (0..6).flat_map(|_| 0..100) {
        program.run(&frame(Tcp { source_port, payload: 10, ..Tcp::default() }), 1);
    }
    let flows = program.flows();
    let other = program.other();
    let packets = |totals: &[FlowTotals]| totals.iter().map(|totals| totals.packets).sum::<u64>();
    let kept: Vec<_> = flows.values().copied().collect();
    // The kernel may keep some room of its own on each CPU.
    assert!((1..=10).contains(&flows.len()) && kept.iter().all(|totals| totals.packets == 6), "{}", flows.len());
    assert_eq!(packets(&kept) + packets(&other), 600);
    assert_eq!(kept.iter().chain(&other).map(|totals| totals.bytes).sum::<u64>(), 600 * 64);
}

#[test]
fn flows_that_a_cpu_remembers_in_one_place_are_told_apart() {
    if !can_run(&[]) {
        return;
    }
    for (name, _, way) in HOOKS {
        for frame in [frame, frame_v6] {
            let key = |tcp| FlowKey::of(By::Tuple, &frames::read(Start::Ethernet, &frame(tcp)), 1, way);
            let short = Tcp::default();
            let mut others = (1..50_000).map(|source_port| Tcp { source_port, payload: 100, ..Tcp::default() });
            let long = others.find(|tcp| key(*tcp).slot() == key(short).slot()).expect("there are more flows than slots");
            let program = Program::load(name, &Settings { flows_by: By::Tuple as u32, ..Settings::default() });
            for tcp in [short, long, long, short, short, short, long, short] {
                program.run(&frame(tcp), 1);
            }
            let flows = program.flows();
            let totals = [short, long].map(|tcp| flows[&key(tcp)]).map(|totals| (totals.packets, totals.bytes));
            let len = |tcp| frame(tcp).len() as u64;
            assert_eq!((flows.len(), totals), (2, [(5, 5 * len(short)), (3, 3 * len(long))]));
        }
    }
}

#[test]
fn totals_are_exact_of_more_flows_than_a_cpu_remembers() {
    if !can_run(&[]) {
        return;
    }
    const PORTS: u16 = RECENT as u16 / 2 + 100;
    let segment = |source_port: u16| Tcp { source_port, payload: usize::from(source_port % 7), ..Tcp::default() };
    for (name, _, way) in HOOKS {
        let program = Program::load(name, &Settings { flows_by: By::Tuple as u32, max_flows: 2 * u32::from(PORTS), ..Settings::default() });
        for _ in 0..3 {
            for port in 0..PORTS {
                program.run(&frame(segment(port)), 1);
                program.run(&frame_v6(segment(port)), 1);
            }
        }
        let flows = program.flows();
        assert_eq!((flows.len(), program.other().iter().map(|totals| totals.packets).sum::<u64>()), (2 * usize::from(PORTS), 0));
        for frame in (0..PORTS).flat_map(|port| [frame(segment(port)), frame_v6(segment(port))]) {
            let totals = flows[&FlowKey::of(By::Tuple, &frames::read(Start::Ethernet, &frame), 1, way)];
            assert_eq!((totals.packets, totals.bytes), (3, 3 * frame.len() as u64));
        }
    }
}

#[test]
fn flows_that_all_cpus_see_first_at_the_same_time_have_one_place() {
    if !can_run(&[]) {
        return;
    }
    const FLOWS: u16 = 500;
    const THREADS: u64 = 4;
    let frames: Vec<_> = (0..FLOWS).map(|source_port| frame(Tcp { source_port, ..Tcp::default() })).collect();
    for (name, ..) in HOOKS {
        let program = Program::load(name, &Settings { flows_by: By::Tuple as u32, max_flows: u32::from(FLOWS), ..Settings::default() });
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| frames.iter().for_each(|frame| assert_ne!(program.run(frame, 1).verdict, 0)));
            }
        });
        let flows = program.flows();
        assert_eq!(flows.len(), usize::from(FLOWS));
        assert!(flows.values().all(|totals| totals.packets == THREADS));
    }
}

#[test]
fn keys_have_what_they_are_asked_for() {
    if !can_run(&[]) {
        return;
    }
    let packet = frame(Tcp { payload: 1, ..Tcp::default() });
    let headers = frames::read(Start::Ethernet, &packet);
    let arp = [&packet[..12], &[8, 6], &[0; 28]].concat();
    let no_headers = frames::read(Start::Ethernet, &arp);
    for by in [By::Tuple, By::Source, By::Destination, By::Port, By::Protocol, By::Interface] {
        for (name, _, way) in HOOKS {
            let program = Program::load(name, &Settings { flows_by: by as u32, ..Settings::default() });
            program.run(&packet, 1);
            program.run(&arp, 1);
            let mut keys: Vec<_> = program.flows().into_keys().collect();
            let mut expected = vec![FlowKey::of(by, &headers, 1, way), FlowKey::of(by, &no_headers, 1, way)];
            expected.dedup();
            keys.sort_by_key(|key| key.ethertype + u16::from(key.known == 0));
            assert_eq!(keys, expected, "{by:?}");
        }
    }
}

#[test]
fn connections_are_followed_and_what_is_sent_again_is_counted() {
    if !can_run(&[]) {
        return;
    }
    let program = Program::load("egress", &Settings { flows_by: By::Tuple as u32, ..Settings::default() });
    let isn = u32::MAX - 500;
    let sent = |offset: u32, payload| Tcp { sequence: isn.wrapping_add(1 + offset), payload, ..Tcp::default() };
    let packets = [
        Tcp { sequence: isn, flags: SYN, ..Tcp::default() },
        sent(0, 400),
        sent(400, 400),
        // Once more in part, whole, and with new bytes behind.
        sent(0, 100),
        sent(400, 400),
        sent(700, 300),
        // A gap, then what was in it: lower than the highest, though new.
        sent(1500, 100),
        sent(1000, 500),
        // Probes of a connection that is idle.
        sent(1599, 1),
        sent(1599, 0),
        Tcp { window: 0, ..sent(1600, 0) },
        Tcp { flags: ACK | RST, window: 0, ..sent(1600, 0) },
        Tcp { flags: SYN | ACK, ..sent(5, 0) },
    ];
    for packet in packets {
        program.run(&frame(packet), 1);
    }
    let flows = program.flows();
    let totals = flows.values().next().expect("a flow");
    assert_eq!((flows.len(), totals.packets), (1, packets.len() as u64));
    assert_eq!(totals.retransmitted_bytes, 100 + 400 + 100 + 500);
    assert_eq!((totals.syn, totals.syn_ack, totals.rst, totals.zero_window), (1, 1, 1, 1));
    assert_eq!((totals.next_sequence, totals.tcp_flags), (isn.wrapping_add(7), u32::from(SYN | ACK | RST)));
}

#[test]
fn segments_of_one_packet_count_with_their_headers() {
    if !can_run(&[]) {
        return;
    }
    let program = Program::load("egress", &Settings { flows_by: By::Interface as u32, ..Settings::default() });
    program.run_segments(&frame(Tcp { payload: 2000, ..Tcp::default() }), 8, 250);
    let flows = program.flows();
    let totals = flows.values().next().expect("a flow");
    assert_eq!((totals.packets, totals.segments, totals.bytes, totals.wire_bytes), (1, 8, 2054, 2054 + 7 * 54));
}

#[test]
fn filters_leave_out_what_does_not_match() {
    if !can_run(&[]) {
        return;
    }
    let tcp = frame(Tcp { source_port: 443, flags: SYN, ..Tcp::default() });
    let mut udp = Vec::new();
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    ethernet.ipv6([0xfd; 16], [0xfe; 16], 64).udp(53, 8080).write_to_vec(&mut udp, b"x").expect("a frame");
    let arp = [&tcp[..12], &[8, 6], &[0; 28]].concat();
    let v4 = |network: [u8; 4], prefix: u32| (Address::v4(network).bytes(), 96 + prefix);
    let all = Settings::default();
    // Of TCP, UDP and ARP, those that pass.
    let cases = [
        (all.clone(), [true, true, true]),
        (Settings { ports: vec![443], ..all.clone() }, [true, false, false]),
        (Settings { ports: vec![8080, 0], ..all.clone() }, [false, true, false]),
        (Settings { networks: vec![v4([10, 0, 0, 0], 31)], ..all.clone() }, [true, false, false]),
        (Settings { networks: vec![v4([10, 0, 0, 2], 32)], ..all.clone() }, [true, false, false]),
        (Settings { networks: vec![([0; 16], 0)], ..all.clone() }, [true, true, false]),
        (Settings { protocols: vec![17, 200], ..all.clone() }, [false, true, false]),
        (Settings { ethertypes: [0x0806, 0, 0, 0, 0, 0, 0, 0], ..all.clone() }, [false, false, true]),
        (Settings { protocols: vec![6], ethertypes: [0, 0, 0, 0, 0, 0, 0, 0x0806], ..all.clone() }, [true, false, true]),
        (Settings { tcp_flags: (SYN, ACK), ..all.clone() }, [true, false, false]),
        (Settings { tcp_flags: (0, SYN), ..all.clone() }, [false, false, false]),
        (Settings { tcp_flags: (SYN | ACK, 0), ..all.clone() }, [false, false, false]),
        (Settings { ports: vec![443], protocols: vec![17], ..all.clone() }, [false, false, false]),
        (Settings { deadline_ns: 1, ..all.clone() }, [false, false, false]),
        (Settings { deadline_ns: u64::MAX, ..all }, [true, true, true]),
    ];
    for (settings, expected) in cases {
        for (name, ..) in HOOKS {
            let mut program = Program::load(name, &settings);
            let passes = [&tcp, &udp, &arp].map(|packet| {
                program.run(packet, 1);
                !program.records().is_empty()
            });
            assert_eq!(passes, expected, "{settings:?}");
            let seen = if settings.deadline_ns == 1 { 0 } else { 3 };
            let passed = expected.iter().filter(|passes| **passes).count() as u64;
            assert_eq!(program.counter(Counter::Packets), seen);
            assert_eq!(program.counter(Counter::Filtered), seen.saturating_sub(passed));
        }
    }
}

#[test]
fn each_so_many_th_packet_of_a_cpu_is_sampled() {
    if !can_run(&[]) {
        return;
    }
    let mut program = Program::load(XDP, &Settings { sample: 10, ..Settings::default() });
    program.run(&frame(Tcp::default()), 1000);
    let records = program.records().len() as u64;
    // A run may change its CPU.
    assert!((95..=100).contains(&records), "{records}");
    assert_eq!((program.counter(Counter::Packets), program.counter(Counter::Unsampled)), (1000, 1000 - records));
}

#[test]
fn what_is_odd_is_counted() {
    if !can_run(&[]) {
        return;
    }
    let whole = frame(Tcp::default());
    let mut malformed = whole.clone();
    malformed[14] = 0x41;
    let mut gre = whole.clone();
    gre[23] = 47;
    let arp = [&whole[..12], &[8, 6], &[0; 28]].concat();
    let program = Program::load("ingress", &Settings::default());
    for frame in [&whole[..40], &malformed, &gre, &arp, &whole] {
        program.run(frame, 1);
    }
    let counted = [Counter::Packets, Counter::Malformed, Counter::NotIp, Counter::Tunnels, Counter::Submitted, Counter::Lost];
    // What is malformed from the start of its IP header on is no IP either.
    assert_eq!(counted.map(|counter| program.counter(counter)), [5, 2, 2, 1, 5, 0]);
}

#[test]
fn records_that_do_not_fit_are_counted_as_lost() {
    if !can_run(&[]) {
        return;
    }
    const PACKETS: u32 = 300_000;
    let mut program = Program::load(XDP, &Settings::default());
    program.run(&frame(Tcp::default()), PACKETS);
    let records = program.records().len() as u64;
    assert!(records < u64::from(PACKETS));
    assert_eq!(program.counter(Counter::Submitted), records);
    assert_eq!(program.counter(Counter::Submitted) + program.counter(Counter::Lost), u64::from(PACKETS));
}

/// A segment of TCP.
#[derive(Clone, Copy)]
struct Tcp {
    source_port: u16,
    sequence: u32,
    flags: u8,
    window: u16,
    payload: usize,
}

impl Default for Tcp {
    fn default() -> Self {
        Self { source_port: 50_000, sequence: 7, flags: ACK, window: 1000, payload: 0 }
    }
}

fn frame(tcp: Tcp) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    segment(ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64), 34, tcp)
}

/// The same over IPv6.
fn frame_v6(tcp: Tcp) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    segment(ethernet.ipv6([0xfd; 16], [0xfe; 16], 64), 54, tcp)
}

/// Behind headers of so many bytes.
fn segment(ip: PacketBuilderStep<IpHeaders>, len: usize, tcp: Tcp) -> Vec<u8> {
    let Tcp { source_port, sequence, flags, window, payload } = tcp;
    let mut frame = Vec::new();
    ip.tcp(source_port, 80, sequence, window).write_to_vec(&mut frame, &vec![1; payload]).expect("a frame");
    frame[len + 13] = flags;
    frame
}
