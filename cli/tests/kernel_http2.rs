//! `ehl capture` on HTTP/2 in clear against what nginx logged: the same exchanges, line by line, with their sizes.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::lines::{assert_same_lines, lines};
use support::netns::{Netns, run};
use support::nginx::{Nginx, STATUSES};
use support::outcome::Outcome;
use support::tcpdump::{Frame, Recording, frames};
use tempfile::TempDir;

/// nginx's detailed log has these, in this order.
const LOGGED: [&str; 6] = ["src_port", "method", "path", "status", "host", "response_bytes"];
const CAPTURE: [&str; 9] = ["capture", "--for", "5m", "--port", "8080", "--format", "ndjson", "--columns", COLUMNS];
const COLUMNS: &str = "src_port,dst,stream_id,http_version,method,path,status,host,request_bytes,response_bytes,user_agent,flags";

/// Takes uploads, and gives back a header of any length.
const SERVER: &str = "location /up/ { dav_methods PUT; create_full_put_path on; root .; }
    add_header X-Echo $http_x_echo always;";

fn nginx(netns: &Netns) -> Nginx {
    Nginx::start_on(netns, "listen 8080 http2; listen [::]:8080 http2;", SERVER)
}

/// The rows are what nginx logged, each of a stream of its own, with both halves and nothing odd about them.
#[track_caller]
fn assert_logged(outcome: &Outcome, nginx: Nginx, count: usize) {
    let rows = outcome.rows();
    let logged = nginx.detailed_log();
    assert_eq!(logged.len(), count);
    assert_same_lines(&lines(&rows, &LOGGED), &logged);
    let streams: BTreeSet<_> = lines(&rows, &["src_port", "dst", "stream_id"]).into_iter().collect();
    assert_eq!(streams.len(), count, "a stream is one row");
    assert!(rows.iter().all(|row| row["http_version"] == "2" && row["flags"] == serde_json::json!([])), "{outcome}");
    let counted = ["lost", "unpaired_requests", "unpaired_responses", "unknown_fields"].map(|key| outcome.accounting(key));
    assert_eq!(counted, [0; 4], "{outcome}");
}

fn paths(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|index| format!("/s{}/{index:04}", STATUSES[index % STATUSES.len()]))
}

#[test]
fn what_nghttp_asks_on_one_connection_are_the_rows_of_nginx_log() {
    if !can_run(&["nginx", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = nginx(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    let urls = paths(90).map(|path| format!("http://127.0.0.1:8080{path}"));
    run(netns.command("nghttp").args(["-n", "-m", "3"]).args(urls));
    assert_logged(&capture.stop().exited(0), nginx, 270);
}

#[test]
fn requests_with_methods_bodies_padding_and_long_heads_are_the_rows_of_nginx_log() {
    if !can_run(&["nginx", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = nginx(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    ask_unusual(&netns);
    assert_logged(&capture.stop().exited(0), nginx, 4);
}

/// A HEAD, uploads with and without padding, and heads of several frames in both directions.
fn ask_unusual(netns: &Netns) {
    let folder = tempfile::tempdir().expect("a folder for the body");
    let body = body_in(&folder);
    // More than a frame holds, in letters that do not get shorter.
    let echo = format!("x-echo: {}", "Z".repeat(20_000));
    let nghttp = |arguments: &[&str], path: &str| {
        run(netns.command("nghttp").arg("-n").args(arguments).arg(format!("http://127.0.0.1:8080{path}")));
    };
    nghttp(&["-H", ":method: HEAD"], "/s200/head");
    nghttp(&["-d", &body, "-H", ":method: PUT"], "/up/a");
    nghttp(&["-d", &body, "-H", ":method: PUT", "-b", "200"], "/up/b");
    nghttp(&["-H", &echo, "--continuation"], "/s200/long");
}

/// More than a stream's window, which is 65535 bytes until the server says otherwise.
fn body_in(folder: &TempDir) -> String {
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b'u'; 150_000]).expect("the body is written");
    body.to_str().expect("a path of plain letters").to_owned()
}

#[test]
fn an_answer_that_leaves_the_rest_of_an_upload_unread_is_no_failure() {
    if !can_run(&["nginx", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = nginx(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    let folder = tempfile::tempdir().expect("a folder for the body");
    // After its answer nginx resets the stream, with NO_ERROR (RFC 9113 section 8.1).
    run(netns.command("nghttp").args(["-n", "-d", &body_in(&folder), "http://127.0.0.1:8080/s403/unread"]));
    assert_logged(&capture.stop().exited(0), nginx, 1);
}

#[test]
fn what_curl_asks_on_a_hundred_connections_are_the_rows_of_nginx_log() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = nginx(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    // An address of its own for each, because some versions of curl use no such connection twice.
    let mut curl = netns.command("curl");
    curl.args(["--disable", "--silent", "--http2-prior-knowledge", "--parallel", "--parallel-max", "100"]);
    for (path, host) in paths(100).zip(1..) {
        curl.args(["--output", "/dev/null"]).arg(format!("http://127.0.0.{host}:8080{path}"));
    }
    run(&mut curl);
    assert_logged(&capture.stop().exited(0), nginx, 100);
}

#[test]
fn two_thousand_requests_of_h2load_a_hundred_at_a_time_are_the_rows_of_nginx_log() {
    if !can_run(&["nginx", "h2load"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = nginx(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    load(&netns);
    assert_logged(&capture.stop().exited(0), nginx, 2000);
}

/// 2000 requests on four connections, with a hundred streams each.
fn load(netns: &Netns) {
    let folder = tempfile::tempdir().expect("a folder for the targets");
    let targets = folder.path().join("targets");
    let urls: Vec<_> = paths(300).map(|path| format!("http://127.0.0.1:8080{path}\n")).collect();
    std::fs::write(&targets, urls.concat()).expect("the targets are written");
    run(netns.command("h2load").args("-n 2000 -c 4 -m 100 -i".split(' ')).arg(&targets));
}

#[test]
fn sizes_are_the_frames_of_a_stream_as_tshark_reads_them() {
    if !can_run(&["nginx", "nghttp", "h2load", "tcpdump", "tshark"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = nginx(&netns);
    let recording = Recording::start(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    load(&netns);
    ask_unusual(&netns);
    let outcome = capture.stop().exited(0);
    let (_folder, file) = recording.finish();
    let captured = lines(&outcome.rows(), &["src_port", "stream_id", "request_bytes", "response_bytes"]);
    assert_eq!(captured.len(), 2004);
    assert_same_lines(&captured, &sizes(&netns, &file));
}

/// `CLIENT-PORT STREAM REQUEST-BYTES RESPONSE-BYTES` of each stream that has a head, sorted.
fn sizes(netns: &Netns, file: &Path) -> Vec<String> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    let mut sizes: BTreeMap<(u16, u32), [u64; 2]> = BTreeMap::new();
    let counted = |frame: &Frame| [DATA, HEADERS, CONTINUATION].contains(&frame.kind);
    for frame in frames(netns, file).into_iter().filter(counted) {
        let from_server = frame.from == 8080;
        let client = if from_server { frame.to } else { frame.from };
        sizes.entry((client, frame.stream)).or_default()[usize::from(from_server)] += 9 + frame.length;
    }
    let line = |((port, stream), [request, response]): (&(u16, u32), &[u64; 2])| format!("{port} {stream} {request} {response}");
    let mut lines: Vec<_> = sizes.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_recorded_is_the_same_rows_read_and_live() {
    if !can_run(&["nginx", "nghttp", "h2load", "tcpdump"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = nginx(&netns);
    let recording = Recording::start(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    load(&netns);
    ask_unusual(&netns);
    let live = capture.stop().exited(0);
    let (_folder, file) = recording.finish();
    let columns: Vec<_> = COLUMNS.split(',').collect();
    assert_same_lines(&lines(&live.rows(), &columns), &lines(&read(&file), &columns));
}

fn read(file: &Path) -> Vec<Value> {
    let file = file.to_str().expect("a path of plain letters");
    support::capture::ehl_here(&["capture", "--read", file, "--format", "ndjson", "--columns", COLUMNS]).exited(0).rows()
}
