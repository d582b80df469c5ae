//! The columns of an exchange's row, in the order that is an interface, and those that `--columns` adds.

use std::io;

use smallvec::SmallVec;

use crate::args::HeaderName;
use crate::command::interfaces::Names;
use crate::command::printing;
use crate::http::exchange::Exchange;
use crate::http::head::Head;
use crate::render::{Cell, Column, ColumnError, Schema};
use crate::stream::{Endpoint, Origin, Process};

use super::containers::Containers;
use super::llm;

/// Name, width and alignment of a fixed column, and whether it is shown by default.
pub(super) struct Fixed(pub(super) &'static str, pub(super) u16, pub(super) Side, pub(super) bool);

#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
}

const FIXED: [Fixed; 31] = [
    Fixed("time", 27, Side::Left, true),
    Fixed("probe", 10, Side::Left, true),
    Fixed("pid", 7, Side::Right, true),
    Fixed("comm", 15, Side::Left, true),
    Fixed("src", 15, Side::Left, true),
    Fixed("src_port", 8, Side::Right, true),
    Fixed("dst", 15, Side::Left, true),
    Fixed("dst_port", 8, Side::Right, true),
    Fixed("http_version", 12, Side::Left, true),
    Fixed("method", 7, Side::Left, true),
    Fixed("host", 24, Side::Left, true),
    Fixed("path", 36, Side::Left, true),
    Fixed("status", 6, Side::Right, true),
    Fixed("response_time_ms", 16, Side::Right, true),
    Fixed("duration_ms", 11, Side::Right, true),
    Fixed("request_bytes", 13, Side::Right, true),
    Fixed("response_bytes", 14, Side::Right, true),
    Fixed("content_type", 24, Side::Left, true),
    Fixed("api_version", 11, Side::Left, true),
    Fixed("auth", 8, Side::Left, true),
    Fixed("user_agent", 24, Side::Left, true),
    Fixed("request_id", 24, Side::Left, true),
    Fixed("flags", 12, Side::Left, true),
    Fixed("interface", 12, Side::Left, false),
    Fixed("api_version_source", 18, Side::Left, false),
    Fixed("client", 15, Side::Left, false),
    Fixed("stream_id", 9, Side::Right, false),
    Fixed("grpc_status", 11, Side::Right, false),
    Fixed("grpc_service", 24, Side::Left, false),
    Fixed("grpc_method", 16, Side::Left, false),
    Fixed("container_id", 64, Side::Left, false),
];

/// What matters most on a terminal that is too narrow for all default columns.
const FIRST: [&str; 13] = [
    "time",
    "method",
    "path",
    "status",
    "response_time_ms",
    "host",
    "duration_ms",
    "auth",
    "src",
    "dst_port",
    "response_bytes",
    "api_version",
    "user_agent",
];

/// Columns of this width for each `--header`.
const HEADER_WIDTH: u16 = 24;
/// The first of them.
const HEADERS: usize = FIXED.len() + llm::COLUMNS.len();

fn fixed() -> impl Iterator<Item = &'static Fixed> {
    FIXED.iter().chain(&llm::COLUMNS)
}

/// The columns of one run.
pub(in crate::command) struct Columns {
    headers: Vec<String>,
    probe: Option<&'static str>,
    interfaces: Names,
    containers: Containers,
}

impl Columns {
    /// The fixed columns and one for each header element, of what `probe` sees.
    pub(in crate::command) fn new(headers: &[HeaderName], probe: Option<&'static str>) -> Self {
        Self {
            headers: headers.iter().map(header_column).collect(),
            probe,
            interfaces: Names::default(),
            containers: Containers::default(),
        }
    }

    /// All columns, the fixed ones first.
    pub(in crate::command) fn schema(&self) -> Schema {
        let fixed = fixed().map(|Fixed(name, width, side, _)| match side {
            Side::Left => Column::left(*name, *width),
            Side::Right => Column::right(*name, *width),
        });
        let headers = self.headers.iter().map(|name| Column::left(name.clone(), HEADER_WIDTH));
        Schema { name: "ehl.capture/1", columns: fixed.chain(headers).collect() }
    }

    /// Places of the columns to print: those of `--columns`, or the default ones, then those of `--header`.
    pub(in crate::command) fn select(&self, schema: &Schema, typed: &[String]) -> Result<Vec<usize>, ColumnError> {
        let mut places = if typed.is_empty() {
            FIXED.iter().enumerate().filter(|(_, Fixed(.., default))| *default).map(|(place, _)| place).collect()
        } else {
            schema.select(&typed.join(","))?
        };
        let headers = HEADERS..HEADERS + self.headers.len();
        places.extend(headers.filter(|place| !typed.iter().any(|name| *name == schema.columns[*place].name)).collect::<Vec<_>>());
        Ok(places)
    }

    /// Of `selected`, the places of those that fit a terminal of `width`, and of the columns of `--header`.
    pub(in crate::command) fn fitting(&self, schema: &Schema, selected: &[usize], width: u16) -> Vec<usize> {
        printing::fitting(schema, selected, &FIRST, |place| place >= HEADERS, width)
    }

    /// The cells of an exchange, one for each column of the schema.
    pub(in crate::command) fn row(&mut self, exchange: &Exchange, print: &mut dyn FnMut(&[Cell<'_>]) -> io::Result<()>) -> io::Result<()> {
        let Exchange { client, server, origin, request, response, request_bytes, response_bytes, flags, .. } = exchange;
        let (request, response) = (request.as_ref(), response.as_ref());
        let interface = match origin {
            Origin::Interface(index) => Some(self.interfaces.of(*index)),
            Origin::Process(_) | Origin::Unknown => None,
        };
        let version = exchange.api_version();
        let grpc = exchange.grpc_call();
        let flag_names = if flags.is_empty() { Vec::new() } else { flags.names() };
        let process = match origin {
            Origin::Process(process) => Some(process),
            Origin::Interface(_) | Origin::Unknown => None,
        };
        let container = process.and_then(|process| self.containers.of(process));
        let mut cells: SmallVec<[Cell<'_>; 64]> = SmallVec::new();
        cells.extend_from_slice(&[
            Cell::Time(exchange.time_ns()),
            text(self.probe.map(str::as_bytes)),
            number(process.map(|process| u64::from(process.id))),
            text(process.and_then(Process::name)),
            address(client),
            port(client),
            address(server),
            port(server),
            http_version(request.or(response)),
            text(request.and_then(Head::method)),
            text(request.and_then(Head::host)),
            text(request.and_then(Head::path)),
            number(response.and_then(|head| head.status).map(u64::from)),
            millis(exchange.response_time_ns()),
            millis(exchange.duration_ns()),
            number(*request_bytes),
            number(*response_bytes),
            text(response.and_then(Head::content_type)),
            text(version.map(|(version, _)| version)),
            text(request.and_then(Head::auth).map(|auth| auth.as_str().as_bytes())),
            text(request.and_then(Head::user_agent)),
            text(exchange.request_id()),
            Cell::Flags(&flag_names),
            text(interface.map(str::as_bytes)),
            text(version.map(|(_, source)| source.as_str().as_bytes())),
            exchange.client_address().map_or(Cell::Null, Cell::Address),
            number(exchange.stream_id.map(u64::from)),
            number(response.and_then(Head::grpc_status).map(u64::from)),
            text(grpc.map(|(service, _)| service)),
            text(grpc.map(|(_, method)| method)),
            text(container.as_ref().map(|container| container.as_str().as_bytes())),
        ]);
        cells.extend_from_slice(&llm::cells(exchange));
        for column in 0..self.headers.len() {
            let value = request.and_then(|head| head.column(column)).or_else(|| response.and_then(|head| head.column(column)));
            cells.push(text(value));
        }
        print(&cells)
    }
}

/// Named as it was typed, or by `header:` when that is the name of another column.
fn header_column(header: &HeaderName) -> String {
    let name = header.to_string();
    if fixed().any(|Fixed(fixed, ..)| *fixed == name) || name == "type" { format!("header:{name}") } else { name }
}

fn http_version(head: Option<&Head>) -> Cell<'static> {
    text(head.and_then(|head| head.version.as_str()).map(str::as_bytes))
}

fn text(text: Option<&[u8]>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

fn address(end: &Endpoint) -> Cell<'static> {
    if end.is_known() { Cell::Address(end.ip()) } else { Cell::Null }
}

fn port(end: &Endpoint) -> Cell<'static> {
    if end.is_known() { Cell::Number(u64::from(end.port)) } else { Cell::Null }
}

fn number(number: Option<u64>) -> Cell<'static> {
    number.map_or(Cell::Null, Cell::Number)
}

fn millis(ns: Option<u64>) -> Cell<'static> {
    ns.map_or(Cell::Null, Cell::Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(width: u16) -> String {
        let columns = Columns::new(&[], None);
        let schema = columns.schema();
        let selected = columns.select(&schema, &[]).expect("the default columns");
        let names: Vec<_> = columns.fitting(&schema, &selected, width).iter().map(|place| schema.columns[*place].name.as_ref()).collect();
        names.join(",")
    }

    #[test]
    fn narrow_terminals_get_what_matters_most() {
        assert_eq!(names(80), "time,method,path,status,response_time_ms");
        assert_eq!(names(120), "time,method,path,status,response_time_ms");
        assert_eq!(names(152), "time,method,host,path,status,response_time_ms,duration_ms,auth");
        assert_eq!(names(1000).split(',').count(), 23);
    }
}
