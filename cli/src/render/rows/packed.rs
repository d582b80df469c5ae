//! Cells as bytes, and back.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::render::{Cell, TopValue};

const NULL: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const RATIO: u8 = 3;
const DECIMAL: u8 = 4;
const MILLIS: u8 = 5;
const TIME: u8 = 6;
const IPV4: u8 = 7;
const IPV6: u8 = 8;
const FLAGS: u8 = 9;
const VALUES: u8 = 10;
const NO: u8 = 11;
const YES: u8 = 12;
const TEXTS: u8 = 13;

/// Appends a cell: a byte for its kind, then as few bytes as it takes.
pub(super) fn push_cell(out: &mut Vec<u8>, known: &mut Flags, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.push(NULL),
        Cell::Text(bytes) => {
            out.push(TEXT);
            push_bytes(out, bytes);
        }
        Cell::Number(number) => push_tagged(out, NUMBER, number),
        Cell::Ratio(value) => push_float(out, RATIO, value),
        Cell::Decimal(value) => push_float(out, DECIMAL, value),
        Cell::Bool(yes) => out.push(if yes { YES } else { NO }),
        Cell::Millis(ns) => push_tagged(out, MILLIS, ns),
        Cell::Time(ns) => push_tagged(out, TIME, ns),
        Cell::Address(IpAddr::V4(address)) => {
            out.push(IPV4);
            out.extend_from_slice(&address.octets());
        }
        Cell::Address(IpAddr::V6(address)) => {
            out.push(IPV6);
            out.extend_from_slice(&address.octets());
        }
        Cell::Texts(texts) => {
            push_tagged(out, TEXTS, texts.len() as u64);
            texts.iter().for_each(|text| push_bytes(out, text.as_bytes()));
        }
        Cell::Flags(list) => push_tagged(out, FLAGS, known.place(list)),
        Cell::Values(values) => {
            push_tagged(out, VALUES, values.len() as u64);
            for top in values {
                push_bytes(out, top.value);
                push_varint(out, top.count);
                out.extend_from_slice(&top.share.to_le_bytes());
            }
        }
    }
}

fn push_tagged(out: &mut Vec<u8>, tag: u8, number: u64) {
    out.push(tag);
    push_varint(out, number);
}

fn push_float(out: &mut Vec<u8>, tag: u8, value: f64) {
    out.push(tag);
    out.extend_from_slice(&value.to_le_bytes());
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// LEB128: seven bits per byte, the lowest first.
fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Every list of flags that occurred, once: there are few.
#[derive(Debug, Default)]
pub(super) struct Flags {
    lists: Vec<Box<[&'static str]>>,
    places: HashMap<Box<[&'static str]>, u64>,
}

impl Flags {
    fn place(&mut self, list: &[&'static str]) -> u64 {
        if let Some(&place) = self.places.get(list) {
            return place;
        }
        let place = self.lists.len() as u64;
        self.lists.push(list.into());
        self.places.insert(list.into(), place);
        place
    }
}

/// A cell read back: top values and lists of texts have to be put together, anything else is there as it is.
pub(super) enum Kept<'a> {
    Cell(Cell<'a>),
    Values(Vec<TopValue<'a>>),
    Texts(Vec<String>),
}

impl Kept<'_> {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Kept::Cell(cell) => *cell,
            Kept::Values(values) => Cell::Values(values),
            Kept::Texts(texts) => Cell::Texts(texts),
        }
    }
}

/// Reads what [`push_cell`] wrote, and only that: the bytes are this module's own.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    flags: &'a Flags,
}

impl<'a> Reader<'a> {
    /// The cells of one row.
    pub(super) fn new(bytes: &'a [u8], flags: &'a Flags) -> Self {
        Self { bytes, flags }
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        taken
    }

    fn array<const LEN: usize>(&mut self) -> [u8; LEN] {
        self.take(LEN).try_into().expect("as long as asked for")
    }

    fn varint(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let [byte] = self.array();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn place(&mut self) -> usize {
        usize::try_from(self.varint()).expect("was a length in this process")
    }

    fn text(&mut self) -> &'a [u8] {
        let len = self.place();
        self.take(len)
    }

    fn texts(&mut self) -> Vec<String> {
        let count = self.place();
        (0..count).map(|_| String::from_utf8_lossy(self.text()).into_owned()).collect()
    }

    fn values(&mut self) -> Vec<TopValue<'a>> {
        let count = self.place();
        (0..count).map(|_| TopValue { value: self.text(), count: self.varint(), share: f64::from_le_bytes(self.array()) }).collect()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Kept<'a>;

    fn next(&mut self) -> Option<Kept<'a>> {
        let (&tag, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(Kept::Cell(match tag {
            NULL => Cell::Null,
            TEXT => Cell::Text(self.text()),
            NUMBER => Cell::Number(self.varint()),
            RATIO => Cell::Ratio(f64::from_le_bytes(self.array())),
            DECIMAL => Cell::Decimal(f64::from_le_bytes(self.array())),
            NO => Cell::Bool(false),
            YES => Cell::Bool(true),
            MILLIS => Cell::Millis(self.varint()),
            TIME => Cell::Time(self.varint()),
            IPV4 => Cell::Address(Ipv4Addr::from(self.array::<4>()).into()),
            IPV6 => Cell::Address(Ipv6Addr::from(self.array::<16>()).into()),
            FLAGS => {
                let place = self.place();
                Cell::Flags(&self.flags.lists[place])
            }
            VALUES => return Some(Kept::Values(self.values())),
            TEXTS => return Some(Kept::Texts(self.texts())),
            other => unreachable!("no cell is written with the tag {other}"),
        }))
    }
}
