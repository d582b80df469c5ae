//! Rows and log lines as text, to compare one with the other.

use serde_json::Value;

/// These columns of each row, sorted; `-` for null.
pub(crate) fn lines(rows: &[Value], columns: &[&str]) -> Vec<String> {
    let mut lines: Vec<_> = rows.iter().map(|row| line(row, columns)).collect();
    lines.sort();
    lines
}

fn line(row: &Value, columns: &[&str]) -> String {
    let cells = columns.iter().map(|column| cell(row.get(column).unwrap_or_else(|| panic!("{column} in {row}"))));
    cells.collect::<Vec<_>>().join(" ")
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(values) => format!("[{}]", values.iter().map(cell).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Both are sorted.
#[track_caller]
pub(crate) fn assert_same_lines(captured: &[String], logged: &[String]) {
    let only = |these: &[String], those: &[String]| these.iter().filter(|line| !those.contains(line)).take(10).cloned().collect::<Vec<_>>();
    assert!(
        captured == logged,
        "{} rows, {} logged\nonly captured: {:#?}\nonly logged: {:#?}",
        captured.len(),
        logged.len(),
        only(captured, logged),
        only(logged, captured),
    );
}
