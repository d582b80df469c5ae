//! `ehl latency` beside a real server with more and more clients: where its response time bends, and that it does not.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, ehl_here};
use support::netns::{Netns, run};
use support::outcome::Outcome;
use support::process::{Running, wait_until_listening};
use support::tcpdump::Recording;

/// Clients at a time, each number of them for a second.
const STEPS: [&str; 8] = ["4", "8", "16", "24", "32", "40", "48", "64"];

#[test]
fn a_server_that_is_slow_above_32_in_flight_bends_there() {
    if !can_run(&["python3", "tcpdump"]) {
        return;
    }
    let netns = Netns::new();
    let _server = server(&netns, "20", "160");
    let recording = Recording::start(&netns);
    let capture = Capture::start(&netns, &["latency", "--for", "5m", "--port", "8080", "--format", "ndjson"]);
    let answered = load(&netns);
    let live = capture.stop().exited(0);
    let (_folder, file) = recording.finish();
    let file = file.to_str().expect("a path of plain letters");
    let read = ehl_here(&["latency", "--read", file, "--format", "ndjson"]).exited(0);
    for outcome in [&live, &read] {
        assert_counts(outcome, answered);
        let bent = sentences(outcome).into_iter().find(|sentence| sentence.contains("bends"));
        let bent = bent.unwrap_or_else(|| panic!("it bends\n{outcome}"));
        assert!(bent.starts_with("Response time bends above 32 requests in flight: p50 "), "{bent}");
        let marked: Vec<_> = outcome.rows().into_iter().filter(|row| !row["bends_above"].is_null()).collect();
        let first = marked.iter().find(|row| row["histogram"] == "in_flight").expect("it is marked");
        assert_eq!((&first["from"], &first["to"], &first["bends_above"]), (&33.into(), &64.into(), &32.into()));
    }
}

#[test]
fn a_server_that_is_not_does_not_bend() {
    if !can_run(&["python3"]) {
        return;
    }
    let netns = Netns::new();
    let _server = server(&netns, "20", "20");
    let capture = Capture::start(&netns, &["latency", "--for", "5m", "--port", "8080", "--format", "ndjson"]);
    let answered = load(&netns);
    let outcome = capture.stop().exited(0);
    assert_counts(&outcome, answered);
    let said = sentences(&outcome);
    assert!(!said.is_empty() && said.iter().all(|sentence| !sentence.contains("bend")), "{said:?}");
    assert!(outcome.rows().iter().all(|row| row["bends_above"].is_null()));
}

#[test]
fn a_table_draws_what_csv_has_in_rows() {
    if !can_run(&["python3", "tcpdump"]) {
        return;
    }
    let netns = Netns::new();
    let _server = server(&netns, "5", "5");
    let recording = Recording::start(&netns);
    run(client(&netns).args(["0.2", "2"]));
    let (_folder, file) = recording.finish();
    let read = |options: &[&str]| {
        let all = [&["latency", "--read", file.to_str().expect("a path of plain letters")], options].concat();
        ehl_here(&all)
    };
    let table = read(&["--by", "endpoint"]).exited(0).text();
    for part in ["GET load.example /things/{id}\n", "\nresponse time\n", "ms)", "@@|\n", "\nin flight ", "\nper second "] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    let csv = read(&["--format", "csv"]).exited(0);
    assert!(csv.stderr.contains("ehl: Response time"), "{}", csv.stderr);
    let rows = csv.csv_rows();
    assert_eq!(rows[0]["histogram"], "all");
    assert!(rows.iter().any(|row| row["histogram"] == "in_flight" && row["to"] == "2"));
    // Only the row of all is held against conditions: no other has so many.
    read(&["--fail-if", "p99 > 1ms"]).exited(3);
    read(&["--fail-if", "requests < 2"]).exited(0);
}

/// On port 8080; answers after so many milliseconds, and after so many others with more than 32 requests in flight.
fn server(netns: &Netns, fast_ms: &str, slow_ms: &str) -> Running {
    let mut server = netns.command("python3");
    server.arg(script("load_server.py")).args(["8080", fast_ms, slow_ms, "32"]);
    let mut server = Running::start(server.stdin(Stdio::piped()));
    wait_until_listening(&mut server, 8080);
    server
}

fn client(netns: &Netns) -> Command {
    let mut client = netns.command("python3");
    client.arg(script("load_client.py")).arg("8080");
    client
}

/// All steps; how many requests were answered.
fn load(netns: &Netns) -> u64 {
    let output = run(client(netns).arg("1").args(STEPS));
    String::from_utf8(output.stdout).expect("the client prints text").trim().parse().expect("a number")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn sentences(outcome: &Outcome) -> Vec<String> {
    let summary = outcome.summary();
    let said = summary["sentences"].as_array().cloned().unwrap_or_default();
    said.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Each histogram has all of them.
#[track_caller]
fn assert_counts(outcome: &Outcome, answered: u64) {
    for histogram in ["all", "response_time_ms", "in_flight", "rate_per_s"] {
        let rows = outcome.rows().into_iter().filter(|row| row["histogram"] == histogram);
        let counted: u64 = rows.map(|row| row["requests"].as_u64().expect("a count")).sum();
        assert_eq!(counted, answered, "{histogram}\n{outcome}");
    }
}
