//! What the tests of the formats share: a small report, and values that somebody hostile sent.

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::{Accounting, Cell, Column, Format, Options, Renderer, Run, Schema, StopReason, Summary, TopValue};

/// What a real terminal, spreadsheet or parser must survive, each with a name.
pub(super) const HOSTILE: [(&str, &[u8]); 9] = [
    ("title", b"\x1b]0;owned\x07"),
    ("formula", b"=cmd|' /C calc'!A0"),
    ("nul", b"a\0b"),
    ("bidi", "user\u{202e}gpj.exe".as_bytes()),
    ("invalid", b"\xff\xfe\xc3("),
    ("crlf", b"x\r\nSet-Cookie: y"),
    ("quotes", br#"say "hi", \ bye"#),
    ("c1", "\u{9b}31m".as_bytes()),
    ("wide", "日本＝語".as_bytes()),
];

pub(super) fn schema() -> Schema {
    let columns = vec![
        Column::left("time", 27),
        Column::left("src", 15),
        Column::left("path", 12),
        Column::right("status", 6),
        Column::right("response_time_ms", 10),
        Column::left("flags", 10),
    ];
    Schema { name: "ehl.test/1", columns }
}

pub(super) fn row<'a>(path: &'a [u8], status: u64, response_time_ns: u64) -> [Cell<'a>; 6] {
    [
        Cell::Time(1_767_323_045_123_456_789),
        Cell::Address(Ipv4Addr::new(10, 0, 0, 1).into()),
        Cell::Text(path),
        if status == 0 { Cell::Null } else { Cell::Number(status) },
        if response_time_ns == 0 { Cell::Null } else { Cell::Millis(response_time_ns) },
        if status == 0 { Cell::Flags(&["open", "gap"]) } else { Cell::Flags(&[]) },
    ]
}

pub(super) fn hostile_schema() -> Schema {
    Schema { name: "ehl.hostile/1", columns: vec![Column::left("name", 8), Column::left("value", 24)] }
}

pub(super) fn hostile_rows() -> Vec<[Cell<'static>; 2]> {
    HOSTILE.iter().map(|&(name, value)| [Cell::Text(name.as_bytes()), Cell::Text(value)]).collect()
}

/// One row of a ranking of header elements.
pub(super) const TOP_VALUES: [TopValue<'static>; 2] =
    [TopValue { value: b"=gzip", count: 3, share: 0.75 }, TopValue { value: b"br", count: 1, share: 0.25 }];

pub(super) fn run() -> Run {
    Run {
        host: Some("web-1".to_owned()),
        kernel: Some("6.12.0".to_owned()),
        probe: Some("sock-http"),
        attached: vec!["eth0".to_owned(), "lo".to_owned()],
        started_at_ns: 1_767_323_045_000_000_000,
    }
}

pub(super) fn summary() -> Summary {
    let accounting = Accounting { events: 7, submitted: 5, lost: 2, exchanges: 3, rows: 99, ..Accounting::default() };
    Summary {
        ended_at_ns: 1_767_323_055_000_000_000,
        stop_reason: StopReason::Signal,
        accounting,
        unseen: None,
        sentences: Vec::new(),
        failed: 0,
    }
}

/// All that a renderer prints for some rows.
pub(super) fn print<const CELLS: usize>(format: Format, schema: &Schema, options: &Options, rows: &[[Cell<'_>; CELLS]]) -> String {
    let printed = Printed::default();
    let mut renderer = super::renderer(format, schema, options, Box::new(printed.clone()));
    renderer.start(&run()).expect("start");
    for row in rows {
        renderer.row(row).expect("row");
    }
    renderer.finish(&summary()).expect("finish");
    printed.text()
}

/// What was printed so far.
#[derive(Clone, Default)]
pub(super) struct Printed(Rc<RefCell<Vec<u8>>>);

impl Printed {
    /// With a version that stays.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8(self.0.borrow().clone()).expect("all formats are UTF-8");
        text.replace(concat!("\"version\":\"", env!("CARGO_PKG_VERSION")), "\"version\":\"0.0.0")
    }

    pub(super) fn renderer(&self, format: Format, options: &Options) -> Box<dyn Renderer> {
        super::renderer(format, &schema(), options, Box::new(self.clone()))
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
