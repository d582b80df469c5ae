//! Bodies over TLS: counted, and never shown. What is far behind a head does not even leave the kernel.

mod support;

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, ehl};
use support::netns::Netns;
use support::ring::rings_of;
use support::script::python;
use support::tls::body::{FAR, NEAR, marked};
use support::tls::certificate::Certificates;
use support::tls::client::{Asker, Kind as Asks, Talk, talk};
use support::tls::exchange::Request;
use support::tls::node::{Node, nodes};
use support::tls::rows::{Truth, rows_of};
use support::tls::server::{Kind as Serves, Server};

/// Beyond the last mark.
const LEN: usize = 1_200_000;

/// A body that is under way while `ehl` attaches goes up, as it must, and all tests have the same marks in theirs: so none runs beside another.
static ALONE: Mutex<()> = Mutex::new(());

/// Nothing is to be masked: what is not shown then is not there.
const CAPTURE: [&str; 8] = ["capture", "--probe", "ssl-uprobe", "--for", "5m", "--redact", "off", "--format"];
const COLUMNS: &str = "pid,comm,src,src_port,dst,dst_port,http_version,method,host,path,status,request_bytes,response_bytes,flags";

/// A large answer, a large request, and a last one.
fn large(name: &str, download: &str, method: &'static str) -> Vec<Request> {
    vec![
        Request::get(download),
        Request { method, ..Request::post(format!("/s201/up/{name}"), LEN) },
        Request::get(format!("/s404/end/{name}")).last(),
    ]
}

/// Neither mark is printed, and the far ones are in no ring; the rows are right, with the sizes of the bodies.
#[track_caller]
fn assert_bodies_stay_down(serves: Serves, asks: &[Asks]) {
    let [debian, wheel] = nodes();
    if !can_run(&["nginx", "curl", &python(), &debian, &wheel]) {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, serves, &certificates);
    let comm = server.comm.clone();
    server.provide_file("s200/files/marked", &marked(LEN, "response"));
    let askers: Vec<_> = asks.iter().map(|kind| (kind, Asker::start(&netns, *kind, "127.0.0.1", &certificates))).collect();
    let mut capture = Capture::start(&netns, &[&CAPTURE[..], &["ndjson", "--columns", COLUMNS]].concat());
    let ask = |(kind, asker): (&Asks, Asker)| {
        let (download, method) = match serves {
            Serves::Nginx(_) => (format!("/s200/files/marked?{}", kind.name()), "PUT"),
            _ => (format!("/s200/marked/{LEN}/{}", kind.name()), "POST"),
        };
        asker.ask(&netns, &certificates, &large(&kind.name(), &download, method))
    };
    let talks: Vec<_> = askers.into_iter().map(ask).collect();
    for talk in &talks {
        let last = &talk.exchanges.last().expect("a last exchange").path;
        capture.wait_for_row("the last exchange", |row| row["path"] == last[..]);
    }
    let rings = rings_of(capture.pid());
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    assert_only_heads(&rings, &talks);
    for mark in [NEAR, FAR] {
        assert!(!contains(&outcome.stdout, mark) && !outcome.stderr.contains(mark), "{mark}: {outcome}");
    }
    Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: false }.assert_rows(&outcome);
    let pids = logged.iter().map(|exchange| exchange.pid).chain(talks.iter().map(|talk| talk.pid));
    rows_of(&outcome, pids).iter().for_each(assert_sizes);
    assert_eq!(outcome.accounting("lost"), 0, "{outcome}");
}

/// The ring has the heads, or else its silence would be no proof; in HTTP/2, whose heads are compressed, how it begins.
#[track_caller]
fn assert_only_heads(rings: &[u8], talks: &[Talk]) {
    for talk in talks {
        let last = talk.exchanges.last().expect("a last exchange");
        let head = if talk.kind.speaks_http2() { "PRI * HTTP/2.0" } else { &last.path };
        assert!(contains(rings, head), "{head} is not in the ring");
    }
    assert!(!contains(rings, FAR), "a body is in the ring, {} times", count(rings, FAR));
}

/// The bodies are counted, and counted once.
#[track_caller]
fn assert_sizes(row: &Value) {
    let path = row["path"].as_str().expect("a path");
    let [request, response] = ["request_bytes", "response_bytes"].map(|column| row[column].as_u64().expect("a size"));
    let len = LEN as u64;
    let around = |large: bool| if large { len..len + 3000 } else { 10..3000 };
    assert!(around(path.contains("/up/")).contains(&request), "request_bytes: {row}");
    assert!(around(path.contains("marked")).contains(&response), "response_bytes: {row}");
}

fn contains(bytes: &[u8], part: &str) -> bool {
    count(bytes, part) > 0
}

fn count(bytes: &[u8], part: &str) -> usize {
    memchr::memmem::find_iter(bytes, part).count()
}

#[test]
fn of_large_bodies_of_nginx_nothing_leaves_the_kernel() {
    assert_bodies_stay_down(Serves::Nginx(1), &[Asks::Curl, Asks::Python("http.client"), Asks::Python("pyopenssl")]);
}

#[test]
fn of_large_bodies_in_http2_nothing_leaves_the_kernel() {
    assert_bodies_stay_down(Serves::Nginx(1), &[Asks::CurlHttp2]);
}

#[test]
fn of_large_bodies_of_node_nothing_leaves_the_kernel() {
    assert_bodies_stay_down(Serves::Node(Node::Wheel, "https"), &[Asks::Node(Node::Debian, "https"), Asks::Python("pycurl")]);
}

#[test]
fn of_large_bodies_that_are_written_at_once_nothing_leaves_the_kernel() {
    assert_bodies_stay_down(Serves::Python("threads"), &[Asks::Python("requests")]);
    assert_bodies_stay_down(Serves::Python("asyncio"), &[Asks::Python("asyncio")]);
}

/// A large answer that is one call, head and body, which fails many times before it has written all.
#[test]
fn a_write_that_is_repeated_until_it_succeeds_is_one_row_with_its_size() {
    assert_repeated_writes(&["ndjson"]);
}

#[test]
fn marks_in_bodies_are_in_no_format() {
    assert_repeated_writes(&["table", "csv", "json", "ndjson"]);
}

#[track_caller]
fn assert_repeated_writes(formats: &[&str]) {
    if !can_run(&["curl", &python()]) {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Python("nonblocking"), &certificates);
    let comm = server.comm.clone();
    let columns = |format: &str| if format == "ndjson" { vec!["--columns", COLUMNS] } else { vec![] };
    let start = |format: &&str| {
        let mut capture = Capture::spawn(&mut ehl(&netns, &[&CAPTURE[..], &[format, "--verbose"], &columns(format)].concat()));
        capture.wait_until_told("attached ssl-uprobe");
        capture
    };
    let captures: Vec<_> = formats.iter().map(start).collect();
    let requests: Vec<_> = (0..3).map(|index| Request::get(format!("/s20{index}/marked/{LEN}/again"))).collect();
    let talks: [Talk; 1] = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests)];
    let logged = server.finish(&talks);
    for (mut capture, format) in captures.into_iter().zip(formats) {
        if *format == "ndjson" {
            let last = &logged.last().expect("a last exchange").path;
            capture.wait_for_row("the last exchange", |row| row["path"] == last[..]);
            assert_only_heads(&rings_of(capture.pid()), &talks);
        }
        let outcome = capture.stop().exited(0);
        for mark in [NEAR, FAR] {
            assert!(!contains(&outcome.stdout, mark) && !outcome.stderr.contains(mark), "{mark} in {format}: {outcome}");
        }
        assert!(contains(&outcome.stdout, "/again"), "{format}: {outcome}");
        if *format == "ndjson" {
            Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: false }.assert_rows(&outcome);
            rows_of(&outcome, [talks[0].pid, logged[0].pid]).iter().for_each(assert_sizes);
        }
    }
}
