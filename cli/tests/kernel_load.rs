//! `ehl capture` under load: nothing lost that is not said, bounded memory, right sizes.
//!
//! The tests here take turns: what one loses must be its own doing. They mean the program as it is installed; give
//! them a release build (`cargo test --release`, or `EHL_BIN`).

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use support::bodies::{Framing, Server, Sizes, ask_small, download, status_of, upload};
use support::can_run;
use support::capture::Capture;
use support::netns::{Netns, run};
use support::nginx::Nginx;
use support::outcome::count;
use support::process::peak_resident_bytes;

const MIB: u64 = 1 << 20;
const RESIDENT_LIMIT: u64 = 64 * MIB;

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn under_wrk_at_full_speed_rows_are_complete_but_for_a_loss_that_is_told() {
    if !can_run(&["nginx", "wrk"]) {
        return;
    }
    let _turn = alone();
    let connections = 32;
    let netns = Netns::new();
    let nginx = Nginx::start(&netns, "access_log off;");
    let output = nginx.folder().join("rows.ndjson");
    let path = output.to_str().expect("a path of plain letters");
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--format", "ndjson", "-o", path]);

    let mut wrk = netns.command("wrk");
    wrk.args(["-t1", "-d4s", &format!("-c{connections}"), "http://127.0.0.1:8080/s200/load"]);
    let said = String::from_utf8(run(&mut wrk).stdout).expect("wrk prints text");
    let asked: u64 = said.lines().find_map(requests_of).unwrap_or_else(|| panic!("wrk counts requests: {said}"));

    let peak = peak_resident_bytes(capture.pid());
    let outcome = capture.stop().exited(0);
    let (rows, summary) = rows_and_summary(&output, |row| (row["method"].is_null(), row["status"].is_null()));
    let lost = count(&summary, "lost");
    let events = count(&summary, "events");
    eprint_line(&format!("{} rows, {asked} asked, {lost} of {events} lost, {} MiB", rows.len(), peak / MIB));

    assert!(asked > 1000, "{said}");
    assert!(lost * 1000 <= events, "more than 0.1 % lost: {lost} of {events}\n{outcome}");
    let captured = rows.len() as u64;
    assert_eq!(captured, count(&summary, "rows"));
    assert_eq!(rows.iter().filter(|(_, no_status)| *no_status).count() as u64, count(&summary, "unpaired_requests"));
    assert_eq!(rows.iter().filter(|(no_method, _)| *no_method).count() as u64, count(&summary, "unpaired_responses"));
    if lost == 0 {
        assert!(captured.abs_diff(asked) <= 2 * connections, "{captured} rows, {asked} asked");
    }
    assert!(peak < RESIDENT_LIMIT, "{} MiB resident", peak / MIB);
}

/// wrk's count: `  123456 requests in 4.00s, 12.34MB read`.
fn requests_of(line: &str) -> Option<u64> {
    let (count, _) = line.trim().split_once(" requests in ")?;
    count.parse().ok()
}

/// What `part` takes of each row of an NDJSON file, and its summary.
fn rows_and_summary<T>(output: &std::path::Path, part: impl Fn(&Value) -> T) -> (Vec<T>, Value) {
    let file = BufReader::new(File::open(output).expect("the output file is there"));
    let mut rows = Vec::new();
    let mut summary = None;
    for line in file.lines() {
        let record: Value = serde_json::from_str(&line.expect("text")).expect("each line is a record");
        match record["type"].as_str() {
            Some("row") => rows.push(part(&record)),
            Some("summary") => summary = Some(record),
            _ => {}
        }
    }
    (rows, summary.expect("the last record is the summary"))
}

#[test]
fn beside_large_bodies_at_full_speed_every_small_request_is_a_row_and_sizes_are_right() {
    if !can_run(&[]) {
        return;
    }
    let _turn = alone();
    let len = std::env::var("EHL_BODY_MIB").map_or(256, |mib| mib.parse().expect("a number of MiB")) * MIB;
    let netns = Netns::new();
    let _server = Server::start(&netns);
    let options = ["capture", "--for", "10m", "--port", "8080", "--format", "ndjson"];
    let capture = Capture::start(&netns, &options);

    let mut expected = BTreeMap::new();
    std::thread::scope(|scope| {
        let netns = &netns;
        let small = [0..500, 500..1000].map(|numbers| scope.spawn(move || ask_small(netns, numbers)));
        let big = [Framing::ContentLength, Framing::Chunked].map(|framing| {
            let down = scope.spawn(move || (format!("/down/{framing:?}/{len}"), download(netns, framing, len)));
            let up = scope.spawn(move || (format!("/up/{framing:?}"), upload(netns, framing, len)));
            [down, up]
        });
        expected.extend(big.into_iter().flatten().map(|transfer| transfer.join().expect("the transfer works")));
        small.into_iter().for_each(|asking| asking.join().expect("the small requests are answered"));
    });
    let peak = peak_resident_bytes(capture.pid());
    let outcome = capture.stop().exited(0);

    assert_eq!(outcome.accounting("lost"), 0, "{}", outcome.summary());
    let rows = outcome.rows();
    let path = |row: &Value| row["path"].as_str().unwrap_or("-").to_owned();
    let mut small: Vec<_> =
        rows.iter().filter_map(|row| Some((path(row).strip_prefix("/small/")?.parse().ok()?, row["status"].as_u64()))).collect();
    small.sort_unstable();
    let right: Vec<(u64, _)> = (0..1000).map(|number| (number, Some(status_of(number)))).collect();
    assert_eq!(small, right);
    let big = rows.iter().filter(|row| !path(row).starts_with("/small/"));
    let sizes = |row: &Value| {
        let size = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} in {row}"));
        Sizes { request: size("request_bytes"), response: size("response_bytes") }
    };
    assert_eq!(rows.len(), 1004);
    assert_eq!(big.map(|row| (path(row), sizes(row))).collect::<BTreeMap<_, _>>(), expected);
    assert!(peak < RESIDENT_LIMIT, "{} MiB resident", peak / MIB);
}

/// Figures for whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stderr, reason = "the test harness keeps it unless asked")]
fn eprint_line(line: &str) {
    eprintln!("{line}");
}
