//! A table for people: columns of fixed width, so that rows can be printed as they come.
//!
//! Text that is too long for its column ends in `…`; numbers, times and addresses are never cut, and the columns after
//! them give way as far as they can. The last column is free. Collected rows are measured first.

mod line;

use std::io::{self, BufWriter, Write};

use super::text::{Clock, push_cell};
use super::{Align, BUFFER_BYTES, Backslash, Cell, Counts, Options, Renderer, Rows, Run, Schema, Summary, Unit, eye, push_visible};
use line::{Line, width};

/// Writes rows as a table.
pub(super) struct Table {
    columns: Vec<Column>,
    heading: bool,
    for_the_eye: bool,
    color: bool,
    collects: bool,
    out: BufWriter<Box<dyn Write>>,
    clock: Clock,
    text: Vec<u8>,
    line: Line,
    rows: u64,
}

struct Column {
    /// With everything hidden made visible: a name may come from the command line.
    name: String,
    width: usize,
    align: Align,
    /// What its numbers are shown with, if for the eye.
    unit: Option<Unit>,
    is_status: bool,
}

/// The widest that a column of collected text gets, unless its schema says more.
const FIT_LIMIT: usize = 60;
const BOLD: &str = "\x1b[1m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";

impl Table {
    pub(super) fn new(schema: &Schema, options: &Options, collects: bool, out: Box<dyn Write>) -> Self {
        Self {
            columns: schema.columns.iter().map(|column| Column::new(column, options.for_the_eye)).collect(),
            heading: options.heading,
            for_the_eye: options.for_the_eye,
            color: options.color,
            collects,
            out: BufWriter::with_capacity(BUFFER_BYTES, out),
            clock: Clock::new(),
            text: Vec::new(),
            line: Line::default(),
            rows: 0,
        }
    }

    fn write_heading(&mut self) -> io::Result<()> {
        if !self.heading {
            return Ok(());
        }
        let paint = self.color.then_some(BOLD);
        for (place, column) in self.columns.iter().enumerate() {
            let is_last = place + 1 == self.columns.len();
            self.line.push(&column.name, column.width, column.align, is_last, paint);
        }
        self.write_line()
    }

    fn write_line(&mut self) -> io::Result<()> {
        self.line.end(|text| self.out.write_all(text))
    }

    /// Makes each column as wide as what is in it.
    fn fit(&mut self, rows: &Rows) {
        let limits: Vec<usize> = self.columns.iter().map(|column| column.width.max(FIT_LIMIT)).collect();
        for column in &mut self.columns {
            column.width = if self.heading { width(&column.name) } else { 0 };
        }
        for place in 0..rows.len() {
            rows.with(place, |cells| {
                for ((column, &limit), &cell) in self.columns.iter_mut().zip(&limits).zip(cells) {
                    let needed = width(show(&mut self.text, &mut self.clock, cell, column.unit));
                    column.width = column.width.max(if is_cuttable(cell) { needed.min(limit) } else { needed });
                }
            });
        }
    }
}

impl Column {
    fn new(column: &super::Column, for_the_eye: bool) -> Self {
        let shown = match column.heading {
            Some(heading) if for_the_eye => heading,
            None if for_the_eye => column.name.strip_suffix(column.unit.suffix()).unwrap_or(&column.name),
            _ => &*column.name,
        };
        let mut name = Vec::new();
        push_visible(&mut name, shown.as_bytes(), Backslash::Doubled);
        let name = String::from_utf8_lossy(&name).into_owned();
        let width = width(&name).max(usize::from(column.width));
        Self { width, align: column.align, unit: for_the_eye.then_some(column.unit), is_status: name == "status", name }
    }

    fn paint(&self, cell: Cell<'_>) -> Option<&'static str> {
        match cell {
            Cell::Number(400..=499) if self.is_status => Some(YELLOW),
            Cell::Number(500..=599) if self.is_status => Some(RED),
            _ => None,
        }
    }
}

impl Renderer for Table {
    fn start(&mut self, _run: &Run) -> io::Result<()> {
        if self.collects {
            return Ok(());
        }
        self.write_heading()?;
        self.flush()
    }

    fn collected(&mut self, _summary: &Summary, rows: &Rows) -> io::Result<()> {
        self.fit(rows);
        self.write_heading()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert_eq!(self.columns.len(), cells.len(), "a row has one cell for each column");
        for (place, (column, &cell)) in self.columns.iter().zip(cells).enumerate() {
            let is_free = place + 1 == self.columns.len() || !is_cuttable(cell);
            let paint = column.paint(cell).filter(|_| self.color);
            let text = show(&mut self.text, &mut self.clock, cell, column.unit);
            self.line.push(text, column.width, column.align, is_free, paint);
        }
        self.rows += 1;
        self.write_line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        if self.for_the_eye {
            write_sentences(&mut self.out, summary)?;
        }
        self.flush()
    }

    fn counts(&self) -> Counts {
        Counts { rows: self.rows, beyond_max: 0, failed: 0 }
    }
}

/// What the rows say, below them.
pub(super) fn write_sentences(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let mut text = Vec::new();
    for sentence in &summary.sentences {
        text.push(b'\n');
        push_visible(&mut text, sentence.as_bytes(), Backslash::Kept);
        text.push(b'\n');
    }
    out.write_all(&text)
}

/// The text of a cell, in a buffer that is used again.
fn show<'a>(buffer: &'a mut Vec<u8>, clock: &mut Clock, cell: Cell<'_>, unit: Option<Unit>) -> &'a str {
    buffer.clear();
    let cell = cell.normal();
    match cell {
        _ if unit.is_some_and(|unit| eye::push(buffer, cell, unit)) => {}
        Cell::Null => buffer.push(b'-'),
        Cell::Text([]) => buffer.extend_from_slice(b"\"\""),
        other => push_cell(buffer, clock, other),
    }
    str::from_utf8(buffer).expect("what is made visible is UTF-8")
}

/// Part of a text is still of use, part of a number misleads.
fn is_cuttable(cell: Cell<'_>) -> bool {
    matches!(cell, Cell::Text(_) | Cell::Flags(_) | Cell::Values(_))
}

#[cfg(test)]
mod tests {
    use crate::render::testing::{Printed, hostile_rows, hostile_schema, print, row, run, schema};
    use crate::render::{Format, Options};

    #[test]
    fn the_heading_is_there_at_start_even_if_no_row_follows() {
        let printed = Printed::default();
        printed.renderer(Format::Table, &Options::default()).start(&run()).expect("start");
        assert_eq!(
            printed.text(),
            r"time                         src              path          status  response_time_ms  flags
"
        );
    }

    #[test]
    fn columns_have_fixed_widths_and_only_text_is_cut() {
        let rows = [row(b"/v1/chat", 200, 12_345_000), row(b"/v1/chat/completions", 0, 0), row(b"", 200, 1_234_567_890_123_000)];
        assert_eq!(
            print(Format::Table, &schema(), &Options::default(), &rows),
            r#"time                         src              path          status  response_time_ms  flags
2026-01-02T03:04:05.123456Z  10.0.0.1         /v1/chat         200            12.345
2026-01-02T03:04:05.123456Z  10.0.0.1         /v1/chat/co…       -                 -  open gap
2026-01-02T03:04:05.123456Z  10.0.0.1         ""               200    1234567890.123
"#
        );
    }

    #[test]
    fn what_the_wire_sent_is_shown_and_does_nothing() {
        assert_eq!(
            print(Format::Table, &hostile_schema(), &Options::default(), &hostile_rows()),
            r#"name      value
title     \x1b]0;owned\x07
formula   =cmd|' /C calc'!A0
nul       a\x00b
bidi      user\u{202e}gpj.exe
invalid   \xff\xfe\xc3(
crlf      x\r\nSet-Cookie: y
quotes    say "hi", \\ bye
c1        \u{9b}31m
wide      日本＝語
"#
        );
    }

    #[test]
    fn collected_rows_decide_on_the_widths() {
        let options = Options { fit: true, ..Options::default() };
        let rows = [row(b"/v1/chat/completions", 200, 12_345_000), row(b"/", 0, 0)];
        assert_eq!(
            print(Format::Table, &schema(), &options, &rows),
            r"time                         src       path                  status  response_time_ms  flags
2026-01-02T03:04:05.123456Z  10.0.0.1  /v1/chat/completions     200            12.345
2026-01-02T03:04:05.123456Z  10.0.0.1  /                          -                 -  open gap
"
        );
        assert_eq!(
            print::<6>(Format::Table, &schema(), &options, &[]),
            r"time  src  path  status  response_time_ms  flags
"
        );
    }

    #[test]
    fn colours_come_from_the_renderer_alone() {
        let options = Options { color: true, columns: Some(vec![2, 3]), ..Options::default() };
        let rows = [row(b"/\x1b[31m", 200, 1), row(b"/", 404, 1), row(b"/", 503, 1)];
        let printed = print(Format::Table, &schema(), &options, &rows).replace('\x1b', "ESC");
        assert_eq!(
            printed,
            r"ESC[1mpathESC[0m          ESC[1mstatusESC[0m
/\x1b[31m        200
/                ESC[33m404ESC[0m
/                ESC[31m503ESC[0m
"
        );
    }

    #[test]
    fn rows_can_come_without_a_heading() {
        let options = Options { heading: false, columns: Some(vec![3]), ..Options::default() };
        assert_eq!(
            print(Format::Table, &schema(), &options, &[row(b"/", 200, 1)]),
            r"   200
"
        );
    }
}
