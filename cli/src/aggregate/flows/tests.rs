use ehl_probes_common::packet::headers::{Headers, present};
use ehl_probes_common::record::tcp_flag::{ACK, RST, SYN};

use super::*;

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 50_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 443);

/// A segment of TCP that is 54 bytes longer than its payload.
fn segment(time_ns: u64, from: ([u8; 4], u16), to: ([u8; 4], u16), tcp_flags: u8, sequence: u32, payload_len: u32) -> Sighting {
    let headers = Headers {
        source: Address::v4(from.0),
        destination: Address::v4(to.0),
        source_port: from.1,
        destination_port: to.1,
        ethertype: 0x0800,
        protocol: TCP,
        ip_version: 4,
        tcp_flags,
        sequence,
        window: 100,
        payload_len,
        header_len: 54,
        present: present::IP | present::PORTS | present::TCP | present::PAYLOAD,
        ..Headers::NONE
    };
    Sighting { time_ns, headers, length: 54 + payload_len, segments: None, interface: None, way: None }
}

fn udp(time_ns: u64, host: u8, length: u32) -> Sighting {
    let mut packet = segment(time_ns, ([10, 0, 0, host], 53), ([10, 0, 0, 99], 5353), 0, 0, 0);
    packet.headers.protocol = 17;
    packet.headers.present = present::IP | present::PORTS | present::PAYLOAD;
    Sighting { length, ..packet }
}

fn arp(time_ns: u64) -> Sighting {
    let headers = Headers { ethertype: 0x0806, ..Headers::NONE };
    Sighting { time_ns, headers, length: 60, segments: None, interface: None, way: None }
}

fn flows(by: By, packets: &[Sighting]) -> Flows {
    let mut flows = Flows::new(by, 100);
    packets.iter().for_each(|packet| flows.add(packet));
    flows
}

/// The only flow.
fn totals(packets: &[Sighting]) -> FlowTotals {
    let flows = flows(By::Tuple, packets);
    let rows = flows.rows(false);
    assert_eq!(rows.len(), 1);
    *rows[0].totals
}

#[test]
fn a_flow_has_totals_extremes_and_times() {
    let offloaded = Sighting { segments: Some(3), ..segment(30, CLIENT, SERVER, ACK | 0x08, 101, 3000) };
    let packets = [Sighting { segments: Some(1), ..segment(20, CLIENT, SERVER, SYN, 100, 0) }, offloaded];
    assert_eq!(
        totals(&packets),
        FlowTotals {
            packets: 2,
            segments: 4,
            bytes: 54 + 3054,
            wire_bytes: 54 + 3054 + 2 * 54,
            first_ns: 20,
            last_ns: 30,
            retransmitted_bytes: 0,
            syn: 1,
            syn_ack: 0,
            rst: 0,
            zero_window: 0,
            min_bytes: 54,
            max_bytes: 3054,
            next_sequence: 3101,
            tcp_flags: 0x1a,
        }
    );
}

#[test]
fn what_is_sent_again_is_counted_once_for_each_time() {
    let sent = |pieces: &[(u32, u32)]| {
        let packets: Vec<_> = pieces.iter().map(|(at, len)| segment(1, CLIENT, SERVER, ACK, at.wrapping_sub(50), *len)).collect();
        totals(&packets).retransmitted_bytes
    };
    assert_eq!(sent(&[(0, 100), (100, 100)]), 0);
    assert_eq!(sent(&[(0, 100), (0, 100), (0, 100)]), 200);
    assert_eq!(sent(&[(0, 100), (60, 100)]), 40);
    assert_eq!(sent(&[(0, 100), (200, 100), (100, 100)]), 100, "what comes late looks like what is sent again");
    assert_eq!(sent(&[(0, 100), (99, 1)]), 0, "a keep-alive probe");
    assert_eq!(sent(&[(0, 100), (0, 0)]), 0);
    assert_eq!(sent(&[(0, 100), (0x6000_0000, 100), (0, 100)]), 0, "another connection");
}

#[test]
fn a_syn_begins_another_connection() {
    let packets = [(SYN, 9, 0), (ACK, 10, 100), (SYN, 5, 0), (ACK, 6, 100), (RST, 6, 100)];
    let packets = packets.map(|(flags, sequence, len)| segment(1, CLIENT, SERVER, flags, sequence, len));
    assert_eq!((totals(&packets).retransmitted_bytes, totals(&packets).next_sequence), (0, 106));
}

#[test]
fn flags_are_counted_by_what_they_mean() {
    let mut packets = [SYN, SYN | ACK, RST, RST | ACK, ACK, SYN].map(|flags| segment(1, CLIENT, SERVER, flags, 1, 0));
    packets.iter_mut().for_each(|packet| packet.headers.window = 0);
    let FlowTotals { syn, syn_ack, rst, zero_window, tcp_flags, .. } = totals(&packets);
    assert_eq!((syn, syn_ack, rst, zero_window, tcp_flags), (2, 1, 2, 1, 0x16));
    let FlowTotals { zero_window, tcp_flags, .. } = totals(&[udp(1, 1, 100)]);
    assert_eq!((zero_window, tcp_flags), (0, 0));
}

#[test]
fn flows_are_told_apart_by_what_was_asked_for() {
    type Told = (Option<String>, Option<String>, Option<u16>, Option<u16>, Option<u16>, Option<String>, u64);
    let packets = [segment(1, CLIENT, SERVER, ACK, 1, 0), segment(1, SERVER, CLIENT, ACK, 1, 10), udp(1, 1, 100), udp(1, 2, 200), arp(1)];
    let told = |by| -> Vec<Told> {
        let flows = flows(by, &packets);
        let text = |address: Option<IpAddr>| address.map(|address| address.to_string());
        let told = |row: &Row<'_>| {
            let protocol = row.protocol().map(|protocol| protocol.to_string());
            let ports = (row.source_port(), row.destination_port(), row.port());
            (text(row.source()), text(row.destination()), ports.0, ports.1, ports.2, protocol, row.totals.bytes)
        };
        flows.rows(false).iter().map(told).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told(By::Tuple),
        [
            (some("10.0.0.2"), some("10.0.0.99"), Some(53), Some(5353), None, some("udp"), 200),
            (some("10.0.0.1"), some("10.0.0.99"), Some(53), Some(5353), None, some("udp"), 100),
            (some("10.0.0.2"), some("10.0.0.1"), Some(443), Some(50_000), None, some("tcp"), 64),
            (None, None, None, None, None, some("arp"), 60),
            (some("10.0.0.1"), some("10.0.0.2"), Some(50_000), Some(443), None, some("tcp"), 54),
        ]
    );
    assert_eq!(
        told(By::Source),
        [
            (some("10.0.0.2"), None, None, None, None, None, 264),
            (some("10.0.0.1"), None, None, None, None, None, 154),
            (None, None, None, None, None, None, 60)
        ]
    );
    assert_eq!(
        told(By::Port),
        [
            (None, None, None, None, Some(53), some("udp"), 300),
            (None, None, None, None, Some(443), some("tcp"), 118),
            (None, None, None, None, None, some("arp"), 60)
        ]
    );
    assert_eq!(
        told(By::Protocol).into_iter().map(|told| (told.5, told.6)).collect::<Vec<_>>(),
        [(some("udp"), 300), (some("tcp"), 118), (some("arp"), 60)]
    );
    assert_eq!(told(By::Interface), [(None, None, None, None, None, None, 478)]);
}

#[test]
fn interfaces_and_ways_are_told_where_they_are_known() {
    let known = Sighting { interface: Some(3), way: Some(Way::Egress), ..udp(1, 1, 200) };
    let flows = flows(By::Interface, &[known, udp(1, 1, 100)]);
    let told: Vec<_> = flows.rows(false).iter().map(|row| (row.interface(), row.way(), row.totals.bytes)).collect();
    assert_eq!(told, [(Some(3), Some(Way::Egress), 200), (None, None, 100)]);
}

#[test]
fn what_does_not_fit_is_counted_in_one_more() {
    let mut flows = Flows::new(By::Tuple, 2);
    assert_eq!(flows.other(), None);
    (1..=5).for_each(|host| flows.add(&udp(u64::from(host), host, 100 + u32::from(host))));
    flows.add(&udp(9, 1, 1000));
    let bytes: Vec<_> = flows.rows(false).iter().map(|row| (row.totals.packets, row.totals.bytes)).collect();
    assert_eq!(bytes, [(2, 1101), (1, 102)]);
    let other = FlowTotals { packets: 3, bytes: 312, first_ns: 3, last_ns: 5, min_bytes: 103, max_bytes: 105, ..FlowTotals::default() };
    assert_eq!(flows.other(), Some(&other));
}

#[test]
fn syns_without_an_answer_are_told_where_both_ways_are_seen() {
    let lone = segment(1, CLIENT, ([10, 0, 0, 3], 80), SYN, 1, 0);
    let answer = |flags| [segment(1, CLIENT, SERVER, SYN, 1, 0), segment(2, SERVER, CLIENT, flags, 1, 0), lone];
    let unanswered = |packets: &[Sighting], sees_both_ways| {
        let flows = flows(By::Tuple, packets);
        flows.rows(sees_both_ways).iter().map(|row| (row.destination_port(), row.unanswered_syn)).collect::<Vec<_>>()
    };
    for flags in [SYN | ACK, RST | ACK] {
        let expected = [(Some(443), Some(0)), (Some(80), Some(1)), (Some(50_000), Some(0))];
        assert_eq!(unanswered(&answer(flags), false), expected);
    }
    assert_eq!(unanswered(&answer(ACK), false)[..1], [(Some(443), Some(1))]);
    assert_eq!(unanswered(&[lone, lone], true), [(Some(80), Some(2))]);
    assert_eq!(unanswered(&[lone], false), [(Some(80), None)]);
    assert_eq!(unanswered(&[udp(1, 1, 100)], true), [(Some(5353), None)]);
    assert!(flows(By::Port, &[lone]).rows(true).iter().all(|row| row.unanswered_syn.is_none()));
}

#[test]
fn an_answer_may_be_among_what_did_not_fit() {
    let mut flows = Flows::new(By::Tuple, 1);
    flows.add(&segment(1, CLIENT, SERVER, SYN, 1, 0));
    flows.add(&segment(2, SERVER, CLIENT, SYN | ACK, 1, 0));
    assert_eq!(flows.rows(true)[0].unanswered_syn, None);
}

#[test]
fn parts_make_what_the_whole_makes() {
    let mut packets: Vec<_> = (0..40).map(|number: u32| segment(number.into(), CLIENT, SERVER, ACK, number / 2 * 100 + 1, 100)).collect();
    packets.extend((0..40).map(|number| udp(100 + u64::from(number), number % 7, 60 + u32::from(number))));
    let whole = flows(By::Tuple, &packets);
    let (first, second) = packets.split_at(55);
    let mut merged = flows(By::Tuple, first);
    merged.merge(&flows(By::Tuple, second));
    assert_eq!(merged.rows(true), whole.rows(true));
    let mut narrow = Flows::new(By::Tuple, 3);
    narrow.merge(&whole);
    let bytes =
        |flows: &Flows| flows.rows(true).iter().map(|row| row.totals.bytes).sum::<u64>() + flows.other().map_or(0, |other| other.bytes);
    assert_eq!((narrow.rows(true).len(), bytes(&narrow)), (3, bytes(&whole)));
}

#[test]
fn rates_are_over_the_run() {
    let flows = flows(By::Tuple, &[udp(1, 1, 500), udp(2, 1, 500)]);
    let row = flows.rows(true)[0];
    assert_eq!(
        (per_s(row.totals.packets, Duration::from_secs(4)), per_s(row.totals.bytes, Duration::from_millis(500))),
        (Some(0.5), Some(2000.0))
    );
    assert_eq!(per_s(row.totals.bytes, Duration::ZERO), None);
}
