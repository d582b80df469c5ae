//! The columns of a flow's row: first those that say what its packets have in common, then the same ones for all.

use std::time::Duration;

use ehl_probes_common::flow::{By, FlowTotals};

use super::owner::Lookout;
use crate::aggregate::flows::{Row, per_s};
use crate::command::interfaces::Names;
use crate::command::packets::direction;
use crate::packet::tcp_flags;
use crate::probe::packets::Protocol;
use crate::render::{Cell, Column, Schema};

/// Columns that come by `--columns` only.
const EXTRA: usize = 2;

const TCP: Protocol = Protocol::Ip(6);

/// What the first column says of what did not fit.
const OTHER: &[u8] = b"other";

/// What matters most on a terminal that is too narrow for all default columns.
pub(super) const FIRST: [&str; 12] =
    ["src", "src_port", "dst", "dst_port", "port", "bytes", "packets", "protocol", "direction", "interface", "tcp_flags", "bytes_per_s"];

/// All columns.
pub(super) fn schema(by: By) -> Schema {
    let common = [
        Column::left("direction", 9),
        Column::right("packets", 9),
        Column::right("segments", 9),
        Column::right("bytes", 12),
        Column::right("min_bytes", 9),
        Column::right("max_bytes", 9),
        Column::left("tcp_flags", 15),
        Column::left("first_seen", 27),
        Column::left("last_seen", 27),
        Column::right("pid", 7),
        Column::left("comm", 15),
        Column::right("packets_per_s", 13),
        Column::right("bytes_per_s", 12),
        Column::right("syn", 5),
        Column::right("unanswered_syn", 14),
        Column::right("rst", 5),
        Column::right("zero_window", 11),
        Column::right("retransmitted_bytes", 19),
        Column::right("syn_ack", 7),
        Column::right("wire_bytes", 12),
    ];
    Schema { name: "ehl.flows/1", columns: group(by).into_iter().chain(common).collect() }
}

fn group(by: By) -> Vec<Column> {
    let (source, destination) = (Column::left("src", 15), Column::left("dst", 15));
    let (protocol, interface) = (Column::left("protocol", 8), Column::left("interface", 12));
    match by {
        By::Tuple => vec![source, Column::right("src_port", 8), destination, Column::right("dst_port", 8), protocol, interface],
        By::Source => vec![source],
        By::Destination => vec![destination],
        By::Port => vec![Column::right("port", 5), protocol],
        By::Protocol => vec![protocol],
        By::Interface => vec![interface],
    }
}

/// Places of the default columns.
pub(super) fn default(schema: &Schema) -> Vec<usize> {
    (0..schema.columns.len() - EXTRA).collect()
}

/// What cells are made of besides the flow.
pub(super) struct Cells<'a> {
    pub(super) by: By,
    /// How long was watched.
    pub(super) watched: Duration,
    /// What the times in totals lack to the time since 1970, in nanoseconds.
    pub(super) to_unix_ns: u64,
    pub(super) owners: Option<&'a Lookout>,
    pub(super) names: &'a mut Names,
}

impl Cells<'_> {
    /// The cells of a flow, one for each column of the schema, given to `print`.
    pub(super) fn of<R>(&mut self, row: &Row<'_>, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let address = |address: Option<_>| address.map_or(Cell::Null, Cell::Address);
        let port = |port: Option<u16>| port.map_or(Cell::Null, |port| Cell::Number(port.into()));
        let (source, destination) = (address(row.source()), address(row.destination()));
        let (protocol, interface) =
            (row.protocol().map(|protocol| protocol.to_string()), row.interface().map(|index| self.names.of(index).to_owned()));
        let (protocol, interface) = (text(protocol.as_deref()), text(interface.as_deref()));
        let mut cells = match self.by {
            By::Tuple => vec![source, port(row.source_port()), destination, port(row.destination_port()), protocol, interface],
            By::Source => vec![source],
            By::Destination => vec![destination],
            By::Port => vec![port(row.port()), protocol],
            By::Protocol => vec![protocol],
            By::Interface => vec![interface],
        };
        cells.push(text(row.way().map(direction)));
        let owner = self.owners.and_then(|owners| owners.of(row));
        let owner = [owner.map_or(Cell::Null, |owner| Cell::Number(owner.pid.into())), text(owner.map(|owner| &*owner.comm))];
        let has_tcp = row.protocol().is_none_or(|protocol| protocol == TCP);
        self.totals(row.totals, owner, has_tcp, row.unanswered_syn, &mut cells);
        print(&cells)
    }

    /// Those of what did not fit.
    pub(super) fn other<R>(&mut self, totals: &FlowTotals, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let mut cells = vec![Cell::Null; group(self.by).len() + 1];
        cells[0] = Cell::Text(OTHER);
        self.totals(totals, [Cell::Null; 2], true, None, &mut cells);
        print(&cells)
    }

    fn totals<'c>(
        &self,
        totals: &FlowTotals,
        [pid, comm]: [Cell<'c>; 2],
        has_tcp: bool,
        unanswered_syn: Option<u32>,
        cells: &mut Vec<Cell<'c>>,
    ) {
        let FlowTotals { packets, segments, bytes, wire_bytes, first_ns, last_ns, retransmitted_bytes, .. } = *totals;
        let FlowTotals { syn, syn_ack, rst, zero_window, min_bytes, max_bytes, tcp_flags, next_sequence: _, .. } = *totals;
        let known = |number: u64| if segments == 0 { Cell::Null } else { Cell::Number(number) };
        let tcp = |number: u64| if has_tcp { Cell::Number(number) } else { Cell::Null };
        let rate = |number: u64| per_s(number, self.watched).map_or(Cell::Null, Cell::Decimal);
        cells.extend_from_slice(&[
            Cell::Number(packets),
            known(segments),
            Cell::Number(bytes),
            Cell::Number(min_bytes.into()),
            Cell::Number(max_bytes.into()),
            text(tcp_flags::text(tcp_flags as u8)),
            Cell::Time(first_ns.wrapping_add(self.to_unix_ns)),
            Cell::Time(last_ns.wrapping_add(self.to_unix_ns)),
            pid,
            comm,
            rate(packets),
            rate(bytes),
            tcp(syn.into()),
            unanswered_syn.map_or(Cell::Null, |syn| Cell::Number(syn.into())),
            tcp(rst.into()),
            tcp(zero_window.into()),
            if self.by == By::Tuple { tcp(retransmitted_bytes) } else { Cell::Null },
            tcp(syn_ack.into()),
            known(wire_bytes),
        ]);
    }
}

fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, |text| Cell::Text(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::printing::fitting;

    fn names(by: By, width: u16) -> String {
        let schema = schema(by);
        let fitting = fitting(&schema, &default(&schema), &FIRST, |_| false, width);
        fitting.iter().map(|place| &*schema.columns[*place].name).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn narrow_terminals_get_what_matters_most() {
        assert_eq!(names(By::Tuple, 80), "src,src_port,dst,dst_port,packets,bytes");
        assert_eq!(names(By::Tuple, 120), "src,src_port,dst,dst_port,protocol,interface,direction,packets,bytes");
        assert_eq!(names(By::Port, 80), "port,protocol,direction,packets,bytes,tcp_flags");
        assert_eq!(names(By::Tuple, 1000).split(',').count(), 24);
    }
}
