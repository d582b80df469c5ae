//! Rows of packets of all kinds, whichever hook sees them: each column of each row is what was sent.

mod support;

use std::fs;
use std::net::UdpSocket;

use support::can_run;
use support::capture::Capture;
use support::frame::*;
use support::packets::{PLACES, csv_lines, expected, watch};
use support::quiet::Quiet;
use support::wire::{Medium as _, Tunnel};

/// All but the time: first what depends on the hook, then what must not.
const COLUMNS: &str = "probe,interface,direction,segments,wire_bytes,length_bytes,src,src_port,dst,dst_port,protocol,ip_version,ttl,dscp,\
                       tcp_flags,vlan,inner_vlan,payload_bytes,fragment,icmp_type,icmp_code,sequence,acknowledgement,window,tunnel,flags";

/// Sends frames past each hook; `rows` are the columns from the length on.
#[track_caller]
fn assert_rows(frames: &[Vec<u8>], rows: &str) {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for place in PLACES {
        let args = place.args("capture", &["--format", "csv", "--columns", COLUMNS]);
        let outcome = watch(&mut quiet, &args, |quiet| frames.iter().for_each(|frame| place.pass(quiet, frame)));
        let whole = |row: &String| {
            let length = row.split(',').next().expect("a line has a first cell");
            // What XDP cannot know: none of these frames stands for several of the wire.
            let [segments, wire_bytes] = if place.is_xdp() { ["", ""] } else { ["1", length] };
            format!("{},seen,{},{segments},{wire_bytes},{row}", place.probe, place.direction)
        };
        let rows: Vec<_> = expected(rows).iter().map(whole).collect();
        assert_eq!(csv_lines(&outcome), rows, "{place:?}");
    }
}

#[test]
fn segments_of_tcp() {
    let segments = [
        tcp(SYN, 100, 0, 64_240, b""),
        tcp_between(80, 40_000, SYN | ACK, 900, 101, 65_160, b""),
        tcp(ACK | PSH, 101, 901, 502, b"GET / HTTP/1.1\r\n\r\n"),
        tcp(ACK | PSH, 101, 901, 502, b"GET / HTTP/1.1\r\n\r\n"),
        tcp_between(80, 40_000, ACK, 901, 119, 0, b""),
        tcp(ACK | FIN, 119, 901, 502, b""),
        tcp_between(80, 40_000, RST, 901, 0, 0, b""),
        tcp(0xff, u32::MAX, u32::MAX, u16::MAX, b"x"),
        tcp(0, 0, 0, 0, b""),
    ];
    let over_ipv4 = segments.iter().map(|segment| ethernet(IPV4, &ipv4(TCP, segment)));
    let over_ipv6 = segments.iter().take(1).map(|segment| ethernet(IPV6, &ipv6(TCP, segment)));
    let with_options = tcp_with_options(&[1; 40], b"x");
    let with_options = ethernet(IPV4, &ipv4(TCP, &with_options));
    assert_rows(
        &over_ipv4.chain(over_ipv6).chain([with_options]).collect::<Vec<_>>(),
        "
            54,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,syn,,,0,,,,100,0,64240,,
            54,10.0.0.1,80,10.0.0.2,40000,tcp,4,64,0,syn|ack,,,0,,,,900,101,65160,,
            72,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,psh|ack,,,18,,,,101,901,502,,
            72,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,psh|ack,,,18,,,,101,901,502,,
            54,10.0.0.1,80,10.0.0.2,40000,tcp,4,64,0,ack,,,0,,,,901,119,0,,
            54,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,fin|ack,,,0,,,,119,901,502,,
            54,10.0.0.1,80,10.0.0.2,40000,tcp,4,64,0,rst,,,0,,,,901,0,0,,
            55,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,fin|syn|rst|psh|ack|urg|ece|cwr,,,1,,,,4294967295,4294967295,65535,,
            54,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,,,,0,,,,0,0,0,,
            74,fd00::1,40000,fd00::2,80,tcp,6,64,0,syn,,,0,,,,100,0,64240,,
            95,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,1,,,,1,2,3,,
        ",
    );
}

#[test]
fn other_transports() {
    let over_ipv4 = [
        ipv4(UDP, &udp(40_000, 53, &[7; 30])),
        ipv4(UDP, &udp(0, 65_535, b"")),
        ipv4(ICMP, &icmp(8, 0, &[7; 56])),
        ipv4(ICMP, &icmp(3, 1, &ipv4(UDP, &udp(40_000, 53, b"")))),
        ipv4(SCTP, &sctp(2905, 2906, &[7; 16])),
        // Expedited forwarding (DSCP 46) that met congestion, on its last hop.
        [&[0x45, 0xbb][..], &ipv4(UDP, &udp(40_000, 53, b""))[2..8], &[1], &ipv4(UDP, &udp(40_000, 53, b""))[9..]].concat(),
        // With the option "router alert" (RFC 2113).
        [&[0x46, 0, 0, 32][..], &ipv4(UDP, b"")[4..], &[0x94, 4, 0, 0], &udp(40_000, 53, b"")].concat(),
        // A cipher's text, and what IANA has no use for.
        ipv4(50, &[7; 40]),
        ipv4(253, &[7; 40]),
    ];
    let over_ipv6 = [
        ipv6(UDP, &udp(40_000, 53, &[7; 30])),
        ipv6(ICMPV6, &icmp(128, 0, &[7; 56])),
        ipv6(ICMPV6, &icmp(135, 0, &[7; 16])),
        ipv6(SCTP, &sctp(2905, 2906, &[7; 16])),
        [&[0x6b, 0xb0][..], &ipv6(UDP, b"")[2..4], &[0, 8, UDP, 1], &ipv6(UDP, &udp(40_000, 53, b""))[8..]].concat(),
        // Nothing follows.
        ipv6(59, b""),
    ];
    let over_ipv4 = over_ipv4.iter().map(|packet| ethernet(IPV4, packet));
    assert_rows(
        &over_ipv4.chain(over_ipv6.iter().map(|packet| ethernet(IPV6, packet))).collect::<Vec<_>>(),
        "
            72,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,30,,,,,,,,
            42,10.0.0.1,0,10.0.0.2,65535,udp,4,64,0,,,,0,,,,,,,,
            98,10.0.0.1,,10.0.0.2,,icmp,4,64,0,,,,56,,8,0,,,,,
            70,10.0.0.1,,10.0.0.2,,icmp,4,64,0,,,,28,,3,1,,,,,
            62,10.0.0.1,2905,10.0.0.2,2906,sctp,4,64,0,,,,16,,,,,,,,
            42,10.0.0.1,40000,10.0.0.2,53,udp,4,1,46,,,,0,,,,,,,,
            46,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,0,,,,,,,,
            74,10.0.0.1,,10.0.0.2,,esp,4,64,0,,,,40,,,,,,,esp,
            74,10.0.0.1,,10.0.0.2,,253,4,64,0,,,,40,,,,,,,,
            92,fd00::1,40000,fd00::2,53,udp,6,64,0,,,,30,,,,,,,,
            118,fd00::1,,fd00::2,,icmpv6,6,64,0,,,,56,,128,0,,,,,
            78,fd00::1,,fd00::2,,icmpv6,6,64,0,,,,16,,135,0,,,,,
            82,fd00::1,2905,fd00::2,2906,sctp,6,64,0,,,,16,,,,,,,,
            62,fd00::1,40000,fd00::2,53,udp,6,1,46,,,,0,,,,,,,,
            54,fd00::1,,fd00::2,,ipv6-nonxt,6,64,0,,,,0,,,,,,,,
        ",
    );
}

#[test]
fn tunnels_and_what_is_not_ip() {
    let inner = ipv4(UDP, &udp(1, 2, b"within"));
    let frames = [
        ethernet(ARP, &arp_request()),
        ethernet(IPV4, &ipv4(GRE, &[&[0, 0, 8, 0], &inner[..]].concat())),
        ethernet(IPV4, &ipv4(4, &inner)),
        ethernet(IPV6, &ipv6(4, &inner)),
        ethernet(IPV4, &ipv4(UDP, &udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(IPV4, &inner)[..]].concat()))),
        // MPLS, LLDP, a length of IEEE 802.3, and what nobody registered.
        ethernet(0x8847, &[&[0, 0, 0x11, 64], &inner[..]].concat()),
        ethernet(0x88cc, &[2, 7, 4, 2, 0, 0, 0, 0, 1]),
        ethernet(38, &[0x42, 0x42, 3, 0]),
        ethernet(0x1234, &[7; 46]),
    ];
    assert_rows(
        &frames,
        "
            42,,,,,arp,,,,,,,,,,,,,,,
            72,10.0.0.1,,10.0.0.2,,gre,4,64,0,,,,38,,,,,,,gre,
            68,10.0.0.1,,10.0.0.2,,ipip,4,64,0,,,,34,,,,,,,ipip,
            88,fd00::1,,fd00::2,,ipip,6,64,0,,,,34,,,,,,,ipip6,
            98,10.0.0.1,50000,10.0.0.2,4789,udp,4,64,0,,,,56,,,,,,,vxlan,
            52,,,,,mpls,,,,,,,,,,,,,,mpls,
            23,,,,,lldp,,,,,,,,,,,,,,,
            18,,,,,802.3,,,,,,,,,,,,,,,
            60,,,,,0x1234,,,,,,,,,,,,,,,
        ",
    );
}

#[test]
fn vlan_tags_in_band() {
    let packet = ipv4(UDP, &udp(40_000, 53, &[7; 30]));
    let frames = [
        tagged(&[(VLAN, 100)], IPV4, &packet),
        // Priority 7, drop eligible, and the largest identifier.
        tagged(&[(VLAN, 0xffff)], IPV4, &packet),
        // Priority only.
        tagged(&[(VLAN, 0xe000)], IPV4, &packet),
        tagged(&[(QINQ, 200), (VLAN, 100)], IPV4, &packet),
        tagged(&[(VLAN, 200), (VLAN, 100)], IPV4, &packet),
        tagged(&[(QINQ, 300), (VLAN, 200), (VLAN, 100)], IPV4, &packet),
        tagged(&[(VLAN, 100)], IPV6, &ipv6(UDP, &udp(40_000, 53, b""))),
        tagged(&[(QINQ, 200), (VLAN, 100)], ARP, &arp_request()),
    ];
    assert_rows(
        &frames,
        "
            76,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,100,,30,,,,,,,,
            76,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,4095,,30,,,,,,,,
            76,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,0,,30,,,,,,,,
            80,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,200,100,30,,,,,,,,
            80,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,200,100,30,,,,,,,,
            84,,,,,vlan,,,,,300,200,,,,,,,,,too-deep
            66,fd00::1,40000,fd00::2,53,udp,6,64,0,,100,,0,,,,,,,,
            50,,,,,arp,,,,,200,100,,,,,,,,,
        ",
    );
}

#[test]
fn fragments_and_extension_headers() {
    let datagram = udp(40_000, 53, &[7; 100]);
    let over_ipv4 = [
        ipv4_fragment(UDP, 0, true, &datagram[..64]),
        ipv4_fragment(UDP, 64, false, &datagram[64..]),
        ipv4_fragment(TCP, 0, true, &tcp(SYN, 1, 0, 9, b"")),
    ];
    // Hop by hop 0, fragment 44, destination 60.
    let over_ipv6 = [
        ipv6(44, &ipv6_fragment(UDP, 0, true, &datagram[..64])),
        ipv6(44, &ipv6_fragment(UDP, 64, false, &datagram[64..])),
        ipv6(44, &ipv6_fragment(UDP, 0, false, &datagram)),
        ipv6(0, &options(60, &options(UDP, &udp(40_000, 53, b"x")))),
        ipv6(0, &options(44, &ipv6_fragment(TCP, 0, true, &tcp(SYN, 1, 0, 9, b"")))),
        ipv6(0, &(0..9).fold(udp(40_000, 53, b"x"), |packet, _| options(60, &packet))),
    ];
    let over_ipv4 = over_ipv4.iter().map(|packet| ethernet(IPV4, packet));
    assert_rows(
        &over_ipv4.chain(over_ipv6.iter().map(|packet| ethernet(IPV6, packet))).collect::<Vec<_>>(),
        "
            98,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,56,first,,,,,,,
            78,10.0.0.1,,10.0.0.2,,udp,4,64,0,,,,44,later,,,,,,,
            54,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,syn,,,0,first,,,1,0,9,,
            126,fd00::1,40000,fd00::2,53,udp,6,64,0,,,,56,first,,,,,,,
            106,fd00::1,,fd00::2,,udp,6,64,0,,,,44,later,,,,,,,
            170,fd00::1,40000,fd00::2,53,udp,6,64,0,,,,100,,,,,,,,
            79,fd00::1,40000,fd00::2,53,udp,6,64,0,,,,1,,,,,,,,
            90,fd00::1,40000,fd00::2,80,tcp,6,64,0,syn,,,0,first,,,1,0,9,,
            135,fd00::1,,fd00::2,,ipv6-opts,6,64,0,,,,,,,,,,,,too-deep
        ",
    );
}

#[test]
fn the_shortest_and_the_longest() {
    let frames = [
        // Padding is no payload.
        padded(ethernet(IPV4, &ipv4(TCP, &tcp(ACK, 1, 2, 3, b"")))),
        padded(ethernet(IPV4, &ipv4(UDP, &udp(40_000, 53, b"four")))),
        padded(tagged(&[(VLAN, 100)], IPV4, &ipv4(UDP, &udp(40_000, 53, b"four")))),
        padded(ethernet(ARP, &arp_request())),
        ethernet(IPV4, &ipv4(UDP, &udp(40_000, 53, &[7; 1472]))),
        ethernet(IPV4, &ipv4(UDP, &udp(40_000, 53, &[7; 8972]))),
        ethernet(IPV6, &ipv6(TCP, &tcp(ACK, 1, 2, 3, &[7; 8940]))),
    ];
    assert_rows(
        &frames,
        "
            60,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,0,,,,1,2,3,,
            60,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,4,,,,,,,,
            60,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,100,,4,,,,,,,,
            60,,,,,arp,,,,,,,,,,,,,,,
            1514,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,1472,,,,,,,,
            9014,10.0.0.1,40000,10.0.0.2,53,udp,4,64,0,,,,8972,,,,,,,,
            9014,fd00::1,40000,fd00::2,80,tcp,6,64,0,ack,,,8940,,,,1,2,3,,
        ",
    );
}

#[test]
fn what_is_cut_or_contradicts_itself() {
    let packet = ipv4(TCP, &tcp(ACK, 1, 2, 3, b"0123456789"));
    let changed = |at: usize, to: u8| {
        let mut packet = packet.clone();
        packet[at] = to;
        ethernet(IPV4, &packet)
    };
    let cut = |len: usize| ethernet(IPV4, &packet[..len]);
    let v6 = ipv6(UDP, &udp(40_000, 53, b"x"));
    let frames = [
        ethernet(IPV4, b""),
        ethernet(IPV6, b""),
        ethernet(ARP, b""),
        cut(19),
        cut(20),
        cut(23),
        cut(24),
        cut(39),
        cut(40),
        // Version 5; a header of 16 bytes; one of 60, longer than the packet; a total of 19 bytes, and one of 0 (BIG TCP).
        changed(0, 0x55),
        changed(0, 0x44),
        changed(0, 0x4f),
        changed(3, 19),
        changed(3, 0),
        // TCP headers of 16 and of 60 bytes.
        changed(32, 0x40),
        changed(32, 0xf0),
        ethernet(IPV6, &v6[..39]),
        ethernet(IPV6, &v6[..40]),
        ethernet(IPV6, &v6[..44]),
        ethernet(IPV6, &ipv4(UDP, &udp(40_000, 53, &[7; 30]))),
        ethernet(IPV6, &ipv6(0, &[UDP, 200, 1, 4, 0, 0, 0, 0])),
        ethernet(IPV4, &ipv4(ICMP, &[8, 0])),
    ];
    assert_rows(
        &frames,
        "
            14,,,,,0x0800,,,,,,,,,,,,,,,cut
            14,,,,,0x86dd,,,,,,,,,,,,,,,cut
            14,,,,,arp,,,,,,,,,,,,,,,
            33,,,,,0x0800,,,,,,,,,,,,,,,cut
            34,10.0.0.1,,10.0.0.2,,tcp,4,64,0,,,,,,,,,,,,cut
            37,10.0.0.1,,10.0.0.2,,tcp,4,64,0,,,,,,,,,,,,cut
            38,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,,,,,,,,,,,,cut
            53,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,,,,,,,,,,,,cut
            54,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,0,,,,1,2,3,,
            64,,,,,0x0800,,,,,,,,,,,,,,,malformed
            64,,,,,0x0800,,,,,,,,,,,,,,,malformed
            64,10.0.0.1,,10.0.0.2,,tcp,4,64,0,,,,,,,,,,,,malformed
            64,10.0.0.1,,10.0.0.2,,tcp,4,64,0,,,,,,,,,,,,malformed
            64,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,10,,,,1,2,3,,
            64,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,,,,,1,2,3,,malformed
            64,10.0.0.1,40000,10.0.0.2,80,tcp,4,64,0,ack,,,,,,,1,2,3,,cut
            53,,,,,0x86dd,,,,,,,,,,,,,,,cut
            54,fd00::1,,fd00::2,,udp,6,64,0,,,,,,,,,,,,cut
            58,fd00::1,40000,fd00::2,53,udp,6,64,0,,,,,,,,,,,,cut
            72,,,,,0x86dd,,,,,,,,,,,,,,,malformed
            62,fd00::1,,fd00::2,,udp,6,64,0,,,,,,,,,,,,cut
            36,10.0.0.1,,10.0.0.2,,icmp,4,64,0,,,,,,,,,,,,cut
        ",
    );
}

#[test]
fn packets_of_a_link_without_frames() {
    if !can_run(&[]) {
        return;
    }
    let mut tunnel = Tunnel::new();
    let netns = tunnel.namespace();
    netns.run(|| fs::write("/proc/sys/net/ipv6/conf/tun0/disable_ipv6", "1").expect("the namespace has IPv6"));
    netns.ip("address add 10.0.0.2 peer 10.0.0.3 dev tun0");
    let columns = "interface,direction,length_bytes,segments,wire_bytes,src,dst,dst_port,protocol,ip_version,payload_bytes";
    let mut capture = Capture::start(netns, &["tc-headers", "-i", "tun0", "--for", "5m", "--format", "csv", "--columns", columns]);
    netns.run(|| UdpSocket::bind("10.0.0.2:0").and_then(|socket| socket.send_to(b"out", "10.0.0.3:53"))).expect("it is sent");
    tunnel.send_packet(&ipv4(UDP, &udp(40_000, 9, b"in")));
    tunnel.send_packet(&ipv6(TCP, &tcp(SYN, 1, 0, 9, b"")));
    capture.wait_until("the last row", |capture| String::from_utf8_lossy(&capture.stdout()).contains("fd00::"));
    assert_eq!(
        csv_lines(&capture.stop().exited(0)),
        expected(
            "
                tun0,egress,31,1,31,10.0.0.2,10.0.0.3,53,udp,4,3
                tun0,ingress,30,1,30,10.0.0.1,10.0.0.2,9,udp,4,2
                tun0,ingress,60,1,60,fd00::1,fd00::2,80,tcp,6,0
            "
        )
    );
}

#[test]
fn a_frame_that_ends_within_its_tag_is_gone_before_tc_ingress() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    let frame = tagged(&[(VLAN, 100)], IPV4, b"");
    for place in PLACES {
        let args = place.args("capture", &["--format", "csv", "--columns", "length_bytes,protocol,vlan,flags"]);
        let outcome = watch(&mut quiet, &args, |quiet| place.pass(quiet, &frame[..16]));
        let rows = if place.probe == "tc-headers" && place.direction == "ingress" { "" } else { "16,vlan,,cut" };
        assert_eq!(csv_lines(&outcome), expected(rows), "{place:?}");
    }
}
