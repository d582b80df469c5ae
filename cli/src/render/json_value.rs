//! JSON text of cells, runs and accounting.
//!
//! Text that is UTF-8 becomes a string in which everything hidden is escaped, so that a look at the file with `cat`
//! is harmless and a parser gets exactly what was on the wire; other bytes become `{"base64": "..."}`.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sanitize::is_hidden;
use super::text::{Clock, push_address, push_fixed, push_millis, push_number};
use super::{Accounting, Cell, Counts, NotHttp, PacketCounts, ProbeCost, Run, Schema, TopValue, Unseen};

/// The text `,"key":` or, for the first, `"key":` before each value of a row.
pub(super) fn keys(schema: &Schema) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    for (place, column) in schema.columns.iter().enumerate() {
        let mut key = if place == 0 { Vec::new() } else { b",".to_vec() };
        push_string(&mut key, &column.name);
        key.push(b':');
        keys.push(key);
    }
    keys
}

/// The members of a row, without braces.
pub(super) fn push_row(out: &mut Vec<u8>, clock: &mut Clock, keys: &[Vec<u8>], cells: &[Cell<'_>]) {
    debug_assert_eq!(keys.len(), cells.len(), "a row has one cell for each column");
    for (key, cell) in keys.iter().zip(cells) {
        out.extend_from_slice(key);
        push_cell(out, clock, cell);
    }
}

fn push_cell(out: &mut Vec<u8>, clock: &mut Clock, cell: &Cell<'_>) {
    match *cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(bytes) => push_bytes(out, bytes),
        Cell::Number(number) => push_number(out, number),
        Cell::Ratio(ratio) => push_real::<4>(out, ratio),
        Cell::Decimal(decimal) => push_real::<3>(out, decimal),
        Cell::Bool(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
        Cell::Millis(ns) => push_millis(out, ns),
        Cell::Time(ns) => push_time(out, clock, ns),
        Cell::Address(address) => {
            out.push(b'"');
            push_address(out, address);
            out.push(b'"');
        }
        Cell::Flags(flags) => push_list(out, flags, |out, flag| push_string(out, flag)),
        Cell::Texts(texts) => push_strings(out, texts),
        Cell::Values(values) => {
            push_list(out, values, push_top_value);
        }
    }
}

fn push_real<const DECIMALS: usize>(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        push_fixed::<DECIMALS>(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn push_top_value(out: &mut Vec<u8>, top: &TopValue<'_>) {
    out.extend_from_slice(b"{\"value\":");
    push_bytes(out, top.value);
    out.extend_from_slice(b",\"count\":");
    push_number(out, top.count);
    out.extend_from_slice(b",\"share\":");
    push_real::<4>(out, top.share);
    out.push(b'}');
}

fn push_list<T>(out: &mut Vec<u8>, items: &[T], mut push: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

fn push_known(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// The members that say where and when a run looks, up to `started_at`, without braces.
pub(super) fn push_run(out: &mut Vec<u8>, clock: &mut Clock, schema: &Schema, run: &Run) {
    let Run { host, kernel, probe, attached, started_at_ns } = run;
    push_member(out, "schema", |out| push_string(out, schema.name));
    out.extend_from_slice(b",\"tool\":{");
    push_member(out, "name", |out| push_string(out, env!("CARGO_PKG_NAME")));
    push_next(out, "version", |out| {
        push_string(out, env!("CARGO_PKG_VERSION"));
    });
    out.push(b'}');
    push_next(out, "host", |out| push_known(out, host.as_deref()));
    push_next(out, "kernel", |out| push_known(out, kernel.as_deref()));
    push_next(out, "probe", |out| push_known(out, *probe));
    push_next(out, "attached", |out| {
        push_list(out, attached, |out, name| push_string(out, name));
    });
    push_next(out, "started_at", |out| {
        push_time(out, clock, *started_at_ns);
    });
}

/// The accounting as an object; of the rows, what the renderer knows itself.
pub(super) fn push_accounting(out: &mut Vec<u8>, accounting: &Accounting, counts: Counts) {
    let Accounting {
        events,
        lost,
        duplicates,
        truncated,
        undecodable,
        unknown_fields,
        filtered,
        unpaired_requests,
        unpaired_responses,
        rows: _,
        submitted,
        exchanges,
        rows_beyond_max,
        evicted,
        untracked,
        out_of_step,
        fragments,
        not_http: NotHttp { tls, proxy, other },
        packets,
        probe_cost,
    } = accounting;
    out.push(b'{');
    push_member(out, "events", |out| push_number(out, *events));
    let numbers = [
        ("lost", lost),
        ("duplicates", duplicates),
        ("truncated", truncated),
        ("undecodable", undecodable),
        ("filtered", filtered),
        ("unpaired_requests", unpaired_requests),
        ("unpaired_responses", unpaired_responses),
        ("rows", &counts.rows),
        ("submitted", submitted),
        ("exchanges", exchanges),
        ("rows_beyond_max", rows_beyond_max.max(&counts.beyond_max)),
        ("evicted", evicted),
        ("untracked", untracked),
        ("out_of_step", out_of_step),
        ("fragments", fragments),
        ("unknown_fields", unknown_fields),
    ];
    for (name, &number) in numbers {
        push_next(out, name, |out| push_number(out, number));
    }
    out.extend_from_slice(b",\"not_http\":{");
    push_member(out, "tls", |out| push_number(out, *tls));
    for (name, &number) in [("proxy", proxy), ("other", other)] {
        push_next(out, name, |out| push_number(out, number));
    }
    out.push(b'}');
    if let Some(PacketCounts { seen, unsampled, malformed, not_ip, tunnels }) = packets {
        out.extend_from_slice(b",\"packets\":{");
        push_member(out, "seen", |out| push_number(out, *seen));
        for (name, &number) in [("unsampled", unsampled), ("malformed", malformed), ("not_ip", not_ip), ("tunnels", tunnels)] {
            push_next(out, name, |out| push_number(out, number));
        }
        out.push(b'}');
    }
    if let Some(ProbeCost { run_count, run_time_ns }) = probe_cost {
        push_next(out, "run_count", |out| push_number(out, *run_count));
        push_next(out, "run_time_ns", |out| push_number(out, *run_time_ns));
    }
    out.push(b'}');
}

/// Whose traffic was not seen.
pub(super) fn push_unseen(out: &mut Vec<u8>, unseen: &[Unseen]) {
    push_list(out, unseen, |out, Unseen { pid, comm, ports, reason, explanation }| {
        out.push(b'{');
        push_member(out, "pid", |out| match pid {
            Some(pid) => out.extend_from_slice(pid.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        });
        push_next(out, "comm", |out| push_known(out, comm.as_deref()));
        push_next(out, "ports", |out| push_list(out, ports, |out, port| out.extend_from_slice(port.to_string().as_bytes())));
        push_next(out, "reason", |out| push_string(out, reason));
        push_next(out, "explanation", |out| push_string(out, explanation));
        out.push(b'}');
    });
}

/// A member after another one.
pub(super) fn push_next(out: &mut Vec<u8>, name: &str, push: impl FnOnce(&mut Vec<u8>)) {
    out.push(b',');
    push_member(out, name, push);
}

fn push_member(out: &mut Vec<u8>, name: &str, push: impl FnOnce(&mut Vec<u8>)) {
    push_string(out, name);
    out.push(b':');
    push(out);
}

pub(super) fn push_time(out: &mut Vec<u8>, clock: &mut Clock, ns: u64) {
    out.push(b'"');
    clock.push(out, ns);
    out.push(b'"');
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain(bytes) {
        return push_plain(out, bytes);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        return push_string(out, text);
    }
    out.extend_from_slice(b"{\"base64\":\"");
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.extend_from_slice(b"\"}");
}

/// A list of texts.
pub(super) fn push_strings(out: &mut Vec<u8>, texts: &[String]) {
    push_list(out, texts, |out, text| push_string(out, text));
}

pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        return push_plain(out, text.as_bytes());
    }
    out.push(b'"');
    for character in text.chars() {
        push_character(out, character);
    }
    out.push(b'"');
}

/// Whether it is ASCII that stands for itself in a string.
fn is_plain(bytes: &[u8]) -> bool {
    // Without a way out in the middle, so that many bytes are looked at in one step.
    bytes.iter().fold(true, |plain, &byte| plain & (matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')))
}

fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn push_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        hidden if is_hidden(hidden) => {
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a Vec takes every write");
            }
        }
        shown => out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        push_cell(&mut out, &mut Clock::new(), &cell);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn hidden_characters_are_escaped_and_come_back() {
        let wire = "\x1b]0;t\x07 \0 \u{202e}x \u{85}\u{7f} \u{e0041} é\t\r\n\"\\";
        let expected = r#""\u001b]0;t\u0007 \u0000 \u202ex \u0085\u007f \udb40\udc41 é\t\r\n\"\\""#;
        assert_eq!(json(Cell::Text(wire.as_bytes())), expected);
        assert_eq!(serde_json::from_str::<String>(expected).expect("JSON"), wire);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_base64() {
        assert_eq!(json(Cell::Text(b"\xff")), r#"{"base64":"/w=="}"#);
        assert_eq!(json(Cell::Text(b"\xff\xfe")), r#"{"base64":"//4="}"#);
        assert_eq!(json(Cell::Text(b"\xff\xfe\xfd")), r#"{"base64":"//79"}"#);
        assert_eq!(json(Cell::Text(b"abc\xe9")), r#"{"base64":"YWJj6Q=="}"#);
    }

    #[test]
    fn numbers_are_numbers_and_absence_is_null() {
        assert_eq!(json(Cell::Millis(12_345_000)), "12.345");
        assert_eq!(json(Cell::Ratio(0.5)), "0.5000");
        assert_eq!(json(Cell::Number(u64::MAX)), "18446744073709551615");
        assert_eq!(json(Cell::Ratio(f64::NAN)), "null");
        assert_eq!(json(Cell::Null), "null");
    }

    #[test]
    fn lists_are_lists() {
        assert_eq!(json(Cell::Flags(&[])), "[]");
        assert_eq!(json(Cell::Flags(&["open", "gap"])), r#"["open","gap"]"#);
        let values = [TopValue { value: b"gzip", count: 3, share: 0.75 }, TopValue { value: b"\xff", count: 1, share: 0.25 }];
        let expected = r#"[{"value":"gzip","count":3,"share":0.7500},{"value":{"base64":"/w=="},"count":1,"share":0.2500}]"#;
        assert_eq!(json(Cell::Values(&values)), expected);
    }
}
