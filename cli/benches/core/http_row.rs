//! A row of HTTP as `ehl capture` has it, with its 23 columns.

use std::net::Ipv4Addr;

use ehl::render::{Cell, Column, Schema};

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

pub(crate) fn schema() -> Schema {
    Schema { name: "ehl.capture/1", columns: COLUMNS.map(|name| Column::left(name, 12)).to_vec() }
}

pub(crate) fn row(number: u64) -> [Cell<'static>; 23] {
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
