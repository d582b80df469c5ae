//! Rows per second of each format, for the 23 columns of an HTTP row, and the memory that collected rows take.

use std::fs;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::time::Instant;

use ehl::render::{Accounting, Cell, Column, Format, Options, Renderer, Run, Schema, StopReason, Summary, renderer};

const ROWS: u64 = 1_000_000;
const COLUMNS: [&str; 23] = [
    "time",
    "probe",
    "pid",
    "comm",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "http_version",
    "method",
    "host",
    "path",
    "status",
    "response_time_ms",
    "duration_ms",
    "request_bytes",
    "response_bytes",
    "content_type",
    "api_version",
    "auth",
    "user_agent",
    "request_id",
    "flags",
];

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, format) in [("csv", Format::Csv), ("ndjson", Format::Ndjson), ("table", Format::Table)] {
        let mut renderer = renderer(format, &schema(), &Options::default(), Box::new(io::sink()));
        let seconds = print(&mut *renderer, ROWS)?;
        writeln!(out, "{name:8} {:>10.0} rows/s", ROWS as f64 / seconds)?;
    }
    let before = peak_resident_kib()?;
    let rows = 100_000;
    let options = Options { sort: Some(13), ..Options::default() };
    let mut json = renderer(Format::Json, &schema(), &options, Box::new(io::sink()));
    json.start(&Run::default())?;
    let start = Instant::now();
    for number in 0..rows {
        json.row(&row(number))?;
    }
    let (kept, held) = (start.elapsed(), peak_resident_kib()?);
    json.finish(&summary())?;
    let (all, peak) = (start.elapsed(), peak_resident_kib()?);
    writeln!(
        out,
        "json     {rows} sorted rows: kept in {kept:?}, printed after {all:?}; at most {} KiB before printing, {} KiB after",
        held - before,
        peak - before
    )
}

fn print(renderer: &mut dyn Renderer, rows: u64) -> io::Result<f64> {
    let start = Instant::now();
    renderer.start(&Run::default())?;
    for number in 0..rows {
        renderer.row(&row(number))?;
    }
    renderer.finish(&summary())?;
    Ok(start.elapsed().as_secs_f64())
}

fn schema() -> Schema {
    Schema { name: "ehl.capture/1", columns: COLUMNS.map(|name| Column::left(name, 12)).to_vec() }
}

fn row(number: u64) -> [Cell<'static>; 23] {
    let source = Ipv4Addr::from(0x0a00_0000 + (number % 65_536) as u32);
    [
        Cell::Time(1_767_323_045_000_000_000 + number * 1_234),
        Cell::Text(b"sock-http"),
        Cell::Null,
        Cell::Null,
        Cell::Address(source.into()),
        Cell::Number(32_768 + number % 28_000),
        Cell::Address(Ipv4Addr::new(10, 1, 2, 3).into()),
        Cell::Number(8080),
        Cell::Text(b"1.1"),
        Cell::Text(b"POST"),
        Cell::Text(b"api.internal.example"),
        Cell::Text(b"/v1/chat/completions"),
        Cell::Number(200),
        Cell::Millis(number * 7919 % 1_000_000_000),
        Cell::Millis(number * 7919 % 9_000_000_000),
        Cell::Number(1234),
        Cell::Number(number % 100_000),
        Cell::Text(b"text/event-stream; charset=utf-8"),
        Cell::Text(b"2023-06-01"),
        Cell::Text(b"bearer"),
        Cell::Text(b"OpenAI/Python 1.30.1 (linux; x86_64)"),
        Cell::Text(b"req_011CSHoEeqs5C35K2UUqR7Fy"),
        Cell::Flags(&["truncated", "gap"]),
    ]
}

fn summary() -> Summary {
    Summary {
        ended_at_ns: 0,
        stop_reason: StopReason::Deadline,
        accounting: Accounting::default(),
        unseen: None,
        sentences: Vec::new(),
        failed: 0,
    }
}

fn peak_resident_kib() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse().unwrap_or_default())
}
