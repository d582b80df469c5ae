//! The columns of a packet's row.

use ehl_probes_common::packet::Address;
use ehl_probes_common::packet::headers::{Headers, present};
use ehl_probes_common::record::Way;

use crate::packet::{Sighting, tcp_flags, tunnel};
use crate::probe::packets::Protocol;
use crate::render::{Cell, Column, Schema};

/// How many columns there are by default; the rest comes by `--columns`.
const DEFAULT: usize = 17;

/// What matters most on a terminal that is too narrow for all default columns.
pub(super) const FIRST: [&str; 9] = ["time", "src", "src_port", "dst", "dst_port", "protocol", "tcp_flags", "length_bytes", "direction"];

pub(super) fn schema() -> Schema {
    Schema {
        name: "ehl.packets/1",
        columns: vec![
            Column::left("time", 27),
            Column::left("probe", 11),
            Column::left("interface", 12),
            Column::left("direction", 9),
            Column::left("src", 15),
            Column::right("src_port", 8),
            Column::left("dst", 15),
            Column::right("dst_port", 8),
            Column::left("protocol", 8),
            Column::right("ip_version", 10),
            Column::right("length_bytes", 12),
            Column::right("segments", 8),
            Column::right("ttl", 3),
            Column::right("dscp", 4),
            Column::left("tcp_flags", 9),
            Column::right("vlan", 4),
            Column::right("payload_bytes", 13),
            Column::right("wire_bytes", 10),
            Column::right("inner_vlan", 10),
            Column::left("fragment", 8),
            Column::right("icmp_type", 9),
            Column::right("icmp_code", 9),
            Column::right("sequence", 10),
            Column::right("acknowledgement", 15),
            Column::right("window", 6),
            Column::left("tunnel", 6),
            Column::left("flags", 9),
        ],
    }
}

/// Places of the default columns.
pub(super) fn default() -> Vec<usize> {
    (0..DEFAULT).collect()
}

/// The cells of a packet, one for each column of the schema, given to `print`.
pub(super) fn row<R>(sighting: &Sighting, probe: Option<&str>, interface: Option<&str>, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
    let Sighting { time_ns, ref headers, length, segments, interface: _, way } = *sighting;
    let protocol = Protocol::of(headers).map(|protocol| protocol.to_string());
    let known = |bits, number: u64| if headers.has(bits) { Cell::Number(number) } else { Cell::Null };
    let flags = flags(headers);
    print(&[
        Cell::Time(time_ns),
        text(probe),
        text(interface),
        text(way.map(direction)),
        address(headers, headers.source),
        known(present::PORTS, headers.source_port.into()),
        address(headers, headers.destination),
        known(present::PORTS, headers.destination_port.into()),
        text(protocol.as_deref()),
        known(present::IP, headers.ip_version.into()),
        Cell::Number(length.into()),
        segments.map_or(Cell::Null, |segments| Cell::Number(segments.into())),
        known(present::IP, headers.ttl.into()),
        known(present::IP, headers.dscp.into()),
        text(if headers.has(present::TCP) { tcp_flags::text(headers.tcp_flags) } else { None }),
        known(present::VLAN, headers.vlan.into()),
        known(present::PAYLOAD, headers.payload_len.into()),
        sighting.wire_bytes().map_or(Cell::Null, Cell::Number),
        known(present::INNER_VLAN, headers.inner_vlan.into()),
        text(fragment(headers)),
        known(present::ICMP, headers.icmp_type.into()),
        known(present::ICMP, headers.icmp_code.into()),
        known(present::TCP, headers.sequence.into()),
        known(present::TCP, headers.acknowledgement.into()),
        known(present::TCP, headers.window.into()),
        text(tunnel::name(headers)),
        Cell::Flags(&flags),
    ])
}

/// `ingress` or `egress`.
pub(in crate::command) fn direction(way: Way) -> &'static str {
    match way {
        Way::Ingress => "ingress",
        Way::Egress => "egress",
    }
}

fn fragment(headers: &Headers) -> Option<&'static str> {
    if headers.has(present::LATER_FRAGMENT) {
        Some("later")
    } else if headers.has(present::FRAGMENT) {
        Some("first")
    } else {
        None
    }
}

fn flags(headers: &Headers) -> Vec<&'static str> {
    let named = [(present::CUT, "cut"), (present::MALFORMED, "malformed"), (present::TOO_DEEP, "too-deep")];
    named.into_iter().filter(|(bit, _)| headers.has(*bit)).map(|(_, name)| name).collect()
}

fn address(headers: &Headers, address: Address) -> Cell<'static> {
    if headers.has(present::IP) { Cell::Address(address.bytes().into()) } else { Cell::Null }
}

fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, |text| Cell::Text(text.as_bytes()))
}
