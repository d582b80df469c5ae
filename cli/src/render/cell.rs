//! One value of a row, as the reports hand it over: borrowed, typed, possibly untrusted.

use std::net::IpAddr;

/// One value of a row. Bytes in it come from the wire: any bytes at all, in any length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Absent: `null` in JSON, nothing in CSV, `-` in a table.
    Null,
    /// Text as it was on the wire; not necessarily UTF-8.
    Text(&'a [u8]),
    /// A count, a size, a port, a status.
    Number(u64),
    /// A share between 0 and 1, printed with four decimals. Not a number counts as absent.
    Ratio(f64),
    /// Any other real number, printed with three decimals. Not a number counts as absent.
    Decimal(f64),
    /// Yes or no: a JSON boolean, `true` or `false` elsewhere.
    Bool(bool),
    /// A duration in nanoseconds, printed in milliseconds with three decimals, rounded.
    Millis(u64),
    /// Nanoseconds since 1970-01-01 UTC, printed as RFC 3339 with microseconds.
    Time(u64),
    /// An IP address; IPv4 mapped into IPv6 is printed as IPv4.
    Address(IpAddr),
    /// Marks from a fixed set: a list in JSON, joined by a space elsewhere.
    Flags(&'a [&'static str]),
    /// Texts, as a list in JSON.
    Texts(&'a [String]),
    /// Most frequent values first: a list in JSON, elsewhere the first value and its share.
    Values(&'a [TopValue<'a>]),
}

/// One of the most frequent values of a header element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopValue<'a> {
    /// The value, as it was on the wire.
    pub value: &'a [u8],
    /// How many messages carried it.
    pub count: u64,
    /// The same as a share of the messages that carry the element.
    pub share: f64,
}

impl Cell<'_> {
    /// The cell, or `Null` for what no format can express: not-a-number and infinity.
    pub(super) fn normal(self) -> Self {
        match self {
            Cell::Ratio(value) | Cell::Decimal(value) if !value.is_finite() => Cell::Null,
            Cell::Address(address) => Cell::Address(address.to_canonical()),
            other => other,
        }
    }
}
