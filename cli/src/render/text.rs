//! Numbers, times and addresses as text, appended to a buffer that is used again: rows are written by the million.

use std::io::Write as _;
use std::net::IpAddr;

use super::Cell;
use super::sanitize::{Backslash, push_visible};

/// Writes times; remembers the last second, which neighbouring rows share.
pub(super) struct Clock {
    second: u64,
    text: [u8; SECONDS_LEN],
}

const SECONDS_LEN: usize = "1970-01-01T00:00:00".len();
const NS_PER_SECOND: u64 = 1_000_000_000;

impl Clock {
    pub(super) fn new() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00" }
    }

    /// RFC 3339 in UTC with microseconds, cut rather than rounded.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, unix_ns: u64) {
        let second = unix_ns / NS_PER_SECOND;
        if second != self.second {
            self.text = seconds_text(second);
            self.second = second;
        }
        out.extend_from_slice(&self.text);
        out.push(b'.');
        push_digits::<6>(out, unix_ns % NS_PER_SECOND / 1000);
        out.push(b'Z');
    }
}

fn seconds_text(second: u64) -> [u8; SECONDS_LEN] {
    let time = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let text = time.expect("64 bits of nanoseconds end in 2554").to_string();
    text.as_bytes()[..SECONDS_LEN].try_into().expect("years have four digits until 9999")
}

/// A cell as tables and CSV show it, with wire bytes made visible; nothing for what is absent or empty.
pub(super) fn push_cell(out: &mut Vec<u8>, clock: &mut Clock, cell: Cell<'_>) {
    match cell {
        Cell::Null => {}
        Cell::Text(bytes) => push_visible(out, bytes, Backslash::Doubled),
        Cell::Number(number) => push_number(out, number),
        Cell::Ratio(value) | Cell::Decimal(value) if !value.is_finite() => {}
        Cell::Ratio(ratio) => push_fixed::<4>(out, ratio),
        Cell::Decimal(decimal) => push_fixed::<3>(out, decimal),
        Cell::Bool(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
        Cell::Millis(ns) => push_millis(out, ns),
        Cell::Time(ns) => clock.push(out, ns),
        Cell::Address(address) => push_address(out, address),
        Cell::Texts(texts) => out.extend_from_slice(texts.join("; ").as_bytes()),
        Cell::Flags(flags) => {
            for (place, flag) in flags.iter().enumerate() {
                if place > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(flag.as_bytes());
            }
        }
        Cell::Values(values) => {
            if let Some(first) = values.first() {
                push_visible(out, first.value, Backslash::Doubled);
                if first.share.is_finite() {
                    out.push(b' ');
                    push_fixed::<4>(out, first.share);
                }
            }
        }
    }
}

pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Milliseconds with three decimals of a duration in nanoseconds.
pub(super) fn push_millis(out: &mut Vec<u8>, ns: u64) {
    let us = ns / 1000 + u64::from(ns % 1000 >= 500);
    push_number(out, us / 1000);
    out.push(b'.');
    push_digits::<3>(out, us % 1000);
}

/// A finite number with `DECIMALS` decimals, at most eight.
pub(super) fn push_fixed<const DECIMALS: usize>(out: &mut Vec<u8>, value: f64) {
    // Exact as an integer only well below 2^53; what is larger, or negative, is rare enough for the slow way.
    if !(0.0..1e6).contains(&value) {
        return write!(out, "{value:.DECIMALS$}").expect("a Vec takes every write");
    }
    let unit = 10_u64.pow(DECIMALS as u32);
    let scaled = (value * unit as f64).round() as u64;
    push_number(out, scaled / unit);
    out.push(b'.');
    push_digits::<DECIMALS>(out, scaled % unit);
}

/// An address; an IPv4 one as such, also where it is mapped into IPv6.
pub(super) fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                push_number(out, u64::from(octet));
            }
        }
        IpAddr::V6(address) => {
            write!(out, "{address}").expect("a Vec takes every write");
        }
    }
}

/// The last `DIGITS` decimal digits.
fn push_digits<const DIGITS: usize>(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [0; DIGITS];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::TopValue;

    fn text(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        push_cell(&mut out, &mut Clock::new(), cell);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn numbers_have_the_decimals_of_their_kind() {
        assert_eq!(text(Cell::Number(0)), "0");
        assert_eq!(text(Cell::Number(u64::MAX)), "18446744073709551615");
        assert_eq!(text(Cell::Ratio(0.52128)), "0.5213");
        assert_eq!(text(Cell::Ratio(1.0)), "1.0000");
        assert_eq!(text(Cell::Decimal(3.0005)), "3.001");
        assert_eq!(text(Cell::Decimal(-1.5)), "-1.500");
        assert_eq!(text(Cell::Decimal(1e20)), "100000000000000000000.000");
        assert_eq!(text(Cell::Decimal(f64::NAN)), "");
        assert_eq!(text(Cell::Ratio(f64::INFINITY)), "");
    }

    #[test]
    fn durations_are_milliseconds_rounded_to_microseconds() {
        assert_eq!(text(Cell::Millis(12_345_678)), "12.346");
        assert_eq!(text(Cell::Millis(499)), "0.000");
        assert_eq!(text(Cell::Millis(999_999_500)), "1000.000");
        assert_eq!(text(Cell::Millis(u64::MAX)), "18446744073709.552");
    }

    #[test]
    fn times_are_rfc_3339_with_microseconds_across_seconds_and_centuries() {
        let mut clock = Clock::new();
        let mut out = Vec::new();
        for ns in [0, 1_767_323_045_123_456_789, 1_767_323_045_999_999_999, 951_826_554_000_001_000, u64::MAX] {
            clock.push(&mut out, ns);
            out.push(b'\n');
        }
        let expected = "\
1970-01-01T00:00:00.000000Z
2026-01-02T03:04:05.123456Z
2026-01-02T03:04:05.999999Z
2000-02-29T12:15:54.000001Z
2554-07-21T23:34:33.709551Z
";
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }

    #[test]
    fn addresses_are_in_their_short_form() {
        let address = |address: &str| text(Cell::Address(address.parse().expect(address)));
        assert_eq!(address("10.0.0.255"), "10.0.0.255");
        assert_eq!(address("2001:db8:0:0:0:0:0:1"), "2001:db8::1");
        assert_eq!(address("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn lists_are_one_line() {
        assert_eq!(text(Cell::Flags(&["open", "gap"])), "open gap");
        assert_eq!(text(Cell::Flags(&[])), "");
        let gzip = TopValue { value: b"gzip", count: 3, share: 0.521_34 };
        let other = TopValue { value: b"br", count: 1, share: 0.1 };
        assert_eq!(text(Cell::Values(&[gzip, other])), "gzip 0.5213");
        assert_eq!(text(Cell::Values(&[])), "");
    }
}
