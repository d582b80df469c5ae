//! Packets of a capture file and the same packets as the programs in the kernel have them: the same headers, counters and totals.

#[path = "packet_headers/frames.rs"]
#[expect(dead_code, reason = "nothing is read here as etherparse reads it")]
mod frames;
#[path = "conversation/random.rs"]
#[expect(dead_code, reason = "a part of it is for others")]
mod random;
mod support;

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};

use ehl::aggregate::flows::Flows;
use ehl::packet::Sighting;
use ehl::probe::packets::{Filter, Protocol, TcpFlags};
use ehl::source::PacketSource as _;
use ehl::source::capture_file::PacketFile;
use ehl_probes_common::counter::Counter;
use ehl_probes_common::flow::{By, FlowTotals};
use ehl_probes_common::packet::headers::Headers;
use ehl_probes_common::record::{LOOPBACK, Way};
use etherparse::{PacketBuilder, TcpHeader};
use random::Random;
use rustix::thread::{CpuSet, sched_setaffinity};
use support::can_run;
use support::pcap;
use support::program::{Program, Settings};

const PROGRAM: &str = "xdp_headers";
const ETHERNET: u32 = 1;
/// The kernel takes no shorter frames.
const SHORTEST: usize = 15;

#[test]
fn the_same_packets_pass_and_are_counted() {
    if !can_run(&[]) {
        return;
    }
    stay_on_one_cpu();
    let frames = frames();
    for (filter, sample) in filters() {
        let mut program = Program::load(PROGRAM, &settings(&filter, sample));
        frames.iter().for_each(|frame| assert_eq!(program.run(frame, 1).verdict, 2));
        let by_kernel: Vec<_> = program.records().iter().map(|record| (record.headers, record.length)).collect();
        let (file, sightings) = read(&frames, &filter, sample);
        let by_file: Vec<(Headers, u32)> = sightings.iter().map(|sighting| (sighting.headers, sighting.length)).collect();
        assert!(!by_file.is_empty() && by_file == by_kernel, "{filter:?}, each {sample}: {} and {}", by_file.len(), by_kernel.len());
        let of = |counter| program.counter(counter);
        let counters = file.counters();
        assert_eq!(
            [counters.packets, counters.filtered, counters.unsampled, counters.malformed, counters.not_ip, counters.tunnels],
            [Counter::Packets, Counter::Filtered, Counter::Unsampled, Counter::Malformed, Counter::NotIp, Counter::Tunnels].map(of),
            "{filter:?}, each {sample}"
        );
    }
}

#[test]
fn the_same_packets_make_the_same_totals() {
    const TIME_NS: u64 = 7;
    if !can_run(&[]) {
        return;
    }
    let frames = frames();
    let (_, sightings) = read(&frames, &Filter::default(), 1);
    for by in [By::Tuple, By::Source, By::Destination, By::Port, By::Protocol, By::Interface] {
        for max_flows in [5, 10_000] {
            let program = Program::load(PROGRAM, &Settings { flows_by: by as u32, max_flows, ..Settings::default() });
            frames.iter().for_each(|frame| assert_eq!(program.run(frame, 1).verdict, 2));
            let timeless = |totals: FlowTotals| FlowTotals { first_ns: TIME_NS, last_ns: TIME_NS, ..totals };
            let mut by_kernel = Flows::new(by, max_flows);
            program.flows().into_iter().for_each(|(key, totals)| by_kernel.insert(key, &timeless(totals)));
            let other = program.other().into_iter().filter(|totals| totals.packets > 0);
            other.for_each(|totals| by_kernel.insert_other(&timeless(totals)));
            let mut by_file = Flows::new(by, max_flows);
            for sighting in &sightings {
                by_file.add(&Sighting { time_ns: TIME_NS, interface: Some(LOOPBACK), way: Some(Way::Ingress), ..*sighting });
            }
            assert_eq!(by_file.rows(true), by_kernel.rows(true), "by {by:?}, {max_flows}");
            assert_eq!(by_file.other(), by_kernel.other(), "by {by:?}, {max_flows}");
            let totals = by_file.rows(true).iter().map(|row| *row.totals).chain(by_file.other().copied()).collect::<Vec<_>>();
            assert_eq!(totals.iter().map(|totals| totals.packets).sum::<u64>(), frames.len() as u64);
            let retransmitted: u64 = totals.iter().map(|totals| totals.retransmitted_bytes).sum();
            assert_eq!(retransmitted > 0, by == By::Tuple, "by {by:?}, {max_flows}");
        }
    }
}

/// The kernel samples on each by itself.
fn stay_on_one_cpu() {
    let mut cpus = CpuSet::new();
    cpus.set(0);
    sched_setaffinity(None, &cpus).expect("there is a first CPU");
}

/// Of TCP first, which so has its flows; then of all kinds, damaged ones among them.
fn frames() -> Vec<Vec<u8>> {
    let mut random = Random::new(6);
    let whole = frames::whole();
    let conversations: Vec<_> = (0..2000).map(|_| segment(&mut random)).collect();
    let damaged: Vec<_> = (0..2000).map(|_| frames::damaged(&mut random, &whole)).collect();
    let all = conversations.into_iter().chain(whole).chain(damaged);
    all.filter(|frame| frame.len() >= SHORTEST).collect()
}

/// Of one of a few connections, around the end of the sequence numbers: new, again, in part again, late, or with flags that say otherwise.
fn segment(random: &mut Random) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, random.pick(&[1, 2, 3])], [192, 0, 2, 1]);
    let (from, to, ports) = if random.percent(50) { (client, server, [40_000, 443]) } else { (server, client, [443, 40_000]) };
    let sequence = (random.within(0..40) as u32 * 50).wrapping_sub(random.pick(&[0, 1000, 2_000_000_000]));
    let mut header = TcpHeader::new(ports[0], ports[1], sequence, random.pick(&[0, 500]));
    (header.syn, header.ack, header.rst) = (random.percent(10), random.percent(80), random.percent(5));
    let payload = vec![1; random.pick(&[0, 1, 50, 100, 1000])];
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64).tcp_header(header).write(&mut bytes, &payload).expect("a packet");
    bytes
}

fn filters() -> Vec<(Filter, u32)> {
    let all = Filter::default;
    let network = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8);
    vec![
        (all(), 1),
        (all(), 3),
        (Filter { ports: vec![443..=443], ..all() }, 1),
        (Filter { networks: vec![network], ..all() }, 1),
        (Filter { protocols: vec![Protocol::Ip(17), Protocol::Link(0x0806)], ..all() }, 2),
        (Filter { protocols: vec![Protocol::Link(0x86dd)], ..all() }, 1),
        (Filter { tcp_flags: Some(TcpFlags { set: 0x02, clear: 0x10 }), ..all() }, 1),
        (Filter { ports: vec![443..=443], networks: vec![network], protocols: vec![Protocol::Ip(6)], ..all() }, 7),
    ]
}

fn settings(filter: &Filter, sample: u32) -> Settings {
    let Filter { ports, networks, protocols, tcp_flags } = filter;
    let mut settings = Settings { sample, ..Settings::default() };
    settings.ports = ports.iter().cloned().flatten().collect();
    for (address, prefix) in networks {
        let IpAddr::V4(address) = address else { panic!("one of IPv4") };
        settings.networks.push((address.to_ipv6_mapped().octets(), 96 + u32::from(*prefix)));
    }
    for (protocol, place) in protocols.iter().zip(0..) {
        match protocol {
            Protocol::Ip(number) => settings.protocols.push(*number),
            Protocol::Link(ethertype) => settings.ethertypes[place] = *ethertype,
        }
    }
    settings.tcp_flags = tcp_flags.map_or((0, 0), |flags| (flags.set, flags.clear));
    settings
}

fn read(frames: &[Vec<u8>], filter: &Filter, sample: u32) -> (PacketFile, Vec<Sighting>) {
    let file = pcap::file(ETHERNET, u32::MAX, frames.iter().cloned());
    let mut file = PacketFile::open(Box::new(Cursor::new(file)), filter, sample).expect("a capture file");
    let mut sightings = Vec::new();
    while file.drain(1000, &mut |sighting, _| sightings.push(*sighting)).records > 0 {}
    (file, sightings)
}
