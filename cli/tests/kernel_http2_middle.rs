//! `ehl capture` started in the middle of HTTP/2 connections: it has not seen what the compressed heads refer to. Then a
//! field is empty until it is known, and never wrong.

mod support;

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::h2_client::H2Client;
use support::lines::lines;
use support::netns::Netns;
use support::nginx::Nginx;
use support::process::Running;
use support::script::python;
use support::wait_for;

const COLUMNS: &str = "src_port,stream_id,method,path,status,host,response_bytes,user_agent,flags";
const CAPTURE: [&str; 9] = ["capture", "--for", "5m", "--port", "8080", "--format", "ndjson", "--columns", COLUMNS];

/// nginx with a connection on which these were asked for.
fn connected(netns: &Netns, before: &[String]) -> (Nginx, H2Client) {
    let nginx = Nginx::start_on(netns, "listen 8080 http2;", "");
    let mut client = H2Client::start(netns);
    assert_eq!(client.get(before).len(), before.len());
    (nginx, client)
}

fn targets(status: u16, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("/s{status}/{number:03}")).collect()
}

#[test]
fn every_exchange_after_the_start_is_a_row_with_its_status() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let (_nginx, mut client) = connected(&netns, &targets(201, 30));
    let capture = Capture::start(&netns, &CAPTURE);
    // What was asked before and is a reference now, and what is new.
    client.get(&targets(201, 30));
    client.get(&targets(404, 100));
    client.finish();
    let outcome = capture.stop().exited(0);
    let mut expected: Vec<_> = (30..160).map(|index| format!("{} GET {}", 2 * index + 1, if index < 60 { 201 } else { 404 })).collect();
    expected.sort();
    assert_eq!(lines(&outcome.rows(), &["stream_id", "method", "status"]), expected);
    let unpaired = ["lost", "unpaired_requests", "unpaired_responses"].map(|key| outcome.accounting(key));
    assert_eq!(unpaired, [0; 3], "{outcome}");
}

#[test]
fn a_field_that_refers_to_before_the_start_is_empty_and_the_row_says_so() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let (_nginx, mut client) = connected(&netns, &targets(201, 3));
    let capture = Capture::start(&netns, &CAPTURE);
    client.get(&["/s201/001".into()]);
    client.get(&["/s404/new".into()]);
    client.get(&["/s404/new".into()]);
    client.finish();
    let outcome = capture.stop().exited(0);
    let rows = lines(&outcome.rows(), &["stream_id", "method", "path", "status", "host", "flags"]);
    assert_eq!(
        rows,
        ["11 GET /s404/new 404 - [unknown-fields]", "7 GET - 201 - [unknown-fields]", "9 GET /s404/new 404 - [unknown-fields]"]
    );
    assert_eq!(outcome.accounting("unknown_fields"), 4, "{outcome}");
}

#[test]
fn nothing_is_unknown_any_more_when_the_client_has_sent_it_again() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let (_nginx, mut client) = connected(&netns, &targets(201, 3));
    let capture = Capture::start(&netns, &CAPTURE);
    // Each takes more than 200 bytes of a table of 4096: twenty leave nothing in it that was there before.
    let long: Vec<_> = (0..40).map(|number| format!("/s200/{number:0>200}")).collect();
    for path in &long {
        client.get(std::slice::from_ref(path));
    }
    client.finish();
    let rows = capture.stop().exited(0).rows();
    let in_order = in_order(&rows);
    assert_eq!(
        in_order.iter().map(|row| row["path"].as_str()).collect::<Vec<_>>(),
        long.iter().map(|path| Some(&path[..])).collect::<Vec<_>>()
    );
    let hosts: Vec<_> = in_order.iter().map(|row| row["host"].as_str()).collect();
    let first_known = hosts.iter().position(Option::is_some).expect("a known host");
    assert!((1..=20).contains(&first_known), "{hosts:?}");
    assert!(hosts[first_known..].iter().all(|host| *host == Some("localhost:8080")), "{hosts:?}");
    assert!(in_order[first_known..].iter().all(|row| row["flags"] == serde_json::json!([])), "{in_order:?}");
}

/// By their streams.
fn in_order(rows: &[Value]) -> Vec<&Value> {
    let by_stream: BTreeMap<_, _> = rows.iter().map(|row| (row["stream_id"].as_u64(), row)).collect();
    by_stream.into_values().collect()
}

#[test]
fn in_the_middle_of_h2load_no_field_is_wrong_and_all_that_follows_is_there() {
    if !can_run(&["nginx", "h2load"]) {
        return;
    }
    const IN_FLIGHT: usize = 4 * 100;
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, "listen 8080 http2;", "");
    let mut h2load = netns.command("h2load");
    h2load.args("-n 8000 -c 4 -m 100 --rps 1000 http://127.0.0.1:8080/s201/the-path".split(' '));
    let mut h2load = Running::start(h2load.stdout(Stdio::null()));
    wait_for("some exchanges", || (nginx.logged() > 500).then_some(()));
    let before = nginx.logged();
    let capture = Capture::start(&netns, &CAPTURE);
    let after = nginx.logged();
    assert!(h2load.wait().success());
    let outcome = capture.stop().exited(0);
    let logged = nginx.detailed_log();
    assert_eq!(logged.len(), 8000);
    let rows = outcome.rows();
    let whole: Vec<_> = rows.iter().filter(|row| !row["method"].is_null() && !row["status"].is_null()).collect();
    let expected = (8000 - after).saturating_sub(IN_FLIGHT)..=8000 - before;
    assert!(expected.contains(&whole.len()), "{} whole rows, {expected:?} expected\n{outcome}", whole.len());
    assert!(rows.len() - whole.len() <= IN_FLIGHT, "{outcome}");
    for (column, right) in [("method", "GET"), ("path", "/s201/the-path"), ("host", "127.0.0.1:8080"), ("user_agent", "h2load nghttp2/")] {
        let wrong = |row: &&Value| row[column].as_str().is_some_and(|value| !value.starts_with(right));
        assert_eq!(rows.iter().find(wrong), None);
    }
    assert!(whole.iter().all(|row| row["status"] == 201 && row["path"] == "/s201/the-path"), "{outcome}");
}
