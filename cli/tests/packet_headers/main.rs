//! The parser of packet headers against etherparse: where both take a packet, they read the same from it.

mod frames;
#[path = "../conversation/random.rs"]
#[expect(dead_code, reason = "a part of it is for others")]
mod random;

use ehl_probes_common::packet::Address;
use ehl_probes_common::packet::headers::present::{FRAGMENT, ICMP, INNER_VLAN, IP, LATER_FRAGMENT, PAYLOAD, PORTS, TCP, VLAN};
use ehl_probes_common::packet::headers::{Headers, Start};
use etherparse::{IpPayloadSlice, NetSlice, SlicedPacket, TransportSlice};
use random::Random;

#[test]
fn reads_whole_packets_as_etherparse_does() {
    for frame in frames::whole() {
        let theirs = SlicedPacket::from_ethernet(&frame).expect("etherparse reads what it wrote");
        assert_same(&frame, &theirs);
    }
}

#[test]
fn reads_damaged_packets_as_etherparse_does_if_it_takes_them() {
    let whole = frames::whole();
    let mut random = Random::new(6);
    let mut taken = 0;
    for _ in 0..200_000 {
        let frame = frames::damaged(&mut random, &whole);
        if let Ok(theirs) = SlicedPacket::from_ethernet(&frame) {
            assert_same(&frame, &theirs);
            taken += 1;
        }
    }
    assert!(taken > 50_000, "{taken} were taken");
}

#[track_caller]
fn assert_same(frame: &[u8], theirs: &SlicedPacket<'_>) {
    let ours = frames::read(Start::Ethernet, frame);
    let expected = expected(&ours, theirs);
    assert_eq!(ours, expected, "{frame:02x?}");
}

/// What etherparse found, as headers. What it does not read is taken from ours.
fn expected(ours: &Headers, theirs: &SlicedPacket<'_>) -> Headers {
    let mut headers = Headers { ethertype: ours.ethertype, header_len: ours.header_len, ..Headers::NONE };
    let tags = theirs.vlan_ids();
    if let Some(id) = tags.first() {
        headers.vlan = id.value();
        headers.present |= VLAN;
    }
    if let Some(id) = tags.get(1) {
        headers.inner_vlan = id.value();
        headers.present |= INNER_VLAN;
    }
    let payload = match &theirs.net {
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            headers.source = Address::v4(header.source());
            headers.destination = Address::v4(header.destination());
            (headers.ip_version, headers.ttl, headers.dscp) = (4, header.ttl(), header.dcp().value());
            if header.is_fragmenting_payload() {
                headers.present |= FRAGMENT;
            }
            if header.fragments_offset().value() != 0 {
                headers.present |= LATER_FRAGMENT;
            }
            ip.payload()
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            headers.source = Address::v6(header.source());
            headers.destination = Address::v6(header.destination());
            (headers.ip_version, headers.ttl, headers.dscp) = (6, header.hop_limit(), header.traffic_class() >> 2);
            headers.present |= ours.present & (FRAGMENT | LATER_FRAGMENT);
            assert_eq!(ip.is_payload_fragmented(), ours.has(FRAGMENT));
            ip.payload()
        }
        _ => return Headers { present: headers.present | ours.present, ..headers },
    };
    headers.present |= IP;
    headers.protocol = payload.ip_number.0;
    transport(&mut headers, ours, theirs, payload);
    headers
}

fn transport(headers: &mut Headers, ours: &Headers, theirs: &SlicedPacket<'_>, payload: &IpPayloadSlice<'_>) {
    let mut ports = |source, destination| {
        headers.source_port = source;
        headers.destination_port = destination;
        headers.present |= PORTS;
    };
    let header_len = match &theirs.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            ports(tcp.source_port(), tcp.destination_port());
            headers.tcp_flags = tcp.slice()[13];
            headers.window = tcp.window_size();
            headers.sequence = tcp.sequence_number();
            headers.acknowledgement = tcp.acknowledgment_number();
            headers.present |= TCP;
            tcp.header_slice().len()
        }
        Some(TransportSlice::Udp(udp)) => {
            ports(udp.source_port(), udp.destination_port());
            8
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            (headers.icmp_type, headers.icmp_code) = (icmp.type_u8(), icmp.code_u8());
            headers.present |= ICMP;
            8
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            (headers.icmp_type, headers.icmp_code) = (icmp.type_u8(), icmp.code_u8());
            headers.present |= ICMP;
            8
        }
        Some(TransportSlice::Igmp(_)) => 0,
        // It does not read these, nor what is behind the header of a fragment.
        None => {
            (headers.source_port, headers.destination_port) = (ours.source_port, ours.destination_port);
            (headers.icmp_type, headers.icmp_code) = (ours.icmp_type, ours.icmp_code);
            (headers.tcp_flags, headers.window) = (ours.tcp_flags, ours.window);
            (headers.sequence, headers.acknowledgement) = (ours.sequence, ours.acknowledgement);
            headers.protocol = ours.protocol;
            headers.payload_len = ours.payload_len;
            headers.present |= ours.present;
            return;
        }
    };
    headers.payload_len = (payload.payload.len() - header_len) as u32;
    headers.present |= PAYLOAD;
}
