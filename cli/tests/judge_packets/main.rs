//! What `--read` makes of the packets of capture files, judged by `tshark -T fields`: the same addresses, ports, protocol, length, VLAN
//! tags, time to live, codepoint and TCP fields of each packet.
//!
//! The outermost IP header counts, and fragments are not put together. Lengths are from the Ethernet header on, or from the network layer
//! on where a capture has another link layer: of tshark's length, the headers of Linux cooked captures and of BSD loopback are not counted.
//!
//! Needs no root. The captures are all that are below `../shared/corpora` beside the project, or below the directory that `EHL_CORPORA`
//! names; the rest is made up here. With `EHL_REQUIRE_JUDGE` a missing tshark is a failure.

mod ehl;
mod frames;
mod told;
mod tshark;

#[path = "../judge/needed.rs"]
mod needed;

use std::fs;
use std::path::{Path, PathBuf};

use frames::{
    IPV4, IPV6, arp, authentication, dccp, ethernet, foreign, fragment, icmp_error, ipv4, ipv6, options, routing, sctp, tagged, tcp, udp,
    udp_to,
};
use needed::{can_judge, skipped};
use tempfile::TempDir;
use told::{Difference, differences};

#[test]
fn captures_of_others_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let Some(captures) = captures() else { return };
    let found: Vec<_> = captures.iter().map(|file| (file, judge(file))).filter(|(_, found)| !found.is_empty()).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Names of frames, what was captured of them, and their lengths on the wire.
type Frames = Vec<(&'static str, Vec<u8>, usize)>;

/// What is captured of them whole.
type Kinds = Vec<(&'static str, Vec<u8>)>;

#[test]
fn frames_of_all_kinds_are_read_as_tshark_reads_them() {
    if can_judge() {
        agree(ETHERNET, &whole(kinds()));
    }
}

#[test]
fn other_link_layers_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let is_ip = |frame: &&(&str, Vec<u8>)| [IPV4, IPV6].contains(&[frame.1[12], frame.1[13]]);
    let raw: Kinds = kinds().iter().filter(is_ip).map(|(name, frame)| (*name, frame[14..].to_vec())).collect();
    // AF_INET, and AF_INET6 of NetBSD.
    let family = |packet: &[u8]| [if packet[0] >> 4 == 4 { 2 } else { 24 }, 0, 0, 0];
    agree(NULL, &whole(raw.iter().map(|(name, packet)| (*name, [&family(packet), &packet[..]].concat())).collect()));
    agree(RAW, &whole(raw));
    // For a length stands 4 (linux/if_ether.h).
    let kind = |frame: &[u8]| if frame[12] < 6 { [0, 4] } else { [frame[12], frame[13]] };
    let behind = |header: &dyn Fn([u8; 2]) -> Vec<u8>| {
        whole(kinds().iter().map(|(name, frame)| (*name, [&header(kind(frame)), &frame[14..]].concat())).collect())
    };
    agree(LINUX_SLL, &behind(&|kind| [&[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &kind].concat()));
    agree(LINUX_SLL2, &behind(&|kind| [&kind[..], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]].concat()));
}

fn whole(kinds: Kinds) -> Frames {
    kinds.into_iter().map(|(name, frame)| (name, frame.clone(), frame.len())).collect()
}

/// Cut on the wire, so that the frame is short; and when it was captured.
#[test]
fn cut_frames_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let cuts = || kinds().into_iter().flat_map(|(name, frame)| (0..frame.len()).map(move |cut| (name, frame[..cut].to_vec(), frame.len())));
    let on_the_wire: Vec<_> = cuts().map(|(name, cut, _)| (name, cut.clone(), cut.len())).collect();
    let when_captured: Vec<_> = cuts().collect();
    agree(ETHERNET, &on_the_wire);
    agree(ETHERNET, &when_captured);
}

const NULL: u32 = 0;
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const LINUX_SLL: u32 = 113;
const LINUX_SLL2: u32 = 276;

fn kinds() -> Kinds {
    let v4 = |protocol, rest: &[u8]| ethernet(IPV4, &ipv4(protocol, 0, 0x4000, rest));
    let v6 = |next, rest: &[&[u8]]| ethernet(IPV6, &ipv6(next, &rest.concat()));
    let inner = ipv4(6, 0, 0, &tcp(0x18, 0, b"inner"));
    let (vlan, qinq, old) = ([0x81, 0], [0x88, 0xa8], [0x91, 0]);
    vec![
        ("tcp", v4(6, &tcp(0x18, 12, b"payload"))),
        ("tcp syn", v4(6, &tcp(0x02, 20, b""))),
        ("tcp behind options", ethernet(IPV4, &ipv4(6, 40, 0, &tcp(0xd1, 40, b"x")))),
        ("tcp and padding", [v4(6, &tcp(0x10, 0, b"")), vec![0; 6]].concat()),
        ("udp", v4(17, &udp(b"payload"))),
        ("udp without payload", v4(17, &udp(b""))),
        ("udplite", v4(136, &udp(b"payload"))),
        ("icmp echo", v4(1, &[8, 0, 0, 0, 0, 1, 0, 2, b'e'])),
        ("icmp error", v4(1, &icmp_error())),
        ("igmp", v4(2, &[0x16, 0, 0, 0, 224, 0, 0, 251])),
        ("sctp", v4(132, &sctp())),
        ("dccp", v4(33, &dccp())),
        ("ospf", v4(89, &[2, 1, 0, 24, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("protocol 253", v4(253, b"experiment")),
        ("first fragment", ethernet(IPV4, &ipv4(17, 0, 0x2000, &udp(b"12345678")))),
        ("later fragment", ethernet(IPV4, &ipv4(17, 0, 0x2001, b"12345678"))),
        ("last fragment", ethernet(IPV4, &ipv4(6, 0, 2, b"1234"))),
        ("tcp over ipv6", v6(6, &[&tcp(0x10, 12, b"payload")])),
        ("udp over ipv6", v6(17, &[&udp(b"payload")])),
        ("icmpv6", v6(58, &[&[128, 0, 0, 0, 0, 1, 0, 2]])),
        ("neighbour", v6(58, &[&[135, 0, 0, 0, 0, 0, 0, 0], &[0xfd; 16]])),
        ("extension headers", v6(0, &[&options(43, 0), &routing(60), &options(6, 1), &tcp(0x18, 0, b"x")])),
        ("authentication header", v6(51, &[&authentication(17), &udp(b"x")])),
        ("first fragment of ipv6", v6(44, &[&fragment(17, 0, true), &udp(b"12345678")])),
        ("later fragment of ipv6", v6(0, &[&options(44, 0), &fragment(17, 8, true), b"12345678"])),
        ("atomic fragment", v6(44, &[&fragment(6, 0, false), &tcp(0x10, 0, b"")])),
        ("no next header", v6(59, &[])),
        ("vlan", tagged(&[(vlan, 5)], IPV4, &inner)),
        ("qinq", tagged(&[(qinq, 4000), (vlan, 6)], IPV6, &ipv6(17, &udp(b"x")))),
        ("vlan twice", tagged(&[(vlan, 7), (vlan, 8)], IPV4, &inner)),
        ("qinq of old", tagged(&[(old, 9), (vlan, 10)], IPV4, &inner)),
        ("vlan of arp", tagged(&[(vlan, 11)], [0x08, 6], &arp())),
        ("arp", ethernet([0x08, 6], &arp())),
        ("lldp", ethernet([0x88, 0xcc], &[2, 7, 4, 2, 0, 0, 0, 0, 1, 4, 3, 5, b'e', b'0', 6, 2, 0, 120, 0, 0])),
        ("mpls", ethernet([0x88, 0x47], &[&[0, 1, 1, 64], &inner[..]].concat())),
        ("pppoe session", ethernet([0x88, 0x64], &[&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &inner[..]].concat())),
        ("unknown ethertype", ethernet([0x88, 0xb5], b"experiment")),
        ("spanning tree", [&ethernet([0, 38], &[0x42, 0x42, 3, 0, 0, 0, 0, 0])[..], &[0; 40]].concat()),
        ("snap", ethernet([0, 53], &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner[..]].concat())),
        ("gre", v4(47, &[&[0, 0, 8, 0], &inner[..]].concat())),
        ("ipip", v4(4, &inner)),
        ("6in4", v4(41, &ipv6(17, &udp(b"x")))),
        ("ip in ipv6", v6(4, &[&inner])),
        ("esp", v4(50, &[0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4])),
        ("authentication header of ipv4", v4(51, &[&authentication(6), &tcp(0x10, 0, b"")[..]].concat())),
        ("vxlan", v4(17, &udp_to(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(IPV4, &inner)[..]].concat()))),
        ("foreign", foreign()),
    ]
}

#[track_caller]
fn agree(link_type: u32, frames: &Frames) {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("made.pcap");
    fs::write(&path, pcap(link_type, frames)).expect("a file can be written");
    assert_eq!(ehl::told(&path).len(), frames.len());
    let found: Vec<_> = judge(&path).into_iter().map(|found| (frames[found.ehl.number as usize - 1].0, found)).collect();
    assert!(found.is_empty(), "link type {link_type}: {found:#?}");
}

fn pcap(link_type: u32, frames: &Frames) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut bytes = words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 1 << 18, link_type]);
    for (second, (_, captured, len)) in (1u32..).zip(frames) {
        bytes.extend(words(&[second, 0, captured.len() as u32, *len as u32]));
        bytes.extend(captured);
    }
    bytes
}

fn judge(file: &Path) -> Vec<Difference> {
    differences(&tshark::told(file), &ehl::told(file))
}

/// All captures in order of their names; `None`, and a word about it, when there are none here.
fn captures() -> Option<Vec<PathBuf>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let directory = std::env::var_os("EHL_CORPORA").map_or_else(beside, PathBuf::from);
    let mut captures = Vec::new();
    collect(&directory, &mut captures);
    captures.sort();
    if captures.is_empty() {
        skipped(&format!("no captures below {}; name their place with EHL_CORPORA", directory.display()));
        return None;
    }
    Some(captures)
}

fn collect(directory: &Path, captures: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, captures);
        } else if path.extension().is_some_and(|extension| ["pcap", "pcapng", "cap"].iter().any(|known| extension == *known)) {
            captures.push(path);
        }
    }
}
