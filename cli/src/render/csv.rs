//! CSV, RFC 4180 with `\n` as line end: a heading and rows, nothing else ever.
//!
//! CSV ends up in terminals and spreadsheets. A record is always one line, since line ends in values are escaped like
//! other controls, and text that a spreadsheet would take for a formula starts with an apostrophe. JSON is the format
//! that keeps values as they are.

use std::io::{self, BufWriter, Write};

use super::sanitize::is_hidden;
use super::text::{Clock, push_cell};
use super::{BUFFER_BYTES, Cell, Counts, Renderer, Run, Schema, Summary};

/// Streams rows as CSV.
pub(super) struct Csv {
    schema: Schema,
    heading: bool,
    out: BufWriter<Box<dyn Write>>,
    clock: Clock,
    record: Vec<u8>,
    /// A field that is to stand in quotes.
    quoted: Vec<u8>,
    rows: u64,
}

impl Csv {
    pub(super) fn new(schema: Schema, heading: bool, out: Box<dyn Write>) -> Self {
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Self { schema, heading, out, clock: Clock::new(), record: Vec::new(), quoted: Vec::new(), rows: 0 }
    }

    fn record<'c>(&mut self, cells: impl IntoIterator<Item = Cell<'c>>) -> io::Result<()> {
        self.record.clear();
        for cell in cells {
            push_field(&mut self.record, &mut self.quoted, &mut self.clock, cell);
            self.record.push(b',');
        }
        // An empty line is no record.
        if self.record == b"," {
            self.record.splice(0..0, *b"\"\"");
        }
        if let Some(last) = self.record.last_mut() {
            *last = b'\n';
        }
        self.out.write_all(&self.record)
    }
}

/// What has delimiters in it stands in quotes, and its own quotes twice (RFC 4180 section 2). Line ends are escaped before.
fn push_field(out: &mut Vec<u8>, quoted: &mut Vec<u8>, clock: &mut Clock, cell: Cell<'_>) {
    let start = out.len();
    if untrusted(cell).is_some_and(is_formula) {
        out.push(b'\'');
    }
    push_cell(out, clock, cell);
    if matches!(cell, Cell::Text(_) | Cell::Texts(_) | Cell::Values(_)) && memchr::memchr3(b',', b'"', b'\n', &out[start..]).is_some() {
        quoted.clear();
        quoted.extend(out.drain(start..));
        out.push(b'"');
        for part in quoted.split_inclusive(|byte| *byte == b'"') {
            out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

impl Renderer for Csv {
    fn start(&mut self, _run: &Run) -> io::Result<()> {
        if !self.heading {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.schema.columns);
        self.record(columns.iter().map(|column| Cell::Text(column.name.as_bytes())))?;
        self.flush()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.rows += 1;
        self.record(cells.iter().copied())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _summary: &Summary) -> io::Result<()> {
        self.flush()
    }

    fn counts(&self) -> Counts {
        Counts { rows: self.rows, beyond_max: 0, failed: 0 }
    }
}

/// The part of a cell that the wire decides on and a field would start with.
fn untrusted(cell: Cell<'_>) -> Option<&[u8]> {
    match cell {
        Cell::Text(bytes) => Some(bytes),
        Cell::Values(values) => values.first().map(|first| first.value),
        _ => None,
    }
}

/// Whether a spreadsheet could read a formula: `= + - @`, tab or carriage return first, or one of their full-width forms,
/// after anything that a spreadsheet may skip.
pub(super) fn is_formula(bytes: &[u8]) -> bool {
    // Apostrophes are passed over so that one that was there is not taken for one that was put there.
    let Some(quotes) = bytes.iter().position(|&byte| byte != b'\'') else {
        return false;
    };
    match bytes[quotes] {
        b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' => return true,
        b'!'..=b'~' => return false,
        _ => {}
    }
    let start = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    start
        .trim_start_matches(|character: char| character.is_whitespace() || is_hidden(character) || character == '\'')
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'])
}

#[cfg(test)]
mod tests {
    use super::is_formula;
    use crate::render::testing::{Printed, TOP_VALUES, hostile_rows, hostile_schema, print, row, run, schema};
    use crate::render::{Cell, Column, Format, Options, Schema};

    #[test]
    fn the_heading_is_there_at_start_even_if_no_row_follows() {
        let printed = Printed::default();
        printed.renderer(Format::Csv, &Options::default()).start(&run()).expect("start");
        assert_eq!(printed.text(), "time,src,path,status,response_time_ms,flags\n");
    }

    #[test]
    fn rows_are_all_there_is_even_when_events_were_lost() {
        let rows = [row(b"/v1/chat", 200, 12_345_000), row(b"/a,b", 0, 0)];
        assert_eq!(
            print(Format::Csv, &schema(), &Options::default(), &rows),
            r#"time,src,path,status,response_time_ms,flags
2026-01-02T03:04:05.123456Z,10.0.0.1,/v1/chat,200,12.345,
2026-01-02T03:04:05.123456Z,10.0.0.1,"/a,b",,,open gap
"#
        );
        let options = Options { heading: false, ..Options::default() };
        assert_eq!(print::<6>(Format::Csv, &schema(), &options, &[]), "");
    }

    #[test]
    fn a_record_of_one_empty_field_is_no_empty_line() {
        let schema = Schema { name: "ehl.test/1", columns: vec![Column::left("value", 5)] };
        assert_eq!(print(Format::Csv, &schema, &Options::default(), &[[Cell::Null], [Cell::Text(b"a")]]), "value\n\"\"\na\n");
    }

    #[test]
    fn what_the_wire_sent_stays_text_on_one_line() {
        assert_eq!(
            print(Format::Csv, &hostile_schema(), &Options::default(), &hostile_rows()),
            r#"name,value
title,\x1b]0;owned\x07
formula,'=cmd|' /C calc'!A0
nul,a\x00b
bidi,user\u{202e}gpj.exe
invalid,\xff\xfe\xc3(
crlf,x\r\nSet-Cookie: y
quotes,"say ""hi"", \\ bye"
c1,\u{9b}31m
wide,日本＝語
"#
        );
    }

    #[test]
    fn every_way_to_start_a_formula_is_guarded() {
        for text in [
            "=1",
            "+1",
            "-1",
            "@x",
            "-",
            "\t=1",
            "\tx",
            "\rx",
            " =1",
            "\u{a0}+1",
            "\u{3000}=1",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "\u{feff}=1",
            "'=1",
        ] {
            assert!(is_formula(text.as_bytes()), "{text:?}");
        }
        for text in ["", "a=1", "1-2", "/", "*/*", "\"=1\"", "'x", "日本", "(=)"] {
            assert!(!is_formula(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn text_is_guarded_and_numbers_are_not() {
        let columns = ["a", "b", "c", "d"].map(|name| Column::left(name, 1)).to_vec();
        let cells = [Cell::Text(b"-1"), Cell::Decimal(-1.0), Cell::Values(&TOP_VALUES), Cell::Text(b"-")];
        let printed = print(Format::Csv, &Schema { name: "ehl.test/1", columns }, &Options::default(), &[cells]);
        assert_eq!(printed, "a,b,c,d\n'-1,-1.000,'=gzip 0.7500,'-\n");
    }

    #[test]
    fn columns_come_as_they_are_chosen() {
        let options = Options { columns: Some(vec![3, 2]), ..Options::default() };
        assert_eq!(print(Format::Csv, &schema(), &options, &[row(b"/", 200, 1)]), "status,path\n200,/\n");
    }
}
