//! Totals of flows, kept in the kernel: what was sent, by whatever key, and what the interface counted.

mod support;

use support::can_run;
use support::frame::*;
use support::outcome::Outcome;
use support::packets::{TC, XDP_GENERIC, XDP_NATIVE, csv_lines, expected, watch};
use support::quiet::{Counted, Quiet};

/// What a client sent, which comes in, and what the server did, which goes out.
fn conversation() -> [Vec<Vec<u8>>; 2] {
    let received = [
        ipv4(TCP, &tcp(SYN, 100, 0, 64_240, b"")),
        ipv4(TCP, &tcp(ACK | PSH, 101, 901, 502, &[7; 100])),
        // Again, and then with more.
        ipv4(TCP, &tcp(ACK | PSH, 101, 901, 502, &[7; 100])),
        ipv4(TCP, &tcp(ACK | PSH, 151, 901, 502, &[7; 100])),
        ipv4(TCP, &tcp(ACK, 251, 1901, 0, b"")),
        ipv4(TCP, &tcp(ACK | FIN, 251, 1901, 502, b"")),
        // Nobody answers this one.
        ipv4(TCP, &tcp_between(40_001, 81, SYN, 5, 0, 64_240, b"")),
        ipv4(TCP, &tcp_between(40_001, 81, SYN, 5, 0, 64_240, b"")),
        ipv4(UDP, &udp(40_000, 53, &[7; 20])),
        ipv4(UDP, &udp(40_001, 53, &[7; 30])),
        ipv4_fragment(UDP, 64, false, &[7; 40]),
        ipv4(ICMP, &icmp(8, 0, &[7; 56])),
    ];
    let sent = [
        ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], TCP, &tcp_between(80, 40_000, SYN | ACK, 900, 101, 65_160, b"")),
        ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], TCP, &tcp_between(80, 40_000, ACK | PSH, 901, 201, 509, &[7; 1000])),
        ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], TCP, &tcp_between(80, 40_000, RST | ACK, 1901, 251, 0, b"")),
        ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], UDP, &udp(53, 40_000, &[7; 200])),
        ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], ICMP, &icmp(0, 0, &[7; 56])),
    ];
    let [received, sent] = [received.to_vec(), sent.to_vec()].map(|packets| packets.iter().map(|packet| ethernet(IPV4, packet)).collect());
    let others = [ethernet(ARP, &arp_request()), tagged(&[(VLAN, 9)], IPV6, &ipv6(UDP, &udp(40_000, 53, b"x")))];
    [[received, others.to_vec()].concat(), sent]
}

/// The key's columns, then what all hooks tell, then what XDP cannot know.
fn columns(key: &str) -> String {
    let all = "packets,bytes,min_bytes,max_bytes,tcp_flags,syn,syn_ack,rst,zero_window,retransmitted_bytes";
    format!("direction,{key},{all},unanswered_syn,segments,wire_bytes")
}

/// Without the last three columns.
fn as_xdp_knows_it(rows: Vec<String>) -> Vec<String> {
    let received = rows.into_iter().filter(|row| row.starts_with("ingress,"));
    received.map(|row| row.rsplitn(4, ',').last().expect("a row has cells").to_owned() + ",,,").collect()
}

/// The same rows by each hook, and sums that are those of the interface.
#[track_caller]
fn assert_flows(by: &str, key: &str, rows: &str) {
    if !can_run(&[]) {
        return;
    }
    let columns = columns(key);
    for place in [TC, XDP_NATIVE, XDP_GENERIC] {
        let mut quiet = Quiet::new();
        let args = place.args("flows", &["--by", by, "--format", "csv", "--columns", &columns]);
        let outcome = watch(&mut quiet, &args, |quiet| {
            let [received, sent] = conversation();
            received.iter().for_each(|frame| quiet.bring(frame));
            sent.iter().for_each(|frame| quiet.emit(frame));
        });
        let rows = if place.is_xdp() { as_xdp_knows_it(expected(rows)) } else { expected(rows) };
        assert_eq!(csv_lines(&outcome), rows, "{place:?}");
        let Counted { received, mut received_bytes, sent, sent_bytes } = quiet.counters();
        if place == XDP_NATIVE {
            // With a program in the driver, veth counts behind the Ethernet header.
            received_bytes += received * 14;
        }
        assert_eq!((sum(&outcome, "ingress", "packets"), sum(&outcome, "ingress", "bytes")), (received, received_bytes), "{place:?}");
        let sent = if place.is_xdp() { (0, 0) } else { (sent, sent_bytes) };
        assert_eq!((sum(&outcome, "egress", "packets"), sum(&outcome, "egress", "bytes")), sent, "{place:?}");
    }
}

/// Of a column of all rows of a direction.
fn sum(outcome: &Outcome, direction: &str, column: &str) -> u64 {
    let rows = outcome.csv_rows();
    let rows = rows.iter().filter(|row| row["direction"] == direction);
    rows.map(|row| row[column].parse::<u64>().expect("a number")).sum()
}

#[test]
fn by_tuple() {
    assert_flows(
        "tuple",
        "src,src_port,dst,dst_port,protocol,interface",
        "
            egress,10.0.0.2,80,10.0.0.1,40000,tcp,seen,3,1162,54,1054,syn|rst|psh|ack,0,1,1,0,0,0,3,1162
            ingress,10.0.0.1,40000,10.0.0.2,80,tcp,seen,6,624,54,154,fin|syn|psh|ack,1,0,0,1,150,0,6,624
            egress,10.0.0.2,53,10.0.0.1,40000,udp,seen,1,242,242,242,,,,,,,,1,242
            ingress,10.0.0.1,40001,10.0.0.2,81,tcp,seen,2,108,54,54,syn,2,0,0,0,0,2,2,108
            ingress,10.0.0.1,,10.0.0.2,,icmp,seen,1,98,98,98,,,,,,,,1,98
            egress,10.0.0.2,,10.0.0.1,,icmp,seen,1,98,98,98,,,,,,,,1,98
            ingress,10.0.0.1,,10.0.0.2,,udp,seen,1,74,74,74,,,,,,,,1,74
            ingress,10.0.0.1,40001,10.0.0.2,53,udp,seen,1,72,72,72,,,,,,,,1,72
            ingress,fd00::1,40000,fd00::2,53,udp,seen,1,67,67,67,,,,,,,,1,67
            ingress,10.0.0.1,40000,10.0.0.2,53,udp,seen,1,62,62,62,,,,,,,,1,62
            ingress,,,,,arp,seen,1,42,42,42,,,,,,,,1,42
        ",
    );
}

#[test]
fn by_sender() {
    assert_flows(
        "src",
        "src",
        "
            egress,10.0.0.2,5,1502,54,1054,syn|rst|psh|ack,0,1,1,0,,,5,1502
            ingress,10.0.0.1,12,1038,54,154,fin|syn|psh|ack,3,0,0,1,,,12,1038
            ingress,,2,102,42,60,,0,0,0,0,,,2,102
            ingress,fd00::1,1,67,67,67,,0,0,0,0,,,1,67
        ",
    );
}

#[test]
fn by_receiver() {
    assert_flows(
        "dst",
        "dst",
        "
            egress,10.0.0.1,5,1502,54,1054,syn|rst|psh|ack,0,1,1,0,,,5,1502
            ingress,10.0.0.2,12,1038,54,154,fin|syn|psh|ack,3,0,0,1,,,12,1038
            ingress,,2,102,42,60,,0,0,0,0,,,2,102
            ingress,fd00::2,1,67,67,67,,0,0,0,0,,,1,67
        ",
    );
}

#[test]
fn by_port() {
    assert_flows(
        "port",
        "port,protocol",
        "
            egress,80,tcp,3,1162,54,1054,syn|rst|psh|ack,0,1,1,0,,,3,1162
            ingress,80,tcp,6,624,54,154,fin|syn|psh|ack,1,0,0,1,,,6,624
            egress,53,udp,1,242,242,242,,,,,,,,1,242
            ingress,53,udp,3,201,62,72,,,,,,,,3,201
            ingress,81,tcp,2,108,54,54,syn,2,0,0,0,,,2,108
            ingress,,icmp,1,98,98,98,,,,,,,,1,98
            egress,,icmp,1,98,98,98,,,,,,,,1,98
            ingress,,udp,1,74,74,74,,,,,,,,1,74
            ingress,,arp,1,42,42,42,,,,,,,,1,42
        ",
    );
}

#[test]
fn by_protocol() {
    assert_flows(
        "protocol",
        "protocol",
        "
            egress,tcp,3,1162,54,1054,syn|rst|psh|ack,0,1,1,0,,,3,1162
            ingress,tcp,8,732,54,154,fin|syn|psh|ack,3,0,0,1,,,8,732
            ingress,udp,4,275,62,74,,,,,,,,4,275
            egress,udp,1,242,242,242,,,,,,,,1,242
            ingress,icmp,1,98,98,98,,,,,,,,1,98
            egress,icmp,1,98,98,98,,,,,,,,1,98
            ingress,arp,1,42,42,42,,,,,,,,1,42
        ",
    );
}

#[test]
fn by_interface() {
    assert_flows(
        "interface",
        "interface",
        "
            egress,seen,5,1502,54,1054,syn|rst|psh|ack,0,1,1,0,,,5,1502
            ingress,seen,15,1207,42,154,fin|syn|psh|ack,3,0,0,1,,,15,1207
        ",
    );
}
