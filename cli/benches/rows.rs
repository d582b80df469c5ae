//! The memory that collected rows take: what sorting 100,000 rows adds to the peak of resident memory. Prints one JSON document;
//! `scripts/bench` makes a table of it.

#[path = "core/http_row.rs"]
mod http_row;

use std::fs;
use std::io::{self, Write as _};

use ehl::render::{Format, Options, Run, renderer};

const ROWS: u64 = 100_000;

fn main() -> io::Result<()> {
    let before = peak_resident_kib()?;
    // By response time.
    let options = Options { sort: Some(13), ..Options::default() };
    let mut json = renderer(Format::Json, &http_row::schema(), &options, Box::new(io::sink()));
    json.start(&Run::default())?;
    (0..ROWS).try_for_each(|number| json.row(&http_row::row(number)))?;
    let bytes = (peak_resident_kib()? - before) * 1024;
    let document = serde_json::json!({ "schema": "ehl.bench.rows/1", "rows": ROWS, "bytes_per_row": bytes / ROWS });
    writeln!(io::stdout(), "{document}")
}

fn peak_resident_kib() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse().unwrap_or_default())
}
