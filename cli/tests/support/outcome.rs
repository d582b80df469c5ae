//! What a finished run of `ehl` left: exit status, stdout, stderr, and the rows in them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// A finished run.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The run, if it ended with this exit status.
    #[track_caller]
    pub(crate) fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit status\n{self}");
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("stdout is UTF-8")
    }

    /// The records of an NDJSON run.
    pub(crate) fn records(&self) -> Vec<Value> {
        ndjson(&self.stdout)
    }

    /// The `row` records of an NDJSON run.
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.records().into_iter().filter(|record| record["type"] == "row").collect()
    }

    /// The one `summary` record of an NDJSON run, its last.
    #[track_caller]
    pub(crate) fn summary(&self) -> Value {
        let last = self.records().pop().expect("an NDJSON run prints records");
        assert_eq!(last["type"], "summary", "the last record\n{self}");
        last
    }

    /// One number of the summary's accounting.
    #[track_caller]
    pub(crate) fn accounting(&self, key: &str) -> u64 {
        count(&self.summary(), key)
    }

    /// The rows of a CSV run, by column name.
    pub(crate) fn csv_rows(&self) -> Vec<BTreeMap<String, String>> {
        csv_rows(&self.stdout)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let shown: String = stdout.chars().take(4000).collect();
        write!(out, "exit status {:?}\n--- stdout\n{shown}\n--- stderr\n{}", self.code, self.stderr)
    }
}

/// One number of a summary's accounting.
#[track_caller]
pub(crate) fn count(summary: &Value, key: &str) -> u64 {
    let counted = summary["accounting"][key].as_u64();
    counted.unwrap_or_else(|| panic!("accounting has no number {key}: {summary}"))
}

pub(crate) fn ndjson(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let parse = |line: &[u8]| serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
    lines.map(parse).collect()
}

pub(crate) fn csv_rows(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(bytes).deserialize().map(|row| row.expect("a CSV row has a cell per column")).collect()
}

/// `METHOD PATH STATUS` of a row; `-` for what was not seen.
pub(crate) fn exchange(row: &Value) -> String {
    let cell = |key: &str| match &row[key] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    };
    format!("{} {} {}", cell("method"), cell("path"), cell("status"))
}
