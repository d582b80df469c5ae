//! What ehl tells of the packets of a capture.

use std::fs::File;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use ehl::packet::Sighting;
use ehl::probe::packets::{Filter, Protocol};
use ehl::source::PacketSource as _;
use ehl::source::capture_file::PacketFile;
use ehl_probes_common::packet::Address;
use ehl_probes_common::packet::headers::present;

use crate::told::Told;

pub(crate) fn told(file: &Path) -> Vec<Told> {
    let input = File::open(file).expect("a capture can be opened");
    let mut told = Vec::new();
    let Ok(mut packets) = PacketFile::open(Box::new(input), &Filter::default(), 1) else { return told };
    let mut each = |sighting: &Sighting, _: Option<&str>| told.push(packet(told.len() as u64 + 1, sighting));
    while packets.drain(1000, &mut each).records > 0 {}
    told
}

fn packet(number: u64, sighting: &Sighting) -> Told {
    let headers = &sighting.headers;
    let payload = || headers.has(present::PAYLOAD).then_some(headers.payload_len);
    Told {
        number,
        length: sighting.length,
        protocol: Protocol::of(headers).map(|protocol| protocol.to_string()),
        ends: headers.has(present::IP).then(|| [headers.source, headers.destination].map(address)),
        ports: headers.has(present::PORTS).then_some([headers.source_port, headers.destination_port]),
        vlans: [(present::VLAN, headers.vlan), (present::INNER_VLAN, headers.inner_vlan)]
            .into_iter()
            .filter(|(bit, _)| headers.has(*bit))
            .map(|(_, vlan)| vlan)
            .collect(),
        ip: headers.has(present::IP).then_some([headers.ttl, headers.dscp]),
        tcp: headers.has(present::TCP).then(|| (headers.tcp_flags, headers.window, payload())),
        is_cut: headers.has(present::CUT),
    }
}

fn address(address: Address) -> IpAddr {
    IpAddr::from(Ipv6Addr::from(address.bytes())).to_canonical()
}
