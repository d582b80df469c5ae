//! What ehl tells of a capture.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::reading::{Readings, Request};

pub(crate) fn readings(file: &Path) -> Readings {
    let program = std::env::var_os("EHL_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_ehl").into());
    let output = Command::new(program)
        .args(["capture", "--format", "ndjson", "--redact", "off", "--read"])
        .arg(file)
        .output()
        .expect("ehl can be started");
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("ndjson is UTF-8");
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    rows.retain(|row| row["type"] == "row");
    // Rows come in the order in which exchanges end. Those that began at the same time were pipelined, and end in order.
    rows.sort_by_key(|row| text_of(row, "time"));
    let mut readings = Readings::new();
    for row in &rows {
        let (source, destination) = (end(row, "src"), end(row, "dst"));
        let reading = readings.entry(format!("{source} > {destination}")).or_default();
        if !row["method"].is_null() {
            reading.requests.push(Request { method: text_of(row, "method"), path: text_of(row, "path"), host: text_of(row, "host") });
        }
        if let Some(status) = row["status"].as_u64() {
            reading.statuses.push(u16::try_from(status).expect("a status has three digits"));
        }
    }
    readings
}

fn text_of(row: &Value, column: &str) -> String {
    match &row[column] {
        Value::Object(bytes) => decoded(bytes["base64"].as_str().expect("what is no text is in base64")),
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

/// RFC 4648 section 4.
fn decoded(base64: &str) -> String {
    let digit = |byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|digit| *digit == byte);
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0usize, 0u32);
    for value in base64.bytes().filter_map(digit) {
        (bits, held) = (bits << 6 | value, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn end(row: &Value, column: &str) -> String {
    format!("{}:{}", text_of(row, column), row[format!("{column}_port")])
}
