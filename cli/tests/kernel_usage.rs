//! What someone meets who runs `ehl` for the first time: no traffic, mistyped values, missing permission, gates.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use support::can_run;
use support::capture::{Capture, binary, ehl, ehl_here};
use support::exchange::exchange_plain;
use support::netns::{Netns, run};
use support::outcome::Outcome;
use support::process::status_of_threads;
use tempfile::TempDir;

/// The user and group `nobody`.
const NOBODY: &str = "65534";

fn captured_nothing(format: &str) -> Outcome {
    let netns = Netns::new();
    Capture::spawn(&mut ehl(&netns, &["capture", "--for", "1s", "--format", format])).finish().exited(0)
}

#[test]
fn without_traffic_it_ends_on_time_with_a_heading_and_a_note() {
    if !can_run(&[]) {
        return;
    }
    let csv = captured_nothing("csv");
    let text = csv.text();
    assert!(text.starts_with("time,probe,") && text.lines().count() == 1, "{csv}");
    assert!(csv.stderr.contains("sock-http"), "a note says what was attached: {csv}");
}

#[test]
fn without_traffic_machine_formats_are_complete() {
    if !can_run(&[]) {
        return;
    }
    let ndjson = captured_nothing("ndjson");
    let records = ndjson.records();
    let types: Vec<_> = records.iter().map(|record| record["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["start", "summary"]);
    let json = captured_nothing("json");
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one document");
    assert_eq!(document["schema"], "ehl.capture/1");
    assert_eq!(document["probe"], "sock-http");
    assert_eq!(document["rows"], serde_json::json!([]));
    for key in ["tool", "host", "kernel", "started_at", "ended_at", "stop_reason"] {
        assert!(!document[key].is_null(), "{key} in {document}");
    }
    let counts = document["accounting"].as_object().expect("accounting is an object");
    for key in ["events", "lost", "duplicates", "truncated", "undecodable", "filtered", "unpaired_requests", "unpaired_responses", "rows"] {
        assert!(counts.get(key).is_some_and(serde_json::Value::is_u64), "{key} in {document}");
    }
}

#[test]
fn a_value_that_cannot_be_right_is_named() {
    for (arguments, value) in [
        (["capture", "--for", "0s"], "0s"),
        (["capture", "--for", "soon"], "soon"),
        (["capture", "-i", "nosuch0"], "nosuch0"),
        (["capture", "--columns", "time,nosuchcolumn"], "nosuchcolumn"),
        (["capture", "--net", "10.0.0.0/99"], "10.0.0.0/99"),
        (["capture", "--net", "10.0.0"], "10.0.0"),
        (["capture", "--port", "70000"], "70000"),
        (["capture", "--port", "9000-8000"], "9000-8000"),
        (["capture", "--status", "0xx"], "0xx"),
        (["capture", "--format", "yaml"], "yaml"),
        (["capture", "--probe", "nosuch"], "nosuch"),
        (["capture", "--nosuch", "x"], "--nosuch"),
        (["top-headers", "--for", "soon"], "soon"),
    ] {
        let outcome = ehl_here(&arguments).exited(2);
        assert!(outcome.stderr.contains(value), "{arguments:?}: {outcome}");
        assert!(outcome.stdout.is_empty(), "{arguments:?}: {outcome}");
    }
}

/// A copy of the program where everyone may run it.
fn public_copy() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let readable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable.clone()).expect("the folder is ours");
    let copy = folder.path().join("ehl");
    std::fs::copy(binary(), &copy).expect("the program can be copied");
    std::fs::set_permissions(&copy, readable).expect("the copy is ours");
    (folder, copy)
}

/// `PROGRAM capture` as nobody.
fn capture_as_nobody(netns: &Netns, program: &PathBuf) -> Command {
    let mut command = netns.command("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command.args(["capture", "--for", "5m", "--format", "csv"]);
    command
}

#[test]
fn without_permission_it_names_the_capabilities_that_are_missing() {
    if !can_run(&["setpriv"]) {
        return;
    }
    let netns = Netns::new();
    let (_folder, copy) = public_copy();
    let outcome = Capture::spawn(&mut capture_as_nobody(&netns, &copy)).finish().exited(77);
    let said = outcome.stderr.to_lowercase();
    for capability in ["cap_net_raw", "cap_bpf", "cap_perfmon"] {
        assert!(said.contains(capability), "{capability}: {outcome}");
    }
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn with_one_capability_missing_it_names_that_one() {
    if !can_run(&["setpriv", "setcap"]) {
        return;
    }
    let netns = Netns::new();
    let (_folder, copy) = public_copy();
    run(Command::new("setcap").arg("cap_net_raw,cap_bpf+ep").arg(&copy));
    let outcome = Capture::spawn(&mut capture_as_nobody(&netns, &copy)).finish().exited(77);
    let said = outcome.stderr.to_lowercase();
    assert!(said.contains("cap_perfmon"), "{outcome}");
}

#[test]
fn file_capabilities_are_enough_for_other_users() {
    if !can_run(&["setpriv", "setcap"]) {
        return;
    }
    let netns = Netns::new();
    let (_folder, copy) = public_copy();
    run(Command::new("setcap").arg("cap_net_raw,cap_bpf,cap_perfmon+ep").arg(&copy));
    let mut capture = Capture::spawn(&mut capture_as_nobody(&netns, &copy));
    capture.wait_until("the heading", |capture| capture.stdout().contains(&b'\n'));
    assert_eq!(status_of_threads(capture.pid(), "Uid")[0].split_whitespace().next(), Some(NOBODY));
    assert_without_capabilities(&mut capture);
    exchange_plain(&netns, 3);
    assert_eq!(capture.stop().exited(0).csv_rows().len(), 3);
}

#[test]
fn once_attached_it_has_given_up_every_capability() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let mut capture = Capture::start(&netns, &["capture", "--for", "5m", "--format", "csv"]);
    assert_without_capabilities(&mut capture);
    exchange_plain(&netns, 3);
    assert_eq!(capture.stop().exited(0).csv_rows().len(), 3);
}

#[track_caller]
fn assert_without_capabilities(capture: &mut Capture) {
    capture.wait_until_dropped();
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        let threads = status_of_threads(capture.pid(), set);
        assert!(!threads.is_empty());
        assert!(threads.iter().all(|set| set.trim_matches('0').is_empty()), "{set}: {threads:?}");
    }
}

#[test]
fn fewer_rows_than_expected_are_an_exit_status_of_their_own() {
    if !can_run(&[]) {
        return;
    }
    for (rows, code) in [(2, 4), (3, 0)] {
        let netns = Netns::new();
        let capture = Capture::start(&netns, &["capture", "--for", "5m", "--expect-min", "3", "--format", "csv"]);
        exchange_plain(&netns, rows);
        assert_eq!(capture.stop().exited(code).csv_rows().len(), rows);
    }
}

#[test]
fn loss_is_told_in_every_format_and_fails_the_run_that_asks_for_it() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let options = ["capture", "--for", "5m", "--ring-size", "256KiB", "--format"];
    let start = |rest: &[&str]| Capture::start(&netns, &[&options[..], rest].concat());
    let [gated, csv, json, ungated] = [start(&["ndjson", "--fail-on-loss"]), start(&["csv"]), start(&["json"]), start(&["ndjson"])];
    // A program that does not run cannot empty its ring.
    let runs = [gated, csv, json, ungated];
    runs.iter().for_each(|capture| capture.signal(Signal::STOP));
    exchange_plain(&netns, 4000);
    runs.iter().for_each(|capture| capture.signal(Signal::CONT));
    let [gated, csv, json, ungated] = runs.map(Capture::stop);

    let gated = gated.exited(5);
    assert!(gated.accounting("lost") > 0, "{}", gated.summary());
    assert!(ungated.exited(0).accounting("lost") > 0);
    let document: serde_json::Value = serde_json::from_slice(&json.exited(0).stdout).expect("one document");
    assert!(document["accounting"]["lost"].as_u64() > Some(0), "{}", document["accounting"]);
    let csv = csv.exited(0);
    assert!(csv.stderr.contains("lost"), "{}", csv.stderr);
    assert!(!csv.text().contains("lost"), "a table of rows holds nothing but rows");
}

#[test]
fn the_demo_shows_rows_of_its_own_traffic() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let outcome = Capture::spawn(&mut ehl(&netns, &["demo"])).finish().exited(0);
    let rows = outcome.text().lines().filter(|line| line.contains("GET") && line.contains("200")).count();
    assert!(rows > 0, "{outcome}");
}

#[test]
fn the_probes_are_listed_with_whether_they_can_run() {
    if !can_run(&[]) {
        return;
    }
    let outcome = ehl_here(&["probes"]).exited(0);
    assert!(outcome.text().contains("sock-http"), "{outcome}");
}
