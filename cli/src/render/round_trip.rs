//! Random rows, hostile ones among them, come back from JSON and CSV as they were, by parsers that are not ours.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::csv::is_formula;
use super::sanitize::is_hidden;
use super::testing::print;
use super::{Cell, Column, Format, Options, Schema, TopValue};

const COLUMNS: usize = 23;
const ROWS: usize = 400;

#[test]
fn json_gives_back_every_value_without_loss() {
    let values = values();
    let rows = rows(&values);
    let printed = print(Format::Json, &schema(), &Options::default(), &rows);
    assert_harmless(&printed);
    let document: Value = serde_json::from_str(&printed).expect("valid JSON");
    let parsed = document["rows"].as_array().expect("a list");
    assert_eq!(parsed.len(), ROWS);
    for (row, parsed) in rows.iter().zip(parsed) {
        assert_row(row, parsed);
    }
}

#[test]
fn each_ndjson_line_is_the_row_of_the_document() {
    let values = values();
    let rows = rows(&values);
    let printed = print(Format::Ndjson, &schema(), &Options::default(), &rows);
    assert_harmless(&printed);
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("valid JSON")).collect();
    assert_eq!(lines.len(), ROWS + 2);
    for (row, line) in rows.iter().zip(&lines[1..]) {
        assert_eq!(line["type"], "row");
        assert_row(row, line);
    }
}

#[test]
fn csv_gives_back_every_value_and_is_one_line_per_row() {
    let values = values();
    let rows = rows(&values);
    let printed = print(Format::Csv, &schema(), &Options::default(), &rows);
    assert_harmless(&printed);
    assert_eq!(printed.lines().count(), ROWS + 1);
    let mut reader = csv::Reader::from_reader(printed.as_bytes());
    for (row, record) in rows.iter().zip(reader.records()) {
        let record = record.expect("as many fields as the heading");
        for (&cell, field) in row.iter().zip(&record) {
            assert_eq!(from_csv(field), to_csv(cell), "{cell:?} as {field:?}");
        }
    }
}

#[test]
fn a_table_is_one_harmless_line_per_row() {
    let values = values();
    let printed = print(Format::Table, &schema(), &Options::default(), &rows(&values));
    assert_harmless(&printed);
    assert_eq!(printed.lines().count(), ROWS + 1);
}

fn assert_row(row: &[Cell<'_>], parsed: &Value) {
    for (place, &cell) in row.iter().enumerate() {
        assert_eq!(parsed[format!("c{place}")], to_json(cell), "{cell:?}");
    }
}

fn assert_harmless(printed: &str) {
    let hidden = printed.chars().find(|&character| character != '\n' && is_hidden(character));
    assert_eq!(hidden, None);
}

fn schema() -> Schema {
    let columns = (0..COLUMNS).map(|place| Column::left(format!("c{place}"), 8)).collect();
    Schema { name: "ehl.random/1", columns }
}

/// What the wire brings, for cells to borrow.
fn values() -> Vec<Vec<u8>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..5000).map(|_| random.bytes()).collect()
}

fn rows(values: &[Vec<u8>]) -> Vec<[Cell<'_>; COLUMNS]> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    (0..ROWS).map(|_| std::array::from_fn(|_| random.cell(values))).collect()
}

/// Xorshift: the same rows in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let place = self.below(items.len() as u64);
        items[usize::try_from(place).expect("small")]
    }

    fn bytes(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 20] = [
            b"=",
            b"+",
            b"-",
            b"@",
            b"'",
            b"\"",
            b",",
            b"\\",
            b"\\x1b",
            b"\r\n",
            b"\t",
            b"\0",
            b"\x1b[2J",
            b"\xff",
            b"\xe2\x80",
            "\u{202e}".as_bytes(),
            "\u{200b}".as_bytes(),
            "\u{9b}".as_bytes(),
            "日本".as_bytes(),
            b"text ",
        ];
        let mut bytes = Vec::new();
        for _ in 0..self.below(8) {
            if self.below(4) == 0 {
                bytes.push(self.next().to_le_bytes()[0]);
            } else {
                bytes.extend_from_slice(self.pick(&PIECES));
            }
        }
        bytes
    }

    fn cell<'a>(&mut self, values: &'a [Vec<u8>]) -> Cell<'a> {
        const FLAGS: [&[&str]; 3] = [&[], &["open"], &["truncated", "gap"]];
        let any = self.next() >> self.below(64);
        match self.below(13) {
            0 => Cell::Null,
            10 => Cell::Bool(self.below(2) == 1),
            1 => Cell::Number(any),
            2 => Cell::Ratio(self.below(10_001) as f64 / 10_000.0),
            3 => Cell::Decimal((self.below(1_000_000) as f64 - 500_000.0) / 1000.0),
            4 => Cell::Millis(any >> 20),
            5 => Cell::Time(any),
            6 => Cell::Address(Ipv4Addr::from((self.next() >> 32) as u32).into()),
            7 => Cell::Address(Ipv6Addr::from(u128::from(self.next()) << 64 | u128::from(any)).into()),
            8 => Cell::Flags(self.pick(&FLAGS)),
            9 => Cell::Values(&[TopValue { value: b"=\xff", count: 3, share: 0.75 }, TopValue { value: b"br", count: 1, share: 0.25 }]),
            _ => Cell::Text(&values[self.below(values.len() as u64) as usize]),
        }
    }
}

fn to_json(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(bytes) => text_to_json(bytes),
        Cell::Number(number) => json!(number),
        Cell::Bool(yes) => json!(yes),
        Cell::Ratio(value) | Cell::Decimal(value) => json!(value),
        Cell::Millis(ns) => json!(((ns + 500) / 1000) as f64 / 1000.0),
        Cell::Time(ns) => json!(time(ns)),
        Cell::Address(address) => json!(address.to_canonical().to_string()),
        Cell::Flags(flags) => json!(flags),
        Cell::Texts(texts) => json!(texts),
        Cell::Values(values) => {
            values.iter().map(|top| json!({"value": text_to_json(top.value), "count": top.count, "share": top.share})).collect()
        }
    }
}

fn text_to_json(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"base64": base64(bytes)}),
    }
}

/// The slow way: all bits in a row, six at a time.
fn base64(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let digits = bits.as_bytes().chunks(6).map(|six| {
        let six = format!("{:0<6}", str::from_utf8(six).expect("bits"));
        alphabet[usize::from_str_radix(&six, 2).expect("bits")]
    });
    let mut text: String = digits.collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn time(ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(ns.into()).expect("in range");
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// What a CSV field stands for.
fn to_csv(cell: Cell<'_>) -> Vec<u8> {
    match cell {
        Cell::Null => Vec::new(),
        Cell::Text(bytes) => bytes.to_vec(),
        Cell::Number(number) => number.to_string().into_bytes(),
        Cell::Bool(yes) => yes.to_string().into_bytes(),
        Cell::Ratio(value) => format!("{value:.4}").into_bytes(),
        Cell::Decimal(value) => format!("{value:.3}").into_bytes(),
        Cell::Millis(ns) => format!("{:.3}", ((ns + 500) / 1000) as f64 / 1000.0).into_bytes(),
        Cell::Time(ns) => time(ns).into_bytes(),
        Cell::Address(address) => address.to_canonical().to_string().into_bytes(),
        Cell::Flags(flags) => flags.join(" ").into_bytes(),
        Cell::Texts(texts) => texts.join("; ").into_bytes(),
        Cell::Values(values) => [values[0].value, format!(" {:.4}", values[0].share).as_bytes()].concat(),
    }
}

/// Undoes the escapes, and the apostrophe before what would be a formula.
fn from_csv(field: &str) -> Vec<u8> {
    let bytes = unescape(field);
    match bytes.strip_prefix(b"'") {
        Some(rest) if is_formula(rest) => rest.to_vec(),
        _ => bytes,
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let escape = if character == '\\' { rest.next() } else { None };
        match escape {
            None => bytes.extend_from_slice(character.to_string().as_bytes()),
            Some('t') => bytes.push(b'\t'),
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            Some('u') => {
                let digits: String = rest.by_ref().skip(1).take_while(|&digit| digit != '}').collect();
                let code = u32::from_str_radix(&digits, 16).expect("digits");
                bytes.extend_from_slice(char::from_u32(code).expect("a character").to_string().as_bytes());
            }
            Some(other) => bytes.extend_from_slice(other.to_string().as_bytes()),
        }
    }
    bytes
}
