//! What interfaces leave to others: VLAN tags that are out of band, and segmentation, which makes one packet of many.

mod support;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

use support::can_run;
use support::capture::Capture;
use support::frame::*;
use support::netns::{Netns, run};
use support::packets::{PLACES, TC, TC_EGRESS, TC_INGRESS, XDP_GENERIC, XDP_NATIVE, csv_lines, expected, watch};
use support::quiet::Quiet;
use support::wire::packet_socket;

/// What is sent into `source` goes over a bridge in the far namespace, and out of `far` there: the bridge keeps the outermost tag out of
/// band.
fn over_a_bridge(quiet: &Quiet) -> (Netns, File) {
    let (far, source) = (quiet.far(), Netns::new());
    source.run(|| fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("the namespace has IPv6"));
    far.ip(&format!("link add inner type veth peer name source netns {}", source.name()));
    far.ip("link add bridge type bridge mcast_snooping 0");
    for port in ["inner", "far"] {
        far.ip(&format!("link set {port} up master bridge"));
    }
    far.ip("link set bridge up");
    source.ip("link set source up");
    let socket = source.run(|| packet_socket("source")).expect("root may send frames");
    (source, socket)
}

#[test]
fn tags_out_of_band_count_where_they_can_be_seen() {
    if !can_run(&["ethtool"]) {
        return;
    }
    const COLUMNS: &str = "direction,length_bytes,payload_bytes,protocol,src_port,vlan,inner_vlan";
    let packet = ipv4(UDP, &udp(40_000, 53, &[7; 30]));
    let tags: [&[_]; 3] = [&[(VLAN, 100)], &[(QINQ, 200), (VLAN, 100)], &[(VLAN, 200), (VLAN, 100)]];
    let frames = tags.map(|tags| tagged(tags, IPV4, &packet));
    for out_of_band in [true, false] {
        let mut quiet = Quiet::new();
        let (_source, mut socket) = over_a_bridge(&quiet);
        // Whether the far end leaves it to the wire to put the outermost tag into the frame; veth leaves it out.
        let offload = if out_of_band { "on" } else { "off" };
        run(quiet.far().command("ethtool").args(["-K", "far", "txvlan", offload, "tx-vlan-stag-hw-insert", offload]));
        for place in [TC, XDP_NATIVE, XDP_GENERIC] {
            let leaving = ["tc-headers", "-i", "far", "--direction", "egress", "--for", "5m", "--format", "csv", "--columns", COLUMNS];
            let leaving = Capture::start(quiet.far(), &leaving);
            let before = quiet.counters();
            let args = place.args("capture", &["--format", "csv", "--columns", COLUMNS]);
            let outcome = watch(&mut quiet, &args, |_| {
                for frame in &frames {
                    socket.write_all(frame).expect("the interface takes the frame");
                }
            });
            let counted = quiet.counters().received_bytes - before.received_bytes - 60;
            let whole = "
                76,30,udp,40000,100,
                80,30,udp,40000,200,100
                80,30,udp,40000,200,100
            ";
            // XDP sees what is in the frame; a network card that takes tags out (`ethtool -K IF rxvlan off`) is like that too.
            let without = "
                72,30,udp,40000,,
                76,30,udp,40000,100,
                76,30,udp,40000,100,
            ";
            let seen = if place.is_xdp() && out_of_band { without } else { whole };
            assert_eq!(csv_lines(&outcome), towards("ingress", seen), "{place:?}, {out_of_band}");
            assert_eq!(csv_lines(&leaving.stop().exited(0)), towards("egress", whole), "{place:?}, {out_of_band}");
            if place == TC {
                // The interface counts what is in the frame.
                assert_eq!(counted, if out_of_band { 72 + 76 + 76 } else { 76 + 80 + 80 });
            }
        }
    }
}

fn towards(direction: &str, rows: &str) -> Vec<String> {
    expected(rows).iter().map(|row| format!("{direction},{row}")).collect()
}

/// What a frame asks of segmentation: `struct virtio_net_hdr` (linux/virtio_net.h) and the frame.
fn offloaded(kind: u8, segment_len: u16, transport: u16, checksum_at: u16, frame: &[u8]) -> Vec<u8> {
    const NEEDS_CHECKSUM: u8 = 1;
    let header_len = transport + if kind == UDP_SEGMENTS { 8 } else { 20 };
    let lengths = [header_len, segment_len, transport, checksum_at].map(u16::to_ne_bytes).concat();
    [&[NEEDS_CHECKSUM, kind], &lengths[..], frame].concat()
}

/// `VIRTIO_NET_HDR_GSO_*`.
const TCP_OVER_IPV4: u8 = 1;
const TCP_OVER_IPV6: u8 = 4;
const UDP_SEGMENTS: u8 = 5;

/// Lets a packet socket send what [`offloaded`] makes.
fn take_offloaded(socket: &File) {
    const PACKET_VNET_HDR: libc::c_int = 15;
    let on: libc::c_int = 1;
    let len = libc::socklen_t::try_from(size_of_val(&on)).expect("a small number");
    // SAFETY: the pointer is to an integer that lives through the call, and `len` is its size.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, PACKET_VNET_HDR, (&raw const on).cast(), len) };
    assert_eq!(set, 0, "packet sockets take offloaded packets");
}

#[test]
fn packets_to_be_segmented_stand_for_their_segments() {
    if !can_run(&[]) {
        return;
    }
    let frames = [
        offloaded(TCP_OVER_IPV4, 1000, 34, 16, &ethernet(IPV4, &ipv4(TCP, &tcp(ACK, 1, 2, 3, &[7; 3001])))),
        offloaded(TCP_OVER_IPV4, 1000, 34, 16, &ethernet(IPV4, &ipv4(TCP, &tcp(ACK, 1, 2, 3, &[7; 3000])))),
        offloaded(TCP_OVER_IPV6, 1440, 54, 16, &ethernet(IPV6, &ipv6(TCP, &tcp(ACK, 1, 2, 3, &[7; 60_000])))),
        offloaded(UDP_SEGMENTS, 500, 34, 6, &ethernet(IPV4, &ipv4(UDP, &udp(40_000, 53, &[7; 1600])))),
    ];
    const WHOLE: &str = "
        3055,4,3217,3001,tcp
        3054,3,3162,3000,tcp
        60074,42,63108,60000,tcp
        1642,4,1768,1600,udp
    ";
    for place in PLACES {
        let mut quiet = Quiet::new();
        let netns = if place.direction == "egress" { quiet.namespace() } else { quiet.far() };
        let interface = if place.direction == "egress" { "seen" } else { "far" };
        let mut socket = netns.run(|| packet_socket(interface)).expect("root may send frames");
        take_offloaded(&socket);
        let args = place.args("capture", &["--format", "csv", "--columns", "length_bytes,segments,wire_bytes,payload_bytes,protocol"]);
        let outcome = watch(&mut quiet, &args, |_| {
            for frame in &frames {
                socket.write_all(frame).expect("the interface takes the frame");
            }
        });
        let rows = csv_lines(&outcome);
        match place {
            TC_INGRESS | TC_EGRESS => assert_eq!(rows, expected(WHOLE), "{place:?}"),
            XDP_GENERIC => assert_eq!(rows, expected(WHOLE).iter().map(|row| without_segments(row)).collect::<Vec<_>>()),
            // veth makes segments for a program in its driver, which so sees what would be on the wire.
            _ => {
                let sum = |column: usize| -> u64 {
                    rows.iter().map(|row| row.split(',').nth(column).and_then(|cell| cell.parse::<u64>().ok()).expect("a number")).sum()
                };
                assert_eq!((rows.len(), sum(0), sum(3)), (4 + 3 + 42 + 4, 3217 + 3162 + 63_108 + 1768, 3001 + 3000 + 60_000 + 1600));
            }
        }
    }
}

fn without_segments(row: &str) -> String {
    let cells: Vec<_> = row.split(',').collect();
    [&[cells[0], "", ""], &cells[3..]].concat().join(",")
}
