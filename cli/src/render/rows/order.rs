//! The order of rows.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::packed::Kept;
use crate::render::{Cell, TopValue};

/// What rows are sorted by, in the order of kinds; within a kind, numbers that measure something go down.
pub(super) enum Key<'a> {
    Down(u64),
    DownReal(f64),
    Time(u64),
    Address(IpAddr),
    Text(&'a [u8]),
    Flags(&'a [&'static str]),
    Absent,
}

impl<'a> Key<'a> {
    pub(super) fn of(cell: Option<Kept<'a>>) -> Self {
        let cell = match cell {
            None => return Key::Absent,
            Some(Kept::Values(values)) => return Key::first(&values),
            Some(Kept::Texts(_)) => return Key::Absent,
            Some(Kept::Cell(cell)) => cell,
        };
        match cell {
            Cell::Null | Cell::Flags([]) | Cell::Texts(_) => Key::Absent,
            Cell::Text(text) => Key::Text(text),
            Cell::Number(number) | Cell::Millis(number) => Key::Down(number),
            Cell::Bool(yes) => Key::Down(yes.into()),
            Cell::Ratio(value) | Cell::Decimal(value) => Key::DownReal(value),
            Cell::Time(ns) => Key::Time(ns),
            Cell::Address(address) => Key::Address(address),
            Cell::Flags(flags) => Key::Flags(flags),
            Cell::Values(values) => Key::first(values),
        }
    }

    fn first(values: &[TopValue<'a>]) -> Self {
        values.first().map_or(Key::Absent, |first| Key::Text(first.value))
    }

    /// The order of two cells of one column.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Down(a), Key::Down(b)) => b.cmp(a),
            (Key::DownReal(a), Key::DownReal(b)) => b.total_cmp(a),
            (Key::Time(a), Key::Time(b)) => a.cmp(b),
            (Key::Address(a), Key::Address(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (Key::Flags(a), Key::Flags(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Key::Down(_) => 0,
            Key::DownReal(_) => 1,
            Key::Time(_) => 2,
            Key::Address(_) => 3,
            Key::Text(_) => 4,
            Key::Flags(_) => 5,
            Key::Absent => 6,
        }
    }
}
