//! Numbers for the eye: few digits, with the unit that makes them short.

use std::io::Write as _;

use super::{Backslash, Cell, Unit, push_visible};

/// Characters that the whole of a drawn share takes.
const BAR: usize = 10;

/// Writes a cell that is a number, or begins with one, if there is a short form for it; otherwise says that there is none.
pub(super) fn push(out: &mut Vec<u8>, cell: Cell<'_>, unit: Unit) -> bool {
    match (cell, unit) {
        (Cell::Millis(ns), _) => push_time(out, ns),
        (Cell::Number(bytes), Unit::Bytes) => push_bytes(out, bytes),
        (Cell::Ratio(share), Unit::Bar) => {
            push_share(out, share);
            push_bar(out, share);
        }
        (Cell::Ratio(share), _) => push_share(out, share),
        // Not the zero that has a sign.
        (Cell::Decimal(number), _) => push_digits(out, number + 0.0),
        (Cell::Values([first, ..]), _) => {
            push_share(out, first.share);
            out.push(b' ');
            push_visible(out, first.value, Backslash::Doubled);
        }
        _ => return false,
    }
    true
}

/// A duration in nanoseconds, as tables show it: `5.12 ms`.
pub fn time_text(ns: u64) -> String {
    let mut text = Vec::new();
    push_time(&mut text, ns);
    String::from_utf8_lossy(&text).into_owned()
}

/// Three digits of a duration in nanoseconds, at least microseconds.
fn push_time(out: &mut Vec<u8>, ns: u64) {
    const UNITS: [(f64, &str); 4] = [(1e3, "us"), (1e6, "ms"), (1e9, "s"), (60e9, "min")];
    let ns = ns as f64;
    // What would be rounded to 1000 is told in the next unit.
    let fits = |size: f64| if size < 1e9 { ns / size < 999.5 } else { ns / size < 99.5 };
    let (size, name) = UNITS.into_iter().find(|(size, _)| fits(*size)).unwrap_or(UNITS[3]);
    push_digits(out, ns / size);
    write!(out, " {name}").expect("a Vec takes every write");
}

fn push_bytes(out: &mut Vec<u8>, bytes: u64) {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return write!(out, "{bytes} B").expect("a Vec takes every write");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    push_digits(out, size);
    write!(out, " {}", UNITS[unit]).expect("a Vec takes every write");
}

/// Per cent, with what tells 0 and 1 from what is close to them.
fn push_share(out: &mut Vec<u8>, share: f64) {
    let percent = share * 100.0;
    let text = match percent {
        0.0 => "0".to_owned(),
        100.0 => "100".to_owned(),
        _ if percent < 0.005 => "<0.01".to_owned(),
        _ if percent < 0.95 => format!("{percent:.2}"),
        _ if percent > 99.9 => ">99.9".to_owned(),
        _ => format!("{percent:.1}"),
    };
    write!(out, "{text} %").expect("a Vec takes every write");
}

fn push_bar(out: &mut Vec<u8>, share: f64) {
    let full = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    write!(out, " |{:<BAR$}|", "#".repeat(full)).expect("a Vec takes every write");
}

/// Three significant digits, more only before the point.
fn push_digits(out: &mut Vec<u8>, number: f64) {
    let decimals = match number.abs() {
        0.0 => 0,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    write!(out, "{number:.decimals$}").expect("a Vec takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::TopValue;

    fn text(cell: Cell<'_>, unit: Unit) -> String {
        let mut out = Vec::new();
        assert!(push(&mut out, cell, unit));
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (ns, expected) in [
            (0, "0 us"),
            (400, "0.40 us"),
            (12_345, "12.3 us"),
            (999_499, "999 us"),
            (999_500, "1.00 ms"),
            (5_120_000, "5.12 ms"),
            (812_345_000, "812 ms"),
            (1_234_000_000, "1.23 s"),
            (99_400_000_000, "99.4 s"),
            (150_000_000_000, "2.50 min"),
            (86_400_000_000_000, "1440 min"),
        ] {
            assert_eq!(text(Cell::Millis(ns), Unit::Millis), expected, "{ns}");
        }
    }

    #[test]
    fn bytes_are_in_powers_of_1024() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_240, "10.0 KiB"),
            (1_048_575, "1.00 MiB"),
            (5_000_000_000, "4.66 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(text(Cell::Number(bytes), Unit::Bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn shares_are_per_cent_and_drawn() {
        for (share, expected) in
            [(0.0, "0 %"), (0.000_01, "<0.01 %"), (0.0042, "0.42 %"), (0.5213, "52.1 %"), (0.9999, ">99.9 %"), (1.0, "100 %")]
        {
            assert_eq!(text(Cell::Ratio(share), Unit::Share), expected, "{share}");
        }
        assert_eq!(text(Cell::Ratio(0.52), Unit::Bar), "52.0 % |#####     |");
    }

    #[test]
    fn of_many_values_the_first_is_told_after_its_share() {
        let first = TopValue { value: b"gz\x1bip", count: 3, share: 0.52134 };
        assert_eq!(text(Cell::Values(&[first]), Unit::None), r"52.1 % gz\x1bip");
    }

    #[test]
    fn counts_stay_as_they_are() {
        assert!(!push(&mut Vec::new(), Cell::Number(1_234_567), Unit::None));
        assert!(!push(&mut Vec::new(), Cell::Text(b"x"), Unit::None));
        assert_eq!(text(Cell::Decimal(1234.56), Unit::PerSecond), "1235");
        assert_eq!(text(Cell::Decimal(0.456), Unit::PerSecond), "0.46");
        assert_eq!(text(Cell::Decimal(-0.0), Unit::None), "0");
    }
}
