//! `ehl capture --probe ssl-uprobe` started in the middle of connections: right from the next message on. What only the
//! beginning would tell is empty, and never wrong.

mod support;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::h2_client::H2Client;
use support::lines::lines;
use support::netns::Netns;
use support::outcome::Outcome;
use support::process::comm_of;
use support::script::python;
use support::tls::certificate::Certificates;
use support::tls::client::{Client, Kind as Asks, Talk};
use support::tls::exchange::{Exchange, Request, every_kind};
use support::tls::node::{Node, nodes};
use support::tls::rows::{AFTER_THE_START, CAPTURE, COLUMNS, Truth, rows_of};
use support::tls::server::{Kind as Serves, Server};

/// What is asked before the start leaves the connection open; what is asked after it is rows as ever.
#[track_caller]
fn assert_rows_after_the_start(serves: Serves, asks: Asks, server_has_addresses: bool) {
    let [debian, wheel] = nodes();
    if !can_run(&["nginx", &python(), &debian, &wheel]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, serves, &certificates);
    let comm = server.comm.clone();
    let mut client = Client::start(&netns, asks, "127.0.0.1", &certificates);
    let before: Vec<_> = (0..3).map(|index| Request::post(format!("/s403/before/{index}"), 100 * index)).collect();
    client.ask(&before);
    let capture = Capture::start(&netns, &CAPTURE);
    client.ask(&[Request::get(AFTER_THE_START)]);
    let talks = [client.ask(&every_kind("after"))];
    client.finish();
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    let logged: Vec<_> = logged.into_iter().filter(|exchange| exchange.status != 403).collect();
    let truth = Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses };
    truth.assert_rows_after_the_start(&outcome);
    // A server that waits for many connections is in no call that reads one.
    let first = rows_of(&outcome, [logged[0].pid]).into_iter().find(|row| row["status"] == 403).expect("the first exchange");
    assert!(first["path"] == AFTER_THE_START || matches!(serves, Serves::Python("threads")), "{first}");
}

#[test]
fn on_a_connection_kept_alive_to_nginx_the_next_exchange_is_whole() {
    assert_rows_after_the_start(Serves::Nginx(1), Asks::Python("http.client"), true);
}

#[test]
fn on_a_connection_kept_alive_between_memories_the_next_exchange_is_whole() {
    assert_rows_after_the_start(Serves::Python("asyncio"), Asks::Python("asyncio"), false);
}

#[test]
fn on_a_connection_kept_alive_to_node_the_next_exchange_is_whole() {
    assert_rows_after_the_start(Serves::Node(Node::Debian, "https"), Asks::Node(Node::Wheel, "https"), false);
}

#[test]
fn on_a_connection_of_a_wheel_s_own_libssl_the_next_exchange_is_whole() {
    assert_rows_after_the_start(Serves::Python("threads"), Asks::Python("pycurl"), false);
}

/// The capture starts when half of an answer is there.
#[track_caller]
fn captured_from_half_an_answer(serves: Serves, asks: Asks) -> (Outcome, [Talk; 2], Vec<Exchange>) {
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, serves, &certificates);
    let mut client = Client::start(&netns, asks, "127.0.0.1", &certificates);
    client.ask(&[Request::get("/s403/before")]);
    let (capture, held) = std::thread::scope(|scope| {
        let client = &mut client;
        let held = scope.spawn(move || client.ask(&[Request::get("/s200/held/half")]));
        // Held from when it is logged.
        server.wait_for_logged(2);
        let capture = Capture::start(&netns, &CAPTURE);
        server.release();
        (capture, held.join().expect("the client is answered"))
    });
    let after = client.ask(&every_kind("after"));
    client.finish();
    let talks = [held, after];
    let logged = server.finish(&talks);
    (capture.stop().exited(0), talks, logged)
}

#[test]
fn from_the_middle_of_an_answer_the_next_exchange_is_whole_and_nothing_is_wrong() {
    if !can_run(&[&python()]) {
        return;
    }
    for kind in ["threads", "asyncio"] {
        let (outcome, talks, logged) = captured_from_half_an_answer(Serves::Python(kind), Asks::Python("http.client"));
        let [_, after] = talks;
        let pids = [after.pid, logged[0].pid];
        let rows = rows_of(&outcome, pids);
        // The exchange whose head was not seen may be a row, of which nothing is known.
        let (known, unknown): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| !row["path"].is_null());
        let nothing = |row: &Value| row["method"].is_null() && row["host"].is_null() && (row["status"].is_null() || row["status"] == 200);
        assert!(unknown.iter().all(nothing), "{kind}: {unknown:#?}");
        assert!(unknown.len() <= 2, "{kind}: {unknown:#?}");
        let mut expected: Vec<_> = after.exchanges.iter().flat_map(|exchange| pids.map(|pid| line_of(exchange, pid))).collect();
        expected.sort();
        assert_eq!(lines(&known, &["pid", "method", "path", "status", "host"]), expected, "{kind}");
    }
}

fn line_of(Exchange { method, path, status, host, .. }: &Exchange, pid: u64) -> String {
    format!("{pid} {method} {path} {status} {host}")
}

/// The paths asked for on one connection of HTTP/2 before and after the start, and the rows.
#[track_caller]
fn rows_of_http2(serves: Serves, before: &[&str], after: &[&str]) -> Vec<Vec<Value>> {
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, serves, &certificates);
    let mut client = H2Client::start_tls(&netns, &certificates.file("authority.pem"));
    let pid = client.pid();
    let owned = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>();
    client.get(&owned(before));
    let comm = comm_of(pid);
    let columns = format!("{COLUMNS},stream_id,response_bytes");
    let capture = Capture::start(&netns, &[&CAPTURE[..8], &[&columns]].concat());
    for path in owned(after) {
        client.get(&[path]);
    }
    client.finish();
    let server_comm = server.comm.clone();
    let logged = server.finish(&[]);
    assert_eq!(logged.len(), before.len() + after.len());
    let outcome = capture.stop().exited(0);
    let sides = [(u64::from(pid), comm), (logged[0].pid, server_comm)];
    let of_side = |(pid, comm): (u64, String)| {
        let mut rows = rows_of(&outcome, [pid]);
        rows.sort_by_key(|row| row["stream_id"].as_u64());
        assert!(rows.iter().all(|row| row["comm"] == comm[..] && row["http_version"] == "2"), "{rows:#?}");
        rows
    };
    sides.map(of_side).into()
}

#[test]
fn on_a_connection_of_http2_what_refers_to_before_the_start_is_empty_and_the_rest_is_right() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let sides =
        rows_of_http2(Serves::Nginx(1), &["/s201/000", "/s201/001", "/s201/002"], &["/s201/001", "/s404/new", "/s404/new", "/s503/other"]);
    for rows in sides {
        let rows = lines(&rows, &["stream_id", "method", "path", "status", "host"]);
        assert_eq!(rows, ["11 GET /s404/new 404 -", "13 GET /s503/other 503 -", "7 GET - 201 -", "9 GET /s404/new 404 -"]);
    }
}

#[test]
fn on_a_connection_of_http2_to_node_no_field_is_wrong() {
    let [debian, wheel] = nodes();
    if !can_run(&[&python(), &debian, &wheel]) {
        return;
    }
    let before: Vec<_> = (0..20).map(|index| format!("/s404/{index}")).collect();
    let before: Vec<_> = before.iter().map(String::as_str).collect();
    let after = ["/s404/3", "/s200/new", "/s404/19", "/s200/new", "/s503/len/40000"];
    for node in [Node::Debian, Node::Wheel] {
        for rows in rows_of_http2(Serves::Node(node, "http2"), &before, &after) {
            let streams: Vec<_> = rows.iter().filter_map(|row| row["stream_id"].as_u64()).collect();
            assert_eq!(streams, [41, 43, 45, 47, 49], "{node:?}: {rows:#?}");
            for (row, path) in rows.iter().zip(after) {
                let right = [("method", "GET"), ("path", path), ("host", "localhost:8080")];
                for (column, right) in right {
                    assert!(row[column].is_null() || row[column] == right, "{node:?}: {column} is {right}: {row}");
                }
                let status: u64 = path[2..5].parse().expect("a status");
                assert!(row["status"].is_null() || row["status"] == status, "{node:?}: {status}: {row}");
            }
            assert_eq!(rows[3]["path"], "/s200/new", "{node:?}: it was sent after the start");
        }
    }
}
