//! `ehl capture` on gRPC against what its server logged: each call is one row with its status, however it was shaped.

mod support;

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, ehl_here};
use support::grpc::{Call, Client, Server};
use support::lines::{assert_same_lines, lines};
use support::netns::Netns;
use support::outcome::Outcome;
use support::script::python;
use support::tcpdump::Recording;

const COLUMNS: &str = "stream_id,method,path,status,duration_ms,request_bytes,response_bytes,grpc_status,grpc_service,grpc_method,flags";
const OPTIONS: [&str; 6] = ["--format", "ndjson", "--columns", COLUMNS, "--header", "x-call"];
/// The server's log has these, in this order.
const LOGGED: [&str; 3] = ["path", "grpc_status", "x-call"];

fn start(netns: &Netns) -> Capture {
    Capture::start(netns, &[&["capture", "--for", "5m", "--port", "8080"], &OPTIONS[..]].concat())
}

/// One call of each kind that its server answers.
fn of_each_kind() -> Vec<Call> {
    let names = ["Get", "Find", "Put", "List", "Break", "Chat", "Nosuch"];
    names.iter().zip(1..).map(|(name, number)| Call { messages: 3, ..Call::new(name, number) }).collect()
}

/// What gRPC's statuses are in a number.
const OK: u64 = 0;
const CANCELLED: u64 = 1;
const DEADLINE_EXCEEDED: u64 = 4;
const NOT_FOUND: u64 = 5;
const UNIMPLEMENTED: u64 = 12;
const DATA_LOSS: u64 = 15;

/// What their client sees of them.
const STATUSES: [u64; 7] = [OK, NOT_FOUND, OK, OK, DATA_LOSS, OK, UNIMPLEMENTED];

/// Runs calls on one connection: the rows of it, and the server's log.
fn captured(netns: &Netns, calls: impl FnOnce(&mut Client)) -> (Outcome, Vec<String>) {
    let server = Server::start(netns);
    let mut client = Client::start(netns);
    let capture = start(netns);
    calls(&mut client);
    client.finish();
    let log = server.log();
    (capture.stop().exited(0), log)
}

#[test]
fn each_kind_of_call_is_a_row_of_the_server_s_log() {
    if !can_run(&[&python()]) {
        return;
    }
    let (outcome, log) = captured(&Netns::new(), |client| assert_eq!(client.make(&of_each_kind()), STATUSES));
    let expected = [
        "/shop.v1.Orders/Break 15 5",
        "/shop.v1.Orders/Chat 0 6",
        "/shop.v1.Orders/Find 5 2",
        "/shop.v1.Orders/Get 0 1",
        "/shop.v1.Orders/List 0 4",
        "/shop.v1.Orders/Nosuch 12 7",
        "/shop.v1.Orders/Put 0 3",
    ];
    assert_eq!(log, expected);
    assert_eq!(lines(&outcome.rows(), &LOGGED), expected);
    let unpaired = ["lost", "unpaired_requests", "unpaired_responses"].map(|key| outcome.accounting(key));
    assert_eq!(unpaired, [0; 3], "{outcome}");
}

#[test]
fn a_call_is_a_post_to_a_method_of_a_service() {
    if !can_run(&[&python()]) {
        return;
    }
    let (outcome, _) = captured(&Netns::new(), |client| assert_eq!(client.make(&of_each_kind()), STATUSES));
    let rows = lines(&outcome.rows(), &["x-call", "method", "status", "grpc_service", "grpc_method", "flags"]);
    assert_eq!(
        rows,
        [
            "1 POST 200 shop.v1.Orders Get []",
            "2 POST 200 shop.v1.Orders Find []",
            "3 POST 200 shop.v1.Orders Put []",
            "4 POST 200 shop.v1.Orders List []",
            "5 POST 200 shop.v1.Orders Break []",
            "6 POST 200 shop.v1.Orders Chat []",
            "7 POST 200 shop.v1.Orders Nosuch []",
        ]
    );
    assert!(!outcome.text().contains("s3cr3t"), "{outcome}");
}

#[test]
fn a_call_that_streams_lasts_until_its_trailers() {
    if !can_run(&[&python()]) {
        return;
    }
    let (outcome, _) = captured(&Netns::new(), |client| assert_eq!(client.make(&[Call::new("List", 1)]), [OK]));
    let rows = outcome.rows();
    assert_eq!(lines(&rows, &LOGGED), ["/shop.v1.Orders/List 0 1"]);
    // Five messages with 20 ms before each.
    assert!(rows[0]["duration_ms"].as_f64().is_some_and(|duration| duration >= 100.0), "{outcome}");
}

#[test]
fn a_call_that_its_client_cancels_is_a_row_that_says_so() {
    if !can_run(&[&python()]) {
        return;
    }
    let cancelled = Call { enough: Some(1), ..Call::new("WaitAfterOne", 1) };
    let (outcome, log) = captured(&Netns::new(), |client| {
        assert_eq!(client.make(&[cancelled]), [CANCELLED]);
        assert_eq!(client.make(&[Call::new("Get", 2)]), [OK]);
    });
    let expected = ["/shop.v1.Orders/Get 0 2", "/shop.v1.Orders/WaitAfterOne - 1"];
    assert_eq!(log, expected);
    assert_eq!(lines(&outcome.rows(), &LOGGED), expected);
    assert_eq!(lines(&outcome.rows(), &["x-call", "status", "flags"]), ["1 200 [rst]", "2 200 []"]);
}

#[test]
fn a_call_that_misses_its_deadline_is_a_row() {
    if !can_run(&[&python()]) {
        return;
    }
    let late = Call { timeout_s: Some(0.3), ..Call::new("Wait", 1) };
    let (outcome, log) = captured(&Netns::new(), |client| assert_eq!(client.make(&[late]), [DEADLINE_EXCEEDED]));
    assert_eq!(log, ["/shop.v1.Orders/Wait - 1"]);
    // Both ends know the deadline. Either may be the first to end the stream; only one of them does so with a status.
    let rows = lines(&outcome.rows(), &["path", "status", "grpc_status", "flags"]);
    let possible = ["- - [rst]", "200 4 []", "200 4 [rst]"].map(|end| [format!("/shop.v1.Orders/Wait {end}")]);
    assert!(possible.iter().any(|row| rows == row), "{rows:?}");
}

#[test]
fn a_hundred_calls_at_a_time_are_the_rows_of_the_server_s_log() {
    if !can_run(&[&python()]) {
        return;
    }
    let (outcome, log) = captured(&Netns::new(), |client| {
        for round in 0..5 {
            // They are answered when all have come.
            let calls: Vec<_> = (0..100).map(|number| Call::new("Meet", round * 100 + number)).collect();
            assert_eq!(client.make(&calls), [OK; 100]);
        }
    });
    assert_eq!(log.len(), 500);
    assert_same_lines(&lines(&outcome.rows(), &LOGGED), &log);
    let unpaired = ["lost", "unpaired_requests", "unpaired_responses"].map(|key| outcome.accounting(key));
    assert_eq!(unpaired, [0; 3], "{outcome}");
}

#[test]
fn calls_on_a_connection_from_before_the_start_are_rows_with_nothing_wrong_in_them() {
    if !can_run(&[&python()]) {
        return;
    }
    let netns = Netns::new();
    let _server = Server::start(&netns);
    let mut client = Client::start(&netns);
    assert_eq!(client.make(&of_each_kind()), STATUSES);
    let capture = start(&netns);
    // One after the other: the order of their streams tells which is which.
    let calls = [of_each_kind(), (20..60).map(|number| Call::new("Chat", number)).collect()].concat();
    let statuses = calls.iter().flat_map(|call| client.make(std::slice::from_ref(call))).collect::<Vec<_>>();
    client.finish();
    let mut rows = capture.stop().exited(0).rows();
    rows.sort_by_key(|row| row["stream_id"].as_u64());
    assert_eq!(rows.len(), calls.len());
    for ((row, call), status) in rows.iter().zip(&calls).zip(statuses) {
        assert_right(row, call, status);
    }
}

/// The row of this call has what is right or nothing.
#[track_caller]
fn assert_right(row: &Value, call: &Call, status: u64) {
    assert_eq!((&row["method"], &row["status"]), (&"POST".into(), &200.into()), "{row}");
    let expected: [(&str, Value); 5] = [
        ("path", format!("/shop.v1.Orders/{}", call.name).into()),
        ("grpc_service", "shop.v1.Orders".into()),
        ("grpc_method", call.name.into()),
        ("grpc_status", status.into()),
        ("x-call", call.number.to_string().into()),
    ];
    for (column, right) in expected {
        assert!(row[column].is_null() || row[column] == right, "{column} in {row}");
    }
}

#[test]
fn what_is_recorded_is_the_same_rows_read_and_live() {
    if !can_run(&[&python(), "tcpdump"]) {
        return;
    }
    let netns = Netns::new();
    let recording = Recording::start(&netns);
    let cancelled = Call { enough: Some(1), ..Call::new("WaitAfterOne", 9) };
    let (live, _) = captured(&netns, |client| {
        assert_eq!(client.make(&of_each_kind()), STATUSES);
        assert_eq!(client.make(&[cancelled]), [CANCELLED]);
    });
    let (_folder, file) = recording.finish();
    let file = file.to_str().expect("a path of plain letters");
    let read = ehl_here(&[&["capture", "--read", file], &OPTIONS[..]].concat()).exited(0);
    let columns = COLUMNS.split(',').filter(|column| *column != "duration_ms").chain(["x-call"]).collect::<Vec<_>>();
    assert_same_lines(&lines(&live.rows(), &columns), &lines(&read.rows(), &columns));
}

#[test]
fn top_headers_counts_the_status_of_each_call_and_what_pseudo_headers_say() {
    if !can_run(&[&python()]) {
        return;
    }
    let netns = Netns::new();
    let _server = Server::start(&netns);
    let mut client = Client::start(&netns);
    let capture = Capture::start(&netns, &["top-headers", "--for", "5m", "--port", "8080", "--format", "ndjson"]);
    assert_eq!(client.make(&of_each_kind()), STATUSES);
    client.finish();
    let outcome = capture.stop().exited(0);
    let elements = lines(&outcome.rows(), &["direction", "name", "messages"]);
    assert_eq!(
        elements,
        [
            "request :auth 7",
            "request :content_type 7",
            "request :http_version 7",
            "request :method 7",
            "request :path 7",
            "request authorization 7",
            "request content-type 7",
            "request grpc-accept-encoding 7",
            "request te 7",
            "request user-agent 7",
            "request x-call 7",
            "response :content_type 7",
            "response :http_version 7",
            "response :status 7",
            "response content-type 7",
            "response grpc-accept-encoding 5",
            "response grpc-message 7",
            "response grpc-status 7",
        ]
    );
    let statuses = outcome.rows().into_iter().find(|row| row["name"] == "grpc-status").expect("the row");
    let values = statuses["top_values"].as_array().expect("a list").iter().map(|top| format!("{} {}", top["value"], top["count"]));
    let mut values: Vec<_> = values.collect();
    values.sort();
    assert_eq!(values, ["\"0\" 4", "\"12\" 1", "\"15\" 1", "\"5\" 1"]);
}
